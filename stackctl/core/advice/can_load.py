"""Whether a build of a backend loads a GGUF, judged by its header before anything is fetched or started."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from stackctl import backends
from stackctl.backends.contract import Backend
from stackctl.backends.loadable import Loadable, loadable
from stackctl.contracts.memory import Reserves
from stackctl.contracts.service import Variant
from stackctl.core.model.ggml_types import TYPES, type_name
from stackctl.core.model.model import Header
from stackctl.errors import ModelError
from stackctl.terminal import cut, shown_in_line

_LONGEST: Final = 60  # cells of a name in a message; those of llama.cpp are far shorter
# tokenizers of merges (BPE): for these alone llama.cpp asks for tokenizer.ggml.pre (src/llama-vocab.cpp)
_SPLIT: Final = frozenset({"gpt2", "hybriddna", "whitespace"})


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What one backend makes of a model. build: the one that a new stack takes, "" if unknown."""

    backend: str
    build: str
    why_not: str  # "" if it loads the model


@dataclass(frozen=True, kw_only=True)
class BackendBuild:
    """A backend and the build of it that a stack runs, or would run. build: "" if unknown."""

    backend: Backend
    build: str
    variant: Variant

    @property
    def reserves(self) -> Reserves:
        """Return what this build reserves with every model."""
        return self.backend.reserves(self.build)

    def lacks(self, header: Header) -> str:
        """Return the part of a GGUF that it does not know, as a noun; "" if it knows everything."""
        return lacking(header, self.backend, self.build)

    def refuse(self, header: Header, name: str) -> None:
        """Raise ModelError for a GGUF that it does not load."""
        refuse_unloadable(header, name, self.backend, self.build, self.variant)


def verdicts(header: Header) -> tuple[Verdict, ...]:
    """Return what each backend makes of a GGUF, by the build that a new stack takes."""
    found = []
    for backend in backends.BACKENDS.values():
        build = chosen_build(backend)
        why = header.purpose or _why_not(header, backend, build)
        found.append(Verdict(backend=backend.NAME, build=build, why_not=why))
    return tuple(found)


def chosen_build(backend: Backend, variant: Variant | None = None) -> str:
    """Return the name of the build that a new stack takes, the newest one without `variant`; "" if it is unknown."""
    found = {backend.build_of("", name) for name in backend.PROGRAMS}
    for kind, images in backend.IMAGES.items():
        if variant in {None, kind}:
            found |= {image.build for image in images}
    return next((name for name in reversed(tuple(backend.BUILDS)) if name in found), "")


def lacking(header: Header, backend: Backend, build: str) -> str:
    """Return the part of a GGUF that a build does not know, as a noun; "" if there is none, or the model is no GGUF.

    If nothing is known about the build, it is the part that no build of any backend knows.
    """
    if header.format != "gguf":
        return ""
    return _unknown_to(header, loadable(backend.NAME, build) or _of_any())


def _why_not(header: Header, backend: Backend, build: str) -> str:
    """Return why a backend does not load a GGUF, or why that is not sure, as the rest of a sentence; "" if it does."""
    if lacks := lacking(header, backend, build):
        if not build:
            return f"no build known to stackctl loads {lacks}"
        older = _older(backend, build)
        return f"{older or f'its build {build}'} does not know {lacks}"
    doubt = "" if build or header.format != "gguf" else _unknown_to(header, _of_all())
    return f"it is not known whether its image knows {doubt}" if doubt else ""


def _unknown_to(header: Header, known: Loadable) -> str:
    if not header.architecture:
        return "models whose header names no architecture"
    if header.architecture not in known.architectures:
        return f"the architecture {cut(shown_in_line(header.architecture), _LONGEST)}"
    if header.tokenizer_kind and header.tokenizer_kind not in known.tokenizers:
        return f"the tokenizer {cut(shown_in_line(header.tokenizer_kind), _LONGEST)}"
    if header.tokenizer_kind in _SPLIT and header.tokenizer and header.tokenizer not in known.splitters:
        return f"the pre-tokenizer {cut(shown_in_line(header.tokenizer), _LONGEST)}"
    strange = next((kind for kind in header.types if TYPES.get(kind) not in known.types), None)
    return "" if strange is None else f"tensors of type {type_name(strange).removeprefix('type ')}"


def refuse_unloadable(header: Header, name: str, backend: Backend, build: str, variant: Variant | None = None) -> None:
    """Raise ModelError for a GGUF that a build does not load; the hint names the least one that does."""
    if lacks := lacking(header, backend, build):
        raise _refusal(header, name, backend, build, lacks, chosen_build(backend, variant))


