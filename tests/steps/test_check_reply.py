"""An answer with characters that no text has, and what the backend itself answers without SillyTavern."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.contracts.answer import Answer
from stackctl.contracts.request import COMPLETION
from stackctl.core.observed import ProbeResult
from stackctl.core.plan.stack import Plan
from stackctl.errors import EngineError, NotReady
from stackctl.steps.check_reply import check_characters, check_reply
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan

PLAN = replace(a_plan(), name="mine", is_demo=False)
ODD = "ca\x03fe"


def machine(folder: Path, body: str, status: int = 200) -> Quiet:
    """A machine on which the backend itself answers so."""
    here = quiet(folder)
    here.docker.answers = lambda url: ProbeResult(url=url, answers={COMPLETION.path: Answer(status=status, body=body)})
    return here


def says(text: str) -> str:
    return json.dumps({"choices": [{"text": text}]})


def test_what_is_text_asks_the_backend_nothing(tmp_path: Path) -> None:
    here = machine(tmp_path, says("other"))
    check_reply("Hello, café!", PLAN, here.machine)
    assert not check_characters("Hello!\ufffd", PLAN, here.machine)
    assert here.docker.asked == []


def test_a_model_that_writes_such_characters_itself_is_no_error(tmp_path: Path) -> None:
    here = machine(tmp_path, says("\x07\x03"))
    check_reply(ODD, PLAN, here.machine)
    assert check_characters(ODD, PLAN, here.machine)
    assert here.docker.asked == [f"{PLAN.backend_url} from mine_inner"] * 2


def test_what_the_backend_wrote_otherwise_was_changed_on_the_way(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"U\+0003.*llama.cpp itself answers 'caxfe'"):
        check_reply(ODD, PLAN, machine(tmp_path, says("caxfe")).machine)


@pytest.mark.parametrize(("body", "status"), [("", 200), ("[]", 200), (says(ODD), 401), ("not JSON", 500)])
def test_a_backend_that_gives_no_answer_of_its_own_blames_nobody(tmp_path: Path, body: str, status: int) -> None:
    with pytest.raises(NotReady) as caught:
        check_reply(ODD, PLAN, machine(tmp_path, body, status).machine)
    assert "a model may write such characters itself" in caught.value.hint


def test_nor_does_an_engine_that_can_not_ask_it(tmp_path: Path) -> None:
    def fails(url: str) -> ProbeResult:
        raise EngineError(f"no container could ask {url}", hint="docker info")

    here = quiet(tmp_path)
    here.docker.answers = fails
    with pytest.raises(NotReady) as caught:
        check_reply(ODD, PLAN, here.machine)
    assert "a model may write such characters itself" in caught.value.hint


def test_an_external_backend_is_asked_from_the_network_with_a_way_out(tmp_path: Path) -> None:
    here = machine(tmp_path, says("\x03"))
    elsewhere: Plan = replace(PLAN, services=tuple(one for one in PLAN.services if one.role != "backend"))
    check_reply(ODD, elsewhere, here.machine)
    assert here.docker.asked == [f"{PLAN.backend_url} from mine_edge"]


def test_the_demo_model_is_asked_nothing_since_it_knows_one_sentence(tmp_path: Path) -> None:
    here = machine(tmp_path, says(ODD))
    with pytest.raises(NotReady, match="instead of its sentence"):
        check_reply(ODD, replace(PLAN, is_demo=True), here.machine)
    assert here.docker.asked == []
