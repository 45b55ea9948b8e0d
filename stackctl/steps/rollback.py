"""Go back, after a failed deploy, to the stack that worked: its files, settings and backend container."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stackctl.core.config import journal as journals
from stackctl.core.config import stack_toml
from stackctl.core.config.files import STATE
from stackctl.core.config.journal import FormerFile, FormerService, Journal
from stackctl.core.formats import line_undo
from stackctl.core.observed import ServiceState
from stackctl.core.plan.images import OWN
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json
from stackctl.errors import ConfigError, DataError, Interrupted, Late, NotReady, StackctlError
from stackctl.machine import Machine
from stackctl.steps.deployed import deployed_plan
from stackctl.steps.former_stack import BACK_OR_ON, WRITTEN, folder_of, forget_former, is_overtaken, kept_journal
from stackctl.steps.other_target import former_target, run_by
from stackctl.steps.own_name import claimed
from stackctl.steps.page_state import PageState
from stackctl.steps.seed_tavern import RECORD, put_settings_back
from stackctl.steps.start import start
from stackctl.steps.tavern_folder import settings_file, tavern_folder
from stackctl.steps.tavern_key import give_key
from stackctl.steps.tavern_password import take_password_back
from stackctl.steps.tavern_presets import put_presets_back

LOG = f"{STATE}/failed.log"  # of the container that failed: going back removes it with its log


def after_failure(
    error: StackctlError | KeyboardInterrupt, machine: Machine, *, is_wanted: bool
) -> StackctlError | KeyboardInterrupt:
    """Go back to what worked before the failed deploy, and return the error to raise.

    That is the failure itself if going back succeeded or there is nothing to go back to, else NotReady. If going back
    is not wanted, note how to do it later.
    """
    journal = kept_journal(machine)
    if journal is None:
        return error
    if not is_wanted:
        machine.ui.note(BACK_OR_ON)
        return error
    try:
        states = machine.orchestrator.states(journal.stack)
        if is_overtaken(journal, machine):
            machine.ui.note("this deploy changed SillyTavern itself, which has run since: nothing is restored")
        if is_overtaken(journal, machine) or _is_same(journal, machine):
            forget_former(machine)
            return error
        failed = _explained(error)
        machine.ui.step(f"The deploy failed ({failed.message.partition(chr(10))[0]}): going back to what ran before")
        log = _keep_log(failed.evidence, journal, states, machine)
        runs = go_back(journal, machine, failure=failed.message)
    except KeyboardInterrupt:
        failed = Interrupted("interrupted while going back to what ran before", hint=BACK_OR_ON)
        failed.rolled_back = False
    except StackctlError as second:
        failed = _not_back(_explained(error), second, journal, machine)
    else:
        back = f"Try again once the cause is fixed. Rolled back: {runs}."
        failed.hint = " ".join(filter(None, (failed.hint, log, back)))
        failed.rolled_back = True
    return failed


def finish_going_back(machine: Machine) -> None:
    """Go back if a deploy was killed, or left what failed as it is; else do nothing."""
    journal = kept_journal(machine)
    if journal is None:
        return
    if is_overtaken(journal, machine):
        forget_former(machine)
        return
    machine.ui.note("the last deploy did not finish: going back to what ran before")
    machine.ui.note(go_back(journal, machine))


def go_back(journal: Journal, machine: Machine, *, failure: str = "") -> str:
    """Restore what a journal has, wait until it is ready, and return a text that says what runs. May be repeated.

    SillyTavern's container is left alone if it is the former one and runs. A stack that was stopped is not started.
    `failure`: the message of the error that made the deploy fail.
    """
    machine = run_by(journal.target, machine)
    other = former_target(journal.stack, machine)
    if other and other.stands:  # the stack was moving: what the other orchestrator made of it goes first
        machine.ui.note(f"removing what {other.machine.orchestrator.title} has of the stack")
        other.machine.orchestrator.down(journal.stack, volumes=False)
    _put_files_back(journal, machine)
    former = deployed_plan(machine)
    _give_key_back(former, failure, machine)
    with claimed(former.name, machine):
        _bring_back(journal, former, machine)
    PageState(former, machine).say("")
    take_password_back(former, machine)
    for copy in journal.copies:
        machine.storage.trees.remove(Path(copy))
    forget_former(machine)
    what = f"{former.backend_title} with {former.model_name or 'its model'}"
    return f"{what} runs again, as before" if journal.ran else f"`stackctl start` starts {what}, as before"


def _bring_back(journal: Journal, former: Plan, machine: Machine) -> None:
    """Recreate the containers that are not the former ones, or are not ready; none of a stack that was stopped."""
    states = machine.orchestrator.states(former.name)
    if not journal.ran:
        if not all(one.name not in states or states[one.name].container == one.container for one in journal.services):
            machine.orchestrator.down(former.name, volumes=False)  # a later start would find the wrong containers
    elif not all(_is_former(one, states) for one in journal.services):
        others = [one for one in journal.services if one.name != former.backend]
        only = former.backend if former.backend_service and all(_is_former(one, states) for one in others) else None
        concerned = [one for one in journal.services if only in {None, one.name}]
        start(former, machine, timeout_s=None, only=only, images=_images(concerned, machine))


def _explained(error: StackctlError | KeyboardInterrupt) -> StackctlError:
    """Return the failure as it is shown once what ran before runs again."""
    if isinstance(error, KeyboardInterrupt):
        return Interrupted("interrupted", hint="Run `stackctl status` to see what runs.")
    if isinstance(error, Late):
        error.hint = "Give it longer with `--timeout SECONDS`."
    return error


def _not_back(first: StackctlError, second: StackctlError, journal: Journal, machine: Machine) -> NotReady:
    """Return the error of a deploy that failed and could not be rolled back."""
    said = "its containers can't be seen"
    with suppress(StackctlError):
        states = machine.orchestrator.states(journal.stack)
        found = {one.name: states.get(one.name) for one in journal.services}
        said = ", ".join(f"{name}: {one.health or one.state if one else 'missing'}" for name, one in found.items())
    error = NotReady(
        f"{first.message}; going back to what ran before failed, too: {second.message} ({said})",
        hint=" ".join(filter(None, (second.hint, "Run `stackctl start` then, to go back to what ran before."))),
        evidence=second.evidence or first.evidence,
        issue="rollback-failed",
    )
    error.rolled_back = False
    return error


def _keep_log(evidence: tuple[str, ...], journal: Journal, states: Mapping[str, ServiceState], machine: Machine) -> str:
    """Keep the end of the log of what failed, which going back removes; return a text that says where it lies, or "".

    `evidence`: lines of it that show the cause; they may be from before its last restart.
    """
    former = {one.container for one in journal.services}
    lines = [*evidence, ""] if evidence else []
    lines += [
        f"{name} | {line}"
        for name, state in states.items()
        if state.container not in former and state.started_at
        for line in machine.docker.tail(state)
    ]
    with suppress(StackctlError):  # the disk may be what failed
        if lines:
            machine.folder.write(LOG, machine.ui.redacted("\n".join(lines) + "\n"), mode=0o600)
            return f"See the log of what failed in {LOG}."
    return ""


def _is_same(journal: Journal, machine: Machine) -> bool:
    """Return whether the deploy changed neither files nor images: going back would only try the same again."""
    is_written = any(journals.fate(one, folder_of(one, machine).sha256(one.name)) != "same" for one in journal.files)
    images = machine.docker.images
    return not is_written and all(one.image_id in {"", images.id(one.image)} for one in journal.services)


def _is_former(one: FormerService, states: Mapping[str, ServiceState]) -> bool:
    """Return whether the container of a service is the former one, and ready."""
    state = states.get(one.name)
    return state is not None and state.container == one.container and state.is_ready


def _images(services: list[FormerService], machine: Machine) -> dict[str, str]:
    """Return service -> id of its former image, if its tag has moved since; pull or build an image that is gone."""
    found = {}
    for one in services:
        images, now = machine.docker.images, machine.docker.images.id(one.image)
        if one.image_id and now != one.image_id and images.id(one.image_id):
            found[one.name] = one.image_id
        elif not now:
            (images.build if one.image in OWN else images.pull)(one.image)
    return found


def _put_files_back(journal: Journal, machine: Machine) -> None:
    """Put back what the deploy wrote; note what somebody has edited since.

    The plan comes first, because it tells where SillyTavern's settings lie; the settings come before their record.
    """
    apart = (stack_toml.FILE, RECORD)
    ours = [one for one in journal.files if one.name not in apart and Path(one.name).name != Path(tavern.SETTINGS).name]
    changed = [one.name for one in ours if _put_back(one, machine)]
    former = deployed_plan(machine)
    record = journal.file(RECORD)
    if (settings := journal.file(settings_file(former))) and record:
        _put_settings_back(settings, record, former, machine)
    if record:
        now, before = (data_json.parse(machine.folder.read_bytes(one)) or {} for one in (RECORD, record.kept))
        put_presets_back(now, before, former, machine)
        _put_back(record, machine)
    if toml := journal.file(stack_toml.FILE):
        _put_lines_back(toml, machine, is_changed=machine.orchestrator.file in changed)


def _give_key_back(former: Plan, failure: str, machine: Machine) -> None:
    """Let SillyTavern send the former key. If that file was what failed, it is unchanged, and the error is ignored."""
    try:
        give_key(former, machine)
    except DataError as error:
        if error.message != failure:
            raise


def _put_back(file: FormerFile, machine: Machine) -> bool:
    """Put one of stackctl's files back, and return whether it had changed; an edited file is kept with a new name."""
    folder = machine.folder
    fate = journals.fate(file, folder.sha256(file.name))
    if fate == "same":
        return False
    if fate == "edited" and (kept := folder.set_aside(file.name)):
        machine.ui.note(f"{file.name} was edited meanwhile: that version is kept as {kept.name}")
    if file.sha256:
        folder.move(file.kept, file.name)
    else:
        folder.remove(file.name)
    return True


