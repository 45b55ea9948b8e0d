"""`stackctl images`: list the images that the stack uses, and build our own."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stackctl.contracts.service import ImageState
from stackctl.core.plan.images import OWN, unpinned
from stackctl.core.plan.plan import plan
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, read_lock
from stackctl.steps.observe import observe


@dataclass(frozen=True, kw_only=True)
class ImageHere:
    """An image of the stack. `digest`: "" while it is not here."""

    service: str
    name: str
    digest: str
    kind: ImageState


def images_here(machine: Machine, flags: Mapping[str, object]) -> tuple[ImageHere, ...]:
    """Return the images that a deploy would use."""
    wanted = load_config(machine, flags)
    machine = machine.run_by(wanted.spec.target, wanted.spec)
    lock = read_lock(machine)
    return tuple(
        ImageHere(
            service=service.name,
            name=unpinned(service.image, lock.digests),
            digest=machine.docker.images.digest(service.image) or "",
            kind=service.image_is,
        )
        for service in plan(wanted.spec, observe(wanted.spec, machine), lock).plan.services
    )


def build(machine: Machine, names: tuple[str, ...]) -> Iterator[str]:
    """Build our images by short name, or all of them; give each one's name when it is built."""
    known = {short: image for image, short in OWN.items()}
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ConfigError(f"stackctl has no image called {', '.join(wrong)}", hint=f"Choose from: {', '.join(known)}.")
    for name in names or tuple(known):
        machine.docker.images.build(known[name])
        yield known[name]
