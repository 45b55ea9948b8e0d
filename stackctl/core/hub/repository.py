"""A model repository at Hugging Face: its files, and the quantisations that they form."""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.hub.source import RepoFile, Source, is_main
from stackctl.errors import ModelError
from stackctl.terminal import shell_word

SAFETENSORS: Final = "safetensors"
_SHARD: Final = re.compile(r"-(\d{5})-of-(\d{5})$")
# the label of a quantisation in a file name: Q4_K_M, IQ3_XXS, UD-Q4_K_XL, BF16, MXFP4_MOE, TQ1_0, ...
_LABEL: Final = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-|i1-)?(?:(?:IQ|Q)[1-9](?:_[A-Z0-9]+)*|TQ[12]_0|BF16|FP?16|F32|FP?32|MXFP4(?:_MOE)?|NVFP4))"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)
_PICKLES: Final = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
# the files of a safetensors folder, besides its weights
_COMPANIONS: Final = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".vocab")


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

    @property
    def size(self) -> int:
        """Return the size of all its files in bytes."""
        return sum(file.size for file in self.files)


def quantisations(repo: Repo) -> tuple[Quantisation, ...]:
    """Return every quantisation in the repository, the smallest first."""
    groups: dict[str, list[RepoFile]] = {}
    for file in repo.files:
        if file.name.lower().endswith(".gguf") and is_main(file.name):
            groups.setdefault(_SHARD.sub("", _stem(file.name)), []).append(file)
    found = [
        Quantisation(label=label(name), files=tuple(sorted(files, key=lambda file: file.name)))
        for name, files in groups.items()
    ]
    if any(_is_weights(file) for file in repo.files):
        found.append(Quantisation(label=SAFETENSORS, files=_folder(repo.files), is_folder=True))
    return tuple(sorted(found, key=lambda one: (one.is_folder, one.size, one.label)))


def label(name: str) -> str:
    """Return the quantisation's label in a file name, in capitals; the whole name if it has none."""
    found = _LABEL.findall(PurePosixPath(name).name) or _LABEL.findall(name)
    return str(found[-1]).upper() if found else PurePosixPath(name).name


def model_name(name: str) -> str:
    """Return the model's name in a file name, which is the same for all its quantisations."""
    base = _SHARD.sub("", _stem(PurePosixPath(name).name))
    return re.sub(r"[-_. ]+", "-", _LABEL.sub("", base)).strip("-").lower()


def choose_quantisation(repo: Repo, source: Source) -> Quantisation:
    """Return the quantisation that a source names, or the only one.

    Raise ModelError, which lists the quantisations, if there is no such one or the source leaves several.
    """
    offered = quantisations(repo)
    if not offered:
        raise ModelError(f"{repo.name} has no model that stackctl can download{_why(repo)}", hint=_elsewhere(repo))
    if source.file:
        return _of_file(repo, source.file, offered)
    if source.quant:
        wanted = source.quant.upper()
        named = [one for one in offered if one.label.upper() == wanted]
        # a prefix may name the rounding method: UD-Q4_K_XL, i1-Q4_K_M
        named = named or [one for one in offered if one.label.upper().partition("-")[2] == wanted]
        if len(named) == 1:
            return named[0]
        if named:
            files = ", ".join(one.files[0].name for one in named)
            raise ModelError(
                f"{repo.name} has {len(named)} models at {source.quant}: {files}",
                hint=f"Name the file: `{shell_word(f'hf:{repo.name}/{named[0].files[0].name}')}`.",
            )
        close = difflib.get_close_matches(wanted, [one.label.upper() for one in offered], n=1, cutoff=0.5)
        meant = f"Use `{shell_word(f'hf:{repo.name}:{close[0]}')}` if you meant that, or choose" if close else "Choose"
        raise ModelError(f"{repo.name} has no {source.quant}", hint=f"{meant} one of {_listed(offered)}.")
    if len(offered) == 1:
        return offered[0]
    raise ModelError(
        f"{repo.name} has its model in {len(offered)} quantisations: {_listed(offered)}",
        hint=f"Choose one, for example `{shell_word(f'hf:{repo.name}:{offered[len(offered) // 2].label}')}`.",
    )


def _of_file(repo: Repo, name: str, offered: Iterable[Quantisation]) -> Quantisation:
    for one in offered:
        if not one.is_folder and any(file.name == name for file in one.files):
            return one
    inside = [one for one in offered if all(file.name.startswith(f"{name}/") for file in one.files)]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise ModelError(
            f"{name} in {repo.name} holds {len(inside)} models: {_listed(inside)}",
            hint=f"Name the file: `{shell_word(f'hf:{repo.name}/{inside[0].files[0].name}')}`.",
        )
    if any(file.name == name for file in repo.files) and name.lower().endswith(_PICKLES):
        raise ModelError(
            f"{name} is a PyTorch pickle, which can run any code when it is loaded",
            hint="Choose a .gguf or .safetensors file.",
        )
    names = [file.name for file in repo.files]
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    meant = (
        f"Use `{shell_word(f'hf:{repo.name}/{close[0]}')}` if you meant that."
        if close
        else f"Choose one of its files: {', '.join(names[:8])}."
    )
    raise ModelError(f"{repo.name} has no model file {name}", hint=meant)


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


def _stem(name: str) -> str:
    return name[: -len(".gguf")]


def _why(repo: Repo) -> str:
    has_pickles = any(file.name.lower().endswith(_PICKLES) for file in repo.files)
    return ", only PyTorch pickles, which can run any code when they are loaded" if has_pickles else ""


def _elsewhere(repo: Repo) -> str:
    return f"Look for a GGUF of it: the page of {repo.name} at Hugging Face lists them under Quantizations."


def _listed(offered: Iterable[Quantisation]) -> str:
    return ", ".join(f"{one.label} ({one.size / 1e9:.1f} GB)" for one in offered)
