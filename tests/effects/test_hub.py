"""Hugging Face's own library against a hub on this machine: listings, tokens, refusals in plain words."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.core.hub.search import Query
from stackctl.core.hub.source import Source
from stackctl.effects.hub import Hub
from stackctl.errors import ModelError, TooManyRequests
from tests.fakes import hub_at
from tests.hub.server import COMMIT, SPENT, Fault, running
from tests.hub.server import Hub as Server

SOURCE = Source(repo="owner/name")
FILES = {"M-Q4_K_M.gguf": b"GGUF and more", "config.json": b"{}"}


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("owner/name", FILES, licence="mit", languages=("en", "ja"))
        yield hub


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def hub(server: Server, slept: list[float]) -> Hub:
    return hub_at(server.url, slept.append)


def refusal(hub: Hub, source: Source = SOURCE, file: str = "") -> ModelError:
    with pytest.raises(ModelError) as caught:
        hub.request(source, file) if file else hub.repository(source)
    assert caught.value.hint
    return caught.value


def test_a_repository_says_what_it_holds(hub: Hub) -> None:
    found = hub.repository(SOURCE)
    assert (found.name, found.commit, found.licence, found.languages) == ("owner/name", COMMIT, "mit", ("en", "ja"))
    sizes = {file.name: (file.size, bool(file.sha256)) for file in found.files}
    assert sizes == {"M-Q4_K_M.gguf": (13, True), "config.json": (2, False)}


def test_a_file_is_asked_for_at_its_revision(hub: Hub, server: Server) -> None:
    asked = hub.request(SOURCE, "M-Q4_K_M.gguf")
    assert asked.url == f"{server.url}/owner/name/resolve/main/M-Q4_K_M.gguf"
    assert "authorization" not in {name.lower() for name in asked.headers}


def test_the_users_token_goes_along(hub: Hub, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.add("owner/closed", FILES, token="hf_secret", gated="manual")
    source = Source(repo="owner/closed")
    assert "gated" in refusal(hub, source, "M-Q4_K_M.gguf").message
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert hub.request(source, "M-Q4_K_M.gguf").headers["authorization"] == "Bearer hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    error = refusal(hub, source, "M-Q4_K_M.gguf")
    assert "gated" in error.message
    assert "https://huggingface.co/owner/closed" in error.hint
    assert "hf_wrong" not in error.message + error.hint


@pytest.mark.parametrize(
    ("source", "file", "says"),
    [
        (Source(repo="owner/none"), "", "there is no model owner/none"),
        (Source(repo="owner/name", revision="v9"), "", "no revision v9"),
        (Source(repo="owner/name"), "absent.gguf", "has no such file"),
        (Source(repo="a--b/.."), "", "not the name of a model"),
    ],
)
def test_what_is_not_there_is_said(hub: Hub, source: Source, file: str, says: str) -> None:
    assert says in refusal(hub, source, file).message


@pytest.mark.parametrize(("status", "says"), [(429, "too many requests"), (500, "answers 500"), (503, "answers 503")])
def test_a_busy_hub_is_asked_again_and_then_said(
    hub: Hub, server: Server, slept: list[float], status: int, says: str
) -> None:
    server.usual["listing"] = Fault(on="listing", status=status, headers={"Retry-After": "7"})
    assert says in refusal(hub).message
    assert slept == [7.0, 7.0, 7.0]


def test_a_hub_that_was_busy_for_a_moment_is_no_failure(hub: Hub, server: Server, slept: list[float]) -> None:
    server.faults.extend([Fault(on="listing", status=503), Fault(on="listing", cut_after=0)])
    assert hub.repository(SOURCE).commit == COMMIT
    assert slept == [1.0, 2.0]


def test_a_hub_that_is_not_there_is_said(slept: list[float]) -> None:
    nowhere = hub_at("http://127.0.0.1:9", slept.append)
    error = refusal(nowhere)
    assert "can't be reached" in error.message
    assert "HF_ENDPOINT" in error.hint

    assert slept == [1.0]  # a line that is dead now is hardly there in ten seconds


def unreachable(hub: Hub, patience_s: float = 5.0) -> str:
    with pytest.raises(ModelError) as caught:
        hub.check_connection(patience_s)
    assert all(way in caught.value.hint for way in ("HTTPS_PROXY", "HF_ENDPOINT"))
    return caught.value.message


def test_whether_the_hub_can_be_reached_is_known_by_any_answer_of_it(hub: Hub, server: Server) -> None:
    hub.check_connection(5.0)
    assert [one.method for one in server.asked] == ["HEAD"]


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        ("http://127.0.0.1:9", "http://127.0.0.1:9 can't be reached: [Errno 111] Connection refused"),
        ("http://no-such-host.invalid", "http://no-such-host.invalid can't be reached: "),
        ("nonsense", "nonsense can't be reached: "),
        (f"http://{'x' * 70}.invalid", f"http://{'x' * 70}.invalid can't be reached: encoding with 'idna' codec"),
    ],
)
def test_without_a_way_to_the_hub_the_reason_is_said_at_once(endpoint: str, says: str) -> None:
    assert unreachable(hub_at(endpoint)).startswith(says)


def test_a_hub_that_swallows_what_is_sent_is_given_up_after_a_moment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint, began = f"http://127.0.0.1:{silent.getsockname()[1]}", time.monotonic()
        assert unreachable(hub_at(endpoint), 0.2) == f"{endpoint} can't be reached: no answer within 0.2 s"
        assert time.monotonic() - began < 2


def test_a_hub_that_wants_to_be_left_alone_for_long_is_not_asked_again(
    hub: Hub, server: Server, slept: list[float]
) -> None:
    server.usual["listing"] = Fault(on="listing", status=429, headers={"Retry-After": "300"})
    error = refusal(hub)
    assert "too many requests (429) for owner/name, and asks to wait 5 minutes" in error.message
    assert error.hint.startswith("Wait 5 minutes. A login allows more requests")
    assert slept == []


def test_a_rate_limit_is_named_as_the_hub_states_it(hub: Hub, server: Server, slept: list[float]) -> None:
    server.usual["listing"] = Fault(on="listing", status=429, headers=SPENT)
    with pytest.raises(TooManyRequests) as caught:
        hub.repository(SOURCE, waits=False)
    assert caught.value.wait_s == 240
    assert "asks to wait 4 minutes; its limit is 500 requests in 5 minutes" in caught.value.message
    assert slept == []


@pytest.mark.parametrize(
    ("words", "names"), [("", ["b/Beta-8B-GGUF", "a/Alpha-8B-GGUF"]), ("alpha 8b", ["a/Alpha-8B-GGUF"])]
)
def test_a_search_finds_repositories_with_gguf_in_the_hubs_order(
    hub: Hub, server: Server, words: str, names: list[str]
) -> None:
    server.add("a/Alpha-8B-GGUF", FILES, downloads=5, likes=9, gguf={"architecture": "llama"})
    server.add("b/Beta-8B-GGUF", FILES, trending=7)
    server.add("c/Alpha-8B", {"model.safetensors": b""}, trending=9)
    del server.repos["owner/name"]
    found = hub.search(Query(words=words))
    assert [one.name for one in found] == names
    alpha = found[-1]
    assert (alpha.downloads, alpha.likes, alpha.created, alpha.architecture) == (5, 9, "2026-01-01", "llama")
    assert [one.name for one in hub.search(Query(sort="likes", limit=1))] == ["a/Alpha-8B-GGUF"]


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(on="search", body=b"<html>"), "answer to the search is no JSON"),
        (Fault(on="search", body=b"[" + b" " * (33 << 20), step=1 << 20), "answer does not end"),
        (Fault(on="search", status=500), "answers 500 for the search"),
    ],
)
def test_an_answer_to_a_search_that_is_none_is_refused(hub: Hub, server: Server, fault: Fault, says: str) -> None:
    server.usual["search"] = fault
    with pytest.raises(ModelError, match=says):
        hub.search(Query())


def test_a_search_sends_the_users_token_which_raises_its_limit(
    hub: Hub, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.search(Query(words="x"))
    assert {name.lower(): value for name, value in server.asked[0].headers.items()}["authorization"] == (
        "Bearer hf_secret"
    )


def test_offline_no_search_is_sent(server: Server) -> None:
    script = (
        "from tests.fakes import hub_at\nfrom stackctl.core.hub.search import Query\n"
        f"from stackctl.errors import ModelError\ntry: hub_at({server.url!r}).search(Query())\n"
        "except ModelError as e: print(e.message, e.hint)"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "HF_HUB_OFFLINE forbids asking Hugging Face Unset HF_HUB_OFFLINE.\n"
    assert server.asked == []


def test_the_hub_is_asked_for_models_alone_and_not_which_programs_may_run_us(server: Server, tmp_path: Path) -> None:
    script = (
        "from stackctl.core.hub.source import Source; from tests.fakes import hub_at\n"
        f"hub, source = hub_at('{server.url}', print), Source(repo='owner/name')\n"
        "hub.repository(source); hub.request(source, 'config.json')"
    )
    env = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], env=env, check=True)
    assert {asked.path.split("?")[0] for asked in server.asked} == {
        "/api/models/owner/name/revision/main",
        "/owner/name/resolve/main/config.json",
    }
