"""The stack's name on the engine, which belongs to one folder. A folder that was moved keeps its stack's name."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from stackctl.core.config.spec import AUTO
from stackctl.core.plan.plan import stack_name
from stackctl.core.plan.subnets import network_name
from stackctl.errors import ConfigError, StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config, read_lock


def refuse_foreign(name: str, machine: Machine) -> None:
    """Raise ConfigError if a stack of this name belongs to another folder, unless that is this folder's former path."""
    try:
        machine.docker.refuse_foreign(name, machine.place)
    except ConfigError:
        if not former_place(name, machine):
            raise


def recorded_name(machine: Machine) -> str:
    """Return the name that stack.lock has for this folder's stack; "" if it has none, or can't be read."""
    with suppress(StackctlError):
        return network_name(read_lock(machine))
    return ""


def former_place(name: str, machine: Machine) -> str:
    """Return the path at which this folder's stack of that name was started before the folder was moved; "" if none.

    It was moved if stack.lock names the stack, and every other folder with containers of that name is gone.
    """
    if not name or name != recorded_name(machine):
        return ""
    if not machine.docker.is_local or machine.docker.own_binds is not None:
        return ""  # the disk is another machine's, or our container sees only a part of it
    places = [place for one, place in sorted(machine.docker.stack_folders()) if one == name]
    others = [place for place in places if place != str(machine.path)]
    return others[0] if others and all(map(is_gone, others)) else ""


def is_gone(place: str) -> bool:
    """Return whether nothing exists at an absolute path; False, too, if this user may not look there."""
    try:
        return not Path(place).exists()
    except OSError:
        return False


def keep_name(machine: Machine, flags: Mapping[str, object]) -> Mapping[str, object]:
    """Return the options of a call, with the name under which a moved folder's stack is on the engine.

    That name came from the folder's name, which has changed.
    """
    recorded, spec = recorded_name(machine), load_config(machine, flags).written
    if not recorded or spec.name != AUTO or recorded == stack_name(spec, machine.place):
        return flags
    if not (before := former_place(recorded, machine)):
        return flags
    machine.ui.note(
        f'this folder was {before}: its stack keeps the name {recorded!r} (name = "{recorded}" in stack.toml)'
    )
    return {**flags, "name": recorded}


def refuse_moved(name: str, machine: Machine) -> None:
    """Raise ConfigError if the containers of this folder's stack still look for their files at its former path.

    After a deploy at the new path, the containers that it did not recreate use no files of the folder.
    """
    before = former_place(name, machine)
    if before and (name, str(machine.path)) not in machine.docker.stack_folders():
        raise ConfigError(
            f"this folder was {before}, where the stack's containers still look for their files",
            hint="Run `stackctl deploy` to recreate them here: chats and settings stay.",
            issue="folder-moved",
        )


@contextmanager
def claimed(name: str, machine: Machine) -> Iterator[None]:
    """Hold the name while a stack is started; if two folders use it at once, the second waits and is refused."""
    with machine.docker.claim(name, machine.ui.note):
        refuse_foreign(name, machine)
        yield
