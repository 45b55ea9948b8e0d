"""`stackctl render`: write compose.yml without an engine, and prepare the folder so that Compose alone can start it."""

from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stackctl.core.plan.images import forget_images
from stackctl.core.plan.plan import forget_decisions, plan
from stackctl.core.tavern.profiles import of_models
from stackctl.errors import EngineError
from stackctl.machine import Machine
from stackctl.steps import api_key
from stackctl.steps.config_request import read_lock, write_config
from stackctl.steps.first_model import request_to_render
from stackctl.steps.locked import with_model
from stackctl.steps.new_images import say_new_images
from stackctl.steps.observe import observe_without_engine
from stackctl.steps.private_folders import keep_out_of_git
from stackctl.terminal import command_line

if TYPE_CHECKING:
    from stackctl.steps.prepare_folder import Missing


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What was rendered: `text`, which is in `file`, or written nowhere. `missing`: what the folder still lacks."""

    name: str
    text: str
    file: Path | None = None
    archive: Path | None = None
    missing: "Missing | None" = None


def render(
    machine: Machine,
    flags: Mapping[str, object],
    *,
    to_stdout: bool,
    absolute: bool,
    replan: bool,
    new_images: bool = False,
    archive: Path | None = None,
) -> Rendered:
    """Return the file; write it unless it goes to stdout. `archive`: pack the folder into this file."""
    with nullcontext() if to_stdout else machine.folder.locked(machine.ui.note):
        wanted = request_to_render(machine, flags)
        machine = machine.run_by(wanted.spec.target, wanted.spec)
        lock = read_lock(machine)
        seen = observe_without_engine(wanted.spec, machine, lock)
        lock = with_model(lock, seen.model, None, machine)
        decided = forget_decisions(lock) if replan else lock
        planned = plan(wanted.spec, seen, forget_images(decided) if new_images else decided)
        if new_images:
            say_new_images(planned, lock, machine)
        files = machine.orchestrator.files(planned.plan, machine.place if absolute else None)
        text = files[machine.orchestrator.file]
        if to_stdout:
            return Rendered(name=planned.plan.name, text=text)
        from stackctl.steps.prepare_folder import prepare_folder  # slow to import, and not needed for printing
        from stackctl.steps.write_stack import write_stack

        write_config(machine, wanted)
        keep_out_of_git(machine, wanted.spec, planned.plan)
        api_key.keep_key(machine, seen.key)
        for note in planned.plan.notes:
            machine.ui.warn(note)
        text = write_stack(planned, text, machine, replan=replan or new_images)
        profiles = of_models(wanted.written, seen, server_type=planned.plan.tavern_type, url=planned.plan.backend_url)
        again = "stackctl render --paths absolute" if absolute else "stackctl render"
        missing = prepare_folder(planned.plan, profiles, machine, has_run=seen.has_run, again=again)
        if archive:
            from stackctl.commands.adopt import refuse_in_use
            from stackctl.steps.pack_stack import pack_stack
            from stackctl.steps.tavern_folder import data_path

            with suppress(EngineError):  # without an engine nothing runs here
                refuse_in_use(machine, machine.path / data_path(planned.plan))
            for_any_engine = plan(wanted.spec, replace(seen, engine=None, names=None), planned.lock)
            pack_stack(for_any_engine, seen, archive, missing, machine)
        else:
            machine.ui.note(
                f"still missing: {missing.what}. {missing.hint}"
                if missing
                else f"the folder is complete: `{command_line(*machine.orchestrator.starting())}` starts the stack"
            )
        file = machine.path / machine.orchestrator.file
        return Rendered(name=planned.plan.name, text=text, file=file, archive=archive, missing=missing)
