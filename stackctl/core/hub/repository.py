"""A model repository at Hugging Face: its files, and the quantisations that they form."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.hub import raw_pieces
from stackctl.core.hub.companion import ADAPTER, sure_companion
from stackctl.core.hub.labels import bits, label, matches, matches_loosely, model_name
from stackctl.core.hub.part_names import SHOWN, GgufSet, gguf_sets
from stackctl.core.hub.source import RepoFile, Source, can_name, is_main
from stackctl.errors import ModelError
from stackctl.terminal import shell_word

SAFETENSORS: Final = "safetensors"
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_GGML: Final = re.compile(r"ggml.*\.bin$|\.ggml$|ggjt.*\.bin$", re.IGNORECASE)  # m.ggmlv3.q4_0.bin, ggml-model-q4_0.bin
# the files of a safetensors folder, besides its weights
_COMPANIONS: Final = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab")
_ADAPTER: Final = "adapter_model"
_LISTED: Final = 50  # quantisations in one message; the largest uploads have about 40
_LARGE: Final = 256 << 20  # bytes; the size of a smaller file does not tell whether it is a whole model


@dataclass(frozen=True, kw_only=True)
class Repo:
    """A repository at one commit."""

    name: str  # "owner/name"
    commit: str
    files: tuple[RepoFile, ...]
    licence: str = ""
    languages: tuple[str, ...] = ()
    base: str = ""  # the repository that it was made from
    is_gated: bool = False


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """One quantisation of the model: all files to download for it; the first file is the one to load."""

    label: str  # Q4_K_M, ...; "safetensors" for a folder of those
    files: tuple[RepoFile, ...]
    is_folder: bool = False
    missing: tuple[str, ...] = ()  # parts that its other parts ask for and that the repository lacks
    name: str = ""  # the path of a GGUF without its ending and the number of the part

    @property
    def size(self) -> int:
        """Return the size of all its files in bytes."""
        return sum(file.size for file in self.files)


def quantisations(repo: Repo) -> tuple[Quantisation, ...]:
    """Return every quantisation of the repository's models, the smallest first; of companions, none."""
    found = _models(_ggufs(repo))
    if any(_is_weights(file) and not file.name.startswith(_ADAPTER) for file in repo.files):
        found.append(Quantisation(label=SAFETENSORS, files=_folder(repo.files), is_folder=True))
    return tuple(sorted(found, key=lambda one: (one.is_folder, one.size, one.label)))


def _ggufs(repo: Repo) -> list[Quantisation]:
    """Return every GGUF of the repository with its parts; an incomplete set only if there is no complete one."""
    files, lacking = _with_joined(repo.files)
    return [
        Quantisation(
            label=label(one.stem),
            files=tuple(files[name] for name in one.names),
            missing=one.missing or lacking.get(one.names[0], ()),
            name=one.stem,
        )
        for one in gguf_sets(files)
    ]


def _with_joined(listed: Iterable[RepoFile]) -> tuple[dict[str, RepoFile], dict[str, tuple[str, ...]]]:
    """Return the files by name, with those that raw pieces make together, and the pieces that such a file lacks."""
    files = {file.name: file for file in listed}
    lacking: dict[str, tuple[str, ...]] = {}
    for one in raw_pieces.sets(files):
        if one.whole not in files:
            pieces = tuple(files[name] for name in one.names)
            files[one.whole] = RepoFile(name=one.whole, size=sum(piece.size for piece in pieces), pieces=pieces)
            lacking[one.whole] = one.missing
    return files, lacking


def _models(ggufs: list[Quantisation]) -> list[Quantisation]:
    """Return those that are models, by name and size.

    What looks like a companion is a model if nothing else is there, or if it has about as many weights as the others.
    """
    likely = [one for one in ggufs if not sure_companion(one.files[0].name)]
    plain = [one for one in likely if is_main(one.files[0].name)]
    least = max(map(_weights, plain), default=0) / 2
    return [one for one in likely if one in plain or not plain or (one.size > _LARGE and _weights(one) >= least)]


