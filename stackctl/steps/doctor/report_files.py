"""What a report collects: the files of the stack, the words of the engine and of the machine, the ends of the logs."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Final

from stackctl import __version__
from stackctl.core import history
from stackctl.core.config import lock, stack_toml
from stackctl.core.doctor.engine_service import DAEMON_JSON
from stackctl.core.doctor.log_lines import parts
from stackctl.core.doctor.report_archive import Source, as_json
from stackctl.core.formats import yaml_text
from stackctl.core.formats.dataclass_json import to_plain
from stackctl.core.plan import plan_json
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.steps.deployed import stack_name_here
from stackctl.steps.own_name import refuse_foreign
from stackctl.steps.rollback import LOG

_MOST: Final = 256 << 10  # bytes of one file
_LINES: Final = 2000  # of each log, from its end
_DEPLOYS: Final = 5
_MACHINE: Final = {
    "/etc/os-release": "the distribution",
    "/proc/version": "the kernel",
    "/proc/meminfo": "the memory",
    "/proc/pressure/memory": "the pressure on the memory",
    "/proc/mounts": "",  # shares have names and logins in it: only its kinds of file systems are taken
}
# keys of an override file whose values are the user's own: their names stay
_OWN_VALUES: Final = frozenset(
    {"environment", "labels", "env_file", "secrets", "configs", "command", "entrypoint", "args", "build", "healthcheck"}
    | {"x-", "extra_hosts", "driver_opts", "dns", "hostname", "domainname", "annotations", "credential_spec"}
)


def report_files(
    machine: Machine, documents: Mapping[str, tuple[str, Any]]
) -> tuple[tuple[Source, ...], frozenset[str]]:
    """Return what a report collects, and the words of this stack that its logs may contain.

    documents: more files -> what each is, and its content. What can't be read or asked is left out, and said.
    """
    name, engine = _engine(machine)
    names = frozenset(_words(machine, engine))
    found = [Source(name=file, about=about, text=as_json(value, names)) for file, (about, value) in documents.items()]
    found += [
        Source(name="engine.json", about="what the engine says of itself and of this stack", text=as_json(engine))
    ]
    found += [*_of_folder(machine), *_of_machine(machine)]
    if "problem" not in engine:
        found += _logs(name, machine)
    found += _failed_log(machine)
    return tuple(found), names


def is_unreachable(machine: Machine) -> bool:
    """Return whether no engine answers, in which case none is asked again: a silent one takes long each time."""
    return machine.docker.link(within_s=1.0).failure not in {"", "elsewhere", "unknown"}


def _engine(machine: Machine) -> tuple[str, dict[str, Any]]:
    """Return the stack's name ("" if it has none here), and what the engine says."""
    if is_unreachable(machine):
        return "", {"problem": "the engine does not answer"}
    name = ""
    try:
        with suppress(StackctlError):
            name = stack_name_here(machine)
            refuse_foreign(name, machine)
        return name, machine.docker.facts(name)
    except StackctlError as error:
        return "", {"problem": error.message}


def _words(machine: Machine, engine: Mapping[str, Any]) -> Iterator[str]:
    """Give the words of the names that this stack's own files and hardware have."""
    with suppress(StackctlError):
        for one in machine.gpus.list(waits=False):
            yield from parts(one.name)
    for container in engine.get("containers", ()):
        yield from parts(f"{container.get('service')} {container.get('image')}")
    with suppress(StackctlError, ValueError, TypeError, KeyError, AttributeError):
        plan = json.loads(machine.folder.read(plan_json.FILE, errors="replace") or "{}").get("plan", {})
        yield from parts(f"{plan.get('model_name')} {plan.get('program')}")


def _of_folder(machine: Machine) -> Iterator[Source]:
    kept: tuple[tuple[str, str], ...] = (
        (stack_toml.FILE, "the settings of the stack"),
        (machine.orchestrator.file, "the stack as it was rendered"),
        (plan_json.FILE, "the plan of the stack"),
        (lock.FILE, "what stackctl decided by itself"),
    )
    for name, about in kept:
        if (text := _text(name, machine)) is not None:
            yield Source(name=f"stack/{name.rpartition('/')[2]}", about=about, text=text)
    for name in machine.orchestrator.additions():
        if name.endswith((".yml", ".yaml")) and (text := _text(name, machine)) is not None:
            yield Source(name=f"stack/{name}.json", about=f"{name}, its own values left out", text=_shape(text))
    numbers = filter(None, map(history.number_of, machine.storage.trees.names(machine.path / history.FOLDER)))
    for number in sorted(numbers, reverse=True)[:_DEPLOYS]:
        file = history.file_name(number)
        if (text := _text(f"{history.FOLDER}/{file}", machine)) is not None:
            yield Source(name=f"stack/history/{file}", about="a good deploy", text=text)


