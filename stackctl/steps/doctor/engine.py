"""The engine, and Compose."""

from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import CheckResult, Finding, finding_of
from stackctl.core.doctor import at_boot
from stackctl.core.doctor.compose import WORDS, judge_compose, known_bad
from stackctl.core.doctor.engine_link import Around, is_usual, judge_link, usual_places
from stackctl.core.doctor.engine_service import DAEMON
from stackctl.core.formats.version import dotted
from stackctl.core.plan.engine_features import described
from stackctl.errors import EngineError
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.engine_service import engine_service
from stackctl.terminal import command_line

_ASK_S: Final = 2.0  # for a program that answers within a tenth of that
_CONTAINER: Final = (PurePosixPath("/.dockerenv"), PurePosixPath("/run/.containerenv"))
_DAEMONS: Final = (DAEMON, "/snap/bin/docker")
_UNIT: Final = ("systemctl", "show", "docker.service", "--property", "ActiveState,SubState,Result")
_JOURNAL: Final = ("journalctl", "--unit", "docker.service", "--lines", "40", "--output", "cat", "--no-pager")
_MOST_LINES: Final = 4


def _reach_engine(looks: Looks) -> CheckResult:
    link = looks.link()
    if link.failure == "elsewhere":
        return CheckResult(findings=(_elsewhere(looks),))
    if found := judge_link(link, _around(looks)) if link.failure else None:
        return CheckResult(findings=(found,))
    try:
        engine = looks.engine()
    except EngineError as error:
        return CheckResult(findings=(finding_of(error),))
    if looks.machine.docker.view == "remote":
        return CheckResult(findings=(_remote(looks),))
    return CheckResult(says=f"{described(engine)}{' (rootless)' if engine.is_rootless else ''}")


def _around(looks: Looks) -> Around:
    """Look at what is installed, and at the service that does not answer."""
    system, link = looks.machine.system, looks.link()
    user, service = system.user(), engine_service(looks)
    places = [one for one in usual_places(user) if system.exists(PurePosixPath(one[0]))]
    is_down = link.failure in {"missing", "refused"} and is_usual(link)
    return Around(
        user=user,
        service=service,
        is_installed=bool(service.init) or any(system.program(one) for one in _DAEMONS),
        has_podman=bool(system.program("podman")),
        others=tuple(places) if is_down and not service.init else (),
        unit=_unit(looks) if is_down and service.init == "systemd" else (),
        is_in_container=any(map(system.exists, _CONTAINER)) and not service.init,
    )


def _unit(looks: Looks) -> tuple[str, ...]:
    """Return what systemd says of the engine's unit, and the last errors that the engine logged."""
    system = looks.machine.system
    shown = system.ask(_UNIT, within_s=looks.left_s(_ASK_S)).out.split()
    logged = system.ask(_JOURNAL, within_s=looks.left_s(_ASK_S)).out.splitlines()
    faults = [line.strip() for line in logged if "failed to start daemon" in line or "unable to configure" in line]
    return (", ".join(shown), *faults[-_MOST_LINES:]) if shown else ()


def _elsewhere(looks: Looks) -> Finding:
    """Return the finding on an engine by SSH, in the words with which every command refuses it."""
    link = looks.link()
    try:
        looks.machine.docker.refuse_distant(looks.machine.place, "doctor")
    except EngineError as error:
        return finding_of(error, context=link.address)
    return Finding(
        issue="engine-elsewhere",
        says=f"the engine is another machine's ({link.address})",
        hint="Run stackctl on that machine.",
        context=link.address,
    )


def _remote(looks: Looks) -> Finding:
    address = looks.link().address
    return Finding(
        issue="engine-elsewhere",
        severity="warning",
        says=f"the engine at {address} runs on another machine: it sees none of this machine's files and GPUs",
        hint="Run stackctl on that machine, or copy the stack's folder and the models there at the same paths.",
        context=address,
    )


def _start_at_boot(looks: Looks) -> CheckResult:
    engine, service = looks.engine(), engine_service(looks)
    if at_boot.is_podman(engine) and looks.plan() is None:
        return CheckResult(untried="Podman starts containers itself, and no stack was deployed here")
    unit = at_boot.unit_of(engine, service)
    if not unit or looks.machine.docker.view:
        return CheckResult(untried="who starts this engine is not known here")
    system = looks.machine.system
    if unit.folder:
        is_enabled = any(at_boot.names_unit(name, unit) for name in system.names(unit.folder))
    else:
        said = system.ask(unit.argv, within_s=looks.left_s(_ASK_S))
        answer = said.out.strip()
        if said.is_late or not at_boot.is_known(answer):
            return CheckResult(untried=f"`{command_line(*unit.argv)}` does not say whether it starts at boot")
        is_enabled = at_boot.is_enabled(answer)
    lingers = not unit.lingers or system.exists(PurePosixPath("/var/lib/systemd/linger") / system.user().name)
    found = at_boot.judge(unit, service, is_enabled=is_enabled, lingers=lingers)
    return CheckResult(findings=(found,)) if found else CheckResult(says="yes")


def _find_compose(looks: Looks) -> CheckResult:
    system = looks.machine.system
    if not looks.machine.orchestrator.program:
        return CheckResult(applies=False)
    plugin, standalone = (
        system.ask(one, within_s=looks.left_s(_ASK_S)) if system.program(one[0]) else None for one in WORDS
    )
    found = judge_compose(plugin, standalone)
    if found is None:
        return CheckResult(untried="`docker compose version` did not answer in time")
    if isinstance(found, Finding):
        return CheckResult(findings=(found,))
    return CheckResult(findings=_known_bad(found, looks), says=dotted(found))


def _known_bad(version: tuple[int, ...], looks: Looks) -> tuple[Finding, ...]:
    """Return the known faults of this Compose; none without an engine or a stack here, by which they show."""
    try:
        plan, store = looks.plan(), looks.details().has_containerd_store
    except EngineError:
        return ()
    has_digests = any("@" in one.image for one in plan.services) if plan else False
    return known_bad(version, has_containerd_store=store, has_digests=has_digests)


def _from_snap(looks: Looks) -> CheckResult:
    looks.engine()
    if looks.machine.docker.view != "snap":
        return CheckResult()
    return CheckResult(
        findings=(
            Finding(
                issue="engine-from-snap",
                severity="warning",
                says="Docker comes from a snap: it sees home folders without hidden ones, and what its interfaces add",
                hint="Keep the stack and its models below your home folder, or install Docker from its own repository: "
                "`stackctl setup`.",
            ),
        )
    )


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="engine", title="the engine answers", run=_reach_engine),
    Check(name="compose", title="Compose is installed", run=_find_compose),
    Check(name="snap", title="Docker is no snap", run=_from_snap),
    Check(name="boot", title="the engine starts at boot", run=_start_at_boot),
)
