"""Programs of the operating system: those that only look, and those that a user agreed to."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.contracts.system import Ran
from stackctl.errors import DataError

_ADMINISTRATORS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_MOST: Final = 1 << 20  # characters of what a program says


def find(name: str) -> str:
    """Return the path of a program on PATH or in the folders of administrators; "" if there is none."""
    return shutil.which(name, path=os.pathsep.join((os.environ.get("PATH", os.defpath), *_ADMINISTRATORS))) or ""


def ask(argv: tuple[str, ...], within_s: float) -> Ran:
    """Run a program that only looks, without input; it is ended if it takes longer."""
    program = find(argv[0])
    if not program:
        return Ran(code=-1, err="not found")
    environment = {**os.environ, "LC_ALL": "C", "LANG": "C"}
    try:
        child = subprocess.Popen(
            (program, *argv[1:]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        return Ran(code=-1, err=str(error))
    try:
        out, err = child.communicate(timeout=within_s)
    except subprocess.TimeoutExpired:
        with suppress(OSError):
            os.killpg(child.pid, 9)  # one in the kernel (state D) does not end: nothing waits for it
        return Ran(code=-1, err="no answer in time", is_late=True)
    return Ran(code=child.returncode, out=out[:_MOST], err=err[:_MOST])


def run(argv: tuple[str, ...], *, needs_root: bool) -> Ran:
    """Run a program that changes something; it has the terminal, so that sudo can ask for a password."""
    try:
        done = subprocess.run(_as_root(argv) if needs_root else argv, check=False, stderr=subprocess.PIPE, text=True)
    except OSError as error:
        return Ran(code=-1, err=str(error))
    return Ran(code=done.returncode, err=done.stderr[:_MOST])


def write(path: PurePosixPath, text: str, *, needs_root: bool) -> PurePosixPath | None:
    """Write a file whole or not at all, and return the copy of the former one; None if there was none.

    The copy lies beside it, with `.before-stackctl` and a number. Raise DataError if either can't be written.
    """
    place = Path(path)
    copy = _free_copy(place) if place.exists() else None
    mode = place.stat().st_mode & 0o777 if copy else 0o644
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="stackctl-", delete=False) as file:
        file.write(text)
    beside = place.with_name(f".{place.name}.stackctl")
    steps: list[tuple[str, ...]] = [("mkdir", "-p", str(place.parent))]
    steps += [("cp", "-p", str(place), str(copy))] if copy else []
    steps += [("install", "-m", f"{mode:o}", file.name, str(beside)), ("mv", "-f", str(beside), str(place))]
    try:
        for argv in steps:
            done = run(argv, needs_root=needs_root)
            if done.code:
                raise DataError(f"{place} could not be written: {done.err.strip()}", hint=f"Look at `ls -l {place}`.")
    finally:
        Path(file.name).unlink(missing_ok=True)
    return PurePosixPath(copy) if copy else None


def _as_root(argv: tuple[str, ...]) -> tuple[str, ...]:
    return argv if os.geteuid() == 0 else ("sudo", *argv)


def _free_copy(place: Path) -> Path:
    """Return a free name for a copy beside a file."""
    at = 1
    while (copy := place.with_name(f"{place.name}.before-stackctl-{at}")).exists():
        at += 1
    return copy
