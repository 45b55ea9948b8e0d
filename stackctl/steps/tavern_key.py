"""The key that SillyTavern sends to its backend, in SillyTavern's secrets.json."""

from pathlib import Path

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json
from stackctl.core.tavern import secrets_json as secrets
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import data_path, tavern_folder

_MOST_LABEL = 80  # characters of a key's name, which the user chose


def give_key(plan: Plan, machine: Machine) -> None:
    """Add the plan's key to SillyTavern's keys; no other key, and no choice of the user's, is changed.

    A damaged secrets.json, which SillyTavern could not use either, is kept under another name, with a note. If the
    backend wants no key, our key is removed.
    """
    folder, data = tavern_folder(plan, machine), data_path(plan)
    name = f"{data}/{secrets.FILE}"
    raw = folder.read_bytes(name)
    before = data_json.parse(raw) if raw is not None else {}
    must_write = raw is not None and data_json.is_unreadable(raw)
    if plan.key is None:
        if before and (bare := secrets.without_key(before, plan.tavern_type)) != before:
            folder.write(name, data_json.dump(bare), mode=0o600)
        return
    if before is None and (kept := folder.set_aside(name)):
        machine.ui.warn(
            f"SillyTavern's {Path(name).name} was damaged: it is kept as {kept.name}; the new one holds only "
            "stackctl's key"
        )
    kind, url = tavern_settings.connection(data_json.parse(folder.read_bytes(f"{data}/{tavern.SETTINGS}")) or {})
    is_connected = (kind, url.rstrip("/")) == (plan.tavern_type, plan.backend_url)
    after = secrets.with_key(before or {}, plan.tavern_type, plan.key, is_connected=is_connected)
    if after != before or must_write:
        folder.write(name, data_json.dump(after), mode=0o600)
    used = secrets.active(after[secrets.key_name(plan.tavern_type)])
    if used is None or not secrets.is_ours(used):
        other = f"another key ({str(used.get('label'))[:_MOST_LABEL]})" if used else "no key"
        machine.ui.note(f"SillyTavern uses {other} for {plan.backend_title}: left as you chose it")
