"""A safetensors model that is not here yet: the headers of its weights, and its small files."""

from stackctl.core.hub.part_names import name_them
from stackctl.core.hub.source import RepoFile
from stackctl.core.model import safetensors, shards
from stackctl.core.model.safetensors import Words
from stackctl.core.model.safetensors_header import LONGEST, Tensors, tensors
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.pull import Download, read_start

_INSTEAD = "chat_template.jinja"  # overrides the template in tokenizer_config.json


def read_remote_folder(machine: Machine, offer: Download) -> tuple[tuple[Tensors, ...], Words, int]:
    """Return the headers, the texts of the small files, and the bytes of all weights. Reads no weights.

    Raise ModelError if a part is missing or damaged.
    """
    refuse_incomplete(machine, offer)
    files = {one.name: one for one in offer.files}
    main = shards.weights(files)
    texts: dict[str, str] = {}
    for name, longest in safetensors.FILES.items():
        if name not in files or files[name].size > longest > 0 or (_INSTEAD in files and "tokenizer_config" in name):
            continue
        texts[name] = _start(machine, offer, files[name], longest).decode("utf-8", "replace") if longest else ""
    words = safetensors.words(texts, folder=str(offer.source))
    return tuple(_tensors(machine, offer, files[name]) for name in main), words, sum(files[n].size for n in main)


def refuse_incomplete(machine: Machine, offer: Download) -> None:
    """Raise ModelError if weights are missing, by the numbers in their names or by the index, which is read for it."""
    files = {one.name: one for one in offer.files}
    wanted = set(shards.numbered(shards.weights(files)))
    if index := files.get(shards.FILE):
        content = _start(machine, offer, index, shards.LONGEST)
        wanted = {name for name in shards.shards([content], len(content), name=index.name) if "/" not in name}
    missing = sorted(wanted - files.keys())
    if missing and shards.SINGLE not in files:  # which is loaded then, and the index is a leftover
        gap = f"{len(missing)} of its {len(wanted)} parts are missing: {name_them(missing)}"
        raise ModelError(
            f"{offer.source} is incomplete: {gap}",
            hint="Look for another copy of the model.",
            issue="model-parts-wrong",
        )


def read_purpose(machine: Machine, offer: Download) -> str:
    """Return why a model is not a chat model, by its config.json; "" if it is one, or if it has none."""
    name = "config.json"
    config = next((one for one in offer.files if one.name == name and one.size <= safetensors.FILES[name]), None)
    if config is None:
        return ""
    text = _start(machine, offer, config, config.size).decode("utf-8", "replace")
    return safetensors.header(safetensors.words({name: text}, folder=str(offer.source)), "").purpose


def _tensors(machine: Machine, offer: Download, file: RepoFile) -> Tensors:
    return tensors(_start(machine, offer, file, LONGEST + 8), file.size, name=f"{offer.source}/{file.name}")


def _start(machine: Machine, offer: Download, file: RepoFile, most: int) -> bytes:
    """Return the header of a file of weights, or the whole content of any other file."""

    def needed(content: bytes, size: int) -> int:
        size = file.size or size or len(content)
        if file.name.lower().endswith(".safetensors"):
            size = min(size, int.from_bytes(content[:8], "little") + 8)
        return min(size, most)

    return read_start(machine, offer, file, needed).content
