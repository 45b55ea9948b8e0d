"""Of two that start a stack of one name on one engine, the second waits, whatever folders and users they have."""

import itertools
from contextlib import ExitStack

import pytest

from stackctl.effects.docker.name_lock import held
from stackctl.errors import EngineError

NAMES = (f"tested-{number}" for number in itertools.count())


def test_the_second_waits_and_says_so_and_goes_on_once_the_first_has_ended() -> None:
    name, said = next(NAMES), list[str]()
    with ExitStack() as first:
        first.enter_context(held("engine", name, said.append))

        def says(text: str) -> None:
            said.append(text)
            first.close()

        with held("engine", name, says, wait_s=20):
            assert said == [f"another stackctl is starting a stack named {name!r}; waiting for it to finish"]


def test_nobody_is_waited_for_without_end() -> None:
    name = next(NAMES)
    with (
        held("engine", name, lambda _: None),
        pytest.raises(EngineError, match="another stackctl is still starting"),
        held("engine", name, lambda _: None, wait_s=0),
    ):
        pass


def test_other_names_and_other_engines_are_not_held() -> None:
    name, said = next(NAMES), list[str]()
    with held("engine", name, said.append), held("other", name, said.append), held("engine", next(NAMES), said.append):
        assert said == []
