"""SillyTavern's folders and its settings before the first start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackctl.core import tavern
from stackctl.core.stack import Plan
from stackctl.effects.files import STATE, Folder
from stackctl.errors import DataError
from stackctl.machine import Machine

_WROTE = f"{STATE}/sillytavern.json"  # the overlay that we wrote last


def seed(plan: Plan, machine: Machine) -> None:
    """Make the folders, owned by SillyTavern's user; write its first settings.json, or follow what has changed since.

    In an existing one only what we wrote ourselves is touched, and only where it still is as we wrote it.
    """
    owner = plan.sillytavern.user
    assert owner is not None  # noqa: S101 - plan() always names one
    folder = Folder(machine.path, owner)
    for name in plan.folders:
        folder.make(name)
        _check_owner(machine.path / name, owner.uid)
    settings = f"{Path(plan.folders[0]).parent}/{tavern.SETTINGS}"
    over = tavern.overlay(plan.tavern_type, plan.backend_url, plan.context)
    current = folder.read(settings)
    if current is None:
        stock = machine.engine.read_file(plan.sillytavern.image, tavern.STOCK_SETTINGS)
        folder.write(settings, tavern.seed(stock, over), mode=0o600)
        machine.ui.note("wrote SillyTavern's first settings: it will connect by itself")
    else:
        _follow(folder, settings, current, over, machine)
    machine.folder.write(_WROTE, json.dumps(over, indent=2) + "\n")


def _follow(folder: Folder, name: str, text: str, over: Mapping[str, Any], machine: Machine) -> None:
    wrote, current = _table(machine.folder.read(_WROTE)), _table(text)
    if wrote == over or not wrote or not current:
        return  # nothing has changed, or the settings are not ours, or damaged: then the proof says so
    changed, left = tavern.rewired(current, wrote, over)
    if changed != current:
        folder.write(name, json.dumps(changed, indent=4, ensure_ascii=False) + "\n", mode=0o600)
        machine.ui.note("SillyTavern's settings follow the change; open tabs must be reloaded")
    if left:
        machine.ui.note(f"left in SillyTavern's settings as you changed it: {', '.join(left)}")


def _table(text: str | None) -> dict[str, Any]:
    """A JSON object; {} where there is none, or something else."""
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _check_owner(path: Path, uid: int) -> None:
    found = path.stat().st_uid
    if found != uid:
        raise DataError(
            f"{path} belongs to user {found}, but SillyTavern runs as user {uid} and could not write there",
            hint=f"sudo chown -R {uid} '{path}', or set sillytavern.uid = {found} in stack.toml",
        )
