"""`stackctl models pull`: fetch a model from Hugging Face or an address, complete and verified."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stackctl.core.hub import pasted, repository, store
from stackctl.core.hub import source as sources
from stackctl.core.hub.labels import label, matches
from stackctl.core.hub.remote import FileRequest, RemoteHead
from stackctl.core.hub.repository import Quantisation, Repo
from stackctl.core.hub.source import RepoFile, Source
from stackctl.core.hub.store import StoredModel
from stackctl.errors import ModelError, TooManyRequests
from stackctl.machine import Machine
from stackctl.steps.models.join_pieces import join_pieces, remaining
from stackctl.terminal import shell_word

_SHARD = re.compile(r"(?P<stem>.+)-00001-of-(?P<count>(?!0{5})[0-9]{5})\.gguf")


@dataclass(frozen=True, kw_only=True)
class Download:
    """The files of a source, and where they will lie."""

    source: Source
    files: tuple[RepoFile, ...]  # size 0 and sha256 "" if the source does not state them
    root: Path  # the folder to which the files' names are relative
    is_folder: bool = False
    commit: str = ""
    licence: str = ""
    languages: tuple[str, ...] = ()
    label: str = ""

    def __post_init__(self) -> None:
        """Raise ModelError if a file would not lie below `root` under its name."""
        names = (one.name for file in self.files for one in (file, *file.pieces))
        store.refuse_misplaced(names, self.source)

    @property
    def path(self) -> Path:
        """Return the file to load, or the folder."""
        return self.root if self.is_folder else self.root / self.files[0].name

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)

    @property
    def is_here(self) -> bool:
        """Whether every file was pulled before."""
        return all(_is_here(self.root / file.name, file) for file in self.files)


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A model that is here now. `took_s`: 0 if it was already here."""

    path: Path
    source: str
    files: tuple[RepoFile, ...]
    licence: str
    took_s: float

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def parse_source(text: str) -> Source:
    """Return the source that a text names, in any of the ways that people paste it; raise ConfigError for a path."""
    found = sources.parse(pasted.read_source(text))
    assert found  # noqa: S101 - read_source returns sources alone
    return found


def offered_download(machine: Machine, source: Source, to: Path | None = None) -> Download:
    """Ask the source for its files; nothing is fetched. `to`: a folder of the user's instead of the store."""
    if source.url:
        place = store.where(source)
        folder = to or machine.storage.library.path(place).parent
        return Download(
            source=source, files=tuple(RepoFile(name=name, size=0) for name in _shards(place.name)), root=folder
        )
    repo = _repository(machine, source)
    form: Quantisation = repository.choose_quantisation(repo, source)
    base = machine.storage.library.path(store.where(Source(repo=source.repo, revision=source.revision)))
    root = (to / source.repo.rpartition("/")[2] if form.is_folder else to) if to else base
    return Download(
        source=source,
        files=form.files,
        root=root,
        is_folder=form.is_folder,
        commit=repo.commit,
        licence=repo.licence,
        languages=repo.languages,
        label=form.label,
    )


def _repository(machine: Machine, source: Source) -> Repo:
    """Ask the hub; where it gives no answer, the hint leads to the copy that another program has of the model."""
    try:
        return machine.hub.repository(source)
    except ModelError as e:
        inside = f"{source.repo}/{source.file}".lower()
        for one in machine.storage.cached_models():
            if one.name.lower().startswith(inside) and (not source.quant or matches(label(one.name), source.quant)):
                copy = shell_word(one.path)
                raise ModelError(
                    e.message, hint=f"{e.hint} Or use the copy that {one.program} has: `{copy}`.", issue=e.issue
                ) from e
        raise


def named_download(machine: Machine, source: Source) -> Download:
    """Return a file named directly, without asking the repository: its existence, size and hash are unknown."""
    root = machine.storage.library.path(store.where(Source(repo=source.repo, revision=source.revision)))
    return Download(source=source, files=(RepoFile(name=source.file, size=0),), root=root)


def pull(machine: Machine, offer: Download, *, clock: Callable[[], float] = time.monotonic) -> Pulled:
    """Fetch every file of an offer, one after the other; a file that is complete here is not fetched again.

    After an interruption the next call continues. Raises ModelError, DoesNotFit or DataError; every file that has its
    final name is complete.
    """
    began = clock()
    library = machine.storage.library
    missing = [file for file in offer.files if not _is_here(offer.root / file.name, file)]
    away = [file for file in missing if not cached(machine, offer.source, file)]
    library.refuse_if_full(offer.path, sum(_remaining(offer.root / file.name, file) for file in away))
    done: list[RepoFile] = []
    for file in offer.files:
        target = offer.root / file.name
        library.prepare(target, offer.root.parent if offer.is_folder else offer.root)
        progress = _Progress(machine, file.name, offer.size - sum(one.size for one in done), clock)
        digest = _fetch(machine, offer, file, target, progress)
        done.append(RepoFile(name=file.name, size=target.stat().st_size, sha256=digest))
    _refuse_other(machine, offer, missing)
    if library.folder in offer.path.parents:
        place = PurePosixPath(offer.path.relative_to(library.folder))
        library.note(
            StoredModel(
                place=place,
                source=str(offer.source),
                commit=offer.commit,
                licence=offer.licence,
                pulled=library.today(),
                is_folder=offer.is_folder,
                files=tuple(done),
            )
        )
    return Pulled(
        path=offer.path,
        source=str(offer.source),
        files=tuple(done),
        licence=offer.licence,
        took_s=clock() - began if missing else 0.0,
    )


