"""`make test`: every check in order; without an engine the rest still runs, and what did not run is said last."""

import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
ENGINE = [PYTHON, "images/engine/engine.py"]
PREBUILD = [PYTHON, "-m", "tests.prebuild"]
# a test waits for containers more than it works; with more processes than these the containers are slow to start
PROCESSES = str(max(2, min(os.cpu_count() or 1, 4)))
STAGES = {
    "lint": [
        [PYTHON, "-m", "ruff", "check", "."],
        [PYTHON, "-m", "ruff", "format", "--check", "."],
        [PYTHON, "-m", "mypy"],
    ],
    "unit": [[PYTHON, "-m", "pytest", "-q", "-m", "not engine", "-n", "logical"]],
    "lowest": [[PYTHON, "-m", "tests.lowest"]],
    "e2e": [
        [
            *(PYTHON, "-m", "pytest", "-q", "-m", "engine", "--durations=15"),
            *("-n", PROCESSES, "--dist", "loadfile", "--no-loadscope-reorder"),  # the tests of a file share its stacks
        ]
    ],
}
LOWEST_BELOW = (3, 14)  # the Python for which there is no build of the lowest versions
IS_CI = os.environ.get("CI", "") not in {"", "0", "false"}


def is_root_on_debian() -> bool:
    """Whether the tests that bring up old engines of their own can run: they take them from Debian's suites."""
    about = Path("/etc/os-release")
    return os.geteuid() == 0 and about.is_file() and "\nID=debian\n" in f"\n{about.read_text()}\n"


def what_can_not_run(stages: list[str]) -> list[str]:
    """Of these stages, what this machine's Python is too new for; taken out of them."""
    if "lowest" not in stages or sys.version_info < LOWEST_BELOW:
        return []
    stages.remove("lowest")
    return ["the unit tests with the lowest versions (make lowest): there is no build of those for this Python"]


def run(argv: list[str], environment: dict[str, str]) -> int:
    print(f"+ {shlex.join(argv).replace(PYTHON, 'python')}", flush=True)
    began = time.monotonic()
    code = subprocess.run(argv, cwd=ROOT, env=environment, check=False).returncode
    print(f"  {'ok' if not code else f'FAILED ({code})'} in {time.monotonic() - began:.0f} s", flush=True)
    return code


def engine_environment() -> dict[str, str] | None:
    """The environment in which an engine answers; None where there is none to be had."""
    if run([*ENGINE, "up"], dict(os.environ)):
        return None
    shown = subprocess.run([*ENGINE, "env"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    script = f"{shown}\nenv -0"
    found = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in found.split("\0") if "=" in line)


@contextmanager
def prebuilding(environment: dict[str, str]) -> Iterator["Prebuild"]:
    """Build what the tests on an engine run on, beside whatever else is done meanwhile."""
    with tempfile.TemporaryFile("w+") as says:
        process = subprocess.Popen(PREBUILD, cwd=ROOT, env=environment, stdout=says, stderr=subprocess.STDOUT)
        try:
            yield Prebuild(process, says)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()


class Prebuild:
    """What is being built; its words are shown at its end."""

    def __init__(self, process: "subprocess.Popen[bytes]", says: IO[str]) -> None:
        self._process, self._says = process, says

    def end(self) -> int:
        """Wait for it; its exit code."""
        began = time.monotonic()
        code = self._process.wait()
        self._says.seek(0)
        print(f"+ {shlex.join(PREBUILD).replace(PYTHON, 'python')} (since the beginning)\n{self._says.read()}", end="")
        print(f"  {'ok' if not code else f'FAILED ({code})'}, waited for {time.monotonic() - began:.0f} s", flush=True)
        return code


def main(wanted: list[str]) -> int:
    stages = wanted or list(STAGES)
    not_run = what_can_not_run(stages)
    environment = engine_environment() if "e2e" in stages else None
    with prebuilding(environment) if environment else nullcontext() as prebuild:
        failed = [name for name in stages if name != "e2e" for argv in STAGES[name] if run(argv, dict(os.environ))]
        if environment is None or prebuild is None:
            if "e2e" in stages:
                not_run.append("the tests on a real engine (make e2e): no container engine could be had, see above")
        elif prebuild.end():
            failed.append("what the tests on an engine run on")
        else:
            narrower = [] if is_root_on_debian() else ["-m", "engine and not debian"]
            failed += ["e2e" for argv in STAGES["e2e"] if run([*argv, *narrower], environment)]
            if narrower:
                not_run.append("the tests on engines and Composes of other versions: they need root on Debian")
    if failed:
        print(f"\nFAILED: {', '.join(dict.fromkeys(failed))}")
    for what in not_run:
        print(f"\nNOT RUN: {what}")
    return 1 if failed or (not_run and IS_CI) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
