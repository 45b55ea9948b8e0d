"""The hub's search against a local hub: each hit judged by one header at most, limits honoured, foreign answers."""

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands.models.fit import Asked
from stackctl.commands.models.search import Found, search
from stackctl.core.catalogue.parse import parse
from stackctl.core.hub.repository import Repo
from stackctl.core.hub.search import Hit, Query
from stackctl.core.hub.source import Source
from stackctl.errors import ConfigError, ModelError, TooManyRequests
from stackctl.report.search import found as report
from tests.commands.machines import Quiet, quiet
from tests.fakes import FakeHub, hub_at
from tests.hub.server import LIMITS, SPENT, Fault, Hub, running
from tests.shapes.header import Value, header
from tests.shapes.measured import MODELS
from tests.shapes.tiny import MODEL, PROJECTOR

HEAD = 1 << 20  # bytes that the first request for a header asks for
TWELVE = Asked(gpu_memory_mib=(12288,), ram_mib=16384)


def upload(
    hub: Hub, name: str, model: str = "llama-3.1-8b", quants: tuple[str, ...] = ("q4_k_m", "q8_0"), **more: Any
) -> None:
    """Add a repository with files of real size, of which the hub has the beginning alone."""
    metadata: dict[str, Value] = {
        **MODELS[model].metadata(),
        "tokenizer.ggml.pre": "llama-bpe",
        **more.pop("metadata", {}),
    }
    files, sizes = {}, {}
    for quant in quants:
        raw, size = header(metadata, MODELS[model].tensors(quant))
        file = f"M-{quant.upper()}.gguf"
        files[file], sizes[file] = raw.ljust(HEAD, b"\0"), size
    hub.add(name, files, sizes=sizes, **more)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running() as found:
        yield found


@pytest.fixture
def here(tmp_path: Path, hub: Hub) -> Quiet:
    found = quiet(tmp_path)
    found.machine.hub = hub_at(hub.url)
    return found


def run(here: Quiet, words: str = "", asked: Asked = TWELVE, pauses: list[float] | None = None, **more: Any) -> Found:
    waited = [] if pauses is None else pauses
    return search(here.machine, Query(words=words), asked, pause=waited.append, **more)


def asked_for(hub: Hub, name: str) -> dict[str, int]:
    """How many headers and listings of a repository were read."""
    return {
        where: len([one for one in hub.asked if name in one.path and one.where == where]) for where in ("hub", "cdn")
    }


def test_a_hit_runs_in_the_largest_quantisation_of_at_most_q6_k_that_lies_on_the_gpu(here: Quiet, hub: Hub) -> None:
    upload(hub, "a/Llama-8B-GGUF", quants=("q3_k", "q4_k_m", "q6_k", "q8_0"))
    (one,) = run(here).judged
    assert one.best
    assert (one.verdict, one.best.label, one.best.lies, one.best.context >= 8192) == ("runs", "Q6_K", "gpu", True)
    assert str(one.best.source) == "hf:a/Llama-8B-GGUF:Q6_K"
    assert 6.5e9 < one.best.size < 6.7e9
    assert asked_for(hub, "a/Llama") == {"hub": 2, "cdn": 1}  # a listing, and a header with its redirect


def test_with_less_memory_a_smaller_file_of_the_same_model_is_chosen(here: Quiet, hub: Hub) -> None:
    upload(hub, "a/Llama-8B-GGUF", quants=("q3_k", "q4_k_m", "q6_k", "q8_0"))
    (one,) = run(here, asked=Asked(gpu_memory_mib=(7168,), ram_mib=16384)).judged
    assert one.best
    assert (one.best.label, one.best.lies) == ("Q4_K_M", "gpu")
    assert asked_for(hub, "a/Llama")["cdn"] == 1


@pytest.mark.parametrize(
    ("more", "asked", "verdict", "says", "headers"),
    [
        ({}, Asked(ram_mib=2048), "too_large", "its smallest file, Q4_K_M, has 4.6 GiB; 2.0 GiB are free", 0),
        ({}, Asked(ram_mib=5000), "too_large", "Q4_K_M, its smallest file, takes", 1),
        ({"gguf": {"architecture": "foo-2027"}}, TWELVE, "not_loadable", "does not know the architecture foo-2027", 0),
        ({"metadata": {"general.architecture": "foo"}}, TWELVE, "not_loadable", "not know the architecture foo", 1),
        ({"metadata": {"general.architecture": "bert"}}, TWELVE, "not_chat", "it is an embedding model", 1),
        ({"gguf": {"architecture": "clip"}}, TWELVE, "runs", "", 1),  # the hub has read the projector
        ({"gated": "manual", "token": "hf_x"}, TWELVE, "gated", "a/M is gated: its owner wants you to accept", 0),
    ],
)  # fmt: skip
def test_a_verdict_names_what_is_in_the_way(
    here: Quiet, hub: Hub, more: dict[str, Any], asked: Asked, verdict: str, says: str, headers: int
) -> None:
    upload(hub, "a/M", **more)
    (one,) = run(here, asked=asked).judged
    assert (one.verdict, bool(one.best)) == (verdict, verdict == "runs")
    assert says in one.why_not
    assert asked_for(hub, "a/M")["cdn"] == headers