def cached(machine: Machine, source: Source, file: RepoFile) -> Path | None:
    """Return a file in another program's cache that has the name and the size of a repository's; None without one."""
    return None if source.url else machine.storage.cached_file(source.repo, file)


def address(machine: Machine, offer: Download, file: RepoFile, *, is_whole: bool = True) -> FileRequest:
    """Return the request for a file of an offer. `is_whole`: for all of it, after asking the hub for access."""
    if offer.source.url:
        return FileRequest(url=offer.source.url.replace(offer.files[0].name, file.name), headers={})
    return machine.hub.request(offer.source, file.name, is_asked=is_whole)


def read_start(machine: Machine, offer: Download, file: RepoFile, needed: Callable[[bytes, int], int]) -> RemoteHead:
    """Read the beginning of a file of an offer, as far as `needed` says; raise ModelError with the hub's own reason."""
    asked = address(machine, offer, file, is_whole=False)
    try:
        return machine.hub.read_head(asked.url, needed, headers=asked.headers)
    except TooManyRequests:
        raise
    except ModelError:
        if not offer.source.url:
            machine.hub.request(offer.source, file.name)  # raises the reason: a licence to accept, a token
        raise


def _fetch(machine: Machine, offer: Download, file: RepoFile, target: Path, progress: "_Progress") -> str:
    source = offer.source
    if file.pieces:
        if _is_here(target, file):
            return machine.storage.library.digest(target, lambda _: None)
        machine.ui.note(f"the repository has {file.name} in {len(file.pieces)} pieces, which are joined here")
        return join_pieces(
            machine.storage.library, file, target, lambda piece, here: _fetch(machine, offer, piece, here, progress)
        )
    if not _is_here(target, file) and (copy := cached(machine, source, file)):
        if machine.storage.library.take(copy, target, file.sha256.lower(), lambda done: progress(done, file.size)):
            machine.ui.note(f"{file.name} was here already, and is not downloaded again: {copy}")
            return file.sha256.lower()
        machine.ui.note(f"{copy} has another content than the repository's {file.name}, which is downloaded")
    if not source.url and file.size > machine.hub.xet_from:
        found = target if _is_here(target, file) else target.with_name(f"{target.name}.part")
        if found != target:
            machine.hub.xet(source, file.name, found)
        digest = machine.storage.library.digest(found, lambda _: None)
        if file.sha256 and digest != file.sha256:
            found.unlink()
            raise ModelError(
                f"{file.name} arrived damaged: its sha256 is {digest}",
                hint="Run this again: the damaged file was deleted.",
                issue="download-damaged",
            )
        if found != target:
            machine.storage.library.put_in_place(found, target)
        return digest
    asked = address(machine, offer, file)
    return machine.hub.fetch(
        asked.url, target, size=file.size, sha256=file.sha256, progress=progress, headers=asked.headers
    )


def _shards(name: str) -> tuple[str, ...]:
    """Return the names of all parts of a split model, from the name of its first."""
    found = _SHARD.fullmatch(name)
    if not found:
        return (name,)
    count = int(found["count"])
    return tuple(f"{found['stem']}-{number:05d}-of-{found['count']}.gguf" for number in range(1, count + 1))


def _refuse_other(machine: Machine, offer: Download, fetched: list[RepoFile]) -> None:
    """Raise ModelError if what was fetched is not a model, and delete it: an address may give a web page instead."""
    try:
        machine.model(str(offer.path))
    except ModelError:
        if offer.source.url:
            for file in fetched:
                (offer.root / file.name).unlink(missing_ok=True)
        raise


def _is_here(target: Path, file: RepoFile) -> bool:
    return target.is_file() and (not file.size or target.stat().st_size == file.size)


def _remaining(target: Path, file: RepoFile) -> int:
    if file.pieces:
        return remaining(file, target)
    part = target.with_name(f"{target.name}.part")
    return max(0, file.size - (part.stat().st_size if part.is_file() else 0))


@dataclass
class _Progress:
    """Prints how far a download is: its speed over the last seconds, and how long the rest will take."""

    machine: Machine
    name: str
    left: int  # bytes of this file and those after it
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self.marks: list[tuple[float, int]] = []

    def __call__(self, done: int, total: int) -> None:
        now = self.clock()
        if self.marks and now - self.marks[-1][0] < 0.2:
            return
        self.marks = [*self.marks[-25:], (now, done)]
        (before, had), rate = self.marks[0], 0.0
        if now > before:
            rate = (done - had) / (now - before)
        of = f" of {total / 1e9:.2f}" if total else ""
        speed = f", {rate / 1e6:.1f} MB/s" if rate else ""
        rest = f", {_duration((max(self.left, total) - done) / rate)} left" if rate > 0 and total else ""
        text = f"{self.name}: {done / 1e9:.2f}{of} GB{speed}{rest}"
        self.machine.ui.progress(text, done_bytes=done, total_bytes=total)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return (
        f"{minutes // 60} h {minutes % 60} min"
        if minutes >= 60
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )
