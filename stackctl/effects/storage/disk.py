"""The port `Storage`: everything that commands and steps need from the disk."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stackctl.backends.contract import Program
from stackctl.contracts.host import Owner, Permissions
from stackctl.core.hub.store import FOLDER
from stackctl.core.model.model import ModelSeen
from stackctl.effects import storage
from stackctl.effects.storage import Folder, file_systems, git, log_file, owner_of, programs, tree
from stackctl.effects.storage.model_library import Library, today_here
from stackctl.effects.storage.opening import Reach, links_for
from stackctl.effects.storage.tree import Leaf

if TYPE_CHECKING:
    from stackctl.core.catalogue.update_source import UpdateSource
    from stackctl.core.explain.log_text import LogText
    from stackctl.core.hub.cached import CachedModel
    from stackctl.core.hub.source import RepoFile
    from stackctl.core.model.contents import Contents


@dataclass(frozen=True)
class Programs:
    """The backends' programs, below `data`."""

    data: Path

    def path(self, program: Program, *, backend: str) -> Path:
        return programs.program_path(program, backend=backend, data=self.data)

    def provide(
        self,
        program: Program,
        *,
        backend: str,
        trust_first_download: bool,
        progress: Callable[[int, int], None],
        fetch: programs.Fetch,
    ) -> Path:
        return programs.provide_program(
            program,
            backend=backend,
            data=self.data,
            trust_first_download=trust_first_download,
            progress=progress,
            fetch=fetch,
        )

    def known_sha256(self, path: Path) -> str:
        return programs.known_sha256(path, self.data)

    def local(self, path: Path) -> Path:
        return programs.local(path)

    def from_url(self, url: str) -> Program:
        return programs.from_url(url)


class Trees:
    """Walk, copy and exchange whole folders."""

    existing = staticmethod(tree.existing)
    names = staticmethod(tree.names)
    walk = staticmethod(tree.walk)
    read = staticmethod(tree.read)
    sha256 = staticmethod(tree.sha256)
    copy = staticmethod(tree.copy)
    put = staticmethod(tree.put)
    take_away = staticmethod(tree.take_away)
    free_name = staticmethod(tree.free_name)
    remove = staticmethod(tree.remove)
    disk = staticmethod(tree.disk)
    can_clone = staticmethod(tree.can_clone)
    refuse_full = staticmethod(tree.refuse_full)
    refuse_foreign = staticmethod(tree.refuse_foreign)

    def pack(self, target: Path, top: str, trees: Iterable[Any], texts: Mapping[str, str], owner: Owner) -> None:
        from stackctl.effects.storage.archive import pack  # tarfile is slow to import

        pack(target, top, trees, texts, owner)

    def packed(self, top: str, texts: Mapping[str, str], made_at: float) -> bytes:
        from stackctl.effects.storage.archive import packed

        return packed(top, texts, made_at)

    def reach(self, owner: Owner, *, closed: Path | None = None) -> Reach:
        """Return which links are followed in a folder of this owner; none is followed below `closed`."""
        return Reach(follow=links_for(owner), closed=closed)

    def leaf(self, path: Path, reach: Reach) -> Leaf:
        """Return a single file, under its own name."""
        return Leaf(source=path, reach=reach, target=path.name, size=0)

    def leaf_sha256(self, leaf: Leaf) -> str:
        return tree.sha256(leaf.source, leaf.reach)

    def bring(self, leaf: Leaf, folder: Folder, name: str) -> str:
        return tree.bring(leaf, folder, name)

    def free_mib(self, folder: Path) -> int:
        """Return the MiB free on the disk that a folder is on, or will be on."""
        return tree.free_mib(folder)

    def mount_point(self, folder: Path) -> str:
        return file_systems.mount_point(folder)

    def is_read_only(self, folder: Path) -> bool:
        return file_systems.is_read_only(folder)

    def permissions(self, folder: Path, owner: Owner) -> Permissions:
        return file_systems.permissions(folder, owner)

    def foreign_system(self, folder: Path) -> str:
        return file_systems.foreign_system(folder)


