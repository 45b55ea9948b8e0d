"""Untrusted YAML, read as texts, lists and mappings: tags are ignored, and the nesting is limited."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from yaml import BaseLoader as _Loader
else:  # libyaml's loader, if PyYAML has it, is ten times as fast
    _Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

Error = yaml.YAMLError

_DEEPEST = 64  # libyaml reads nested values by recursion in C, and a stack overflow ends the process


class _Texts(_Loader):
    """Reads every scalar as its text; refuses a mapping with a key twice, as the YAML specification demands."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        if twice := sorted(name for name, count in names.items() if count > 1):
            said = f"{', '.join(twice)} twice in one mapping"
            raise yaml.MarkedYAMLError(problem=said, problem_mark=node.start_mark)
        return super().construct_mapping(node, deep=deep)


def texts(text: str) -> Any:
    """Return the content of a YAML text, every scalar as a str. Raise Error if it is not YAML."""
    try:
        _refuse_deep(text)
        return yaml.load(text, _Texts)  # noqa: S506 - it makes strings, lists and mappings alone
    except RecursionError as e:  # by aliases
        raise yaml.YAMLError("it is nested too deeply") from e


def _refuse_deep(text: str) -> None:
    """Raise YAMLError for nesting deeper than any real file has. Events come one by one, without recursion."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError("it is nested too deeply")
