"""What lies at a path but is no whole file: the pieces of one, or a download that has not come to its end."""

from pathlib import Path
from typing import Final

from stackctl.core.hub import raw_pieces
from stackctl.core.hub.raw_pieces import Pieces
from stackctl.core.model import gguf
from stackctl.effects.models.reading import beginning
from stackctl.errors import ModelError
from stackctl.terminal import command_line, shell_word

# of browsers, torrent programs, download managers, huggingface_hub and stackctl
_UNFINISHED: Final = (
    ".part", ".crdownload", ".download", ".opdownload", ".partial", ".filepart", ".incomplete", ".aria2", ".!qb",
    ".!ut", ".bc!",
)  # fmt: skip
_BESIDE: Final = ".aria2"  # aria2 gives a file its whole size at once, and keeps this file beside it until its end


def refuse_incomplete(path: Path) -> None:
    """Raise ModelError if a file is a piece of a model, or an unfinished download."""
    control = path.with_name(f"{path.name}{_BESIDE}")
    if is_unfinished(path.name):
        raise ModelError(
            f"{path} is an unfinished download",
            hint="Wait until the program that downloads it gives the file its final name, or download it again.",
            issue="model-damaged",
        )
    if control.exists():
        raise ModelError(
            f"{path} is an unfinished download: {control.name} lies beside it, in which aria2 keeps what is missing",
            hint=f"Run the same `aria2c` command again, with `-c`: {control.name} goes away at the end.",
            issue="model-damaged",
        )
    found = raw_pieces.set_of(path.name, (one.name for one in path.parent.iterdir()))
    if found and not _is_whole(path) and not any(_is_gguf(path.with_name(name)) for name in found.names[1:]):
        raise in_pieces(path, found)


def is_unfinished(name: str) -> bool:
    return name.lower().endswith(_UNFINISHED)


def unfinished_for(path: Path) -> Path | None:
    """Return the unfinished download of a file that does not exist."""
    return next((one for end in _UNFINISHED if (one := path.with_name(f"{path.name}{end}")).exists()), None)


def in_pieces(path: Path, found: Pieces) -> ModelError:
    """Return the error for a model in pieces, by one of them or by their folder."""
    is_folder = path.is_dir()
    folder = path if is_folder else path.parent
    whole, pieces = folder / found.whole, [folder / one for one in found.names]
    missing = list(found.missing)
    if not missing and not found.is_counted and _is_short(pieces):
        missing = ["those after its last one"]
    if whole.exists():
        says, hint = "", f"Use {shell_word(whole)}, which lies beside it."
    elif missing:
        says = f"; some are missing: {', '.join(missing[:3])}"
        hint = "Download the missing pieces to the same folder, then join all with `cat` in their order."
    else:
        says, hint = "", f"Join them with `{command_line('cat', *pieces)} > {shell_word(whole)}`, and use that file."
    number = len(found.names) + len(found.missing)
    what = f"holds {found.whole} in {number} pieces" if is_folder else f"is one of {number} pieces of {found.whole}"
    return ModelError(f"{path} {what}, and no program loads pieces{says}", hint=hint, issue="model-parts-wrong")


def _is_whole(path: Path) -> bool:
    """Return whether a file is a whole GGUF after all: wget calls a second copy NAME.gguf.1."""
    return _is_gguf(path) and not _is_short([path])


def _is_gguf(path: Path) -> bool:
    return beginning(path, 4) == b"GGUF"


def _is_short(pieces: list[Path]) -> bool:
    """Return whether pieces are together shorter than the GGUF that begins in the first."""
    size = sum(one.stat().st_size for one in pieces)
    try:
        found = gguf.read_start(beginning(pieces[0], gguf.LONGEST), size, name=str(pieces[0]))
    except ModelError:
        return False
    return found is None or found.size > size