def _put_settings_back(file: FormerFile, record: FormerFile, former: Plan, machine: Machine) -> None:
    fate = journals.fate(file, tavern_folder(former, machine).sha256(file.name))
    was, recorded = (machine.folder.read_bytes(one.kept) for one in (file, record))
    if fate != "same" and was is not None and recorded is not None:
        put_settings_back(former, was, recorded, is_edited=fate == "edited", machine=machine)


def _put_lines_back(file: FormerFile, machine: Machine, *, is_changed: bool) -> None:
    """Take back the lines of stack.toml that the deploy wrote; note the user's own lines, which stay."""
    folder = machine.folder
    now, written, before = (folder.read(name) or "" for name in (file.name, WRITTEN, file.kept))
    if not folder.has_file(file.name):
        now = written
    if journals.checksum(now) == file.sha256:
        if is_changed and written == now:
            machine.ui.note(f"{file.name} stays as you wrote it; `stackctl deploy` tries it again")
        return
    if now == written:
        folder.move(file.kept, file.name)
        return
    undone = line_undo.undo(before, written, now)
    lines = ", ".join(map(str, undone.edited))
    try:
        stack_toml.parse(undone.text, source=file.name)
    except ConfigError:
        machine.ui.note(f"{file.name} was edited meanwhile (line {lines}): it stays, with the settings that failed")
        return
    folder.write(file.name, undone.text)
    machine.ui.note(f"{file.name} was edited meanwhile: your own lines stay (line {lines})")