def refuse_doubtful(header: Header, name: str, backend: Backend) -> None:
    """Raise ModelError for a GGUF that a backend does not surely load by the build that a new stack takes."""
    build = chosen_build(backend)
    refuse_unloadable(header, name, backend, build)
    if why := _why_not(header, backend, build):
        raise ModelError(
            f"{backend.TITLE} may not load {name}: {why}",
            hint=_way(list(_able(header)), backend, build, build),
            issue="model-too-new",
        )


def is_sure(header: Header, backend: Backend, build: str) -> bool:
    """Return whether a backend loads a GGUF for sure: of an unknown build it is not, if any known one does not."""
    return not _why_not(header, backend, build)


def refuse_unknown(header: Header, name: str) -> None:
    """Raise ModelError for a GGUF that no backend loads by the build that a new stack takes."""
    verdict = {one.NAME: lacking(header, one, chosen_build(one)) for one in backends.BACKENDS.values()}
    if all(verdict.values()):
        first = backends.BACKENDS[backends.DEFAULT]
        refuse_unloadable(header, name, first, chosen_build(first))


def _refusal(header: Header, name: str, backend: Backend, build: str, lacks: str, chosen: str) -> ModelError:
    able = list(_able(header))
    if not able:
        return ModelError(
            f"{name} can't be loaded: no build known to stackctl loads {lacks}",
            hint=_elsewhere(lacks),
            issue="model-too-new",
        )
    hint = _way(able, backend, build, chosen)
    if older := _older(backend, build):
        return ModelError(
            f"{backend.TITLE} {build} may not load {name}: {older} does not know {lacks}",
            hint=f"{hint} Or try it with `stackctl deploy --force`.",
            issue="model-too-new",
        )
    return ModelError(
        f"{backend.TITLE} {build or 'of this image'} can't load {name}: it does not know {lacks}",
        hint=hint,
        issue="model-too-new",
    )


def _older(backend: Backend, build: str) -> str:
    """Return the older build that stands for one of which there is no public source; "" if it has a list."""
    known = loadable(backend.NAME, build)
    return f"{known.of}, the nearest older build that stackctl has a list of," if known and known.of else ""


def _way(able: list[tuple[Backend, str]], backend: Backend, build: str, chosen: str) -> str:
    """Return how to come to a build that loads the model; it names the least one of this backend, or of another."""
    mine = [name for one, name in able if one is backend]
    least = f"; {backend.TITLE} does from {mine[0]} on" if mine else ""
    if build != chosen and chosen in mine:
        return (
            f'Run `stackctl deploy --new-images`; if that keeps {build}, set `backend.build = "{chosen}"` in '
            f"stack.toml. {backend.TITLE} {chosen} loads this model{least}."
        )
    for other, name in able:
        if other is not backend and name == chosen_build(other):
            return f"Use `--backend {other.NAME}`: {other.TITLE} {name} loads this model{least}."
    other, name = next(((one, name) for one, name in able if one is backend), able[0])
    kind = "" if other is backend else f'`backend.kind = "{other.NAME}"` and '
    return f'Set {kind}`backend.build = "{name}"` in stack.toml: {other.TITLE} {name} loads this model.'


def _elsewhere(lacks: str) -> str:
    if lacks.startswith("tensors"):
        return "Choose another quantisation of the same model, such as Q4_K_M."
    if lacks.startswith("models"):
        return "Download it again, or choose another conversion of the model."
    return "Choose another model, or set `backend.image` to an image of a newer program."


def _able(header: Header) -> Iterator[tuple[Backend, str]]:
    """Return every known build that loads a GGUF, the oldest of each backend first."""
    for backend in backends.BACKENDS.values():
        for build in backend.BUILDS:
            if loadable(backend.NAME, build) and not lacking(header, backend, build):
                yield backend, build


@cache
def _lists() -> tuple[Loadable, ...]:
    every = (loadable(backend.NAME, name) for backend in backends.BACKENDS.values() for name in backend.BUILDS)
    return tuple(one for one in every if one)


def _of_any() -> Loadable:
    """Return what at least one known build loads."""
    return _merged(lambda sets: frozenset.union(*sets))


def _of_all() -> Loadable:
    """Return what every known build loads."""
    return _merged(lambda sets: frozenset.intersection(*sets))


def _merged(merge: Callable[[list[frozenset[str]]], frozenset[str]]) -> Loadable:
    return Loadable(
        source="",
        of="",
        architectures=merge([one.architectures for one in _lists()]),
        tokenizers=merge([one.tokenizers for one in _lists()]),
        splitters=merge([one.splitters for one in _lists()]),
        types=merge([one.types for one in _lists()]),
    )
