"""Make the images present: pull them, or build ours if a pull fails."""

from dataclasses import replace

from stackctl import backends
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.plan.images import OWN, image_inputs, use_own
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError
from stackctl.machine import Machine


def fetch_images(plan: Plan, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    """Make every image present; the returned lock differs if one of ours had to replace an official one."""
    machine.docker.images.check_room(service.image for service in plan.services)
    service, variant = plan.backend_service, plan.variant
    if service and variant:
        own = backends.find_backend(plan.backend).OWN_IMAGES.get(variant) if spec.backend.image == "auto" else None
        lock = _fetch(service.name, service.image, own, variant, spec, lock, machine)
    return fetch_tavern(plan.sillytavern.image, spec, lock, machine)


def fetch_tavern(image: str, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    """Make SillyTavern's image present; returns the lock as fetch_images() does."""
    own = tavern.OWN_IMAGE if spec.sillytavern.image == "auto" else None
    return _fetch(tavern.NAME, image, own, "any", spec, lock, machine)


def with_digests(plan: Plan, lock: Lock, machine: Machine) -> Lock:
    """Record the digest of each image at its first pull; print a note if its tag has moved since."""
    digests = dict(lock.digests)
    for service in plan.services:
        found = machine.docker.images.digest(service.image)
        known = digests.get(service.image)
        if known and found and known != found and service.image not in OWN:
            machine.ui.warn(f"the tag {service.image} now points to another image (was {known}, is {found})")
        if found and service.image not in OWN:
            digests.setdefault(service.image, found)
    return replace(lock, digests=digests)


def _fetch(service: str, image: str, own: str | None, variant: str, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    """Build or pull an image. `own`: ours, which may replace it (None: there is none, or the user named an image)."""
    if machine.docker.images.digest(image) is not None:
        return lock
    if image in OWN:
        machine.docker.images.build(image)
        machine.ui.note(f"built {image}")
        return lock
    try:
        machine.docker.images.pull(image)
    except EngineError as failed:
        if own is None or spec.images != "auto":
            raise
        machine.ui.note(f"{failed.message}")
        machine.ui.note(f"using stackctl's own image instead: {own}")
        if machine.docker.images.digest(own) is None:
            machine.docker.images.build(own)
        return use_own(lock, service, own, image_inputs(spec, service, variant))
    machine.ui.note(f"pulled {image}")
    return lock
