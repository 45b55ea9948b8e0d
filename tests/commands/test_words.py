"""The end of a deploy in words and as JSON."""

import io
from dataclasses import replace

import pytest
import segno

from stackctl.backends import llamacpp
from stackctl.commands.deploy import Deployed
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.tavern.context import Contexts
from stackctl.core.tavern.replies import Reply
from stackctl.report import deployed
from stackctl.steps.prove import Proof
from tests.core.fit.test_choice import EIGHT
from tests.core.samples import PASSWORD, a_plan, seen, wanted

REPLY = Reply(text="Hello there.", pieces=1, is_whole=True, first_s=0.25, total_s=2.0)
ROOM = Contexts(planned=8192, told=8448, fills=8192, is_own=True)
PROOF = Proof(model="a.gguf", reply=REPLY, contexts=ROOM, tokens_per_s=123.45)
DONE = Deployed(plan=a_plan(), text="", ready_s=3.04, proof=PROOF)


def test_a_deploy_ends_with_the_proof_and_where_to_click() -> None:
    text, values = deployed(DONE, "")
    assert "it answered: 'Hello there.'" in text
    assert "first words after 0.25 s, 123.5 tokens/s by llama.cpp's own count\n" in text
    assert "Open http://127.0.0.1:8000" in text
    assert "ssh" not in text
    assert (values["url"], values["tokens_per_s"], values["ready_s"]) == ("http://127.0.0.1:8000", 123.5, 3.04)


def test_a_rate_that_nobody_says_is_not_said() -> None:
    text, values = deployed(replace(DONE, proof=replace(PROOF, tokens_per_s=None)), "")
    assert "first words after 0.25 s\n" in text
    assert "tokens/s" not in text
    assert values["tokens_per_s"] is None


def test_the_speed_of_the_plan_stands_beside_the_measured_one() -> None:
    room = Room(gpus_mib=(24_000,), ram_mib=64_000)
    memory = choose(EIGHT, Wanted(slots=1), llamacpp.MEMORY, room)
    planned = replace(DONE, plan=replace(DONE.plan, memory=memory, is_demo=False))
    text, values = deployed(planned, "")
    assert f"123.5 tokens/s by llama.cpp's own count (about {memory.tokens_per_s:.0f} by the plan)\n" in text
    assert values["expected_tokens_per_s"] == round(memory.tokens_per_s, 1)
    assert deployed(replace(planned, plan=replace(planned.plan, is_demo=True)), "")[1]["expected_tokens_per_s"] is None


@pytest.mark.parametrize(
    ("room", "says", "value"),
    [
        (ROOM, "8448", 8448),
        (replace(ROOM, told=0), "8192", 8192),  # as the stack's own was started
        (replace(ROOM, told=0, is_own=False), "unknown", None),
    ],
)
def test_the_context_is_the_one_that_the_backend_tells(room: Contexts, says: str, value: int | None) -> None:
    text, values = deployed(replace(DONE, proof=replace(PROOF, contexts=room)), "")
    assert f"SillyTavern reaches a.gguf, context {says}\n" in text
    assert values["context"] == value


def test_over_ssh_the_line_that_opens_it_from_afar_is_shown() -> None:
    text, values = deployed(DONE, "192.0.2.7 51000 192.0.2.9 22")
    assert "ssh -L 8000:127.0.0.1:8000 192.0.2.9" in text
    assert values["ssh_command"] == "ssh -L 8000:127.0.0.1:8000 192.0.2.9"


OPENED = Deployed(
    plan=a_plan(
        wanted(sillytavern={"expose": "lan"}),
        replace(seen(), interfaces={"eth0": ("fd00:1::5/64", "192.168.1.5/24")}, password=PASSWORD),
    ),
    text="",
    ready_s=3.0,
)


def test_a_stack_that_was_opened_now_ends_with_address_picture_and_where_the_password_lies() -> None:
    text, _ = deployed(OPENED, "192.0.2.7 51000 192.0.2.9 22", as_qr=True)
    picture = io.StringIO()
    segno.make("http://192.168.1.5:8000", micro=False).terminal(out=picture, compact=True)
    end = text[text.index("from other devices: http://192.168.1.5:8000") :]
    assert picture.getvalue() in end
    says = "it asks for a name and a password: stackctl, and the password in .stackctl/sillytavern-password"
    assert text.splitlines()[-1] == says
    assert PASSWORD.reveal() not in text


def test_where_nobody_could_be_asked_the_last_line_is_the_command_that_opens_it() -> None:
    text, _ = deployed(DONE, "", can_open=True)
    expected = "To open it to other devices of this network, with a password: stackctl deploy --expose lan"
    assert text.splitlines()[-1] == expected
    assert "--expose" not in deployed(DONE, "")[0]
