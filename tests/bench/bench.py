"""`make bench`: stackctl beside bare Python, ramalama, tutor and Compose itself; one run, interleaved, medians, ratios.

Aims are printed as met or missed and fail nothing: a slow or busy machine must not break a build. Everything that is
measured is installed here, compiled, into .artefacts/bench; the numbers go to .artefacts/bench.json as well.
"""

import argparse
import hashlib
import json
import os
import platform
import shutil
import socket
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS = ROOT / ".artefacts"
HOME = ARTEFACTS / "bench"
STACK = HOME / "stack"
READY_LINE = "llamacpp is ready"
PEER = "ramalama --help"
_MEGA = 1e6


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a command: seconds, and the largest resident size (bytes) of it and of what it waited for."""

    seconds: float
    peak: int


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What was aimed at, what came out, and whether that is it."""

    what: str
    aim: str
    value: float
    limit: float
    unit: str = ""

    @property
    def is_met(self) -> bool:
        return self.value <= self.limit


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=int, default=15, help="runs of each command [15]")
    options.add_argument("--deploys", type=int, default=5, help="deploys, and as many `docker compose up` [5]")
    options.add_argument("--pages", type=int, default=5, help="page loads, and as many by hand [5]")
    given = options.parse_args()

    ours, others = prepare()
    stackctl = str(ours / "bin" / "stackctl")
    say("the stack, once: images and settings are there for what is measured")
    call([stackctl, "images", "build", "base", "llamacpp", "sillytavern"])
    shutil.rmtree(STACK, ignore_errors=True)
    STACK.mkdir()
    port = free_port()
    call([stackctl, "deploy", "--model", "demo", "--images", "own", "--port", str(port), "--no-proof"])
    try:
        times = commands(given.runs, ours, others)
        deploys, composes, delays = starts(given.deploys, stackctl)
        say(f"{given.pages} smoke tests of the running stack; {given.pages} page loads beside as many by hand, in turn")
        smokes = [timed([stackctl, "smoke"]).seconds for _ in range(given.pages)]
        # here and not above: what runs begins with this program's size, and the peak of a deploy is the larger of both
        from tests.bench.pages import connected

        pages = connected(given.pages, STACK, f"http://127.0.0.1:{port}")
    finally:
        call([stackctl, "down"])
    report(times, deploys, composes, delays)
    more(smokes, *pages)
    from tests.bench import models

    file = ARTEFACTS / "bench.json"
    found = json.loads(file.read_text())
    file.write_text(json.dumps({**found, "models": models.report(given.pages, (stackctl,))}, indent=2) + "\n")
    return 0


def prepare() -> tuple[Path, Path]:
    """(environment of stackctl, installed from its wheel; environment of ramalama and tutor)."""
    HOME.mkdir(parents=True, exist_ok=True)
    ours = environment("ours", ROOT / "images" / "stackctl" / "requirements.txt")
    others = environment("others", ROOT / "tests" / "bench" / "requirements.txt")
    say("stackctl's wheel, from this checkout")
    built = HOME / "wheel"
    shutil.rmtree(built, ignore_errors=True)
    call([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(ROOT)])
    pip(ours, "--no-deps", "--force-reinstall", str(next(built.glob("*.whl"))))
    code = "import sys, pathlib; from tests.bench.models import large; large(pathlib.Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", code, str(HOME / "70b.gguf")], cwd=ROOT, check=True)
    return ours, others


def environment(name: str, requirements: Path) -> Path:
    """A virtual environment with these requirements; made again only where they have changed."""
    place = HOME / name
    mark = place / "made-from"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if not mark.is_file() or mark.read_text() != digest:
        say(f"{place.relative_to(ROOT)}: {requirements.relative_to(ROOT)}, from the package index")
        venv.create(place, with_pip=True, clear=True)
        pip(place, "--no-deps", "--require-hashes", "--requirement", str(requirements))
        mark.write_text(digest)
    return place


