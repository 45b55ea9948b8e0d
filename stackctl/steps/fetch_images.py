"""Make the images present: pull them, or build ours if a pull fails."""

from dataclasses import replace

from stackctl import backends
from stackctl.core.config.lock import FILE, Lock
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.plan.images import OWN, image_inputs, unpinned, use_own
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import EngineError
from stackctl.machine import Machine


def fetch_images(plan: Plan, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    """Make every image present; the returned lock differs if one of ours had to replace an official one."""
    machine.docker.images.check_room(service.image for service in plan.services)
    service, variant = plan.backend_service, plan.variant
    if service and variant:
        is_chosen = {spec.backend.image, spec.backend.build} != {AUTO}
        own = None if is_chosen else backends.find_backend(plan.backend).OWN_IMAGES.get(variant)
        lock = _fetch(service.name, service.image, own, variant, spec, lock, machine)
    return fetch_tavern(plan.sillytavern.image, spec, lock, machine)


def fetch_tavern(image: str, spec: Spec, lock: Lock, machine: Machine) -> Lock:
    """Make SillyTavern's image present; returns the lock as fetch_images() does."""
    own = tavern.OWN_IMAGE if spec.sillytavern.image == "auto" else None
    return _fetch(tavern.NAME, image, own, "any", spec, lock, machine)


def with_digests(plan: Plan, lock: Lock, machine: Machine) -> Lock:
    """Record the digest by which each image was pulled first. Say where a tag means another image by now."""
    digests = dict(lock.digests)
    for name in _pulled_names(plan, lock):
        known, now = digests.get(name), machine.docker.images.pulled_digest(name)
        if now and known is None:
            digests[name] = now
        elif now and known != now:
            machine.ui.warn(
                f"the tag {name} now points to another image (was {known}, is {now}). This stack runs the image that "
                f"{FILE} records. Run `stackctl deploy --new-images` to take the new one."
            )
    return replace(lock, digests=digests)


def newest_digests(lock: Lock, machine: Machine) -> Lock:
    """Return the lock with the digest of what each recorded image's tag means here now; none where it is not here."""
    found = {name: machine.docker.images.pulled_digest(name) for name in lock.digests}
    return replace(lock, digests={name: digest for name, digest in found.items() if digest})


def forget_built(plan: Plan, lock: Lock, machine: Machine) -> Lock:
    """Return the lock without the ids of images that were built here: no registry gives an image by its id.

    A stackctl before 0.1.0 recorded them.
    """
    images, digests = machine.docker.images, dict(lock.digests)
    for name in _pulled_names(plan, lock):
        if digests.get(name) and not images.pulled_digest(name) and images.digest(name) == digests[name]:
            del digests[name]
    return replace(lock, digests=digests)


def _pulled_names(plan: Plan, lock: Lock) -> list[str]:
    """The images of a plan that come from a registry by a tag."""
    names = dict.fromkeys(unpinned(service.image, lock.digests) for service in plan.services)
    return [name for name in names if name not in OWN and "@" not in name]


def _other_build(image: str, variant: str, spec: Spec) -> str:
    """Return a sentence about the oldest build that has another image, after one is missing in the registry; or ""."""
    for backend in backends.BACKENDS.values():
        images = backend.IMAGES.get(variant, ())
        if image in {one.name for one in images} and spec.backend.build == AUTO:
            others = [one.build for one in images if one.build and one.name != image]
            return f' Set `backend.build = "{others[-1]}"` in stack.toml to take another build.' if others else ""
    return ""


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
        if (name := unpinned(image, lock.digests)) != image:
            hint = f"Run `stackctl deploy --new-images` to take what {name} means now. {failed.hint}"
            raise EngineError(
                f"{failed.message} (stack.lock records this digest)", hint=hint, issue=failed.issue
            ) from failed
        if own is None or spec.images != "auto":
            raise EngineError(
                failed.message, hint=f"{failed.hint}{_other_build(image, variant, spec)}", issue=failed.issue
            ) from failed
        machine.ui.note(f"{failed.message}")
        machine.ui.note(f"using stackctl's own image instead: {own}")
        if machine.docker.images.digest(own) is None:
            machine.docker.images.build(own)
        return use_own(lock, service, own, image_inputs(spec, service, variant))
    machine.ui.note(f"pulled {image}")
    return lock
