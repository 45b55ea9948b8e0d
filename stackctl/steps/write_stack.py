"""Write compose.yml, the files that it mounts, stack.lock, and the plan for later commands."""

from dataclasses import replace

from stackctl import __version__
from stackctl.core.config import lock as lock_file
from stackctl.core.config.journal import checksum
from stackctl.core.config.lock import differ
from stackctl.core.model import demo_model
from stackctl.core.plan import plan_json, security
from stackctl.core.plan.plan import Planned
from stackctl.core.plan.stack import Plan
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.steps import api_key, tavern_password
from stackctl.steps.config_request import load_config, read_lock
from stackctl.steps.former_stack import note_written


def write_stack(planned: Planned, text: str, machine: Machine, *, replan: bool = False) -> str:
    """Write the rendered file, the files that it mounts and stack.lock; return the text that is in the file then.

    A file that is not as we wrote it is kept under another name. A file that another version of stackctl wrote from the
    same inputs and decisions stays as it is: a newer stackctl changes nothing that runs.
    """
    folder, file = machine.folder, machine.orchestrator.file
    current = folder.read(file)
    if as_it_is := kept_text(planned, machine, replan=replan):
        by = read_lock(machine).rendered["by"]
        machine.ui.note(
            f"kept {file} as stackctl {by} wrote it; `stackctl diff` shows what this version "
            "would change, `stackctl deploy --replan` applies it"
        )
        _write_plan(_plan_text(planned, machine), machine)
        return as_it_is
    if current != text and not is_as_written(machine) and (kept := folder.set_aside(file)):
        machine.ui.note(f"{file} was not as stackctl wrote it: that version is kept as {kept.name}")
    if planned.plan.is_demo:
        folder.write(demo_model.FILE_NAME, demo_model.gguf_bytes())
    _write_backend_files(planned.plan, folder)
    tavern_password.give_password(planned.plan, machine)
    recorded = lock_text(planned, text)
    plan = _plan_text(planned, machine)
    note_written(machine, {file: text, lock_file.FILE: recorded, plan_json.FILE: plan})
    if folder.write(file, text):
        machine.ui.note(f"wrote {file}")
    folder.write(lock_file.FILE, recorded)
    _write_plan(plan, machine)
    return text


def kept_text(planned: Planned, machine: Machine, *, replan: bool) -> str | None:
    """Return the rendered file's text if another version of stackctl wrote it and it stays; else None."""
    was, current = read_lock(machine), machine.folder.read(machine.orchestrator.file)
    is_same = was.rendered.get("inputs") == planned.inputs and not differ(was, planned.lock)
    is_by_another = is_same and was.rendered["by"] != __version__
    return current if current and is_by_another and not replan and is_as_written(machine) else None


def is_as_written(machine: Machine) -> bool:
    """Return whether the rendered file is missing, or is as stackctl wrote it."""
    folder, file = machine.folder, machine.orchestrator.file
    return folder.read(file) is None or folder.sha256(file) == read_lock(machine).rendered.get("sha256")


def lock_text(planned: Planned, text: str) -> str:
    """Return stack.lock's text. `text`: the text of the rendered file."""
    written = {"by": __version__, "inputs": planned.inputs, "sha256": checksum(text)}
    if planned.lock.is_newer:
        written[lock_file.NEWEST] = planned.lock.newest
    written[security.RECORD] = " ".join(planned.security)
    return lock_file.dump(replace(planned.lock, rendered=written))


def _plan_text(planned: Planned, machine: Machine) -> str:
    plan = planned.plan
    theirs = "" if plan.backend_service else load_config(machine, {}).spec.backend.key_file
    key, password = theirs or api_key.FILE, tavern_password.FILE
    return plan_json.dump(
        plan,
        machine.place,
        key=key,
        password=password,
        by=__version__,
        engine=planned.engine,
        target=machine.orchestrator.name,
    )


def _write_plan(text: str, machine: Machine) -> None:
    """Write plan.json, which only the folder's owner may read."""
    note_written(machine, {plan_json.FILE: text})
    machine.folder.write(plan_json.FILE, text, mode=0o600)


def _write_backend_files(plan: Plan, folder: Folder) -> None:
    """Write the files that only the backend may read, because they hold its key."""
    reader = (plan.backend_service and plan.backend_service.user) or folder.owner
    for name, text in plan.files.items():
        folder.write_secret(name, text, reader=reader)
