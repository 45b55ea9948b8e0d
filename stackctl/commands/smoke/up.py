"""`stackctl smoke --up`: start a separate stack, check it, and remove it without a trace."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackctl.commands import deploy
from stackctl.commands.smoke.evidence import keep
from stackctl.commands.smoke.run import TIMEOUT_S, Options, check_stack
from stackctl.core.config import lock as lock_file
from stackctl.core.config.spec import DEMO
from stackctl.core.smoke import location as smoke_location
from stackctl.core.smoke.checks import DEPLOY, Check
from stackctl.core.smoke.result import Outcome, Smoked, choose_checks
from stackctl.errors import ConfigError, StackctlError
from stackctl.machine import Machine
from stackctl.terminal import command_line


@dataclass(frozen=True, kw_only=True)
class Up:
    """How to start one. `home`: the folder for the folders of such stacks; `locks`: the folder for their locks.

    `locked`: a stack.lock from which nothing but the stack's place may differ; None: anything may.
    """

    home: Path
    locks: Path
    name: str
    keep: bool = False
    locked: Path | None = None
    trust_first_download: bool = False


def smoke_up(machine: Machine, flags: Mapping[str, object], up: Up, options: Options) -> Smoked:
    """Deploy a new stack, check it, remove it.

    What a cancelled run of this name left is removed first. A deploy that fails counts as a failed check. An interrupt
    leaves nothing behind, either.
    """
    checks = choose_checks(options.only)
    smoke_location.check(up.name)
    machine.storage.make_private(up.locks)
    stack = machine.at(up.home / up.name / smoke_location.STACK)
    with machine.storage.folder(up.locks / up.name, machine.storage.owner_of(up.locks)).locked(machine.ui.note):
        began = time.monotonic()
        try:
            _clear(stack, up.name)
        except StackctlError as error:
            return _not_deployed(error, up, checks, began)
        machine.storage.make_private(up.home)
        machine.storage.folder(up.home).make(f"{up.name}/{smoke_location.STACK}")
        try:
            wanted = {**_own(machine), "model.path": DEMO, **flags, "name": up.name}
            smoked = _deployed_and_checked(stack, wanted, up, options, checks)
            keep(stack, smoked, options.artefacts)
        finally:
            if up.keep:
                look = command_line("stackctl", "-C", stack.path, "status")
                machine.ui.note(f"kept: see `{look}`; the next run of this name removes it")
            else:
                machine.ui.step(f"Taking {up.name} down")
                _clear(stack, up.name)
    return smoked


def _own(machine: Machine) -> dict[str, object]:
    """Return the setting of a free port that a second run, started at the same moment, does not get."""
    return {"sillytavern.port": machine.host.free_port()} if machine.docker.is_local else {}


def _deployed_and_checked(
    stack: Machine, flags: Mapping[str, object], up: Up, options: Options, checks: Sequence[Check]
) -> Smoked:
    began = time.monotonic()
    wanted = deploy.Options(
        prove=False,
        timeout_s=options.timeout_s,
        trust_first_download=up.trust_first_download,
        locked="stack" if up.locked else "",
    )
    try:
        if up.locked:
            stack.folder.write(lock_file.FILE, _read_lock(up.locked, stack))
        done = deploy.deploy(stack, flags, wanted)
    except StackctlError as error:
        return _not_deployed(error, up, checks, began)
    seconds = time.monotonic() - began
    passed = Outcome(name=DEPLOY.name, status="passed", says=f"ready after {done.ready_s:.1f} s", seconds=seconds)
    until = time.monotonic() + (options.timeout_s or TIMEOUT_S)
    return check_stack(done.plan, stack, checks, until=until, before=(passed,), skipped={})


def _read_lock(path: Path, machine: Machine) -> str:
    text = machine.storage.folder(path.parent, machine.folder.owner).read(path.name)
    if text is None:
        raise ConfigError(
            f"--locked: there is no file {path}",
            hint=f"Name the {lock_file.FILE} of a folder in which `stackctl deploy` has run with the same options.",
            issue="lock-differs",
        )
    return text


def _not_deployed(error: StackctlError, up: Up, checks: Sequence[Check], began: float) -> Smoked:
    """Return the outcome if no stack came up: one failed check, and the others were not run."""
    seconds, name = time.monotonic() - began, DEPLOY.name
    failed = Outcome(name=name, status="failed", says=error.message, error=error, seconds=seconds)
    reason = f"because {name} failed"
    rest = tuple(Outcome(name=one.name, status="not run", says=reason, blocked_by=name) for one in checks)
    return Smoked(name=up.name, url="", outcomes=(failed, *rest))


def _clear(stack: Machine, name: str) -> None:
    """Remove what such a stack left, on the engine and in its folder; raise ConfigError if it is another's."""
    for container in stack.docker.containers(name):
        place = container.folder
        if not smoke_location.is_left_over(place, name):
            raise ConfigError(
                f"the name {name!r} belongs to the stack in {place}",
                hint="Give this run another name with `--name NAME`.",
                issue="name-taken",
            )
    stack.docker.remove(name)
    stack.storage.remove(stack.path, up_to=stack.path.parents[2])
