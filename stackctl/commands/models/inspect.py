"""`stackctl models inspect`: describe a model by its headers. Nothing in it is ever run."""

from dataclasses import replace
from pathlib import PurePosixPath

from stackctl.core.advice import can_load, inspection
from stackctl.core.advice.inspection import About
from stackctl.core.config.spec import DEMO
from stackctl.core.hub import source as sources
from stackctl.core.hub.source import Source
from stackctl.core.model import gguf, gguf_shape, safetensors
from stackctl.core.model.contents import Contents
from stackctl.core.model.safetensors import Words
from stackctl.core.model.safetensors_header import Tensors
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.named_model import named_model
from stackctl.steps.own_turns import header_with_turns


def inspect(machine: Machine, model: str, *, force: bool) -> About:
    """Return all that a model's files say about it, here or at its source; raise ModelError for an incomplete model.

    A pickle is refused unless forced, and is not opened even then.
    """
    model = named_model(machine, model)
    source = sources.parse(model)
    if source:
        about = _remote(machine, source)
        return inspection.with_template(about, header_with_turns(about.header, machine))
    if model == DEMO:
        found = machine.model(DEMO)
        raise ModelError(
            f"{found.name} is stackctl's own demo model: llama, one layer, one sentence",
            hint="Name a file or a folder.",
        )
    inside = machine.contents(model)
    about = _here(inside, force=force)
    about = replace(
        about,
        licence=about.licence or inside.card.licence or _recorded(machine, inside.path),
        languages=about.languages or inside.card.languages,
    )
    return inspection.with_template(about, header_with_turns(about.header, machine))


def refuse_unloadable(about: About) -> None:
    """Raise ModelError for the GGUF of a chat model that no backend loads."""
    if not about.purpose:
        can_load.refuse_unknown(about.header, about.name)


def _here(inside: Contents, *, force: bool) -> About:
    name = inside.name
    if inside.is_pickle:
        if not force:
            raise ModelError(
                f"{name} is a PyTorch pickle, which can run any code when it is loaded, so it is not opened",
                hint="Choose the .safetensors or a .gguf of the same model. `--force` shows what is known unopened.",
                issue="model-format-unsupported",
            )
        return inspection.of_pickle(name, inside.size)
    if inside.gguf_files:
        header, shape = gguf.header(*inside.gguf_files), gguf_shape.shape_of(*inside.gguf_files)
        return inspection.of_gguf(name, inside.size, inside.gguf_files, shape, header)
    return _of_tensors(name, inside.size, inside.tensor_files, inside.words or Words(config={}))


def _of_tensors(name: str, size: int, files: tuple[Tensors, ...], words: Words) -> About:
    packing = safetensors.quantisation(words.config, (mark for one in files for mark in one.marks))
    return inspection.of_safetensors(name, size, files, safetensors.header(words, packing), words.config)


def _recorded(machine: Machine, path: PurePosixPath) -> str:
    """Return the licence that was recorded when stackctl pulled the model; "" for any other model."""
    folder = machine.storage.library.folder
    kept = machine.storage.library.at(PurePosixPath(path.relative_to(folder))) if path.is_relative_to(folder) else None
    return kept.licence if kept else ""


def _remote(machine: Machine, source: Source) -> About:
    from stackctl.steps.models import remote_folder
    from stackctl.steps.models.pull import offered_download
    from stackctl.steps.models.remote import describe_remote

    offer = offered_download(machine, source)
    if offer.is_folder:
        files, words, size = remote_folder.read_remote_folder(machine, offer)
        about = _of_tensors(source.repo.rpartition("/")[2], size, files, words)
    else:
        found = describe_remote(machine, offer)
        shape = found.model.shape or gguf_shape.shape_of(*found.parts)
        about = inspection.of_gguf(found.model.name, found.model.size, found.parts, shape, found.model.header)
    return replace(about, licence=about.licence or offer.licence, languages=about.languages or offer.languages)
