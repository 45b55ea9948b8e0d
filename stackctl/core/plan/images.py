"""Which image a service runs: chosen, official or our own."""

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

BASE: Final = "localhost/stackctl/base:1"  # every other one of ours stands on it
HOLDS_US: Final = "localhost/stackctl/stackctl:1"
# our own images -> the folder below images/ that each is built from
OWN: Final = {
    name: name.rpartition("/")[2].partition(":")[0]
    for name in dict.fromkeys((BASE, *backends.own_images(), tavern.OWN_IMAGE, HOLDS_US))
}


def repository(name: str) -> str:
    """An image's name without tag and digest; a colon before the last slash is a port's."""
    plain = name.partition("@")[0]
    return plain.rpartition(":")[0] if ":" in plain.rpartition("/")[2] else plain


def image_inputs(spec: "Spec", service: str, variant: str) -> dict[str, str]:
    """What the choice of a service's image depends on."""
    return {"service": service, "variant": variant, "images": spec.images}


def backend_image(spec: "Spec", backend: Backend, variant: Variant, decisions: Decisions) -> tuple[str, ImageState]:
    """The backend's image; raise ConfigError where we have none of our own and no other is wanted."""
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
    """SillyTavern's image."""
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
    """The lock after a failed pull: that service's image is our own from now on."""
    key = f"{service}.image"
    decision = Decision(value=image, inputs=dict(source))
    return replace(recorded, decisions={**recorded.decisions, key: decision})
