"""The stack's name on the engine, which is one folder's alone: another's is refused; one that moved keeps its own."""

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
    """Raise ConfigError if a stack of this name belongs to another folder, unless that is where this one was before."""
    try:
        machine.docker.refuse_foreign(name, machine.place)
    except ConfigError:
        if not former_place(name, machine):
            raise


def recorded_name(machine: Machine) -> str:
    """Return the name that stack.lock has for this folder's stack; "" where it has none, or can't be read."""
    with suppress(StackctlError):
        return network_name(read_lock(machine))
    return ""


def former_place(name: str, machine: Machine) -> str:
    """Return where this folder's stack of that name was started before the folder was moved; "" where it was not.

    stack.lock names the stack, and all other places where the engine's containers of that name came from are gone.
    """
    if not name or name != recorded_name(machine):
        return ""
    if not machine.docker.is_local or machine.docker.own_binds is not None:
        return ""  # another machine's disk, or one of which our container sees a part alone
    places = [place for one, place in sorted(machine.docker.stack_folders()) if one == name]
    others = [place for place in places if place != str(machine.path)]
    return others[0] if others and all(map(is_gone, others)) else ""


def is_gone(place: str) -> bool:
    """Whether nothing is at an absolute path; False, too, where this user may not look."""
    try:
        return not Path(place).exists()
    except OSError:
        return False


def keep_name(machine: Machine, flags: Mapping[str, object]) -> Mapping[str, object]:
    """Return the flags of a call, with the name under which a moved folder's stack is on the engine.

    Its name came from the folder's own, which is another by now.
    """
    recorded, spec = recorded_name(machine), load_config(machine, flags).written
    if not recorded or spec.name != AUTO or recorded == stack_name(spec, machine.place):
        return flags
    if not (before := former_place(recorded, machine)):
        return flags
    machine.ui.note(f'this folder was {before}: its stack stays {recorded!r} (name = "{recorded}" in stack.toml)')
    return {**flags, "name": recorded}


def refuse_moved(name: str, machine: Machine) -> None:
    """Raise ConfigError where the containers of this folder's stack still look for their files at its former place.

    Once a deploy has been here, what it left as it was had nothing to look for.
    """
    before = former_place(name, machine)
    if before and (name, str(machine.path)) not in machine.docker.stack_folders():
        raise ConfigError(
            f"this folder was {before}, where the stack's containers still look for their files",
            hint="stackctl deploy makes them anew here; chats and settings stay",
        )


@contextmanager
def claimed(name: str, machine: Machine) -> Iterator[None]:
    """Hold the name while a stack is started; of two folders at once the second waits, and is refused."""
    with machine.docker.claim(name, machine.ui.note):
        refuse_foreign(name, machine)
        yield
