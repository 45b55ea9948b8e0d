"""Programs of the operating system: those that only look, and those that a user agreed to."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO, Final

from stackctl.contracts.system import Ran, Written
from stackctl.errors import DataError
from stackctl.terminal import shell_word

_ADMINISTRATORS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_MOST: Final = 1 << 20  # characters of what a program says
_MOST_SHOWN: Final = 6  # lines


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
    """Run a program that changes something; sudo asks for a password on the terminal itself.

    What it says goes through files: a daemon that it starts may hold a pipe open for ever.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        command = _as_root(argv) if needs_root else argv
        try:
            code = subprocess.run(command, check=False, stdout=out, stderr=err).returncode
        except OSError as error:
            return Ran(code=-1, err=str(error))
        return Ran(code=code, out=_end_of(out), err=_end_of(err))


def write(path: PurePosixPath, text: str, *, needs_root: bool, validate: tuple[str, ...] = ()) -> Written:
    """Write a file whole or not at all, after a copy of the former one was put beside it.

    The copy has `.before-stackctl` and a number behind its name. validate: a program that must accept the new file, {},
    before it takes the other's place. A link stays one. Raise DataError if it refuses, or something can't be written.
    """
    place = Path(path).resolve()
    beside = place.with_name(f".{place.name}.stackctl")
    with tempfile.TemporaryDirectory(prefix="stackctl-") as folder:
        new = Path(folder) / place.name
        new.write_text(text, encoding="utf-8")
        if validate:
            _must(tuple(str(new) if word == "{}" else word for word in validate), place, needs_root=False)
        try:
            has_former = run(("test", "-e", str(place)), needs_root=needs_root).code == 0
            copy = _copied(place, needs_root=needs_root) if has_former else None
            if copy:
                _must(("cp", "-p", str(place), str(beside)), place, needs_root=needs_root)  # with its owner and mode
                _must(("cp", str(new), str(beside)), place, needs_root=needs_root)
            else:
                _must(("mkdir", "-p", str(place.parent)), place, needs_root=needs_root)
                _must(("install", "-m", "644", str(new), str(beside)), place, needs_root=needs_root)
            _must(("mv", "-f", str(beside), str(place)), place, needs_root=needs_root)
        except BaseException:  # an interruption, too, leaves no incomplete file
            run(("rm", "-f", str(beside)), needs_root=needs_root)
            raise
    return Written(path=PurePosixPath(place), copy=copy)


def copy_aside(path: PurePosixPath, *, needs_root: bool) -> PurePosixPath:
    """Put a copy of a file beside it, and return its path; raise DataError if that fails."""
    return _copied(Path(path), needs_root=needs_root)


def _copied(place: Path, *, needs_root: bool) -> PurePosixPath:
    copy = _free_copy(place)
    _must(("cp", "-p", str(place), str(copy)), place, needs_root=needs_root)
    return PurePosixPath(copy)


def _must(argv: tuple[str, ...], place: Path, *, needs_root: bool) -> None:
    """Run a step of writing a file; raise DataError if it fails."""
    done = run(argv, needs_root=needs_root)
    if done.code:
        said = (done.err or done.out).strip().splitlines()
        raise DataError(
            f"{place} was not written: {said[-1] if said else f'{argv[0]} ended with {done.code}'}",
            hint=f"Run `ls -ld {shell_word(place)}` to see who may write it.",
            evidence=tuple(said[-_MOST_SHOWN:]),
        )


def _end_of(stream: IO[bytes]) -> str:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _MOST))
    return stream.read().decode(errors="replace")


def _as_root(argv: tuple[str, ...]) -> tuple[str, ...]:
    return argv if os.geteuid() == 0 else ("sudo", *argv)


def _free_copy(place: Path) -> Path:
    """Return a free name for a copy beside a file."""
    at = 1
    while (copy := place.with_name(f"{place.name}.before-stackctl-{at}")).exists():
        at += 1
    return copy
