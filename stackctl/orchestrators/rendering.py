"""Fill the templates of an orchestrator's file with data as YAML, and parse what was written."""

import json
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from stackctl.contracts.service import Health, Mount
from stackctl.core.formats import yaml_text
from stackctl.errors import ConfigError
from stackctl.terminal import is_plain

if TYPE_CHECKING:
    _SafeLoader = yaml.SafeLoader
else:
    _SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is ten times as fast
_ANEW = "Fix it, or run `stackctl deploy`: it keeps the file under another name and writes a new one."


def fill(name: str, template: Callable[[str], str], file: str, values: Mapping[str, object]) -> str:
    """Return the text of a template with each hole as one line of JSON, which is YAML. file: its name in errors."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # slow to import, and seldom needed

    environment = Environment(
        loader=FunctionLoader(template),
        undefined=StrictUndefined,
        finalize=_as_yaml,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - this is YAML, and _as_yaml writes every hole
    )
    text = environment.get_template(name).render(values)
    parse(text, file)
    return text


def parse(text: str, file: str) -> dict[str, Any]:
    """Parse YAML that we rendered; refuse duplicate keys, and leave `$$` as it is."""
    return _mapping(lambda: yaml.load(text, _Strict), file)  # noqa: S506 - a SafeLoader


def whole(text: str, file: str) -> dict[str, Any]:
    """Parse any such file's text as a table in which every scalar is a string; raise ConfigError."""
    return _mapping(lambda: yaml_text.texts(text), file)


def services(text: str, file: str) -> dict[str, dict[str, Any]]:
    """Return the services of any such file's text, by name, all values as strings; {} for an empty file."""
    found = whole(text, file).get("services") if text.strip() else {}
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise ConfigError(f"{file} has no services", hint=_ANEW, issue="own-file-damaged")
    return found


def literal(value: Any) -> Any:
    """Return a parsed value without variables as Docker reads it: `$$` is a dollar."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [literal(item) for item in value]
    if isinstance(value, dict):
        return {literal(key): literal(item) for key, item in value.items()}
    return value


def mount_values(mount: Mount, folder: PurePosixPath | None) -> Mapping[str, object]:
    """Return a mount as the templates take it. With `folder`, a path below it is absolute."""
    source = mount.source
    if folder and source.startswith("./"):
        source = str(folder / source)
    return {"source": source, "target": mount.target, "read_only": mount.read_only}


def health_values(health: Health) -> Mapping[str, object]:
    """Return a health check as the templates take it."""
    return {
        "test": list(health.test),
        "start_period": f"{health.start_period_s}s",
        "start_interval": f"{health.start_interval_s}s" if health.start_interval_s else "",
        "interval": f"{health.interval_s}s",
        "timeout": f"{health.timeout_s}s",
        "retries": health.retries,
    }


def _mapping(read: Callable[[], Any], file: str) -> dict[str, Any]:
    try:
        loaded = read()
    except yaml.YAMLError as e:
        at = getattr(e, "problem_mark", None)
        where = f"{file}:{at.line + 1}" if at else file
        raise ConfigError(
            f"{where} is not YAML: {getattr(e, 'problem', None) or e}", hint=_ANEW, issue="own-file-damaged"
        ) from e
    if not isinstance(loaded, dict):
        raise ConfigError(f"{file} is not a mapping", hint=_ANEW, issue="own-file-damaged")
    return loaded


def _as_yaml(value: object) -> str:
    """Return a hole's value as one line of JSON, which is YAML, with `$` doubled and unprintable characters escaped."""
    if not isinstance(value, str | int | float | bool | list | tuple):
        return str(value)  # the text of a block, macro or loop, never a hole's value
    text = json.dumps(value, ensure_ascii=False).replace("$", "$$")
    return "".join(c if _is_plain(c) else _escaped(c) for c in text)


def _is_plain(char: str) -> bool:
    return is_plain(char) and char not in "\ufeff\ufffe\uffff"


def _escaped(char: str) -> str:
    return f"\\u{ord(char):04x}"


class _Strict(_SafeLoader):
    """Refuses a mapping that has a key twice (YAML forbids it, PyYAML uses the last one)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise ConfigError(
                f"{', '.join(map(str, sorted(twice)))} twice in one mapping (line {node.start_mark.line + 1})",
                hint="Remove one of them.",
                issue="own-file-damaged",
            )
        return super().construct_mapping(node, deep=deep)
