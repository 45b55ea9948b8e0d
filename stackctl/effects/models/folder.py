"""Which GGUF of a folder is the model: the one that is no companion, by its header, or else by its name."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from stackctl.core.hub.part_names import GgufSet, gguf_sets
from stackctl.core.hub.source import is_main
from stackctl.core.model import gguf
from stackctl.effects.models.caches import several_models
from stackctl.effects.models.reading import beginning
from stackctl.errors import ModelError

_START: Final = 256 << 10  # bytes; what tells a companion stands before the vocabulary
_SHOWN: Final = 12


def gguf_in(folder: Path, names: list[str]) -> str:
    """Return the name of the GGUF to load among the names of files in or below a folder; "" if its model is no GGUF.

    Raise ModelError if it is one of several, if a part of it is missing, or if all are companions of a model.
    """
    sets = gguf_sets(names)
    has_weights = any(name.lower().endswith(".safetensors") for name in names)
    if len(sets) > 1 or (sets and has_weights):
        sets = _models(folder, sets, has_weights)
    if len({one.stem for one in sets}) > 1:
        raise several_models(folder, [folder / one.names[0] for one in sets])
    for one in sets:
        refuse_gap(folder, one)
    return sets[0].names[0] if sets else ""


def refuse_gap(folder: Path, found: GgufSet) -> None:
    """Raise ModelError if parts of a GGUF are missing in its folder."""
    if found.missing:
        has = f"{len(found.missing)} {'is' if len(found.missing) == 1 else 'are'}"
        raise ModelError(
            f"{found.names[0]} is one of {found.count} parts, and {has} missing in {folder}: {found.gap}",
            hint="Put all parts into one folder.",
            issue="model-parts-wrong",
        )


def _models(folder: Path, sets: list[GgufSet], has_weights: bool) -> list[GgufSet]:
    purposes = {one.names[0]: _purpose(folder / one.names[0], is_split=one.count > 1) for one in sets}
    models = [one for one in sets if not purposes[one.names[0]]]
    if not models and not has_weights:
        what = "; ".join(f"{name}: {why}" for name, why in list(purposes.items())[:_SHOWN])
        raise ModelError(
            f"{folder} holds no chat model, only files that come with one: {what}",
            hint="Put the model into this folder, or name its file.",
            issue="model-no-chat",
        )
    plain = [one for one in models if is_main(one.names[0])]
    return plain or models


def _purpose(path: Path, *, is_split: bool) -> str:
    """Return why a GGUF is not a chat model, by the beginning of its header; "" if it may be one."""
    with suppress(ModelError):  # whoever reads the whole file says what is wrong with it
        size = path.stat().st_size
        return gguf.early_purpose(beginning(path, _START), size, is_split=is_split, name=str(path))
    return ""
