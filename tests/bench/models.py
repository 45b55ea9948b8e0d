"""Models: the sum for a 70B-shaped header, what a remote one costs, and a pull from loopback beside curl's."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, Final

from stackctl.backends import llamacpp
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.model import gguf_shape
from stackctl.effects.models.contents import contents
from stackctl.machine import real
from stackctl.steps.models.pull import offered_download, parse_source
from stackctl.steps.models.remote import describe_remote
from stackctl.ui import Ui
from tests.fakes import hub_at
from tests.hub.server import running
from tests.shapes.family import Model
from tests.shapes.header import header, sparse
from tests.shapes.vocabularies import VOCABULARIES

LARGE = Model(arch="llama", layers=80, embd=8192, ff=28672, heads=64, kv_heads=8, vocab=128256)
SMALL = Model(arch="llama", layers=8, embd=256, ff=512, heads=8, kv_heads=2, vocab=128256)
ROOM = Room(gpus_mib=(24_000,), ram_mib=64_000)
PULLED: Final = 1 << 30
_FETCH: Final = """
import sys
from pathlib import Path
from stackctl.effects.download import fetch
fetch(sys.argv[1], Path(sys.argv[2]), size=0, sha256="", progress=lambda done, total: None)
"""
_HUBS_OWN: Final = """
import sys
from huggingface_hub import hf_hub_download
hf_hub_download("owner/name", "M-Q8_0.gguf", local_dir=sys.argv[1])
"""


def large(path: Path) -> Path:
    """A file with the header of a 70B model that has Llama 3's vocabulary; its data is a hole."""
    return sparse(path, {**LARGE.metadata(), **VOCABULARIES["llama-bpe"].metadata()}, LARGE.tensors())


def fit_s(runs: int) -> tuple[list[float], list[float]]:
    """Seconds, and those on a processor, to read that header and choose how to run the model, in this process."""
    with TemporaryDirectory() as folder:
        path = large(Path(folder) / "70b.gguf")

        def once() -> None:
            shape = gguf_shape.shape_of(*contents(str(path), Path(folder)).gguf_files)
            choose(shape, Wanted(slots=1), llamacpp.MEMORY, ROOM)

        return [timed(once) for _ in range(runs)], [timed(once, time.process_time) for _ in range(runs)]


def remote() -> Iterator[tuple[str, int, int, int]]:
    """Per vocabulary (its name, requests, bytes that were sent, bytes of the header) for planning with such a model."""
    for name, vocabulary in VOCABULARIES.items():
        head, size = header({**SMALL.metadata(), **vocabulary.metadata()}, SMALL.tensors("q8_0"))
        with running() as hub, TemporaryDirectory() as folder:
            hub.add("owner/name", {"M-Q8_0.gguf": head + b"\0" * (size - len(head))})
            machine = real(Path(folder), Ui())
            machine.hub = hub_at(hub.url)
            describe_remote(machine, offered_download(machine, parse_source("hf:owner/name:Q8_0")))
            yield name, len(hub.asked), hub.sent, len(head)