PART = MODEL + b"\0" * (2 << 20)


@pytest.mark.parametrize(
    ("files", "verdict", "says"),
    [
        ({"mmproj-F16.gguf": PROJECTOR}, "no_gguf", "it has no GGUF of a model; mmproj-F16.gguf is not a chat model"),
        ({"m-00001-of-00002.gguf": PART}, "incomplete", "it lacks m-00002-of-00002.gguf"),
        ({"m-00001-of-00002.gguf": PART, "m-00002-of-00002.gguf": PART}, "not_judged", "each file is in 2 parts"),
        ({"M-IQ4_KSS.gguf": MODEL}, "not_loadable", "does not know quantisations such as IQ4_KSS"),
        ({"M-Q4_K_M.gguf": b"GGUF" + b"\xff" * 100}, "unreadable", "M-Q4_K_M.gguf"),
        ({"M-Q4_K_M.gguf": b"<html>" * 100}, "unreadable", "M-Q4_K_M.gguf"),
        ({"\x1b[31m-Q4_K_M.gguf": MODEL}, "unreadable", "a character that no file name needs"),
    ],
)
def test_a_repository_without_a_model_to_judge_says_why(
    here: Quiet, hub: Hub, files: Mapping[str, bytes], verdict: str, says: str
) -> None:
    hub.add("a/M", files)
    (one,) = run(here).judged
    assert one.verdict == verdict
    assert says in one.why_not
    text, _ = report(run(here), here.machine.ui)
    assert "\x1b" not in text


def test_a_repository_that_vanishes_between_is_one_verdict(here: Quiet, hub: Hub) -> None:
    upload(hub, "a/Gone", trending=2)
    upload(hub, "a/Here", trending=1)
    hub.vanished = frozenset({"a/Gone"})
    assert [one.verdict for one in run(here).judged] == ["unreadable", "runs"]
    assert run(here).best


def test_with_fits_what_does_not_run_is_left_out_and_counted(here: Quiet, hub: Hub) -> None:
    upload(hub, "a/Small", trending=1)
    upload(hub, "a/Large", model="mixtral-8x7b", trending=2)
    found = run(here, asked=Asked(ram_mib=8192), only_running=True)
    assert ([one.hit.name for one in found.judged], found.left_out) == (["a/Small"], 1)
    text, values = report(found, here.machine.ui)
    assert text.splitlines()[-1] == "to run the best of them: stackctl deploy --model hf:a/Small:Q4_K_M"
    assert (values["best"], values["left_out"]) == ("hf:a/Small:Q4_K_M", 1)
    none = run(here, asked=Asked(ram_mib=1024), only_running=True)
    assert report(none, here.machine.ui)[0] == "none of 2 hits runs on this machine"


def test_no_hit_is_said_with_the_words(here: Quiet) -> None:
    assert report(run(here, "nothing such"), here.machine.ui)[0] == "Hugging Face has no GGUF for nothing such"


def test_a_hit_of_the_catalogue_is_marked_and_all_are_called_untried(here: Quiet, hub: Hub) -> None:
    known = parse(here.machine.storage.catalogue()).entries[0].repo
    upload(hub, known, trending=1)
    upload(hub, "a/Other")
    found = run(here)
    assert found.in_catalogue == {known}
    text, _ = report(found, here.machine.ui)
    assert f"{known} (in the catalogue)" in text
    assert "not tried by stackctl" in text


def test_a_short_limit_is_waited_for_once_and_said(here: Quiet, hub: Hub) -> None:
    for number in range(6):
        upload(hub, f"a/M{number}", quants=("q4_k_m",))
    hub.faults.append(Fault(on="search", status=429, headers={"Retry-After": "3"}))
    hub.faults.append(Fault(on="listing", status=429, headers={**SPENT, "RateLimit": '"api";r=0;t=20'}))
    pauses: list[float] = []
    found = run(here, pauses=pauses)
    assert (pauses, found.stopped, {one.verdict for one in found.judged}) == ([3.0, 20.0], None, {"runs"})
    said = " ".join(here.said.getvalue().split())
    assert "for the search, and asks to wait 3 s; its limit is 500 requests in 5 minutes; waiting for 3 s" in said
    assert "and asks to wait 20 s; its limit is 500 requests in 5 minutes; waiting for 20 s" in said


