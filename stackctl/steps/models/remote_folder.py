"""A safetensors model that is not here yet: the headers of its weights, and its small files."""

from stackctl.core.hub.source import RepoFile
from stackctl.core.model import safetensors, shards
from stackctl.core.model.safetensors import Words
from stackctl.core.model.safetensors_header import LONGEST, Tensors, tensors
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.pull import Download, address

_INSTEAD = "chat_template.jinja"  # overrides the template in tokenizer_config.json


def read_remote_folder(machine: Machine, offer: Download) -> tuple[tuple[Tensors, ...], Words, int]:
    """Return the headers, the texts of the small files, and the bytes of all weights. Reads no weights.

    Raise ModelError if a part is missing or damaged.
    """
    files = {one.name: one for one in offer.files}
    main = shards.weights(files)
    if missing := sorted(shards.numbered(main) - files.keys()):
        raise ModelError(
            f"{offer.source} is incomplete: {len(missing)} of its parts are missing, such as {missing[0][:80]}",
            hint="Look for another copy of the model.",
        )
    texts: dict[str, str] = {}
    for name, longest in safetensors.FILES.items():
        if name not in files or files[name].size > longest > 0 or (_INSTEAD in files and "tokenizer_config" in name):
            continue
        texts[name] = _start(machine, offer, files[name], longest).decode("utf-8", "replace") if longest else ""
    words = safetensors.words(texts, folder=str(offer.source))
    return tuple(_tensors(machine, offer, files[name]) for name in main), words, sum(files[n].size for n in main)


def _tensors(machine: Machine, offer: Download, file: RepoFile) -> Tensors:
    return tensors(_start(machine, offer, file, LONGEST + 8), file.size, name=f"{offer.source}/{file.name}")


def _start(machine: Machine, offer: Download, file: RepoFile, most: int) -> bytes:
    """Return the header of a file of weights, or the whole content of any other file."""
    asked = address(machine, offer, file, is_whole=False)

    def needed(content: bytes, size: int) -> int:
        size = file.size or size or len(content)
        if file.name.lower().endswith(".safetensors"):
            size = min(size, int.from_bytes(content[:8], "little") + 8)
        return min(size, most)

    return machine.hub.read_head(asked.url, needed, headers=asked.headers).content
