"""Whether the engine, and with it the stack, starts when the machine boots.

Sources: https://docs.docker.com/engine/install/linux-postinstall (systemd), .../security/rootless (linger),
https://docs.podman.io/en/latest/markdown/podman-systemd.unit.5.html; systemctl(1), is-enabled.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import Finding
from stackctl.contracts.repair import Repair
from stackctl.core.doctor.commands import command
from stackctl.core.doctor.engine_service import EngineService, enable_argvs
from stackctl.core.doctor.repairs import enable_engine
from stackctl.core.observed import EngineSeen
from stackctl.core.plan.engine_features import features

_ENABLED: Final = frozenset({"enabled", "enabled-runtime", "static", "indirect", "generated", "alias"})
_DISABLED: Final = frozenset({"disabled", "masked", "masked-runtime", "linked", "linked-runtime"})
_PODMAN: Final = "Podman Engine"


@dataclass(frozen=True, kw_only=True)
class BootUnit:
    """What starts an engine at boot, and how to ask for it: by a program, or by the files in a folder.

    file: the name of a file there, which System V writes after S and a number; lingers: the user's services must run
    without a login.
    """

    argv: tuple[str, ...] = ()
    folder: PurePosixPath | None = None
    file: str = ""
    lingers: bool = False


def is_podman(engine: EngineSeen) -> bool:
    return engine.product == _PODMAN


def unit_of(engine: EngineSeen, service: EngineService) -> BootUnit | None:
    """Return what starts this engine at boot; None if that is not known."""
    if is_podman(engine):
        own = ("--user",) if engine.is_rootless else ()
        return BootUnit(argv=("systemctl", *own, "is-enabled", features(engine).unit), lingers=engine.is_rootless)
    known = {
        "systemd": BootUnit(argv=("systemctl", "is-enabled", "docker.service")),
        "systemd --user": BootUnit(argv=("systemctl", "--user", "is-enabled", "docker.service"), lingers=True),
        "openrc": BootUnit(folder=PurePosixPath("/etc/runlevels/default"), file="docker"),
        "sysv": BootUnit(folder=PurePosixPath("/etc/rc2.d"), file="docker"),
    }
    return known.get(service.init)


def names_unit(name: str, unit: BootUnit) -> bool:
    """Return whether a file of this name in the unit's folder has it started."""
    return re.fullmatch(rf"(?:S\d\d)?{re.escape(unit.file)}", name) is not None


def is_known(answer: str) -> bool:
    """Return whether systemd's answer to is-enabled says something."""
    return answer in _ENABLED or answer in _DISABLED


def is_enabled(answer: str) -> bool:
    return answer in _ENABLED


def judge(unit: BootUnit, service: EngineService, *, is_enabled: bool, lingers: bool) -> Finding | None:
    """Return the finding that the engine does not start at boot; None if it does."""
    if is_enabled and lingers:
        return None
    enable, repair = _enabled_by(unit, service)
    says = "the engine does not start when the machine boots, so the stack stays down after a reboot"
    if is_enabled:
        says = "the engine starts at its user's login, not when the machine boots"
    return Finding(
        issue="engine-not-at-boot",
        severity="warning",
        says=says,
        hint=f"Run `{enable}` once." if enable else "Let this system start the engine when it boots.",
        repair=repair,
    )


def _enabled_by(unit: BootUnit, service: EngineService) -> tuple[str, Repair | None]:
    """Return the command that lets the engine start at boot, and the repair that does it."""
    lingers = "; sudo loginctl enable-linger" if unit.lingers else ""
    enable, _ = enable_argvs(service)
    if enable:
        return f"{command(enable, needs_root=service.needs_root, is_root=False)}{lingers}", enable_engine(service)
    if "is-enabled" in unit.argv:
        words = ("enable" if one == "is-enabled" else one for one in unit.argv)
        return f"{command(words, needs_root='--user' not in unit.argv, is_root=False)}{lingers}", None
    return "", None
