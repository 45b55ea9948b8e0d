"""The images of the stack, and how the engine keeps them."""

from typing import Final

from stackctl.contracts.finding import CheckResult
from stackctl.core.doctor.images import judge_images
from stackctl.steps.doctor.check import Check, Looks


def _find_images(looks: Looks) -> CheckResult:
    details, plan = looks.details(), looks.plan()
    store = "containerd's image store" if details.has_containerd_store else f"{details.storage_driver} image store"
    if plan is None:
        return CheckResult(says=store)
    names = tuple(dict.fromkeys(one.image for one in plan.services))
    images = looks.machine.docker.images
    found = judge_images({name: images.architecture(name) for name in names}, details.architecture)
    return CheckResult(findings=found, says=f"{len(names)} are here, {store}")


CHECKS: Final[tuple[Check, ...]] = (Check(name="images", title="the stack's images are here", run=_find_images),)