@contextmanager
def served() -> Iterator[tuple[str, str, Path]]:
    """(a hub on loopback with a model of 1 GiB, the model's address, an empty folder)."""
    head = header({**SMALL.metadata(), **VOCABULARIES["llama-bpe"].metadata()}, SMALL.tensors("q8_0"))[0]
    artefacts = Path(__file__).resolve().parents[2] / ".artefacts"  # /tmp may be memory
    artefacts.mkdir(exist_ok=True)
    with running() as hub, TemporaryDirectory(dir=artefacts) as folder:
        hub.add("owner/name", {"M-Q8_0.gguf": head + b"\0" * (PULLED - len(head))})
        yield hub.url, f"{hub.url}/owner/name/resolve/main/M-Q8_0.gguf", Path(folder)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What fetching a file takes, the start of programs included. busy: seconds on a processor; peak: bytes."""

    seconds: float
    busy: float
    peak: int


def pulls(runs: int, stackctl: Sequence[str]) -> dict[str, list[Cost]]:
    """Each way to fetch 1 GiB from loopback, in turn."""
    with served() as (hub, url, folder):
        target = str(folder / "M-Q8_0.gguf")
        curl = ["curl", "-sSL", "-o", target, url]
        pull = [*stackctl, "models", "pull", "hf:owner/name/M-Q8_0.gguf", "--to", str(folder)]
        ways: dict[str, list[Sequence[str]]] = {
            "curl": [curl],
            "curl, then sha256sum": [curl, ["sha256sum", target]],
            "an address, by our download": [[sys.executable, "-c", _FETCH, url, target]],
            "models pull hf:OWNER/NAME/FILE": [pull],
            "huggingface_hub's own download": [[sys.executable, "-c", _HUBS_OWN, str(folder)]],
        }
        environment = {**os.environ, "HF_ENDPOINT": hub, "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_XET": "1"}
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        for number in range(runs + 1):
            for way, programs in ways.items():
                each = [_cost(argv, environment) for argv in programs]
                if number:  # the first round warms the disk's cache
                    seconds, busy = sum(one.seconds for one in each), sum(one.busy for one in each)
                    costs[way].append(Cost(seconds=seconds, busy=busy, peak=max(one.peak for one in each)))
                shutil.rmtree(folder)
                folder.mkdir()
    return costs


def _cost(argv: Sequence[str], environment: dict[str, str]) -> Cost:
    peak, began = 0, time.perf_counter()
    with TemporaryFile() as said, subprocess.Popen(argv, env=environment, stdout=said, stderr=said) as process:
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            # its own record would begin with this program's size, from before it became another one
            found = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{process.pid}/status").read_text())
            peak = max(peak, int(found[1]) << 10 if found else 0)
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(argv)}: exit {process.returncode}\n{said.read().decode()}")
    return Cost(seconds=seconds, busy=ended[2].ru_utime + ended[2].ru_stime, peak=peak)


def timed(work: Callable[[], None], clock: Callable[[], float] = time.perf_counter) -> float:
    began = clock()
    work()
    return clock() - began


def report(runs: int, stackctl: Sequence[str]) -> dict[str, Any]:
    """Measure all of it, print it, and return it for the JSON."""
    fits, busy_s = fit_s(runs * 4)
    print(f"\nfit of a 70B-shaped header, in process: {_ms(fits)}; busy {_ms(busy_s)} (aim: under 30 ms)")
    print("fit of a remote model (aim: at most 4 requests and 1 MiB beyond its header):")
    costs = list(remote())
    for name, requests, sent, head in costs:
        print(
            f"  {name:10} {requests} requests, {max(0, sent - head) >> 10:4} KiB beyond its header of {head >> 10} KiB"
        )
    found: dict[str, Any] = {"fit_s": fits, "fit_busy_s": busy_s, "remote": costs}
    if not shutil.which("curl"):
        print("pull beside curl: not measured, there is no curl here")
        return found
    costs_of = pulls(runs, stackctl)
    print(f"1 GiB from loopback, {runs} times each (aim: at least 0.9 of curl's rate, hash included, constant memory):")
    middle = {way: statistics.median(one.seconds for one in costs) for way, costs in costs_of.items()}
    for way, seconds in middle.items():
        busy, peak = statistics.median(one.busy for one in costs_of[way]), max(one.peak for one in costs_of[way])
        rate, checked = middle["curl"] / seconds, middle["curl, then sha256sum"] / seconds
        print(
            f"  {way:30}  {seconds:.2f} s ({busy:.2f} s busy, {peak >> 20} MiB)  "
            f"{rate:.2f} of curl's rate, {checked:.2f} of that with sha256sum"
        )
    return {**found, "pull": {way: [asdict(one) for one in costs] for way, costs in costs_of.items()}}


def _ms(seconds: Sequence[float]) -> str:
    return f"median {statistics.median(seconds) * 1e3:.1f} ms, {min(seconds) * 1e3:.1f} to {max(seconds) * 1e3:.1f} ms"


if __name__ == "__main__":
    report(5, (sys.executable, "-m", "stackctl"))
