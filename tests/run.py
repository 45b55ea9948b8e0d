"""`make test`: every check in order; without an engine the rest still runs, and what did not run is said last."""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
ENGINE = [PYTHON, "images/engine/engine.py"]
STAGES = {
    "lint": [
        [PYTHON, "-m", "ruff", "check", "."],
        [PYTHON, "-m", "ruff", "format", "--check", "."],
        [PYTHON, "-m", "mypy"],
    ],
    "unit": [[PYTHON, "-m", "pytest", "-q", "-m", "not engine"]],
    "e2e": [[PYTHON, "-m", "pytest", "-q", "-m", "engine", "--durations=15"]],
}
IS_CI = os.environ.get("CI", "") not in {"", "0", "false"}


def is_root_on_debian() -> bool:
    """Whether the tests that bring up old engines of their own can run: they take them from Debian's suites."""
    about = Path("/etc/os-release")
    return os.geteuid() == 0 and about.is_file() and "\nID=debian\n" in f"\n{about.read_text()}\n"


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


def main(wanted: list[str]) -> int:
    failed: list[str] = []
    not_run: list[str] = []
    for name in wanted or list(STAGES):
        environment = engine_environment() if name == "e2e" else dict(os.environ)
        if environment is None:
            not_run.append("the tests on a real engine (make e2e): no container engine could be had, see above")
        elif name == "e2e" and run([*ENGINE, "import-base"], environment):
            failed.append("import-base")
        elif name == "e2e" and not is_root_on_debian():
            failed += [name for argv in STAGES[name] if run([*argv, "-m", "engine and not debian"], environment)]
            not_run.append("the tests on engines and Composes of other versions: they need root on Debian")
        else:
            failed += [name for argv in STAGES[name] if run(argv, environment)]
    if failed:
        print(f"\nFAILED: {', '.join(dict.fromkeys(failed))}")
    for what in not_run:
        print(f"\nNOT RUN: {what}")
    return 1 if failed or (not_run and IS_CI) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
