import pytest

from stackctl.contracts.json_table import parse_table, table_or_empty


def test_a_json_object_is_a_table() -> None:
    assert parse_table('{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize("text", ["", "[]", "1", "null", '"a"', "{", '{"a": 1} 2', "[" * 100_000, '{"a": ' * 100_000])
def test_any_other_text_is_an_empty_table(text: str) -> None:
    assert parse_table(text) == {}


@pytest.mark.parametrize("value", [None, [], [("a", 1)], "a", 1, True])
def test_any_other_value_is_an_empty_table(value: object) -> None:
    assert table_or_empty({"a": 1}) == {"a": 1}
    assert table_or_empty(value) == {}
