"""What keeps the engine from being reached, from what answers at its address and from what is installed.

Sources: https://docs.docker.com/engine/security/rootless/tips/ (the socket of a rootless Docker),
https://docs.podman.io/en/latest/markdown/podman-system-service.1.html (Podman's).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from stackctl.contracts.engine_link import EngineLink, LinkFailure
from stackctl.contracts.finding import Finding
from stackctl.contracts.system import User
from stackctl.core.doctor.commands import command
from stackctl.core.doctor.engine_service import EngineService, restart_argv, start_argv
from stackctl.core.doctor.repairs import GROUP, add_to_group, start_engine
from stackctl.terminal import command_line

_USUAL: Final = frozenset({"/var/run/docker.sock", "/run/docker.sock"})
_CONTEXTS: Final = "Run `docker context ls` to see the contexts, then `docker context use default`."


@dataclass(frozen=True, kw_only=True)
class Around:
    """What there is around an engine that can't be reached.

    others: sockets of engines that are there, each with its engine's name; unit: lines on the state of its service;
    is_in_container: stackctl runs in one.
    """

    user: User
    service: EngineService
    is_installed: bool = True
    has_podman: bool = False
    others: tuple[tuple[str, str], ...] = ()
    unit: tuple[str, ...] = ()
    is_in_container: bool = False


def usual_places(user: User) -> tuple[tuple[str, str], ...]:
    """Return the sockets at which the engines of this user, and Podman's, are: each with its engine's name."""
    own = f"/run/user/{user.uid}"
    return (
        (f"{own}/docker.sock", "a rootless Docker"),
        (f"{own}/podman/podman.sock", "Podman"),
        ("/run/podman/podman.sock", "Podman, for root alone,"),
    )


def is_usual(link: EngineLink) -> bool:
    """Return whether the engine is that of the machine: at its usual socket, whoever names this."""
    return link.socket in _USUAL


def judge_link(link: EngineLink, around: Around) -> Finding | None:
    """Return why the engine can't be reached; None if it can."""
    return _JUDGES[link.failure](link, around) if link.failure else None


def _absent(link: EngineLink, around: Around) -> Finding:
    """Nothing listens at its address: it is not installed, does not run, or is at another one."""
    if not is_usual(link):
        return _unreachable(link, around)
    at, seen = link.socket, (link.says,) if link.says else ()
    if around.is_in_container:
        return Finding(
            issue="engine-not-running",
            says=f"no engine's socket is in this container ({at})",
            hint="Start this container with `-v /var/run/docker.sock:/var/run/docker.sock`.",
            evidence=seen,
        )
    if around.others:
        socket, name = around.others[0]
        return Finding(
            issue="engine-not-running",
            says=f"no engine answers at {at}; {name} has its socket at {socket}",
            hint=f"Run `{command_line('export', f'DOCKER_HOST=unix://{socket}')}`, or start the engine of the machine.",
            evidence=seen,
        )
    if not around.is_installed:
        if around.has_podman:
            return Finding(
                issue="engine-not-running",
                says="Podman is installed, and its service does not run",
                hint="Run `systemctl --user enable --now podman.socket`, then "
                f"`export DOCKER_HOST=unix:///run/user/{around.user.uid}/podman/podman.sock`.",
                evidence=seen,
            )
        return Finding(
            issue="engine-not-installed",
            says="no container engine is installed",
            hint="Run `stackctl setup`, which shows and runs the commands for this distribution.",
            evidence=seen,
        )
    argv = start_argv(around.service)
    start = _command(argv, around) if argv else ""
    return Finding(
        issue="engine-not-running",
        says="Docker is installed and does not run",
        hint=f"Run `{start}`." if start else "Start Docker as this system starts its services.",
        evidence=around.unit or seen,
        repair=start_engine(around.service),
    )


def _permission(link: EngineLink, around: Around) -> Finding:
    name, seen = around.user.name, (link.says,)
    if not is_usual(link):
        return Finding(
            issue="engine-permission",
            says=f"the user {name} may not open the engine's socket {link.socket}",
            hint="Run stackctl as the user of that engine, or with sudo.",
            context=link.socket,
            evidence=seen,
        )
    if GROUP in around.user.listed_groups and GROUP not in around.user.groups:
        return Finding(
            issue="engine-permission",
            says=f"the user {name} is in the group {GROUP}, but has not logged in since",
            hint=f"Log out and in again, or run `newgrp {GROUP}` in this shell.",
            context=link.socket,
            evidence=seen,
        )
    if GROUP in around.user.groups:
        return Finding(
            issue="engine-permission",
            says=f"the user {name} is in the group {GROUP}, and still may not open the socket {link.socket}",
            hint=f"Run `{command_line('ls', '-l', link.socket)}`: its group must be {GROUP}, as a restart of Docker "
            "sets it.",
            context=link.socket,
            evidence=seen,
        )
    return Finding(
        issue="engine-permission",
        says=f"the user {name} may not use the engine: only root and the group {GROUP} may",
        hint=f"Run `{command_line('sudo', 'usermod', '-aG', GROUP, name)}`, then log in again. Members of that group "
        "are as powerful as root.",
        context=link.socket,
        evidence=seen,
        repair=add_to_group(name, around.service),
    )


def _silent(link: EngineLink, around: Around) -> Finding:
    argv = restart_argv(around.service) if is_usual(link) else ()
    restart = _command(argv, around) if argv else ""
    return Finding(
        issue="engine-no-answer",
        says=f"the engine takes connections at {link.address} and does not answer",
        hint=f"Run `{restart}`, which stops its containers for a moment."
        if restart
        else "Restart the engine at that address.",
        evidence=(link.says,),
    )


def _unreachable(link: EngineLink, around: Around) -> Finding:
    """An engine that the user has named does not answer at its address."""
    named = _named(link)
    hint = "Start that engine, or run `unset DOCKER_HOST` to use the one of this machine."
    if link.source == "context":
        hint = "Start that engine, or run `docker context use default` to use the one of this machine."
    if link.socket == f"/run/user/{around.user.uid}/docker.sock":
        hint = f"Run `systemctl --user start docker`. {hint}"
    if link.socket.endswith("podman.sock"):
        hint = f"Run `systemctl --user enable --now podman.socket`. {hint}"
    return Finding(
        issue="engine-unreachable",
        says=f"no engine answers at {link.address}, which {named}",
        hint=hint,
        context=link.address,
        evidence=(link.says,),
    )


def _elsewhere(link: EngineLink, _: Around) -> Finding:
    return Finding(
        issue="engine-elsewhere",
        says=f"the engine is another machine's ({link.address}), which has none of this machine's files",
        hint="Run stackctl on that machine.",
        context=link.address,
    )


def _context(link: EngineLink, _: Around) -> Finding:
    return Finding(
        issue="engine-context-unreadable",
        says=f"the current Docker context {link.context!r} can't be read",
        hint=_CONTEXTS,
        context=link.context,
        evidence=(link.says,),
    )


def _named(link: EngineLink) -> str:
    return "DOCKER_HOST names" if link.source == "DOCKER_HOST" else f"the Docker context {link.context!r} names"


def _command(argv: tuple[str, ...], around: Around) -> str:
    return command(argv, needs_root=around.service.needs_root, is_root=around.user.uid == 0)


_JUDGES: Final[Mapping[LinkFailure, Callable[[EngineLink, Around], Finding]]] = MappingProxyType(
    {
        "missing": _absent,
        "refused": _absent,
        "permission": _permission,
        "silent": _silent,
        "elsewhere": _elsewhere,
        "context": _context,
        "unknown": _unreachable,
    }
)
