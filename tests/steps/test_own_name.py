"""Whether the place where a stack came from is gone: only then is the stack another folder's to take over."""

from pathlib import Path

from stackctl.steps.own_name import is_gone


def test_a_place_is_gone_where_nothing_is(tmp_path: Path) -> None:
    assert is_gone(str(tmp_path / "away"))
    assert not is_gone(str(tmp_path))


def test_a_place_where_the_system_lets_nobody_look_is_not_gone(tmp_path: Path) -> None:
    assert not is_gone(str(tmp_path / ("x" * 5000)))  # for root, too, who may look into every folder