def _text(name: str, machine: Machine) -> str | None:
    with suppress(StackctlError):
        return machine.folder.read(name, most=_MOST, errors="replace")
    return None


def _shape(text: str) -> str:
    """Return a user's YAML as JSON, without comments and the values of its environments, labels and commands."""
    try:
        return as_json(_without_values(yaml_text.texts(text)))
    except (yaml_text.Error, RecursionError):
        return "it is not YAML\n"


def _without_values(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hidden(one) if _is_own(str(key)) else _without_values(one) for key, one in value.items()}
    return [_without_values(one) for one in value] if isinstance(value, list) else value


def _is_own(key: str) -> bool:
    return key in _OWN_VALUES or key.startswith("x-")


def _hidden(value: Any) -> Any:
    """Return the names alone: of NAME=value, too."""
    if isinstance(value, dict):
        return {key: _hidden(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    name, equals, _ = str(value).partition("=")
    return f"{name}=..." if equals and name.replace("_", "").replace(".", "").isalnum() else "..."


def _of_machine(machine: Machine) -> Iterator[Source]:
    system = machine.system
    plain = {
        "stackctl": __version__,
        "kernel": system.kernel(),
        "architecture": system.architecture(),
        "uid": system.user().uid,
        "groups": system.user().groups,
        "gpu_variables": machine.host.gpu_variables(),
        "container": machine.host.container_kind(),
        "hypervisor": machine.host.hypervisor(),
        "is_wsl": machine.host.is_wsl(),
        "cpu": to_plain(machine.host.cpu()),
        "ram": to_plain(machine.host.ram(None)),
        "gpus": _asked(lambda: [to_plain(one) for one in machine.gpus.list(waits=False)]),
        "cards": _asked(lambda: [to_plain(one) for one in machine.gpus.cards()]),
        "disk_of_stack": _asked(lambda: to_plain(system.disk(machine.place))),
        "compose": _asked(lambda: machine.orchestrator.observe()[1]),
        "file_systems": sorted({line.split(" ")[2] for line in _lines(machine, "/proc/mounts") if line.count(" ") > 2}),
    }
    yield Source(name="machine.json", about="this machine", text=as_json(plain))
    for path, about in _MACHINE.items():
        if about and (text := system.text(PurePosixPath(path), most=_MOST)):
            yield Source(name=f"machine/{path.rpartition('/')[2]}.txt", about=about, text=text)
    if text := system.text(DAEMON_JSON, most=_MOST):
        yield Source(name="machine/daemon.json", about="the engine's settings", text=text)
    for folder in ("/etc/cdi", "/var/run/cdi"):
        for name in system.names(PurePosixPath(folder)):
            if name.endswith((".json", ".yaml")) and (text := system.text(PurePosixPath(folder, name), most=_MOST)):
                yield Source(name=f"machine{folder}/{name}", about="a CDI file", text=text)


def _lines(machine: Machine, path: str) -> list[str]:
    return (machine.system.text(PurePosixPath(path), most=_MOST) or "").splitlines()


def _asked(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except StackctlError as error:
        return error.message


def _logs(name: str, machine: Machine) -> Iterator[Source]:
    """Give the end of each service's log, with the lines from before its last start."""
    if not name:
        return
    with suppress(StackctlError):
        for service, state in sorted(machine.docker.states(name).items()):
            lines = machine.docker.tail(replace(state, started_at=0.0), lines=_LINES)
            plain = service if service.replace("-", "").replace("_", "").isalnum() else "service"
            yield Source(
                name=f"logs/{plain}.txt", about=f"the end of the log of {plain}", text="\n".join(lines), is_log=True
            )


def _failed_log(machine: Machine) -> Iterator[Source]:
    if text := _text(LOG, machine):
        yield Source(name="logs/failed.txt", about="the log of the last container that failed", text=text, is_log=True)