@pytest.mark.parametrize("on", ["listing", "cdn", "resolve"])
def test_at_a_long_limit_what_was_judged_so_far_is_shown(here: Quiet, hub: Hub, on: str) -> None:
    for number in range(9):
        upload(hub, f"a/M{number}", quants=("q4_k_m",), trending=-number)
    good = 2
    hub.faults.extend([Fault(on=on, headers=LIMITS if on == "listing" else {})] * good)
    hub.usual[on] = Fault(on=on, status=429, headers=SPENT)
    pauses: list[float] = []
    found = run(here, pauses=pauses)
    assert pauses == []
    assert found.stopped
    assert found.stopped.wait_s == 240
    verdicts = [one.verdict for one in found.judged]
    assert (verdicts.count("runs"), verdicts.count("not_judged")) == (good, 9 - good)
    text, values = report(found, here.machine.ui)
    assert "asks to wait 4 minutes" in text
    assert "HF_TOKEN" in text
    assert values["rate_limit"]
    assert values["rate_limit"]["wait_s"] == 240
    # four are asked at a time, and none is begun after the refusal
    assert len([one for one in hub.asked if one.path.startswith("/api/models/")]) <= good + 4


def test_a_search_that_is_limited_for_long_is_refused_with_the_time(here: Quiet, hub: Hub) -> None:
    hub.usual["search"] = Fault(on="search", status=429, headers=SPENT)
    with pytest.raises(TooManyRequests, match=r"429.*for the search, and asks to wait 4 minutes; its limit is 500"):
        run(here)
    upload(hub, "a/M")
    hub.usual = {"listing": Fault(on="listing", status=429, headers=SPENT)}
    with pytest.raises(TooManyRequests, match="asks to wait 4 minutes"):
        run(here)


def test_a_hub_that_limits_again_after_the_wait_is_left_alone(here: Quiet, hub: Hub) -> None:
    upload(hub, "a/M")
    hub.usual["listing"] = Fault(on="listing", status=429, headers={"Retry-After": "5"})
    pauses: list[float] = []
    with pytest.raises(TooManyRequests):
        run(here, pauses=pauses)
    assert pauses == [5.0]


def test_too_many_words_are_refused(here: Quiet) -> None:
    with pytest.raises(ConfigError, match="longer than 200 characters"):
        run(here, "x" * 201)


def test_without_a_hub_the_search_is_an_error(here: Quiet) -> None:
    here.machine.hub = hub_at("http://127.0.0.1:9")
    with pytest.raises(ModelError, match="Hugging Face can't be reached"):
        run(here)


def test_ctrl_c_does_not_wait_for_the_answers_that_are_under_way(hub: Hub, tmp_path: Path) -> None:
    for number in range(4):
        upload(hub, f"a/M{number}", quants=("q4_k_m",))
    hub.usual["cdn"] = Fault(pause_s=60)
    script = (
        "from pathlib import Path\nfrom stackctl.cli import main\nfrom tests.commands.machines import quiet\n"
        f"from tests.fakes import hub_at\nhere = quiet(Path({str(tmp_path)!r})).machine\n"
        f"here.hub = hub_at({hub.url!r})\n"
        "main(['-C', '.', 'models', 'search', '--ram', '8192', '--json'], obj=lambda *_: here)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        while len([one for one in hub.asked if one.where == "cdn"]) < 4:
            time.sleep(0.01)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 130
        assert time.monotonic() - began < 8  # the answers take a minute


class Silent(FakeHub):
    """A hub that has no repository, and that gives no answer at all about one."""

    def repository(self, source: Source, *, waits: bool = True) -> Repo:
        if source.repo == "a/Silent":
            threading.Event().wait(60)
        return super().repository(source, waits=waits)


def test_a_hit_about_which_no_answer_comes_does_not_hold_up_a_search(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.machine.hub = Silent(hits=(Hit(name="a/Silent"), Hit(name="a/None")))
    began = time.monotonic()
    found = run(here, patience_s=1.6)
    assert time.monotonic() - began < 20
    assert [one.verdict for one in found.judged] == ["not_judged", "unreadable"]
    assert "not judged: no answer came within 2 s" in " ".join(report(found, here.machine.ui)[0].split())


def test_a_search_is_one_object_as_json(here: Quiet, hub: Hub) -> None:
    upload(hub, "a/M", downloads=7, gguf={"architecture": "llama", "chat_template": "x" * 9000})
    _, values = report(run(here), here.machine.ui)
    (hit,) = json.loads(json.dumps(values))["hits"]
    assert (hit["name"], hit["verdict"], hit["downloads"], hit["quantisation"]) == ("a/M", "runs", 7, "Q4_K_M")
    assert (hit["place"], hit["in_catalogue"], hit["created_on"]) == ("gpu", False, "2026-01-01")
