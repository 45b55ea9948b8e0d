"""A model that its repository has in raw pieces: each is fetched, checked and appended to the whole file."""

import hashlib
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path, PurePosixPath

from stackctl.core.hub.source import RepoFile
from stackctl.ports.disk import Library


def join_pieces(library: Library, file: RepoFile, target: Path, fetch: Callable[[RepoFile, Path], object]) -> str:
    """Fetch the pieces of a file that are not here yet and make the whole of them; return its sha256.

    fetch: downloads one piece and verifies it. A piece is deleted once its bytes are in the whole file, so that the
    disk holds one piece more than the model. The file under way lies beside the target, by a name that its pieces'
    hashes decide; its length tells the next call which of them it has.
    """
    under_way = path_under_way(file, target)
    have = length(under_way)
    for piece, begins in zip(file.pieces, accumulate((one.size for one in file.pieces), initial=0), strict=False):
        here = target.with_name(PurePosixPath(piece.name).name)
        if have >= begins + piece.size:
            here.unlink(missing_ok=True)  # a call that was ended may have left it
            continue
        fetch(piece, here)
        library.append(here, under_way, begins)
    digest = library.digest(under_way, lambda _: None)
    library.put_in_place(under_way, target)
    return digest


def remaining(file: RepoFile, target: Path) -> int:
    """Return the bytes that the disk needs for the pieces that are missing, one of them twice."""
    left = file.size - length(path_under_way(file, target))
    return left + min(left, max(one.size for one in file.pieces))


def path_under_way(file: RepoFile, target: Path) -> Path:
    mark = hashlib.sha256("\n".join(f"{one.name} {one.size} {one.sha256}" for one in file.pieces).encode()).hexdigest()
    return target.with_name(f".{target.name}.{mark[:12]}.joining")


def length(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
