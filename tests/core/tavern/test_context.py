"""How much of a chat there is room for, and what is said where that does not fit."""

import pytest

from stackctl.core.tavern.context import contexts


@pytest.mark.parametrize(
    ("planned", "told", "is_own", "known"),
    [
        (8192, 8192, True, 8192),
        (8192, 2048, True, 2048),
        (8192, 0, True, 8192),
        (8192, 0, False, None),
        (8192, 32_768, False, 32_768),
    ],
)
def test_the_backend_s_word_counts_then_how_it_was_started(
    planned: int, told: int, is_own: bool, known: int | None
) -> None:
    assert contexts(planned, told, 8192, is_own=is_own).known == known


@pytest.mark.parametrize("told", [0, 8192, 8192 + 255])
def test_a_context_that_is_padded_or_not_told_differs_from_none(told: int) -> None:
    assert contexts(8192, told, 8192, is_own=True).difference == ""


@pytest.mark.parametrize("told", [8191, 8192 + 256])
def test_another_than_planned_is_said_of_the_stack_s_own_alone(told: int) -> None:
    found = contexts(8192, told, 8192, is_own=True)
    assert found.difference == f"the backend has a context of {told} tokens, and not 8192 as planned"
    assert contexts(8192, told, 4096, is_own=False).difference == ""


@pytest.mark.parametrize(
    ("told", "fills", "is_own", "advice"),
    [
        (8192, 8193, True, "Set the context to 8192"),
        (8447, 8448, True, "Set the context to 8192"),
        (2048, 8192, True, "Set the context to 2048"),
        (0, 8193, True, "Set the context to 8192"),
        (4096, 8192, False, "Set the context to 4096"),
        (0, 8193, False, "Set the context to 8192"),
    ],
)
def test_sillytavern_may_not_fill_more_than_there_is(told: int, fills: int, is_own: bool, advice: str) -> None:
    found = contexts(8192, told, fills, is_own=is_own)
    assert found.overflow == (
        f"SillyTavern fills {fills} tokens, and the backend has only {told or 8192}: long chats would fail"
    )
    assert found.mending.startswith(advice)


@pytest.mark.parametrize("fills", [8192, 100, None, "much"])
def test_less_or_what_is_no_number_is_no_overflow(fills: object) -> None:
    assert contexts(8192, 8192, fills, is_own=True).overflow == ""