@dataclass
class Disk:
    """The disk. `data`: the folder for what all stacks share. The other fields are the functions that read models."""

    data: Path
    observe_model: Callable[[str, Path, Owner], ModelSeen]
    read_contents: "Callable[[str, Path], Contents]"
    path_of_model: Callable[[str, Path], Path]
    find_ollama_copy: Callable[[str], Path | None]
    find_cached_file: "Callable[[str, RepoFile], Path | None]"
    list_cached: "Callable[[], tuple[CachedModel, ...]]"
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    today: Callable[[], str] = today_here
    trees: Trees = field(default_factory=Trees)

    @cached_property
    def library(self) -> Library:
        return Library(self.data / FOLDER, self.today)

    @cached_property
    def programs(self) -> Programs:
        return Programs(self.data)

    def folder(
        self, path: Path, owner: Owner | None = None, *, shared: str | None = None, links_of: Owner | None = None
    ) -> Folder:
        """Return a folder, by default with its own owner's rights."""
        return Folder(path, owner or owner_of(path), shared=shared, links_of=links_of)

    def owner_of(self, folder: Path) -> Owner:
        return owner_of(folder)

    def locate(self, wanted: str, folder: Path) -> Path:
        return storage.locate(wanted, folder)

    def is_here(self, wanted: str, folder: Path) -> bool:
        return storage.is_here(wanted, folder)

    def ollama_copy(self, name: str) -> Path | None:
        """Return a file that names a model of Ollama's on this machine, by its full name; None if it is not here."""
        return self.find_ollama_copy(name)

    def cached_file(self, repo: str, file: "RepoFile") -> Path | None:
        """Return another program's file that may be a repository's, by name and size; None if there is none."""
        return self.find_cached_file(repo, file)

    def cached_models(self) -> "tuple[CachedModel, ...]":
        """Return the models in other programs' caches, of which nothing is read."""
        return self.list_cached()

    def model_path(self, wanted: str, folder: Path) -> Path:
        return self.path_of_model(wanted, folder)

    def model(self, wanted: str, folder: Path, owner: Owner) -> ModelSeen:
        return self.observe_model(wanted, folder, owner)

    def contents(self, wanted: str, folder: Path) -> "Contents":
        return self.read_contents(wanted, folder)

    def log(self, wanted: str, folder: Path) -> "LogText":
        return log_file.read_log(wanted, folder if wanted == log_file.STDIN else storage.locate(wanted, folder))

    def private_text(self, path: Path) -> str:
        return storage.private_text(path)

    def make_private(self, path: Path) -> None:
        storage.private(path)

    def remove(self, path: Path, *, up_to: Path) -> None:
        storage.remove(path, up_to=up_to)

    def overwrite(self, path: Path, text: str) -> None:
        storage.overwrite(path, text)

    def append(self, path: Path, text: str) -> None:
        storage.append(path, text)

    def write_new(self, path: Path, content: bytes) -> None:
        storage.write_new(path, content)

    def repository(self, path: Path) -> Path | None:
        return git.repository(path)

    def tracked(self, repository: Path, paths: Iterable[Path]) -> dict[str, tuple[str, ...]]:
        return git.tracked(repository, paths)

    def template(self, name: str) -> str:
        return (storage.template_root() / name).read_text(encoding="utf-8")

    def catalogue(self) -> str:
        """Return the text of the catalogue that this version ships."""
        from stackctl.core.catalogue.entry import FILE

        return (storage.package_root() / FILE).read_text(encoding="utf-8")

    def stored_catalogue(self) -> bytes | None:
        """Return the bytes of the catalogue that `models update` stored; None if there is none."""
        from stackctl.core.catalogue import stored

        return self.folder(self.data).read_bytes(stored.FILE, most=stored.MOST_BYTES)

    def store_catalogue(self, raw: bytes) -> None:
        from stackctl.core.catalogue import stored

        self.folder(self.data).write(stored.FILE, raw)

    def update_source(self) -> "UpdateSource":
        """Return the source of newer catalogues that the environment names, else the project's."""
        from stackctl.core.catalogue import update_source

        return update_source.of_environment(self.environment)

    def tavern_extension(self) -> dict[str, str]:
        return storage.tavern_extension()
