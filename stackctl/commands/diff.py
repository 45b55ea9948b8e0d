"""`stackctl diff`: what a deploy would change, and which containers it would recreate."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.core.plan.change import Change
from stackctl.core.plan.plan import plan
from stackctl.core.plan.tavern_service import port_note
from stackctl.machine import Machine
from stackctl.steps.config_request import read_lock
from stackctl.steps.first_model import request_to_render
from stackctl.steps.new_images import say_new_images, to_decide_again
from stackctl.steps.observe import observe
from stackctl.steps.own_name import keep_name


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A unified diff of compose.yml, and the containers concerned."""

    text: str
    changes: tuple[Change, ...]


def diff(
    machine: Machine, flags: Mapping[str, object], *, replan: bool = False, new_images: bool = False
) -> Difference:
    """Compare what a deploy would write with what is there and runs. Changes nothing."""
    wanted = request_to_render(machine, keep_name(machine, flags))
    machine = machine.run_by(wanted.spec.target, wanted.spec)
    seen = observe(wanted.spec, machine)
    lock = read_lock(machine)
    planned = plan(wanted.spec, seen, to_decide_again(lock, machine, replan=replan, new_images=new_images))
    if new_images:
        say_new_images(planned, lock, machine)
    for note in port_note(wanted.spec, seen, lock, planned.plan.sillytavern):
        machine.ui.note(note)
    file = machine.orchestrator.file
    new, old = machine.orchestrator.files(planned.plan)[file], machine.folder.read(file) or ""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"{file} (now)", f"{file} (deploy)"
    )
    return Difference(text="".join(lines), changes=machine.orchestrator.changes(planned.plan.name, old, new))
