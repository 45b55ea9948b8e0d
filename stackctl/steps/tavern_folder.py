"""SillyTavern's data folder, which its container's user owns and may have changed."""

from pathlib import Path

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.machine import Machine
from stackctl.ports.disk import Folder


def tavern_folder(plan: Plan, machine: Machine) -> Folder:
    """Return the deployment's folder for writing SillyTavern's files: they will belong to SillyTavern's user."""
    owner = plan.sillytavern.user
    assert owner is not None  # noqa: S101 - plan() always names one
    return machine.storage.folder(machine.path, owner, shared=data_path(plan), links_of=machine.folder.owner)


def shared_folder(machine: Machine, data: str) -> Folder:
    """Return the deployment's folder for reading below SillyTavern's data folder `data`, without following links."""
    return machine.storage.folder(machine.path, machine.folder.owner, shared=data)


def data_path(plan: Plan) -> str:
    """Return the path of SillyTavern's data folder: absolute, or relative to the deployment's folder."""
    return str(Path(plan.folders[0]).parent)


def settings_file(plan: Plan) -> str:
    """Return the path of SillyTavern's settings: absolute, or relative to the deployment's folder."""
    return f"{data_path(plan)}/{tavern.SETTINGS}"
