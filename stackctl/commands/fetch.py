"""Bring what is missing: images (pulled, or built where a pull fails) and the backend's program."""

from stackctl import backends
from stackctl.core import tavern
from stackctl.core.images import image_inputs, use_own
from stackctl.core.lock import Lock
from stackctl.core.spec import Spec
from stackctl.core.stack import Plan, Service
from stackctl.effects import images as images_effect
from stackctl.errors import EngineError
from stackctl.machine import Machine


def fetch_images(plan: Plan, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    """Make every image present; the returned lock differs where one of ours had to stand in for an official one."""
    for service in plan.services:
        if machine.images.digest(service.image) is None:
            lock = _fetch(service, plan, spec, lock, machine)
    return lock


def with_digests(plan: Plan, lock: Lock, machine: Machine) -> Lock:
    """Record the digest of each image at its first pull; say so if a tag has moved since."""
    digests = dict(lock.digests)
    for service in plan.services:
        found = machine.images.digest(service.image)
        known = digests.get(service.image)
        if known and found and known != found and service.image not in images_effect.OWN:
            machine.ui.note(f"{service.image} is no longer what was pulled first: {known} then, {found} now")
        if found and service.image not in images_effect.OWN:
            digests.setdefault(service.image, found)
    return Lock(decisions=lock.decisions, digests=digests, rendered=lock.rendered)


def _fetch(service: Service, plan: Plan, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    if service.image in images_effect.OWN:
        machine.images.build(service.image)
        machine.ui.note(f"built {service.image}")
        return lock
    try:
        machine.images.pull(service.image)
    except EngineError as failed:
        own = _own(service, plan, spec)
        if own is None:
            raise
        machine.ui.note(f"{failed.message}")
        machine.ui.note(f"taking our own image instead: {own}")
        if machine.images.digest(own) is None:
            machine.images.build(own)
        variant = None if service.name == tavern.NAME else plan.variant
        return use_own(lock, service.name, own, image_inputs(spec, service.name, variant or "any"))
    machine.ui.note(f"pulled {service.image}")
    return lock


def _own(service: Service, plan: Plan, spec: Spec) -> str | None:
    """Our image for a service whose official one can't be pulled; None where the user named one or wants no other."""
    is_tavern = service.name == tavern.NAME
    named = spec.sillytavern.image if is_tavern else spec.backend.image
    if spec.images != "auto" or named != "auto":
        return None
    own = backends.named(plan.backend).OWN_IMAGES
    return tavern.OWN_IMAGE if is_tavern else plan.variant and own.get(plan.variant)
