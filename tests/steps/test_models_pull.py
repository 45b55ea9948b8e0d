"""`stackctl models pull` and what keeps the result, against a hub on this machine that misbehaves as it is told."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.models import stored
from stackctl.commands.models.fit import models_looked_at
from stackctl.commands.models.inspect import inspect
from stackctl.errors import ConfigError, DoesNotFit, ModelError, StackctlError
from stackctl.machine import Machine
from stackctl.steps.models.pull import Pulled, offered_download, parse_source, pull
from tests.commands.machines import quiet
from tests.fakes import hub_at
from tests.hub.server import Fault, running
from tests.hub.server import Hub as Server
from tests.shapes.header import header

HEAD, SIZE = header({"general.architecture": "llama"}, {"token_embd.weight": ("f32", (64, 8192))})
MODEL = HEAD + random.Random(1).randbytes(SIZE - len(HEAD))  # noqa: S311 - any bytes will do
SHA256 = hashlib.sha256(MODEL).hexdigest()
SOURCE = "hf:owner/name:Q4_K_M"
FILE = "hf/owner/name/M-Q4_K_M.gguf"


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("owner/name", {"M-Q4_K_M.gguf": MODEL, "M-Q8_0.gguf": MODEL + b"\0" * 100})
        yield hub


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> Machine:
    machine = quiet(tmp_path).machine
    machine.hub = hub_at(server.url)
    return machine


def get(machine: Machine, source: str = SOURCE, to: Path | None = None) -> Pulled:
    return pull(machine, offered_download(machine, parse_source(source), to))


def files(machine: Machine) -> list[str]:
    """Everything in the store but locks, which stay."""
    found = (path for path in machine.storage.library.folder.rglob("*") if path.is_file() and path.suffix != ".lock")
    return sorted(str(path.relative_to(machine.storage.library.folder)) for path in found)


def test_it_comes_whole_with_its_record(machine: Machine, server: Server) -> None:
    done = get(machine)
    assert done.path.read_bytes() == MODEL
    assert (str(done.path.relative_to(machine.storage.library.folder)), done.licence) == (FILE, "apache-2.0")
    assert files(machine) == ["hf/owner/name/.M-Q4_K_M.gguf.stackctl.json", FILE]
    record = json.loads((machine.storage.library.folder / files(machine)[0]).read_text())
    assert record["files"] == [{"name": "M-Q4_K_M.gguf", "size": len(MODEL), "sha256": SHA256}]
    assert (record["source"], record["commit"]) == (SOURCE, server.repos["owner/name"].commit)


def test_what_is_here_is_not_fetched_again(machine: Machine, server: Server) -> None:
    get(machine)
    sent = server.sent
    assert get(machine).took_s == 0.0
    assert server.sent == sent


def test_a_damaged_file_of_the_right_size_is_replaced(machine: Machine) -> None:
    path = get(machine).path
    path.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    assert get(machine).path.read_bytes() == MODEL


def test_it_can_be_put_elsewhere(machine: Machine, tmp_path: Path) -> None:
    assert get(machine, to=tmp_path / "nas").path == tmp_path / "nas" / "M-Q4_K_M.gguf"


def test_an_address_that_names_no_parts_is_one_file(machine: Machine) -> None:
    offer = offered_download(machine, parse_source("http://127.0.0.1:1/m-00001-of-00000.gguf"))
    assert [one.name for one in offer.files] == ["m-00001-of-00000.gguf"]


def test_all_shards_come(machine: Machine, server: Server) -> None:
    parts = {f"M-Q6_K-0000{n}-of-00002.gguf": MODEL for n in (1, 2)}
    server.add("owner/split", parts)
    done = get(machine, "hf:owner/split:Q6_K")
    assert [one.name for one in done.files] == sorted(parts)
    assert done.path.name.endswith("00001-of-00002.gguf")


def test_a_folder_of_safetensors_comes_with_its_companions_and_without_pickles(
    machine: Machine, server: Server
) -> None:
    there = {
        "model-00001-of-00002.safetensors": b"\x02" + b"\0" * 7 + b"{}",
        "model-00002-of-00002.safetensors": b"\x02" + b"\0" * 7 + b"{}",
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}', "tokenizer.json": b"{}", "pytorch_model.bin": b"no",
    }  # fmt: skip
    server.add("owner/folder", there)
    done = get(machine, "hf:owner/folder")
    assert done.path == machine.storage.library.folder / "hf/owner/folder"
    assert {one.name for one in done.files} == there.keys() - {"pytorch_model.bin"}
    (listed,) = stored.stored_models(machine)
    assert (listed.quantisation, listed.is_whole) == ("safetensors", True)
    assert inspect(machine, str(done.path), force=False).licence == "apache-2.0"  # from the record: no card came along


def test_an_address_is_a_source_too(machine: Machine, server: Server) -> None:
    url = f"http://127.0.0.1:{server.cdn.server_address[1]}/owner/name/M-Q4_K_M.gguf"
    done = get(machine, url)
    assert (done.path.read_bytes(), done.files[0].sha256) == (MODEL, SHA256)
    assert stored.verify(machine, ())[0].wrong == ()


def test_an_address_that_gives_a_web_page_keeps_nothing(machine: Machine, server: Server) -> None:
    server.usual["cdn"] = Fault(body=b"<!DOCTYPE html><html>please log in</html>")
    with pytest.raises(ModelError, match="web page"):
        get(machine, f"http://127.0.0.1:{server.cdn.server_address[1]}/owner/name/M-Q4_K_M.gguf")
    assert not [name for name in files(machine) if name.endswith(".gguf")]


def everything(folder: Path) -> set[Path]:
    """What lies in a folder and beside it."""
    return {*folder.rglob("*"), *folder.parent.iterdir()}


ELSEWHERE = {
    "absolute": "{tmp}/outside-Q4_K_M.gguf", "above": "../../../../../outside-Q4_K_M.gguf", "dot": "./x-Q4_K_M.gguf",
    "backslash": "..\\x-Q4_K_M.gguf", "empty part": "a//x-Q4_K_M.gguf", "null": "x\0-Q4_K_M.gguf",
    "escape": "\x1b[2J-Q4_K_M.gguf", "right to left": "\u202ex-Q4_K_M.gguf", "half a character": "x\ud800-Q4_K_M.gguf",
    "hidden": ".x-Q4_K_M.gguf", "long": f"{'x' * 250}-Q4_K_M.gguf", "deep": f"{'a/' * 2000}x-Q4_K_M.gguf",
}  # fmt: skip


@pytest.mark.parametrize("name", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("to", ["", "nas"])
def test_a_listing_that_names_a_file_elsewhere_is_refused_and_nothing_is_written(
    machine: Machine, server: Server, tmp_path: Path, name: str, to: str
) -> None:
    server.add("owner/bad", {name.format(tmp=tmp_path): MODEL})
    before = everything(tmp_path)
    for act in (
        lambda: get(machine, "hf:owner/bad", tmp_path / to if to else None),
        lambda: models_looked_at(machine, "hf:owner/bad"),
    ):
        with pytest.raises(ModelError) as caught:
            act()
        assert "owner/bad" in caught.value.message
        assert caught.value.message.isprintable()
    assert everything(tmp_path) == before
    assert server.sent == 0


BESIDE = ("model.safetensors.part.json", "Config.json", "a\\x.json", "x\n.json", "CONFIG.JSON")


@pytest.mark.parametrize("name", BESIDE)
def test_a_folder_with_a_file_that_is_none_of_a_model_is_refused_whole(
    machine: Machine, server: Server, name: str
) -> None:
    server.add("owner/bad", {"model.safetensors": b"\x02" + b"\0" * 7 + b"{}", "config.json": b"{}", name: b"{}"})
    with pytest.raises(ModelError, match="owner/bad has a file named"):
        get(machine, "hf:owner/bad")
    assert not machine.storage.library.folder.exists()


def test_a_file_that_was_there_before_an_address_is_not_removed(
    machine: Machine, server: Server, tmp_path: Path
) -> None:
    mine = tmp_path / "M-Q4_K_M.gguf"
    mine.write_text("not a model, and not to be lost")
    with pytest.raises(ModelError):
        get(machine, f"http://127.0.0.1:{server.cdn.server_address[1]}/owner/name/{mine.name}", tmp_path)
    assert mine.read_text() == "not a model, and not to be lost"


def test_a_token_goes_to_the_hub_and_not_to_its_cdn(
    machine: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    get(machine)
    sent = {(one.where, "Authorization" in {n.title() for n in one.headers}) for one in server.asked}
    assert sent == {("hub", True), ("cdn", False)}


SURVIVED = {
    "busy": [Fault(status=429, headers={"Retry-After": "0"}), Fault(status=503)],
    "broken": [Fault(status=500), Fault(status=502), Fault(status=504)],
    "cut": [Fault(cut_after=100_000), Fault(cut_after=0), Fault(cut_after=1_000_000)],
    "range ignored": [Fault(cut_after=700_000), Fault(ignores_range=True)],
    "range refused": [Fault(cut_after=700_000), Fault(status=416)],
    "the hub busy": [Fault(on="listing", status=503), Fault(on="resolve", status=429)],
}


@pytest.mark.parametrize("faults", SURVIVED.values(), ids=SURVIVED)
def test_it_survives(machine: Machine, server: Server, faults: list[Fault]) -> None:
    server.faults.extend(faults)
    assert get(machine).path.read_bytes() == MODEL


@pytest.mark.parametrize("etag", ['W/"weak"', None])
def test_what_can_not_be_continued_safely_begins_anew(machine: Machine, server: Server, etag: str | None) -> None:
    server.etag_of["M-Q4_K_M.gguf"] = etag
    server.faults.append(Fault(cut_after=700_000))
    assert get(machine).path.read_bytes() == MODEL


def test_a_file_that_changes_between_two_tries_is_never_mixed(machine: Machine, server: Server) -> None:
    server.faults.append(Fault(cut_after=700_000))
    server.repos["owner/name"].lies["M-Q4_K_M.gguf"] = MODEL[::-1]
    with pytest.raises(ModelError, match="sha256"):
        get(machine)
    assert files(machine) == []


REFUSED = {
    "missing": ("hf:owner/none:Q4_K_M", "there is no model"),
    "no such file": ("hf:owner/name/N.gguf", "has no model file"),
    "no such quantisation": ("hf:owner/name:Q2_K", "has no Q2_K"),
    "not chosen": ("hf:owner/name", "in 2 quantisations"),
}


@pytest.mark.parametrize(("source", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_there_is_refused(machine: Machine, source: str, says: str) -> None:
    with pytest.raises(StackctlError, match=says) as caught:
        get(machine, source)
    assert caught.value.hint
    assert not machine.storage.library.folder.exists()


def test_a_wrong_length_or_hash_leaves_nothing_under_its_name(machine: Machine, server: Server) -> None:
    repo = server.repos["owner/name"]
    for lie in (MODEL[:-5], MODEL + b"12345", MODEL[:-1] + b"?"):
        repo.lies["M-Q4_K_M.gguf"] = lie
        with pytest.raises(ModelError):
            get(machine)
        assert FILE not in files(machine)


def test_a_full_disk_is_refused_before_the_first_byte(machine: Machine, server: Server) -> None:
    offer = offered_download(machine, parse_source(SOURCE))
    large = type(offer.files[0])(name=offer.files[0].name, size=10**18)
    with pytest.raises(DoesNotFit, match="GB free"):
        pull(machine, type(offer)(source=offer.source, files=(large,), root=offer.root))
    assert server.sent == 0


def test_what_is_beyond_plain_http_comes_by_the_hubs_own_way(machine: Machine, server: Server) -> None:
    machine.hub = replace(hub_at(server.url), xet_from=1000)
    assert get(machine).path.read_bytes() == MODEL
    assert files(machine) == ["hf/owner/name/.M-Q4_K_M.gguf.stackctl.json", FILE]


def test_what_comes_damaged_by_the_hubs_own_way_takes_no_name(machine: Machine, server: Server) -> None:
    machine.hub = replace(hub_at(server.url), xet_from=1000)
    server.repos["owner/name"].lies["M-Q4_K_M.gguf"] = MODEL[:-1] + b"?"
    target = machine.storage.library.folder / FILE
    target.parent.mkdir(parents=True)
    target.write_bytes(b"of an earlier pull")
    with pytest.raises(ModelError, match="arrived damaged"):
        get(machine)
    assert target.read_bytes() == b"of an earlier pull"
    assert files(machine) == [FILE]


def test_a_path_is_no_source(machine: Machine) -> None:
    with pytest.raises(ConfigError, match="neither a model at Hugging Face nor an address"):
        get(machine, "/models/x.gguf")


@pytest.mark.parametrize("name", ["owner/name:Q4_K_M", "https://huggingface.co/owner/name/blob/main/M-Q4_K_M.gguf"])
def test_a_model_comes_by_its_name_as_it_was_copied(machine: Machine, name: str) -> None:
    assert get(machine, name).path == machine.storage.library.folder / FILE
    assert [one.wrong for one in stored.verify(machine, (name,))] == [()]


def test_of_two_at_once_the_second_waits_for_the_first(machine: Machine, server: Server) -> None:
    server.usual["cdn"] = Fault(pause_s=0.01)
    results: list[Pulled] = []
    threads = [threading.Thread(target=lambda: results.append(get(machine))) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.path.read_bytes() == MODEL for one in results] == [True, True]
    assert server.sent == len(MODEL)


def test_verify_finds_what_is_damaged_and_what_is_gone(machine: Machine) -> None:
    path = get(machine).path
    get(machine, "hf:owner/name:Q8_0")
    assert [one.wrong for one in stored.verify(machine, ())] == [(), ()]
    path.write_bytes(MODEL[:-1] + bytes([MODEL[-1] ^ 1]))
    assert [one.wrong for one in stored.verify(machine, (FILE,))] == [("M-Q4_K_M.gguf",)]
    path.unlink()
    assert stored.verify(machine, ("M-Q4_K_M.gguf",))[0].wrong == ("M-Q4_K_M.gguf",)


def test_remove_takes_the_model_its_record_and_empty_folders(machine: Machine) -> None:
    get(machine)
    get(machine, "hf:owner/name:Q8_0")
    stored.remove(machine, stored.removable_model(machine, SOURCE, force=False))
    assert files(machine) == ["hf/owner/name/.M-Q8_0.gguf.stackctl.json", "hf/owner/name/M-Q8_0.gguf"]
    stored.remove(machine, stored.removable_model(machine, "M-Q8_0.gguf", force=False))
    assert list(machine.storage.library.folder.iterdir()) == []


def test_a_stack_in_a_folder_that_one_may_not_enter_is_passed_over_and_said(tmp_path: Path, server: Server) -> None:
    """Root may enter any; the system refuses a name that is too long to everybody."""
    found = quiet(tmp_path)
    found.machine.hub = hub_at(server.url)
    get(found.machine)
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "stack.toml").write_text(f'[model]\nsource = "{SOURCE}"\n')
    found.docker.projects = frozenset({("theirs", f"/srv/{'x' * 300}"), ("mine", str(mine)), ("gone", "/srv/gone")})
    (entry,) = stored.stored_models(found.machine)
    assert entry.name == FILE
    assert stored.verify(found.machine, ())[0].wrong == ()
    stored.remove(found.machine, stored.removable_model(found.machine, SOURCE, force=True))
    said = found.said.getvalue()
    assert said.count("it is unknown which models the stack theirs uses: ") == 3
    assert "stack mine" not in said
    assert "stack gone" not in said


def test_an_unknown_name_is_refused_with_those_that_are_there(machine: Machine) -> None:
    get(machine)
    with pytest.raises(ModelError) as caught:
        stored.removable_model(machine, "other", force=False)
    assert FILE in caught.value.hint


def test_killed_at_any_moment_the_next_run_ends_with_the_right_file(tmp_path: Path, server: Server) -> None:
    """Fifty runs, each killed at a moment of its own; then one that is left alone."""
    server.usual["cdn"] = Fault(pause_s=0.004, step=32 << 10)
    ours = {"HF_ENDPOINT": server.url, "XDG_DATA_HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    argv = [sys.executable, "-c", FORKS, str(tmp_path)]
    seed = random.Random(7)  # noqa: S311
    moments = " ".join(f"{seed.uniform(0.0, 0.25):.3f}" for _ in range(50))
    done = subprocess.run(
        argv, env={**os.environ, **ours}, input=moments, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    codes = [int(code) for code in done.stdout.split()]
    assert set(codes[:50]) <= {0, -signal.SIGKILL}  # one that was quick had it whole
    assert codes.count(-signal.SIGKILL) >= 20
    assert codes[50:] == [0]
    assert (tmp_path / "stackctl" / "models" / FILE).read_bytes() == MODEL
    assert 0 < server.sent < 40 * len(MODEL)


# imports once, then forks a child per run, so that a run is killed while it works and not while it loads
FORKS = """
import os, signal, sys, time
from pathlib import Path
import httpx, huggingface_hub, tenacity, filelock
from stackctl.steps.models.pull import offered_download, parse_source, pull
from stackctl.machine import real
from stackctl.ui import Ui

def run():
    machine = real(Path(sys.argv[1]), Ui())
    pull(machine, offered_download(machine, parse_source("hf:owner/name:Q4_K_M")))

for moment in [*map(float, sys.stdin.read().split()), None]:
    child = os.fork()
    if not child:
        run()
        os._exit(0)
    if moment is not None:
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
