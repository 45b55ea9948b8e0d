"""The backends' program files, shared by all stacks: one folder per version, verified before use."""

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import unquote, urlsplit

from stackctl.backends.contract import Program
from stackctl.effects.storage import MOST_BYTES, Folder, owner_of
from stackctl.effects.storage.opening import Reach, links_for, read_bounded, regular_file
from stackctl.errors import DataError, ModelError
from stackctl.terminal import command_line

_MODE: Final = 0o755  # the backend's user in the container is rarely the file's owner
_LONGEST_NAME: Final = 100
_NO_PROGRAM: Final = "Give the address or path of the program file itself, not of a web page or an archive."


class Fetch(Protocol):
    """Downloads a URL to a file, complete and verified, and returns its sha256: download.fetch."""

    def __call__(
        self, url: str, target: Path, *, size: int, sha256: str, progress: Callable[[int, int], None]
    ) -> str: ...


def provide_program(
    program: Program,
    *,
    backend: str,
    data: Path,
    trust_first_download: bool,
    progress: Callable[[int, int], None],
    fetch: Fetch,
) -> Path:
    """Return the program's file, ready to be run: the present one if it is still what was verified, else downloaded.

    A program without a known sha256 is verified against the record of its first download, which the user must have
    trusted. Raises ModelError, and what `fetch` raises.
    """
    target, store = program_path(program, backend=backend, data=data), Folder(data, owner_of(data))
    with _explained(target):
        record = _recorded(target, store)
        expected = program.sha256.lower() or (record.sha256 if record else "")
        if record and record.sha256 == expected and record.is_of(target):
            _make_executable(target, store)
            return target
        if not (expected or trust_first_download):
            raise ModelError(
                f"{target.name} ({backend} {program.version}) can't be checked: its sha256 is unknown",
                hint="Run `stackctl deploy --trust-first-download` to accept it and remember its sha256. Or download "
                "and check it yourself, and set `backend.program` to the file in stack.toml.",
                issue="download-damaged",
            )
        store.make(_below(target.parent, store))
        size = program.size or (record.size if record and record.sha256 == expected else 0)
        digest = fetch(program.url, target, size=size, sha256=expected, progress=progress)
        if not expected and (trouble := _no_program(target)):
            target.unlink()
            raise ModelError(
                f"{target.name} from that address is not a program: {trouble}; it was deleted",
                hint=_NO_PROGRAM,
                issue="program-unusable",
            )
        _make_executable(target, store)
        _record(target, store, program.url, digest)
    return target


def program_path(program: Program, *, backend: str, data: Path) -> Path:
    """Return the path to which provide_program() downloads the program's file."""
    name = re.sub(r"[^\w.+-]", "_", unquote(urlsplit(program.url).path.rpartition("/")[2]), flags=re.ASCII)
    return data / "programs" / backend / program.version / (name.lstrip(".")[:_LONGEST_NAME] or "program")


def known_sha256(target: Path, data: Path) -> str:
    """Return the sha256 by which a program's file was verified, if the file is unchanged; "" if unknown."""
    record = _recorded(target, Folder(data, owner_of(data)))
    return record.sha256 if record and record.is_of(target) else ""


def from_url(url: str) -> Program:
    """Return the program of `backend.program = "https://..."`: one version per address, with an unknown sha256."""
    version = "url-" + hashlib.sha256(url.encode()).hexdigest()[:12]
    return Program(version=version, url=url, size=0, sha256="", unpacked_mib=0)


def local(path: Path) -> Path:
    """Return the program of `backend.program = FILE`, links resolved; raise ModelError unless it can be run."""
    fix = f"Run `{command_line('chmod', '+x', path)}`."
    try:
        if not path.is_file():
            says = "is not a file" if path.exists() else "does not exist"
            raise ModelError(
                f"backend.program: {path} {says}",
                hint="Give the path of the program file itself.",
                issue="program-unusable",
            )
        if trouble := _no_program(path):
            raise ModelError(
                f"backend.program: {path} is not a program: {trouble}", hint=_NO_PROGRAM, issue="program-unusable"
            )
        if not path.stat().st_mode & 0o111:
            raise ModelError(f"backend.program: {path} is not executable", hint=fix, issue="program-unusable")
        return path.resolve()
    except OSError as e:
        raise ModelError(
            f"backend.program: {path} can't be read: {e.strerror}",
            hint="Check its permissions.",
            issue="program-unusable",
        ) from e


@dataclass(frozen=True, kw_only=True)
class _Record:
    """The file that was verified: as long as its size and time are the same, the file is."""

    url: str
    sha256: str
    size: int
    mtime_ns: int

    def is_of(self, target: Path) -> bool:
        return target.is_file() and (self.size, self.mtime_ns) == (target.stat().st_size, target.stat().st_mtime_ns)


def _recorded(target: Path, store: Folder) -> _Record | None:
    path = _record_path(target).absolute()
    try:
        with regular_file(path, Reach(follow=links_for(store.owner))) as descriptor:
            record = _Record(**json.loads(read_bounded(descriptor, path, MOST_BYTES)))
    except (FileNotFoundError, ValueError, TypeError, RecursionError):
        return None
    is_ours = type(record.size) is int and 0 <= record.size < 1 << 63 and isinstance(record.sha256, str)
    return record if is_ours else None


def _record(target: Path, store: Folder, url: str, sha256: str) -> None:
    found, parts = target.stat(), urlsplit(url)
    clean = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()  # no secrets
    record = _Record(url=clean, sha256=sha256, size=found.st_size, mtime_ns=found.st_mtime_ns)
    store.write(_below(_record_path(target), store), json.dumps(asdict(record), indent=2) + "\n")


def _below(path: Path, store: Folder) -> str:
    return str(path.absolute().relative_to(store.path))


def _record_path(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _no_program(path: Path) -> str:
    """Return a text that says why a file can't be a program; "" if it can."""
    with path.open("rb") as file:
        start = file.read(16)
    if start.startswith((b"\x7fELF", b"#!")):
        return ""
    return f"it begins with {start!r}, not as a Linux program (ELF) or a script (#!) does" if start else "it is empty"


def _make_executable(target: Path, store: Folder) -> None:
    if target.stat().st_mode & _MODE != _MODE:
        with regular_file(target.absolute(), Reach(follow=links_for(store.owner))) as descriptor:
            os.fchmod(descriptor, _MODE)


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise DataError(
            f"{target} can't be made ready: {e.strerror}",
            hint=f"Check the disk, and who owns {target.parent}. Running this again is safe.",
            issue="folder-not-writable",
        ) from e
