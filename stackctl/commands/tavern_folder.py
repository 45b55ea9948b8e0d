"""SillyTavern's folders as its container's user has them, and as that container may have changed them."""

from stackctl.core.stack import Plan
from stackctl.effects.files import Folder
from stackctl.machine import Machine


def tavern_folder(plan: Plan, machine: Machine) -> Folder:
    """The deployment's folder, for what belongs to SillyTavern in it: no link is followed there."""
    owner = plan.sillytavern.user
    assert owner is not None  # noqa: S101 - plan() always names one
    return Folder(machine.path, owner, shared=plan.folders)