def pip(place: Path, *words: str) -> None:
    call([str(place / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", *words])


def commands(runs: int, ours: Path, others: Path) -> dict[str, list[float]]:
    """Name -> seconds of each run; one of each in turn, so that a busy moment hits all alike."""
    stackctl, ramalama = str(ours / "bin" / "stackctl"), str(others / "bin" / "ramalama")
    measured = {
        "python -c pass": [str(ours / "bin" / "python"), "-c", "pass"],
        "stackctl --help": [stackctl, "--help"],
        "stackctl render --stdout": [stackctl, "render", "--stdout"],
        "stackctl models fit 70B": [stackctl, "models", "fit", str(HOME / "70b.gguf")],
        "stackctl status": [stackctl, "status"],
        PEER: [ramalama, "--help"],
        "ramalama --dryrun serve": [ramalama, "--dryrun", "serve", "tinyllama"],
        "tutor --help": [str(others / "bin" / "tutor"), "--help"],
    }
    say(f"{runs} runs of {len(measured)} commands, in turn")
    times: dict[str, list[float]] = {name: [] for name in measured}
    for number in range(runs + 1):
        for name, argv in measured.items():
            seconds = timed(argv).seconds
            if number:  # the first round warms the disk's cache
                times[name].append(seconds)
    return times


def starts(runs: int, stackctl: str) -> tuple[list[Run], list[Run], list[float]]:
    """(deploys, Compose's own starts of the same file, delays of "ready"), in turn, each from a stack that is down."""
    say(f"{runs} deploys and {runs} `docker compose up --detach --wait` of the same file, in turn")
    deploys: list[Run] = []
    composes: list[Run] = []
    delays: list[float] = []
    compose = ["docker", "compose", "--file", "compose.yml"]
    for _ in range(runs):
        call([stackctl, "down"])
        run, said_at = deployed(stackctl)
        deploys.append(run)
        delays.append(said_at - healthy_at())
        call([*compose, "down"])
        composes.append(timed([*compose, "up", "--detach", "--wait"]))
    return deploys, composes, delays


def timed(argv: Sequence[str]) -> Run:
    """Run a command in the stack's folder; its failure ends everything."""
    began = time.perf_counter()
    with subprocess.Popen(
        argv, cwd=STACK, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        return finished(process, began, argv)


def deployed(stackctl: str) -> tuple[Run, float]:
    """A deploy, and when (seconds since the epoch) it said that the backend is ready."""
    argv = [stackctl, "deploy", "--no-proof"]
    said_at = 0.0
    began = time.perf_counter()
    with subprocess.Popen(
        argv, cwd=STACK, env=surroundings(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            if READY_LINE in line:
                said_at = time.time()
        return finished(process, began, argv), said_at


def finished(process: "subprocess.Popen[Any]", began: float, argv: Sequence[str]) -> Run:
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)}: exit {process.returncode}")
    return Run(seconds=seconds, peak=usage.ru_maxrss * 1024)


def healthy_at() -> float:
    """When (seconds since the epoch) the backend's health turned good, by the engine's own record."""
    asked = ["docker", "compose", "--file", "compose.yml", "ps", "--quiet", "llamacpp"]
    container = call(asked).strip()
    log = json.loads(call(["docker", "inspect", "--format", "{{json .State.Health.Log}}", container]))
    return next(datetime.fromisoformat(one["End"]).timestamp() for one in log if one["ExitCode"] == 0)


def free_port() -> int:
    """A port that nobody else will choose meanwhile: stackctl's own choice begins at 8000."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def call(argv: Sequence[str]) -> str:
    """Run a command that is not measured, quietly; its failure ends everything, with its words."""
    cwd = STACK if STACK.is_dir() else ROOT
    done = subprocess.run(argv, cwd=cwd, env=surroundings(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def surroundings() -> dict[str, str]:
    """The environment, with a home of the bench's own: what is measured leaves nothing in the user's."""
    docker = os.environ.get("DOCKER_CONFIG", str(Path.home() / ".docker"))
    return {**os.environ, "HOME": str(HOME / "home"), "DOCKER_CONFIG": docker}


def say(text: str) -> None:
    print(f"- {text}", file=sys.stderr, flush=True)


def report(
    times: Mapping[str, Sequence[float]], deploys: Sequence[Run], composes: Sequence[Run], delays: Sequence[float]
) -> None:
    """The tables for people, and the same as JSON."""
    cpus, load, version = os.cpu_count(), os.getloadavg()[0], platform.python_version()
    print(f"{cpus} CPUs, load {load:.1f}, Python {version}\n")
    python, ramalama = (statistics.median(times[name]) for name in ("python -c pass", PEER))
    rows = [("", "median", "min", "x python", f"x {PEER}")]
    for name, seconds in times.items():
        middle, least = statistics.median(seconds), min(seconds)
        rows.append(
            (
                name,
                f"{middle * 1e3:.0f} ms",
                f"{least * 1e3:.0f} ms",
                f"{middle / python:.1f}",
                f"{middle / ramalama:.2f}",
            )
        )
    print(table(rows))
    print(f"\nstackctl deploy --no-proof: {spread([run.seconds for run in deploys])}")
    print(f"docker compose up --wait: {spread([run.seconds for run in composes])}")
    print(f"from the backend's health turning good to `{READY_LINE}`: {spread(delays)}\n")
    aims = judged(times, deploys, composes, delays)
    print(table([("aim", "", "measured", ""), *((a.what, a.aim, f"{a.value:.2f}{a.unit}", verdict(a)) for a in aims)]))
    result = {
        "machine": {"cpus": cpus, "load": load, "python": version},
        "seconds": {name: list(seconds) for name, seconds in times.items()},
        "deploy": [asdict(run) for run in deploys],
        "compose": [asdict(run) for run in composes],
        "delay_s": list(delays),
        "aims": [{**asdict(aim), "met": aim.is_met} for aim in aims],
    }
    (ARTEFACTS / "bench.json").write_text(json.dumps(result, indent=2) + "\n")


def more(smokes: Sequence[float], ours: Sequence[float], by_hand: Sequence[float]) -> None:
    """What has no aim; added to the JSON."""
    print(f"\nstackctl smoke on a ready stack: {spread(smokes)}")
    ratio = statistics.median(ours) / statistics.median(by_hand)
    print(f"page load to connected: {spread(ours)}; configured by hand: {spread(by_hand)}; ratio {ratio:.2f}")
    file = ARTEFACTS / "bench.json"
    found = json.loads(file.read_text())
    pages = {"ours": list(ours), "by_hand": list(by_hand)}
    file.write_text(json.dumps({**found, "smoke": list(smokes), "pages": pages}, indent=2) + "\n")


def judged(
    times: Mapping[str, Sequence[float]], deploys: Sequence[Run], composes: Sequence[Run], delays: Sequence[float]
) -> tuple[Aim, ...]:
    """Medians against the aims; of the memory, the largest."""
    middle = {name: statistics.median(seconds) for name, seconds in times.items()}
    deploy, compose = (statistics.median(run.seconds for run in runs) for runs in (deploys, composes))
    peak = max(run.peak for run in deploys) / _MEGA
    names = ("stackctl --help", "stackctl render --stdout", "stackctl models fit 70B", PEER)
    help_, render, fit, peer = (middle[name] for name in names)
    return (
        Aim(what=f"--help / {PEER}", aim="at most 0.5", value=help_ / peer, limit=0.5),
        Aim(what=f"render / {PEER}", aim="at most 1", value=render / peer, limit=1),
        Aim(what="models fit / render", aim="at most 1.5", value=fit / render, limit=1.5),
        Aim(what="deploy / docker compose up --wait", aim="at most 1.15", value=deploy / compose, limit=1.15),
        Aim(what="delay of ready", aim="under 0.5 s", value=statistics.median(delays), limit=0.5, unit=" s"),
        Aim(what="peak memory of deploy", aim="under 80 MB", value=peak, limit=80, unit=" MB"),
    )


def spread(seconds: Sequence[float]) -> str:
    return f"median {statistics.median(seconds):.2f} s, {min(seconds):.2f} to {max(seconds):.2f} s"


def verdict(aim: Aim) -> str:
    return "met" if aim.is_met else "MISSED"


def table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(widths[i]) for i, cell in enumerate(row)).rstrip() for row in rows)


if __name__ == "__main__":
    sys.exit(main())
