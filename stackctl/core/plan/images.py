"""Chooses the image of a service: the user's, the official one, or one that stackctl builds."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stackctl import backends
from stackctl.backends.contract import Backend, Image
from stackctl.contracts.service import CPU, ImageState, Service, Variant
from stackctl.core.config.lock import Decision, Decisions, Lock, is_text
from stackctl.core.tavern import container as tavern
from stackctl.errors import ConfigError

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec

BASE: Final = "localhost/stackctl/base:1"  # the base of all other images that stackctl builds
_AUTO: Final = "auto"
_KEY: Final = ".image"  # after a service's name, in stack.lock
HOLDS_US: Final = "localhost/stackctl/stackctl:1"
# image that stackctl builds -> its folder in images/
OWN: Final = {
    name: name.rpartition("/")[2].partition(":")[0]
    for name in dict.fromkeys((BASE, *backends.own_images(), tavern.OWN_IMAGE, HOLDS_US))
}


def repository(name: str) -> str:
    """Return an image's name without tag and digest; a colon before the last slash belongs to a port."""
    plain = name.partition("@")[0]
    return plain.rpartition(":")[0] if ":" in plain.rpartition("/")[2] else plain


def pinned(image: str, digests: Mapping[str, str]) -> str:
    """Return the image with its recorded digest: `repo:tag@sha256:...`. An image without one stays as it is."""
    digest = digests.get(image)
    return f"{image}@{digest}" if digest else image


def unpinned(image: str, digests: Mapping[str, str]) -> str:
    """Return the name to which `pinned` added the digest."""
    name, _, digest = image.partition("@")
    return name if digest and digests.get(name) == digest else image


def image_inputs(spec: "Spec", service: str, variant: str) -> dict[str, str]:
    """Return the inputs of the choice of a service's image."""
    return {"service": service, "variant": variant, "images": spec.images}


def official_image(backend: Backend, variant: Variant, cuda: tuple[int, ...] = ()) -> Image:
    """Return the official image for this variant and this driver (its CUDA; () if unknown); ConfigError if none is."""
    images = backend.IMAGES.get(variant, ())
    if not images:
        able = [f'"{one.NAME}"' for one in backends.BACKENDS.values() if variant in one.IMAGES]
        other = f"Set `backend.kind` to {' or '.join(able)}, set" if able else "Set"
        raise ConfigError(
            f"stackctl knows no image of {backend.TITLE} for this GPU ({variant})",
            hint=f"{other} `backend.image`, or run on the CPU with `stackctl deploy --gpu none`.",
            issue="gpu-without-code",
        )
    return next(one for one in images if not one.cuda or cuda >= one.cuda)


def backend_image(
    spec: "Spec", backend: Backend, variant: Variant, cuda: tuple[int, ...], decisions: Decisions
) -> tuple[str, ImageState]:
    """Return the backend's image; raise ConfigError if stackctl has none for what stack.toml asks for."""
    own, images = backend.OWN_IMAGES.get(variant), backend.IMAGES.get(variant, ())
    tried = {one.name for one in images if one.build and backend.BUILDS[one.build].is_tried}
    if spec.backend.image != _AUTO:
        return spec.backend.image, _state(spec.backend.image, tried, own)
    if spec.images == "own" and own is None:
        raise ConfigError(
            f'images = "own": stackctl can build no image for {backend.TITLE} ({variant})',
            hint='Set `images = "auto"`, or set `backend.image` to an image.'
            + (" Or run on the CPU with `stackctl deploy --cpu`." if CPU in backend.OWN_IMAGES else ""),
        )
    newest = official_image(backend, variant, cuda)
    inputs: dict[str, str] = image_inputs(spec, backend.NAME, variant)
    if spec.backend.build != _AUTO:
        newest = _of_build(spec, backend, variant, cuda, own)
        inputs["build"] = spec.backend.build
    image = decisions.decide(
        f"{backend.NAME}{_KEY}",
        inputs,
        lambda: own if own and spec.images == "own" else newest.name,
        known=is_text,
        holds=lambda name: not any(one.name == name and cuda < one.cuda for one in images) or not cuda,
    )
    return image, _state(image, tried, own)


