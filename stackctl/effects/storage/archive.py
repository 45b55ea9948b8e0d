"""Write a folder as a tar file, with numeric owners, modes and times; the same files give the same bytes."""

import io
import os
import stat
import tarfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from stackctl.contracts.host import Owner
from stackctl.effects.storage.opening import regular_file
from stackctl.effects.storage.tree import Leaf, Tree, refuse_full, translate_errors

_FULL: Final = "Choose a disk with more room for the archive."
_FOLDER_MODE, _FILE_MODE, _PRIVATE_MODE = 0o755, 0o644, 0o600
_MADE_AT = 315_532_800  # 1980: the time of members that are not on the disk; tar warns about earlier ones


def pack(target: Path, top: str, trees: Iterable[Tree], texts: Mapping[str, str], owner: Owner) -> None:
    """Write the archive, completely or not at all, readable only for the user who runs this.

    Everything lies below the folder `top`, which belongs to `owner`. `texts`: more files, which exist only in the
    archive and belong to `owner`. Raises DataError if a file can't be read or written, DoesNotFit if there is no room.
    """
    trees = tuple(trees)
    folders = {name: found for tree in trees for name, found in tree.stats.items()}
    leaves = {leaf.target: leaf for tree in trees for leaf in tree.files if leaf.target not in texts}
    refuse_full(target.parent, sum(leaf.size for leaf in leaves.values()), _FULL)
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    with translate_errors(target, "written"):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            with os.fdopen(os.open(beside, flags, 0o600), "wb") as stream:
                with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as tar:
                    tar.addfile(_member(top, tarfile.DIRTYPE, _FOLDER_MODE, owner, _MADE_AT))
                    for name in sorted({*folders, *leaves, *texts}):
                        place = f"{top}/{name}"
                        if name in texts:
                            _add_text(tar, place, texts[name].encode(), owner)
                        elif name in leaves:
                            _add_file(tar, place, leaves[name])
                        else:
                            _add_folder(tar, place, folders[name])
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(target)
        finally:
            with suppress(FileNotFoundError):
                beside.unlink()


def packed(top: str, texts: Mapping[str, str], made_at: float) -> bytes:
    """Return texts as the bytes of a compressed tar file, below the folder `top`; made_at: seconds since 1970."""
    import gzip

    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, text in texts.items():
            content = text.encode("utf-8", "replace")
            member = _member(f"{top}/{name}", tarfile.REGTYPE, _PRIVATE_MODE, Owner(uid=0, gid=0), int(made_at))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(plain.getvalue(), mtime=int(made_at))


def _add_folder(tar: tarfile.TarFile, place: str, found: os.stat_result) -> None:
    owner = Owner(uid=found.st_uid, gid=found.st_gid)
    # a folder's own time changes at each look, and does not matter
    tar.addfile(_member(place, tarfile.DIRTYPE, stat.S_IMODE(found.st_mode), owner, _MADE_AT))


def _add_text(tar: tarfile.TarFile, place: str, content: bytes, owner: Owner) -> None:
    member = _member(place, tarfile.REGTYPE, _FILE_MODE, owner, _MADE_AT)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _add_file(tar: tarfile.TarFile, place: str, leaf: Leaf) -> None:
    with regular_file(leaf.source, leaf.reach) as descriptor, os.fdopen(os.dup(descriptor), "rb") as stream:
        found = os.fstat(descriptor)
        owner = Owner(uid=found.st_uid, gid=found.st_gid)
        member = _member(place, tarfile.REGTYPE, stat.S_IMODE(found.st_mode), owner, int(found.st_mtime))
        member.size = found.st_size
        tar.addfile(member, stream)


def _member(place: str, kind: bytes, mode: int, owner: Owner, modified: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(place)
    member.type, member.mode, member.mtime = kind, mode, modified
    member.uid, member.gid = owner.uid, owner.gid
    return member
