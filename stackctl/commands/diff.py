"""`stackctl diff`: what a deploy would change, and which containers it would recreate."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.core.plan.plan import forget_decisions, plan
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.steps.config_request import read_lock
from stackctl.steps.first_model import request_to_render
from stackctl.steps.observe import observe


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would happen to one container, and why."""

    service: str
    action: str  # create, recreate, remove
    why: str


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A unified diff of compose.yml, and the containers concerned."""

    text: str
    changes: tuple[Change, ...]


def diff(machine: Machine, flags: Mapping[str, object], *, replan: bool = False) -> Difference:
    """Compare what a deploy would write with what is there and runs. Changes nothing."""
    wanted = request_to_render(machine, flags)
    seen = observe(wanted.spec, machine)
    lock = read_lock(machine)
    planned = plan(wanted.spec, seen, forget_decisions(lock) if replan else lock)
    new = render.render(planned.plan, machine.storage.template)
    old = machine.folder.read(render.FILE) or ""
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"{render.FILE} (now)", f"{render.FILE} (deploy)"
    )
    name = planned.plan.name
    running = {one.service: one.config_hash for one in machine.docker.containers(name)}
    hashes = machine.orchestrator.hashes(name, new)
    return Difference(
        text="".join(lines), changes=tuple(_changes(running, hashes, render.services(old), render.services(new)))
    )


def _changes(
    running: Mapping[str, str], hashes: Mapping[str, str], old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[Change]:
    changes = [
        Change(service=name, action="remove", why="it is no longer part of the stack")
        for name in sorted(running.keys() - hashes.keys())
    ]
    for name in sorted(hashes):
        if name not in running:
            changes.append(Change(service=name, action="create", why="it does not exist yet"))
        elif running[name] != hashes[name]:
            before, after = old.get(name, {}), new.get(name, {})
            keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
            why = ", ".join(keys) if keys else "compose.override.yml, or a change by hand"
            changes.append(Change(service=name, action="recreate", why=f"changed: {why}"))
    return changes
