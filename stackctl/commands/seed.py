"""SillyTavern's folders and its settings before the first start."""

from pathlib import Path

from stackctl.core import tavern
from stackctl.core.stack import Plan
from stackctl.effects.files import Folder
from stackctl.errors import DataError
from stackctl.machine import Machine


def seed(plan: Plan, machine: Machine) -> None:
    """Make the folders, owned by SillyTavern's user, and write settings.json if there is none yet."""
    owner = plan.sillytavern.user
    assert owner is not None  # noqa: S101 - plan() always names one
    folder = Folder(machine.path, owner)
    for name in plan.folders:
        folder.make(name)
        _check_owner(machine.path / name, owner.uid)
    data = str(Path(plan.folders[0]).parent)
    settings = f"{data}/{tavern.SETTINGS}"
    if folder.read(settings) is not None:
        return
    stock = machine.engine.read_file(plan.sillytavern.image, tavern.STOCK_SETTINGS)
    over = tavern.overlay(plan.tavern_type, plan.backend_url, plan.context)
    folder.write(settings, tavern.seed(stock, over), mode=0o600)
    machine.ui.note("wrote SillyTavern's first settings: it will connect by itself")


def _check_owner(path: Path, uid: int) -> None:
    found = path.stat().st_uid
    if found != uid:
        raise DataError(
            f"{path} belongs to user {found}, but SillyTavern runs as user {uid} and could not write there",
            hint=f"sudo chown -R {uid} '{path}', or set sillytavern.uid = {found} in stack.toml",
        )
