"""Smoke's check of streaming: what holds a stream back is found, and a backend that is merely fast is not blamed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from stackctl.commands.smoke import talk
from stackctl.commands.smoke.site import Site
from stackctl.core.tavern.replies import Reply
from stackctl.errors import NotReady
from tests.commands.machines import quiet
from tests.core.samples import a_plan

FAST = Reply(text="Hello", pieces=1, is_whole=True, first_s=0.36, total_s=0.37)
STEADY = Reply(text="Hello", pieces=90, is_whole=True, first_s=0.37, total_s=4.1)
HELD = Reply(text="Hello", pieces=90, is_whole=True, first_s=4.0, total_s=4.1)
CUT = Reply(text="Hel", pieces=1, is_whole=False, first_s=0.36, total_s=0.37)


@dataclass
class Page:
    """A session that answers in these ways, one after the other, the last one again and again; the tokens that were
    asked for."""

    ways: list[Reply]
    asked: list[int] = field(default_factory=list)
    is_closed: bool = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_closed = True

    def settings(self) -> dict[str, object]:
        text = {"type": "llamacpp", "server_urls": {"llamacpp": "http://llamacpp:8080"}}
        return {"main_api": "textgenerationwebui", "textgenerationwebui_settings": text}

    def answer(self, *_: object, **__: object) -> str:
        return "Hello"

    def generate(self, _kind: str, _url: str, _prompt: str, tokens: int, **_: object) -> Reply:
        self.asked.append(tokens)
        return self.ways.pop(0) if len(self.ways) > 1 else self.ways[0]


def streaming(folder: Path, *ways: Reply) -> tuple[str, Page, dict[str, float]]:
    """What the check says of them; what was asked; what was measured."""
    page, opened = Page(list(ways)), list[object]()

    def session(*asked: object) -> Any:
        opened.append(asked)
        return page

    site = Site(a_plan(), quiet(folder).machine, float("inf"), session)
    try:
        return talk.streaming(site), page, site.measures
    finally:
        site.close()
        assert (len(opened), page.is_closed) == (1, True)


def test_what_comes_in_one_piece_at_once_is_too_fast_to_judge_and_says_so(tmp_path: Path) -> None:
    says, page, measures = streaming(tmp_path, FAST)
    assert says.startswith("complete within 0.37 s, too fast to see whether something holds streams back; ")
    assert page.asked == [48, 518, 2048]  # a longer one each time
    assert measures == {"first_token_s": 0.36}


def test_a_longer_answer_shows_that_a_fast_backend_streams(tmp_path: Path) -> None:
    says, page, _ = streaming(tmp_path, FAST, STEADY)
    assert says == "90 pieces over 3.7 s; first words after 0.36 s"
    assert page.asked == [48, 518]


def test_a_slow_backend_is_judged_by_its_first_answer(tmp_path: Path) -> None:
    assert streaming(tmp_path, STEADY)[1].asked == [48]


@pytest.mark.parametrize("ways", [(HELD,), (FAST, HELD), (FAST, FAST, HELD)])
def test_a_long_answer_that_comes_all_at_its_end_is_held_back(ways: tuple[Reply, ...], tmp_path: Path) -> None:
    with pytest.raises(
        NotReady, match=r"the streamed answer came at once: nothing for 4\.0 s, all of it by 4\.1 s"
    ) as held:
        streaming(tmp_path, *ways)
    assert "a proxy" in held.value.hint


def test_a_machine_that_stood_still_once_is_no_proxy(tmp_path: Path) -> None:
    assert "90 pieces" in streaming(tmp_path, HELD, STEADY)[0]
    assert "too fast" in streaming(tmp_path, HELD, FAST)[0]


@pytest.mark.parametrize("ways", [(CUT,), (FAST, CUT), (HELD, CUT)])
def test_one_that_breaks_off_has_no_proper_end_however_long_it_is(ways: tuple[Reply, ...], tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="broke off in the middle of its stream"):
        streaming(tmp_path, *ways)


def test_a_session_is_opened_only_by_a_check_that_needs_it(tmp_path: Path) -> None:
    def session(*_: object) -> Any:
        raise AssertionError("nobody asked for it")

    site = Site(a_plan(), quiet(tmp_path).machine, float("inf"), session)
    assert site.left_s() > 0
    site.close()
