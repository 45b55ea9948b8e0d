"""The stack as it was before a deploy: kept until its successor is ready, so that a failed deploy can be rolled back.

The copies lie in .stackctl/before. journal.json, written last and removed first, shows that they are complete. It is
still there after a deploy was killed: the next `stackctl deploy` continues, and `stackctl start` rolls back.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from stackctl.contracts.service import Service
from stackctl.core.config import journal as journals
from stackctl.core.config import lock, stack_toml
from stackctl.core.config.journal import FormerFile, FormerService, Journal
from stackctl.core.formats import line_undo
from stackctl.core.observed import ServiceState
from stackctl.core.plan import plan_json
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.steps.config_request import ConfigRequest, read_lock
from stackctl.steps.deployed import written_plan
from stackctl.steps.other_target import former_target, recorded_target, run_by
from stackctl.steps.recorded_deploys import recorded_deploys
from stackctl.steps.tavern_folder import settings_file, shared_folder, tavern_folder

BACK_OR_ON = "Run `stackctl start` to go back to what ran before, or `stackctl deploy` to continue with the change."
WRITTEN = f"{journals.FOLDER}/written.toml"  # stack.toml as the deploy wrote it
_PRIVATE = frozenset({Path(one).name for one in (plan_json.FILE, tavern.SETTINGS)})


def keep_former(machine: Machine, plan: Plan, wanted: ConfigRequest, record: str) -> None:
    """Keep the stack that works here, before a deploy of `plan` writes anything. Does nothing if no stack works here.

    `record`: the file that records what SillyTavern's settings were made from. After a killed deploy the older copies
    stay, and the copy of stack.toml takes over what the user has edited since.
    """
    kept = kept_journal(machine)
    if kept and kept.stack == plan.name and not is_overtaken(kept, machine):
        _keep_edits(machine, wanted)
        return
    forget_former(machine)
    ran_by = run_by(recorded_target(machine), machine)
    states = ran_by.orchestrator.states(plan.name)
    other = None if states else former_target(plan.name, machine)
    if other and other.stands:  # `stackctl render` has written the new file already
        ran_by, states = other.machine, other.machine.orchestrator.states(plan.name)
    former = None
    with suppress(StackctlError):  # a plan that can't be read does not show what works
        former = written_plan(machine)
    if former is None or former.name != plan.name or not _works(former, states, machine):
        return
    try:
        _keep(former, states, wanted, record, machine, ran_by)
    except StackctlError:
        forget_former(machine)
        raise


def kept_journal(machine: Machine) -> Journal | None:
    """Return what a deploy that is under way, or was killed, can go back to; None if there is nothing."""
    return journals.parse(machine.folder.read(journals.FILE, errors="replace") or "")


def note_written(machine: Machine, contents: Mapping[str, str | bytes]) -> None:
    """Record the contents that these files are about to get, by name: any other content is somebody else's change.

    What somebody else has changed until now is kept for going back: a model may have been fetched for hours.
    """
    if journal := kept_journal(machine):
        changed = journal
        for file in journal.files:
            if file.name in contents and not file.written:
                changed = _with_edits(changed, file, machine)
        changed = journals.with_written(changed, contents)
        if changed != journal:
            _write(changed, machine)


def note_copies(machine: Machine, *copies: Path) -> None:
    """Record folders that are about to be made, which going back removes."""
    if journal := kept_journal(machine):
        _write(replace(journal, copies=tuple(map(str, copies))), machine)


def forget_former(machine: Machine) -> None:
    """Remove what was kept: from now on there is nothing to go back to."""
    folder = machine.folder
    folder.remove(journals.FILE)
    for name in machine.storage.trees.names(machine.path / journals.FOLDER):
        folder.remove(f"{journals.FOLDER}/{name}")


def is_overtaken(journal: Journal, machine: Machine) -> bool:
    """Return whether another SillyTavern than the former has run since: what it wrote can't be undone.

    One that another orchestrator ran while the stack moved is the same SillyTavern if its image is the same.
    """
    former, now = journal.service(tavern.NAME), machine.orchestrator.states(journal.stack).get(tavern.NAME)
    if former is None or now is None or not former.container:
        return False
    if journal.target != machine.orchestrator.name:
        ids = {now.image_id, former.image_id}
        is_same = now.image == former.image if "" in ids else len(ids) == 1
        return not is_same and now.started_at > 0
    return now.container != former.container and now.started_at > 0


def _keep(
    former: Plan,
    states: Mapping[str, ServiceState],
    wanted: ConfigRequest,
    record: str,
    machine: Machine,
    ran_by: Machine,
) -> None:
    rendered = (ran_by.orchestrator.file, machine.orchestrator.file)
    own = dict.fromkeys((*rendered, lock.FILE, plan_json.FILE, stack_toml.FILE, record))
    files = [_kept(name, machine.folder, machine) for name in own]
    files.append(_kept(settings_file(former), tavern_folder(former, machine), machine))
    _write_copy(WRITTEN, wanted.text or machine.folder.read(stack_toml.FILE) or "", machine)
    services = tuple(_service(one, states.get(one.name)) for one in former.services)
    ran = any(one.state == "running" for one in states.values())
    target = ran_by.orchestrator.name
    _write(Journal(stack=former.name, ran=ran, files=tuple(files), services=services, target=target), machine)


def folder_of(file: FormerFile, machine: Machine) -> Folder:
    """Return the folder in which to read a former file; SillyTavern's container may change that of its settings."""
    data = file.name.removesuffix(f"/{tavern.SETTINGS}")
    return machine.folder if data == file.name else shared_folder(machine, data)


