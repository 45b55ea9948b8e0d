"""Look at the world: engine, model, GPUs, ports, networks. Changes nothing."""

import shutil
from ipaddress import ip_address

from stackctl.commands.program import places
from stackctl.core.plan import stack_name
from stackctl.core.seen import EngineSeen, Gpu, Seen
from stackctl.core.spec import Spec
from stackctl.errors import DoesNotFit
from stackctl.machine import Machine

_ROOM_MIB = 200  # for SillyTavern's first data and our own files


def look(spec: Spec, machine: Machine) -> Seen:
    """Everything that plan() needs, the engine included."""
    compose_argv, compose_version = machine.compose.look()
    engine = machine.engine.look(compose_argv, compose_version)
    name = stack_name(spec, machine.place)
    machine.engine.refuse_foreign(name, machine.place)
    theirs, own = machine.engine.subnets(name)
    routes = tuple(net for net in machine.routes() if net not in own) if engine.is_local else ()
    _check_room(machine)
    return Seen(
        folder=machine.place,
        owner=machine.folder.owner,
        model=machine.model(spec.model.path),
        engine=engine,
        gpus=_gpus(spec, machine, engine),
        taken_subnets=tuple(dict.fromkeys((*theirs, *routes))),
        taken_ports=_ports(spec, machine, engine, name),
        programs=places(spec, machine),
    )


def look_without_engine(spec: Spec, machine: Machine) -> Seen:
    """What can be known where no engine is asked: enough to render."""
    return Seen(
        folder=machine.place,
        owner=machine.folder.owner,
        model=machine.model(spec.model.path),
        gpus=_gpus(spec, machine, None),
        taken_subnets=machine.routes(),
        programs=places(spec, machine),
    )


def _gpus(spec: Spec, machine: Machine, engine: EngineSeen | None) -> tuple[Gpu, ...]:
    if spec.gpu.mode == "none" or (engine is not None and not engine.is_local):
        return ()
    return machine.gpus()


def _ports(spec: Spec, machine: Machine, engine: EngineSeen, name: str) -> dict[int, str]:
    theirs, own = machine.engine.published(name)
    address = str(ip_address(spec.sillytavern.bind))
    listening = machine.listening(address) if engine.is_local else {}
    return {port: who for port, who in {**listening, **theirs}.items() if port not in own}


def _check_room(machine: Machine) -> None:
    free = shutil.disk_usage(machine.path).free >> 20
    if free < _ROOM_MIB:
        raise DoesNotFit(
            f"only {free} MiB are free on the disk of {machine.path}; {_ROOM_MIB} are needed at least",
            hint="free some space: docker system df shows what images and old containers take",
        )
