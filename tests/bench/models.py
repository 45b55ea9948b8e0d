"""Models: the sum for a 70B-shaped header, what a remote one costs, and a pull from loopback beside curl's."""

import hashlib
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stackctl.backends import llamacpp
from stackctl.commands.models.pull import offered, parsed
from stackctl.commands.models.remote import described
from stackctl.core.choice import Room, Wanted, choose
from stackctl.core.fit import gguf_shape
from stackctl.effects.hub import Hub
from stackctl.effects.models.inside import inside
from stackctl.machine import real
from stackctl.ui import Ui
from tests.hub.server import running
from tests.shapes.family import Model
from tests.shapes.header import Value, header, sparse

LARGE = Model(arch="llama", layers=80, embd=8192, ff=28672, heads=64, kv_heads=8, vocab=128256)
# as many pieces and merges as Llama 3 has
VOCABULARY: dict[str, Value] = {
    "tokenizer.ggml.tokens": [f"{'o' * (number // 16_000)}{number}" for number in range(128_256)],
    "tokenizer.ggml.token_type": [1] * 128_256,
    "tokenizer.ggml.merges": [f"{'o' * (number // 32_000)}{number} o" for number in range(280_147)],
}
ROOM = Room(gpus_mib=(24_000,), ram_mib=64_000)
PULLED = 1 << 30


def fit_s(runs: int) -> list[float]:
    """Seconds to read the header of a 70B-shaped file and choose how to run it, in this process."""
    with TemporaryDirectory() as folder:
        path = sparse(Path(folder) / "70b.gguf", {**LARGE.metadata(), **VOCABULARY}, LARGE.tensors())

        def once() -> None:
            shape = gguf_shape.of(*inside(str(path), Path(folder)).gguf_files)
            choose(shape, Wanted(slots=1), llamacpp.MEMORY, ROOM)

        return [timed(once) for _ in range(runs)]


def remote() -> tuple[int, int, int]:
    """(requests, bytes that were sent, bytes of the header) for planning with a model that is at a hub."""
    small = Model(arch="llama", layers=8, embd=256, ff=512, heads=8, kv_heads=2, vocab=128256)
    head, size = header({**small.metadata(), **VOCABULARY}, small.tensors("q8_0"))
    with running() as hub, TemporaryDirectory() as folder:
        hub.add("owner/name", {"M-Q8_0.gguf": head + b"\0" * (size - len(head))})
        machine = real(Path(folder), Ui())
        machine.hub = Hub(endpoint=hub.url)
        described(machine, offered(machine, parsed("hf:owner/name:Q8_0")))
        return len(hub.asked), hub.sent, len(head)


def pulls(runs: int) -> tuple[list[float], list[float]]:
    """Seconds for 1 GiB from loopback: by our download, hash included, and by curl, in turn."""
    with TemporaryDirectory() as text:
        folder = Path(text)
        source = folder / "source.bin"
        with source.open("wb") as file:
            for _ in range(PULLED >> 20):
                file.write(b"\xa5" * (1 << 20))
        digest = hashlib.sha256(source.read_bytes()).hexdigest()
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=text)) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}/source.bin"
            ours, curls = [], []
            for _ in range(runs):
                ours.append(timed(partial(_ours, url, folder / "ours.bin", digest)))
                curls.append(timed(partial(_curl, url, folder / "curl.bin")))
            server.shutdown()
    return ours, curls


def _ours(url: str, target: Path, digest: str) -> None:
    code = (
        "import sys; from pathlib import Path; from stackctl.effects.download import fetch; "
        "fetch(sys.argv[1], Path(sys.argv[2]), size=0, sha256=sys.argv[3], progress=lambda done, total: None)"
    )
    subprocess.run([sys.executable, "-c", code, url, str(target), digest], check=True)
    target.unlink()


def _curl(url: str, target: Path) -> None:
    subprocess.run(["curl", "-sS", "-o", str(target), url], check=True)
    target.unlink()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Nothing."""


def timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report(runs: int) -> dict[str, Any]:
    """Measure all of it, print it, and return it for the JSON."""
    fits = fit_s(runs * 4)
    requests, sent, head = remote()
    print(f"\nfit of a 70B-shaped header, in process: {_ms(fits)} (aim: under 30 ms)")
    print(f"fit of a remote model: {requests} requests, {sent - head} bytes beyond its header of {head}")
    found: dict[str, Any] = {"fit_s": fits, "remote": {"requests": requests, "sent": sent, "header": head}}
    if shutil.which("curl"):
        ours, curls = pulls(runs)
        ratio = statistics.median(curls) / statistics.median(ours)
        print(f"pull of 1 GiB from loopback, hash included: {ratio:.2f} of curl's rate (aim: at least 0.9)")
        found["pull"] = {"ours": ours, "curl": curls}
    else:
        print("pull beside curl: not measured, there is no curl here")
    return found


def _ms(seconds: Sequence[float]) -> str:
    return f"median {statistics.median(seconds) * 1e3:.1f} ms, {min(seconds) * 1e3:.1f} to {max(seconds) * 1e3:.1f} ms"


if __name__ == "__main__":
    report(5)
