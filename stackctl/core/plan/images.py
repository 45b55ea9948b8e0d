"""Chooses the image of a service: the user's, the official one, or one that stackctl builds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from stackctl import backends
from stackctl.backends.contract import Backend, Image
from stackctl.contracts.service import ImageState, Variant
from stackctl.core.config.lock import Decision, Decisions, Lock, is_text
from stackctl.core.tavern import container as tavern
from stackctl.errors import ConfigError

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec

BASE: Final = "localhost/stackctl/base:1"  # the base of all other images that stackctl builds
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


def backend_image(spec: "Spec", backend: Backend, variant: Variant, decisions: Decisions) -> tuple[str, ImageState]:
    """Return the backend's image; raise ConfigError if images = "own" and stackctl can build none."""
    own, official = backend.OWN_IMAGES.get(variant), backend.IMAGES.get(variant)
    if spec.backend.image != "auto":
        return spec.backend.image, _state(spec.backend.image, official, own)
    if spec.images == "own" and own is None:
        raise ConfigError(
            f'images = "own": stackctl can build no image for {backend.TITLE} ({variant})',
            hint='Set `images = "auto"`, or set `backend.image` to an image.',
        )
    if official is None:
        raise ConfigError(
            f"stackctl knows no image of {backend.TITLE} for this GPU ({variant})",
            hint="Set `backend.image`, use another backend, or run on the CPU with `stackctl deploy --gpu none`.",
        )
    inputs = image_inputs(spec, backend.NAME, variant)
    image = decisions.decide(
        f"{backend.NAME}.image",
        inputs,
        lambda: own if own and spec.images == "own" else official.name,
        known=is_text,
    )
    return image, _state(image, official, own)


def tavern_image(spec: "Spec", decisions: Decisions) -> tuple[str, ImageState]:
    """Return SillyTavern's image."""
    image: str = spec.sillytavern.image
    if image == "auto":
        image = decisions.decide(
            f"{tavern.NAME}.image",
            image_inputs(spec, tavern.NAME, "any"),
            lambda: tavern.OWN_IMAGE if spec.images == "own" else tavern.IMAGE,
            known=is_text,
        )
    return image, _state(image, Image(name=tavern.IMAGE, seen=True), tavern.OWN_IMAGE)


def _state(image: str, official: Image | None, own: str | None) -> ImageState:
    if image == own:
        return "own"
    return "tried" if official and image == official.name and official.seen else "unverified"


def use_own(recorded: Lock, service: str, image: str, source: Mapping[str, object]) -> Lock:
    """Return the lock after a failed pull: that service uses the image that stackctl builds from now on."""
    key = f"{service}.image"
    decision = Decision(value=image, inputs=dict(source))
    return replace(recorded, decisions={**recorded.decisions, key: decision})