def _of_build(spec: "Spec", backend: Backend, variant: Variant, cuda: tuple[int, ...], own: str | None) -> Image:
    """Return the image of the build that stack.toml names; ConfigError, with those that suit, if there is none."""
    build = spec.backend.build
    if backend.PROGRAMS and build in backend.BUILDS:
        return official_image(backend, variant)
    known = {one.build: one for one in backend.IMAGES.get(variant, ()) if one.build and (not cuda or cuda >= one.cuda)}
    if own and not backend.PROGRAMS:
        known[backend.build_of(own, "")] = Image(name=own)
    if build in known and (spec.images != "own" or known[build].name == own):
        return known[build]
    can = [name for name in backend.BUILDS if name in known or backend.PROGRAMS]
    raise ConfigError(
        f"backend.build: stackctl knows no image of {backend.TITLE} {build} ({variant}, images = {spec.images!r})",
        hint=f"Set it to one of {', '.join(can)}, or set `backend.image`." if can else "Set `backend.image` instead.",
    )


def newer_build(spec: "Spec", backend: Backend, variant: Variant, cuda: tuple[int, ...], image: str) -> str:
    """Return a note if a new stack would get a newer image of the backend than this one; else ""."""
    if {spec.backend.image, spec.backend.build} != {_AUTO} or image in OWN:
        return ""
    newest = backend.BUILDS.get(official_image(backend, variant, cuda).build)
    runs = backend.BUILDS.get(backend.build_of(image, ""))
    if newest is None or runs is None or runs.number >= newest.number:
        return ""
    return (
        f"this stack runs {backend.TITLE} {runs.name}; a new one would get {newest.name}, which "
        "`stackctl deploy --new-images` takes"
    )


def tavern_image(spec: "Spec", decisions: Decisions) -> tuple[str, ImageState]:
    """Return SillyTavern's image."""
    image: str = spec.sillytavern.image
    if image == _AUTO:
        image = decisions.decide(
            f"{tavern.NAME}{_KEY}",
            image_inputs(spec, tavern.NAME, "any"),
            lambda: tavern.OWN_IMAGE if spec.images == "own" else tavern.IMAGE,
            known=is_text,
        )
    return image, _state(image, {tavern.IMAGE}, tavern.OWN_IMAGE)


def _state(image: str, tried: Container[str], own: str | None) -> ImageState:
    if image == own:
        return "own"
    return "tried" if image in tried else "unverified"


def is_image(key: str, value: object) -> bool:
    """Return whether a decision in stack.lock is that of a service's image."""
    return key.endswith(_KEY) and is_text(value)


def forget_images(recorded: Lock) -> Lock:
    """Return the lock without its decisions about images, so that plan() takes what a new stack would get."""
    kept = {key: one for key, one in recorded.decisions.items() if not is_image(key, one.value)}
    return replace(recorded, decisions=kept)


def changed_images(services: Iterable[Service], before: Lock, now: Lock) -> Iterator[tuple[str, str, str]]:
    """Return each service whose image is another than the recorded one: its name, what it ran, and what it will run."""
    for service in services:
        name = unpinned(service.image, now.digests)
        decided = before.decisions.get(f"{service.name}{_KEY}")
        was = pinned(decided.value if decided else name, before.digests)
        if was != service.image:
            yield service.name, was, service.image


def use_own(recorded: Lock, service: str, image: str, source: Mapping[str, object]) -> Lock:
    """Return the lock after a failed pull: that service uses the image that stackctl builds from now on."""
    key = f"{service}{_KEY}"
    decision = Decision(value=image, inputs=dict(source))
    return replace(recorded, decisions={**recorded.decisions, key: decision})