def _works(former: Plan, states: Mapping[str, ServiceState], machine: Machine) -> bool:
    """Return whether the former stack is ready, or was when it last ran if it is stopped or has no containers."""
    if all(one.name in states and states[one.name].is_ready for one in former.services):
        return True
    last = next(recorded_deploys(machine), None)
    return last is not None and last[1].inputs == read_lock(machine).rendered.get("inputs")


def _service(planned: Service, state: ServiceState | None) -> FormerService:
    container, image_id = (state.container, state.image_id) if state else ("", "")
    return FormerService(name=planned.name, container=container, image=planned.image, image_id=image_id)


def _keep_edits(machine: Machine, wanted: ConfigRequest) -> None:
    """Copy into the former stack.toml what the user has edited since a deploy was killed."""
    folder, name = machine.folder, f"{journals.FOLDER}/{stack_toml.FILE}"
    before, written, now = (folder.read(one) or "" for one in (name, WRITTEN, stack_toml.FILE))
    edited = line_undo.undo(before, written, now).text
    if edited != before and (journal := kept_journal(machine)):
        _write_copy(name, edited, machine)
        _write(journals.with_former(journal, stack_toml.FILE, edited), machine)
    _write_copy(WRITTEN, wanted.text or now, machine)


def _with_edits(journal: Journal, file: FormerFile, machine: Machine) -> Journal:
    """Return the journal with the present content of a file into which we have not written yet."""
    raw = folder_of(file, machine).read_bytes(file.name)
    if raw is None or journals.fate(file, journals.checksum(raw)) == "same":
        return journal
    _write_copy(file.kept, raw, machine)
    return journals.with_former(journal, file.name, raw)


def _kept(name: str, folder: Folder, machine: Machine) -> FormerFile:
    """Copy a file of a folder, if it exists."""
    raw, kept = folder.read_bytes(name), f"{journals.FOLDER}/{Path(name).name}"
    if raw is None:
        return FormerFile(name=name, kept=kept, sha256="")
    _write_copy(kept, raw, machine)
    return FormerFile(name=name, kept=kept, sha256=journals.checksum(raw))


def _write_copy(kept: str, content: str | bytes, machine: Machine) -> None:
    """Write a copy with the mode that deploys give the file of its name, so that it can be put back as it is."""
    mode = 0o600 if Path(kept).name in _PRIVATE else 0o644
    machine.folder.write(kept, content, mode=mode)


def _write(journal: Journal, machine: Machine) -> None:
    machine.folder.write(journals.FILE, journals.dump(journal), mode=0o600)
