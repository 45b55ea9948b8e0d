"""What this machine has of what a stack needs."""

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.doctor.engine_service import DAEMON, DAEMON_JSON
from stackctl.core.setup.distribution import Signs, name_distribution
from stackctl.core.setup.seen import FILES, Command, Init, Seen
from stackctl.core.start.docker_errors import version
from stackctl.errors import EngineError, StackctlError
from stackctl.machine import Machine

_LINK_S: Final = 3.0
_ASK_S: Final = 10.0
_NVIDIA: Final = PurePosixPath("/proc/driver/nvidia/version")
_APT: Final = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
_OF_WINDOWS: Final = PurePosixPath("/usr/lib/wsl/lib/libcuda.so.1")  # https://docs.nvidia.com/cuda/wsl-user-guide/


def look_at_machine(machine: Machine) -> Seen:
    """Return what this machine has; nothing is changed."""
    system = machine.system
    seen = Seen(
        distribution=name_distribution(_signs(machine)),
        architecture=system.architecture(),
        user=system.user(),
        init=_init(machine),
        link=machine.docker.link(within_s=_LINK_S),
        command=_command(machine),
        has_engine=bool(system.program(DAEMON)),
        has_podman=bool(system.program("podman")),
        cards=frozenset(card.vendor for card in machine.gpus.cards()),
        driver=_driver(machine),
        toolkit=bool(system.program("nvidia-ctk")),
        knows_nvidia='"nvidia"' in (system.text(DAEMON_JSON) or ""),
        files=frozenset(one for one in FILES if system.exists(PurePosixPath(one))),
    )
    return _with_engine(_with_compose(seen, machine), machine)


def _signs(machine: Machine) -> Signs:
    def text(path: str) -> str:
        return machine.system.text(PurePosixPath(path), most=1 << 14) or ""

    return Signs(
        os_release=text("/etc/os-release") or text("/usr/lib/os-release"),
        unraid=text("/etc/unraid-version"),
        synology=text("/etc.defaults/VERSION"),
        truenas=text("/etc/version"),
        debian=text("/etc/debian_version"),
        apt="\n\n".join(map(text, _APT)),
        is_ostree=machine.system.exists(PurePosixPath("/run/ostree-booted")),
        is_wsl=machine.host.is_wsl(),
    )


def _init(machine: Machine) -> Init:
    if machine.system.exists(PurePosixPath("/run/systemd/system")):
        return "systemd"
    return "openrc" if machine.system.exists(PurePosixPath("/run/openrc")) else ""


def _command(machine: Machine) -> Command:
    path = machine.system.program("docker")
    if not path or path.startswith("/snap/"):
        return "snap" if path else ""
    said = machine.system.ask(("docker", "--version"), within_s=_ASK_S)
    return "podman" if "podman" in f"{said.out}{said.err}".lower() else "docker"


def _driver(machine: Machine) -> str:
    found = re.search(r"\b(\d{3}\.[\d.]+)", machine.system.text(_NVIDIA) or "")
    if found:
        return found[1]
    return "of Windows" if machine.system.exists(_OF_WINDOWS) else ""


def _with_compose(seen: Seen, machine: Machine) -> Seen:
    """Add Compose: the plugin of docker, or version 2 under the name docker-compose."""
    for argv in (("docker", "compose", "version"), ("docker-compose", "version")):
        if not machine.system.program(argv[0]):
            continue
        done = machine.system.ask(argv, within_s=_ASK_S)
        found = version(done.out) if not done.code else None
        if found and found[0] >= 2:
            return replace(seen, compose=found)
        if found:
            seen = replace(seen, compose_1=True)
    return seen


def _with_engine(seen: Seen, machine: Machine) -> Seen:
    """Add what the engine says, if it answers."""
    if not seen.answers:
        return seen
    try:
        machine.docker.forget()
        engine = machine.docker.look((), ())
        running = tuple(one.name for one in machine.docker.stopped_by_restart())
    except EngineError as error:
        return replace(seen, refusal=error.message)
    except StackctlError:  # of another kind: the containers could not be listed
        return seen
    knows = "nvidia" in engine.runtimes or any(one.startswith("nvidia.com/gpu") for one in engine.cdi_devices)
    return replace(
        seen,
        product=engine.product,
        is_rootless=engine.is_rootless,
        knows_nvidia=seen.knows_nvidia or knows,
        running=running,
    )
