"""Take the images that a new stack would get: `stackctl deploy --new-images`."""

from stackctl import backends
from stackctl.core.config.lock import Lock
from stackctl.core.plan.images import changed_images, forget_images
from stackctl.core.plan.plan import Planned, forget_decisions
from stackctl.core.tavern import container as tavern
from stackctl.machine import Machine
from stackctl.steps.fetch_images import newest_digests


def to_decide_again(lock: Lock, machine: Machine, *, replan: bool, new_images: bool) -> Lock:
    """Return the lock without the decisions that are to be made again: all but the images, the images, or both."""
    if replan:
        lock = forget_decisions(lock)
    return newest_digests(forget_images(lock), machine) if new_images else lock


def say_new_images(planned: Planned, recorded: Lock, machine: Machine) -> None:
    """Say which images become others, and what becomes of the chats."""
    plan, changed = planned.plan, {}
    for service, was, now in changed_images(plan.services, recorded, planned.lock):
        machine.ui.note(f"another image for {service}: {was}{_build(was)} -> {now}{_build(now)}")
        changed[service] = now
    if tavern.NAME in changed:
        machine.ui.note("SillyTavern's data is copied before its new image starts, and the chats stay")
    elif changed:
        machine.ui.note("SillyTavern keeps its image, and the chats stay as they are")
    elif recorded.rendered:
        machine.ui.note("no newer image is known: the stack keeps those that it has")


def _build(image: str) -> str:
    builds = [found for backend in backends.BACKENDS.values() if (found := backend.build_of(image, ""))]
    return f" ({builds[0]})" if builds else ""