def _weights(one: Quantisation) -> float:
    """Return roughly how many weights a quantisation holds."""
    return 8 * one.size / bits(one.files[0].name)


def by_model(ggufs: Iterable[Quantisation]) -> list[list[Quantisation]]:
    """Return the quantisations of each model; first, the model that has the most."""
    models: dict[str, list[Quantisation]] = defaultdict(list)
    for one in ggufs:
        models[model_name(one.files[0].name)].append(one)
    return sorted(models.values(), key=len, reverse=True)


def source_of(source: Source, one: Quantisation, offered: Iterable[Quantisation]) -> Source:
    """Return the source of a quantisation by its label, or by its file if the label is missing or ambiguous."""
    is_alone = [other for other in offered if matches(other.label, one.label)] == [one]
    if is_alone and can_name(one.label):
        return replace(source, quant=one.label, file="")
    return replace(source, quant="", file=one.files[0].name)


def choose_quantisation(repo: Repo, source: Source) -> Quantisation:
    """Return the quantisation that a source names, or the only one.

    Raise ModelError, which lists the quantisations, if there is none, if it lacks a part, or if several are left.
    """
    inside = tuple(file for file in repo.files if source.file and file.name.startswith(f"{source.file.rstrip('/')}/"))
    if source.file and not inside:
        return refuse_incomplete(repo, _of_file(repo, source))
    offered = quantisations(replace(repo, files=inside or repo.files))
    if not offered:
        raise ModelError(f"{repo.name} has no model that stackctl can download{why_none(repo)}", hint=_elsewhere(repo))
    found = _labelled(repo, source, offered) if source.quant else offered
    if len(found) == 1 or (len({one.name for one in found}) == 1 and all(one.missing for one in found)):
        return refuse_incomplete(repo, found[0])
    if source.quant:
        named = ", ".join(_address(source, one, offered) for one in found[:SHOWN])
        raise ModelError(
            f"{repo.name} has {len(found)} models at {source.quant}",
            hint=f"Choose one of {named}.",
            issue="model-not-named",
        )
    middle = offered[len(offered) // 2]
    raise ModelError(
        f"{repo.name} has its model in {len(offered)} quantisations: {_listed(source, offered)}",
        hint=f"Choose one, for example {_address(source, middle, offered)}.",
        issue="model-not-named",
    )


def refuse_incomplete(repo: Repo, one: Quantisation) -> Quantisation:
    """Return a quantisation; raise ModelError if the repository lacks parts of it."""
    if not one.missing:
        return one
    names = tuple(name.name for file in one.files for name in file.pieces or (file,))
    parts = GgufSet(stem=one.name, names=names, missing=one.missing)
    whole = [other for other in quantisations(repo) if not other.missing]
    others = f"Choose one of {_listed(Source(repo=repo.name), whole)}, or" if whole else "Choose"
    raise ModelError(
        f"{repo.name} lacks {len(one.missing)} of the {parts.count} parts of {one.label}: {parts.gap}",
        hint=f"{others} another repository: nothing was downloaded.",
        issue="model-parts-wrong",
    )


def _is_name(one: Quantisation, quant: str) -> bool:
    """Return whether a user named a file, with its ending or without it, where a label is expected."""
    asked = quant.lower()
    return asked in {PurePosixPath(text).name.lower() for text in (one.name, one.files[0].name) if text}


def _labelled(repo: Repo, source: Source, offered: tuple[Quantisation, ...]) -> Sequence[Quantisation]:
    """Return those at the label that a source names: complete ones, if there are such; raise ModelError for none."""
    quant = source.quant
    named = [one for one in offered if _is_name(one, quant)]
    named = named or [one for one in offered if matches(one.label, quant)]
    named = named or [one for one in offered if matches_loosely(one.label, quant)]
    if whole := [one for one in named if not one.missing] or named:
        return whole
    others = [one for one in _ggufs(repo) if one not in offered and matches(one.label, quant)]
    # a name does not tell for sure what a file is: its header will
    if likely := [one for one in others if not sure_companion(one.files[0].name)]:
        return likely
    choices = _listed(source, offered)
    if others:
        first = others[0].files[0].name
        raise ModelError(
            f"{first} is not a chat model: {sure_companion(first)}",
            hint=f"Choose one of {choices}.",
            issue="model-no-chat",
        )
    labels = {one.label.upper(): one for one in offered}
    close = [one for one in labels if one.endswith(f"-{quant.upper()}")]
    close = close or difflib.get_close_matches(quant.upper(), labels, n=1, cutoff=0.5)
    meant = f"Use {_address(source, labels[close[0]], offered)} if you meant that, or choose" if close else "Choose"
    raise ModelError(f"{repo.name} has no {quant}", hint=f"{meant} one of {choices}.", issue="model-name-wrong")


def _of_file(repo: Repo, source: Source) -> Quantisation:
    name = source.file
    for one in _ggufs(repo):
        if any(name in {file.name, *(piece.name for piece in file.pieces)} for file in one.files):
            return one
    if any(file.name == name for file in repo.files) and _GGML.search(name):
        raise ModelError(
            f"{name} is a GGML model from before GGUF", hint=_elsewhere(repo), issue="model-format-unsupported"
        )
    if any(file.name == name for file in repo.files) and name.lower().endswith(_PICKLES):
        raise ModelError(
            f"{name} is a PyTorch pickle, which can run any code when it is loaded",
            hint="Choose a .gguf or .safetensors file.",
            issue="model-format-unsupported",
        )
    names = [file.name for file in repo.files]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    meant = (
        f"Use `{shell_word(str(replace(source, file=close[0])))}` if you meant that."
        if close
        else f"Choose one of its files: {', '.join(names[:8])}."
    )
    raise ModelError(f"{repo.name} has no model file {name}", hint=meant, issue="model-name-wrong")


def _folder(files: Iterable[RepoFile]) -> tuple[RepoFile, ...]:
    """Return the weights and their companion files: those in the repository's top folder, and never a pickle."""
    wanted = [
        file
        for file in files
        if "/" not in file.name and file.name.lower().endswith(_COMPANIONS) and not file.name.startswith(".")
    ]
    return tuple(sorted(wanted, key=lambda file: (not _is_weights(file), file.name)))


def _is_weights(file: RepoFile) -> bool:
    return "/" not in file.name and file.name.lower().endswith(".safetensors")


def why_none(repo: Repo) -> str:
    """Return why a repository offers no model, to be put behind a sentence; "" if the reason is unknown."""
    if any(_GGML.search(file.name) for file in repo.files):
        return ", only GGML models from before GGUF"
    if any(file.name.lower().endswith(_PICKLES) for file in repo.files):
        return ", only PyTorch pickles, which can run any code when they are loaded"
    if any(file.name.startswith(_ADAPTER) for file in repo.files):
        return f": {ADAPTER}"
    others = [one.files[0].name for one in _ggufs(repo)]
    return f"; {others[0]} is not a chat model: {sure_companion(others[0])}" if others else ""


def _elsewhere(repo: Repo) -> str:
    return f"Look for a GGUF of it: the page of {repo.name} at Hugging Face lists them under Quantizations."


def _address(source: Source, one: Quantisation, offered: Iterable[Quantisation]) -> str:
    return f"`{shell_word(str(source_of(source, one, offered)))}`"


def _listed(source: Source, offered: Sequence[Quantisation]) -> str:
    """Return the labels, or the addresses where a label is not that of one model alone, each with its size."""
    said = []
    for one in offered[:_LISTED]:
        found = source_of(source, one, offered)
        pieces = len(one.files[0].pieces)
        more = ", incomplete" if one.missing else f", in {pieces} pieces" if pieces else ""
        said.append(f"{found.quant or str(found)} ({one.size / 1e9:.1f} GB{more})")
    rest = f" and {len(offered) - _LISTED} more" if len(offered) > _LISTED else ""
    return f"{', '.join(said)}{rest}"
