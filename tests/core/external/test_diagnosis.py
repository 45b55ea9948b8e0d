"""Why a backend elsewhere does not answer: each way to fail has its own words and fix, and says if waiting helps."""

from dataclasses import replace

import pytest

from stackctl.contracts.answer import Answer
from stackctl.core.config.spec import Spec
from stackctl.core.external.diagnosis import Unavailable, diagnose
from stackctl.core.observed import HostIdentity, ProbeResult, ServerSeen
from stackctl.errors import ConfigError, NotReady
from stackctl.secret import Secret
from tests.backends.answers import INACTIVE, LOADING, REFUSED_HOST, recorded, tried
from tests.core.samples import wanted

HERE, THERE = "http://host.docker.internal:5001", "http://192.168.1.20:5001"
LINUX = HostIdentity(names=("tower",), addresses=("192.168.1.7",), gateway="172.17.0.1")
WSL = replace(LINUX, is_wsl=True, windows=("172.20.0.1",))
PAGE = Answer(status=404, body="<html>\n Not   found </html>")


def external(url: str = "http://127.0.0.1:5001", wake: str = "") -> Spec:
    return wanted(backend={"kind": "external", "url": url, "wake": wake})


def seen(
    *tries: ProbeResult, around: HostIdentity = LINUX, here: ProbeResult | None = None, listeners: tuple[str, ...] = ()
) -> ServerSeen:
    return ServerSeen(around=around, tried=tries, here=here, listeners=listeners)


def failed(url: str = HERE, failure: str = "refused") -> ProbeResult:
    return ProbeResult(url=url, failure=failure)


def lack(spec: Spec, server: ServerSeen | None) -> Unavailable:
    found = diagnose(spec, server)
    assert found
    assert found.error.hint
    return found


@pytest.mark.parametrize("backend", ["koboldcpp", "llamacpp", "text-generation-webui"])
def test_nothing_is_missing_once_one_way_leads_to_a_loaded_model(backend: str) -> None:
    assert diagnose(external(), seen(failed(), tried("http://172.17.0.1:5001", backend))) is None


def test_a_loading_model_is_waited_for() -> None:
    found = lack(external(), seen(ProbeResult(url=HERE, answers={"/health": LOADING})))
    assert found.is_transient == "yes"
    assert "llama.cpp" in found.error.message
    assert "loading" in found.error.message


@pytest.mark.parametrize(
    ("answers", "words", "flag"),
    [
        ({"/v1/internal/model/info": REFUSED_HOST}, "refuses requests to any host name", "--listen"),
        (recorded("text-generation-webui", "model-failed-to-load"), "no model is loaded", "--model"),
        (recorded("text-generation-webui", "no-model"), "no model is loaded", "--model"),
        ({**recorded("koboldcpp"), "/api/v1/model": INACTIVE}, "without a model", "--model"),
    ],
)
def test_what_a_server_lacks_is_said_with_its_flag_and_not_waited_for(
    answers: dict[str, Answer], words: str, flag: str
) -> None:
    found = lack(external(), seen(ProbeResult(url=HERE, answers=answers)))
    assert (found.is_transient, type(found.error)) == ("no", NotReady)
    assert words in found.error.message
    assert HERE in found.error.message
    assert flag in found.error.hint


@pytest.mark.parametrize(
    ("backend", "state"),
    [
        ("koboldcpp", "password-without-key"),
        ("llamacpp", "api-key-without-key"),
        ("text-generation-webui", "api-key-without-key"),
    ],
)
def test_one_that_wants_a_key_is_a_matter_of_configuration(backend: str, state: str) -> None:
    found = lack(external(), seen(tried(HERE, backend, state)))
    assert (found.is_transient, type(found.error)) == ("no", ConfigError)
    assert found.error.message.endswith("asks for an API key")
    assert "backend.key_file" in found.error.hint
    other = lack(external(), replace(seen(tried(HERE, backend, state)), key=Secret("another")))
    assert other.error.message.endswith("refuses the API key that stackctl sent")


@pytest.mark.parametrize(
    ("backend", "title", "flag"),
    [
        ("koboldcpp", "KoboldCpp", "--host 0.0.0.0"),
        ("llamacpp", "llama.cpp", "--host 0.0.0.0"),
        ("text-generation-webui", "text-generation-webui", "--listen"),
    ],
)
@pytest.mark.parametrize("listeners", [("127.0.0.1",), ("127.0.0.1", "::1")])
def test_a_port_open_on_loopback_alone_names_the_program_and_its_flag(
    backend: str, title: str, flag: str, listeners: tuple[str, ...]
) -> None:
    server = seen(failed(), here=tried("http://127.0.0.1:5001", backend), listeners=listeners)
    found = lack(external(), server)
    assert found.is_transient == "no"
    assert found.error.message.startswith(f"{title} listens on port 5001 of this machine, but only on 127.0.0.1")
    assert found.error.hint == f"Start it with `{flag}`."
    assert found.error.evidence == (f"{HERE}: connection refused",)


