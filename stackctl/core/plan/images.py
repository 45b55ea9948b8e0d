"""Which image a service runs: chosen, official or our own."""

from collections.abc import Mapping
from typing import Final, Literal

from stackctl.backends.contract import Backend, Image, Variant
from stackctl.core.config.lock import Decision, Decisions, Lock
from stackctl.core.config.spec import Spec
from stackctl.core.tavern import container as tavern
from stackctl.errors import ConfigError

# our own images -> the folder that each is built from
OWN: Final = {
    "localhost/stackctl/base:1": "base",
    "localhost/stackctl/llamacpp:debian": "llamacpp",
    "localhost/stackctl/sillytavern:1.19.0": "sillytavern",
    "localhost/stackctl/stackctl:1": "stackctl",
}
ImageState = Literal["tried", "unverified", "own"]


def repository(name: str) -> str:
    """An image's name without tag and digest; a colon before the last slash is a port's."""
    plain = name.partition("@")[0]
    return plain.rpartition(":")[0] if ":" in plain.rpartition("/")[2] else plain


def image_inputs(spec: Spec, service: str, variant: str) -> dict[str, str]:
    """What the choice of a service's image depends on."""
    return {"service": service, "variant": variant, "images": spec.images}


def backend_image(spec: Spec, backend: Backend, variant: Variant, decisions: Decisions) -> tuple[str, ImageState]:
    """The backend's image; raise ConfigError where we have none of our own and no other is wanted."""
    own, official = backend.OWN_IMAGES.get(variant), backend.IMAGES[variant]
    if spec.backend.image != "auto":
        return spec.backend.image, _state(spec.backend.image, official, own)
    if spec.images == "own" and own is None:
        raise ConfigError(
            f'images = "own": stackctl has no image of its own for {backend.TITLE} ({variant})',
            hint='set images = "auto", or name one yourself with backend.image',
        )
    inputs = image_inputs(spec, backend.NAME, variant)
    image = decisions.decide(
        f"{backend.NAME}.image", inputs, lambda: own if own and spec.images == "own" else official.name
    )
    return image, _state(image, official, own)


def tavern_image(spec: Spec, decisions: Decisions) -> tuple[str, ImageState]:
    """SillyTavern's image."""
    image: str = spec.sillytavern.image
    if image == "auto":
        image = decisions.decide(
            f"{tavern.NAME}.image",
            image_inputs(spec, tavern.NAME, "any"),
            lambda: tavern.OWN_IMAGE if spec.images == "own" else tavern.IMAGE,
        )
    return image, _state(image, Image(name=tavern.IMAGE, seen=True), tavern.OWN_IMAGE)


def _state(image: str, official: Image, own: str | None) -> ImageState:
    if image == own:
        return "own"
    return "tried" if image == official.name and official.seen else "unverified"


def use_own(recorded: Lock, service: str, image: str, source: Mapping[str, object]) -> Lock:
    """The lock after a failed pull: that service's image is our own from now on."""
    key = f"{service}.image"
    decision = Decision(value=image, inputs=dict(source))
    return Lock(
        decisions={**recorded.decisions, key: decision},
        digests=recorded.digests,
        rendered=recorded.rendered,
    )
