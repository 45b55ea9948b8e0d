"""`make test`: every check. What needs no engine runs beside what does, which waits more than it works; without an
engine the rest still runs, and what did not run is said last.
"""

import os
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHON = sys.executable
ENGINE = [PYTHON, "images/engine/engine.py"]
PREBUILD = [PYTHON, "-m", "tests.prebuild"]
COVERAGE = ".artefacts/coverage.json"
# the tests of whatever calls another package directly: a version too old for us breaks one of these
CALL_OTHERS = (
    *("tests/effects", "tests/orchestrators", "tests/core/config", "tests/core/formats"),
    *("tests/core/catalogue/test_updates.py", "tests/test_terminal.py", "tests/test_ui.py"),
)
ON_EVERY_CHANGE = "(sample or not (machines or chaos))"  # markers: see pyproject.toml
UNIT = [PYTHON, "-m", "pytest", "-q", "-m", f"not engine and {ON_EVERY_CHANGE}", "-n", "logical"]
STAGES = {
    "lint": [
        [PYTHON, "-m", "ruff", "check", "."],
        [PYTHON, "-m", "ruff", "format", "--check", "."],
        [PYTHON, "-m", "mypy"],
    ],
    "unit": [UNIT],
    "coverage": [
        [*UNIT, "--cov", "--cov-report", f"json:{COVERAGE}"],
        [PYTHON, "-m", "tests.coverage_gate", COVERAGE],
    ],
    "lowest": [[PYTHON, "-m", "tests.lowest"]],
    "lowest-sample": [[PYTHON, "-m", "tests.lowest", *CALL_OTHERS]],
}
# what each of these runs, on the engine but for a few
ON_ENGINE = {
    "e2e": f"engine and {ON_EVERY_CHANGE}",
    "machines": "machines",
    "chaos": "chaos",
}
ALL = ("lint", "unit", "lowest-sample", "e2e")
# a test waits for containers at times; with more processes than these the containers are slow to start
PROCESSES = str(min((os.cpu_count() or 1) + 1, 4))
LOWEST_BELOW = (3, 14)  # the Python for which there is no build of the lowest versions
IS_CI = os.environ.get("CI", "") not in {"", "0", "false"}


def is_root_on_debian() -> bool:
    """Whether the tests that bring up old engines of their own can run: they take them from Debian's suites."""
    about = Path("/etc/os-release")
    return os.geteuid() == 0 and about.is_file() and "\nID=debian\n" in f"\n{about.read_text()}\n"


def pytest_on_engine(expression: str) -> list[str]:
    """The command for the tests on the engine that an expression over their markers chooses."""
    return [
        *(PYTHON, "-m", "pytest", "-q", "-m", expression, "--durations=15"),
        *("-n", PROCESSES, "--dist", "loadfile", "--no-loadscope-reorder"),  # the tests of a file share its stacks
    ]


def run(argv: list[str], environment: dict[str, str]) -> int:
    """Run a command; its exit code."""
    print(f"+ {shlex.join(argv).replace(PYTHON, 'python')}", flush=True)
    began = time.monotonic()
    code = subprocess.run(argv, cwd=ROOT, env=environment, check=False).returncode
    print(f"  {ended(code, began)}", flush=True)
    return code


def run_beside(argv: list[str]) -> int:
    """Run a command that gives way to all others, and show at its end what it said; its exit code."""
    began = time.monotonic()
    done = subprocess.run(
        ["nice", *argv], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    command = shlex.join(argv).replace(PYTHON, "python")
    print(f"\n+ {command} (beside)\n{done.stdout}  {ended(done.returncode, began)}", flush=True)
    return done.returncode


def ended(code: int, began: float) -> str:
    return f"{'ok' if not code else f'FAILED ({code})'} in {time.monotonic() - began:.0f} s"


def engine_environment() -> dict[str, str] | None:
    """The environment in which an engine answers; None where there is none to be had."""
    if run([*ENGINE, "up"], dict(os.environ)):
        return None
    shown = subprocess.run([*ENGINE, "env"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    script = f"{shown}\nenv -0"
    found = subprocess.run(["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in found.split("\0") if "=" in line)


def run_on_engine(stages: list[str], environment: dict[str, str]) -> list[str]:
    """Build what these stages run on, and run them; what failed."""
    if run(PREBUILD, environment):
        return ["what the tests on an engine run on"]
    limit = "" if is_root_on_debian() else " and not debian"
    return [name for name in stages if run(pytest_on_engine(f"({ON_ENGINE[name]}){limit}"), environment)]


def run_all(stages: list[str], environment: dict[str, str] | None) -> list[str]:
    """Run these stages, those without an engine beside those with one; what failed."""
    plain = [(name, argv) for name in stages if name in STAGES for argv in STAGES[name]]
    if environment is None:
        return [name for name, argv in plain if run(argv, dict(os.environ))]
    with ThreadPoolExecutor(1) as beside:
        codes = [(name, beside.submit(run_beside, argv)) for name, argv in plain]
        try:
            failed = run_on_engine([name for name in stages if name in ON_ENGINE], environment)
            return failed + [name for name, code in codes if code.result()]
        except KeyboardInterrupt:
            beside.shutdown(cancel_futures=True)
            raise


def main(wanted: list[str]) -> int:
    stages, not_run = wanted or list(ALL), []
    if sys.version_info >= LOWEST_BELOW and {"lowest", "lowest-sample"} & set(stages):
        stages = [name for name in stages if not name.startswith("lowest")]
        not_run.append(
            "the unit tests with the lowest versions (make lowest): there is no build of those for this Python"
        )
    environment = engine_environment() if ON_ENGINE.keys() & set(stages) else None
    failed = run_all(stages, environment)
    if ON_ENGINE.keys() & set(stages):
        if environment is None:
            not_run.append("the tests on a real engine (make e2e): no container engine could be had, see above")
        elif not is_root_on_debian():
            not_run.append("the tests on engines and Composes of other versions: they need root on Debian")
    if failed:
        print(f"\nFAILED: {', '.join(dict.fromkeys(failed))}")
    for what in not_run:
        print(f"\nNOT RUN: {what}")
    return 1 if failed or (not_run and IS_CI) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