def test_a_program_that_nobody_knows_on_loopback_alone_gets_every_flag() -> None:
    here = ProbeResult(url="http://127.0.0.1:5001", answers={"/health": PAGE})
    found = lack(external(), seen(failed(), here=here, listeners=("127.0.0.1",)))
    assert found.error.message.startswith("something listens on port 5001")
    assert "`--listen` (text-generation-webui)" in found.error.hint
    assert "`--host 0.0.0.0` (KoboldCpp)" in found.error.hint


def test_a_port_that_is_open_here_but_not_for_containers_is_a_firewall() -> None:
    here = tried("http://127.0.0.1:5001", "koboldcpp")
    found = lack(external(), seen(failed(failure="timeout"), here=here, listeners=("0.0.0.0",)))  # noqa: S104
    assert "KoboldCpp listens on port 5001 of this machine (0.0.0.0)" in found.error.message
    assert "sudo ufw allow 5001/tcp" in found.error.hint
    assert found.is_transient == "maybe"


def test_a_server_of_another_kind_is_shown_by_its_answers() -> None:
    found = lack(external(THERE), seen(ProbeResult(url=THERE, answers={"/health": PAGE, "/props": PAGE})))
    assert "of no kind that stackctl knows" in found.error.message
    assert found.error.evidence == (
        f"{THERE}/health: 404 <html> Not found </html>",
        f"{THERE}/props: 404 <html> Not found </html>",
    )
    assert "KoboldCpp 5001" in found.error.hint
    assert found.is_transient == "no"


def test_a_proxy_whose_server_is_down_may_get_well() -> None:
    bad = Answer(status=502, body="Bad Gateway")
    assert lack(external(THERE), seen(ProbeResult(url=THERE, answers={"/health": bad}))).is_transient == "maybe"


@pytest.mark.parametrize(
    ("url", "server", "words", "advice"),
    [
        ("http://127.0.0.1:5001", seen(failed()), "nothing listens on port 5001 of this machine", "--timeout"),
        ("http://192.168.1.7:80", seen(failed("http://192.168.1.7:80")), "nothing listens on port 80", "Start it"),
        (THERE, seen(failed(THERE)), "192.168.1.20 refuses connections on port 5001", "`--listen` (text-generation-"),
        (THERE, seen(failed(THERE, "timeout")), "192.168.1.20 does not answer: it is off or asleep", "backend.wake"),
        (THERE, seen(failed(THERE, "unreachable")), "192.168.1.20 does not answer", "firewall"),
        ("http://[fd00::1]", seen(failed("http://[fd00::1]", "unreachable")), "fd00::1 does not answer", "IPv4"),
        ("http://pc.lan", seen(failed("http://pc.lan", "name")), "no container can resolve", "its address"),
        (
            "http://localhost:5001",
            seen(failed(), failed("http://172.20.0.1:5001", "timeout"), around=WSL),
            "neither here in WSL nor on Windows",
            "on Windows allow it in the firewall",
        ),
    ],
)  # fmt: skip
def test_silence_has_a_reason_and_may_end(url: str, server: ServerSeen, words: str, advice: str) -> None:
    found = lack(external(url), server)
    assert words in found.error.message
    assert advice in found.error.hint
    assert (found.is_transient, type(found.error)) == ("maybe", NotReady)


@pytest.mark.parametrize(
    ("url", "found_at", "at"),
    [
        ("http://192.168.1.20:8080/v1", "http://192.168.1.20:9931", "http://192.168.1.20:9931"),
        ("http://localhost:8080", "http://127.0.0.1:9931", "http://localhost:9931"),
        ("http://192.168.1.20", "http://192.168.1.20:8080", "http://192.168.1.20:8080"),
    ],
)
def test_a_server_at_another_usual_port_is_named(url: str, found_at: str, at: str) -> None:
    server = replace(seen(failed(url)), elsewhere=(failed("http://x:5001"), tried(found_at, "llamacpp")))
    found = lack(external(url), server)
    assert found.error.message.endswith(f", but llama.cpp does at {at}")
    assert found.error.hint == f"Run `stackctl deploy --url {at}`."
    assert found.is_transient == "maybe"


def test_both_ports_of_llama_cpp_are_named() -> None:
    found = lack(external(THERE), seen(ProbeResult(url=THERE, answers={"/health": PAGE})))
    assert "llama.cpp 9931 or 8080, KoboldCpp 5001, text-generation-webui 5000" in found.error.hint


def test_a_machine_that_did_not_wake_up_is_told_from_one_that_was_never_woken() -> None:
    found = lack(external(THERE, wake="01:23:45:67:89:ab"), seen(failed(THERE, "timeout")))
    assert "a packet to 01:23:45:67:89:ab did not wake it up" in found.error.hint


def test_any_other_failure_is_shown_in_its_own_words() -> None:
    url = "https://192.168.1.20"
    found = lack(external(url), seen(failed(url, "DEPTH_ZERO_SELF_SIGNED_CERT")))
    assert found.error.evidence == (f"{url}: DEPTH_ZERO_SELF_SIGNED_CERT",)
    assert found.is_transient == "no"


def test_without_having_asked_nothing_is_known() -> None:
    found = lack(external(), None)
    assert isinstance(found.error, ConfigError)
    assert "stackctl deploy" in found.error.hint
