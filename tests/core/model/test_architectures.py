"""The rules for single architectures name architectures that llama.cpp has."""

import json
from importlib import resources

import pytest

from stackctl.core.model import architectures
from stackctl.core.model.architectures import shares_indexer

_KNOWN = frozenset(
    json.loads((resources.files("stackctl.backends.loadable") / "llamacpp-debian.json").read_text(encoding="utf-8"))[
        "architectures"
    ]
)
_TABLES = sorted(
    name
    for name, value in vars(architectures).items()
    if name.isupper() and not name.startswith("_") and isinstance(value, dict | frozenset)
)


@pytest.mark.parametrize("table", _TABLES)
def test_llama_cpp_knows_each_architecture_of_a_table(table: str) -> None:
    assert set(getattr(architectures, table)) <= _KNOWN


def test_glm_5_2_shares_each_fourth_indexer() -> None:
    own = [layer for layer in range(12) if not shares_indexer("glm-dsa", 1_048_576, layer)]
    assert own == [0, 1, 2, 6, 10]
    assert not any(shares_indexer("glm-dsa", 202_752, layer) for layer in range(12))
