"""The plan of a setup: the steps that add what a machine lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from stackctl.contracts.repair import RestartEngine, RewriteFile, RunProgram
from stackctl.core.doctor.engine_service import DAEMON_JSON
from stackctl.core.doctor.repairs import GROUP
from stackctl.core.setup import by_hand
from stackctl.core.setup.families import FAMILIES
from stackctl.core.setup.families.family import Packaged, Repository
from stackctl.core.setup.managers import install, refresh
from stackctl.core.setup.seen import Seen, lacking
from stackctl.core.setup.step import Adds, Setup, SetupStep

Source = Literal["distribution", "docker"]
_TRIED: Final = {"bookworm": "Debian 12", "trixie": "Debian 13"}  # tests/e2e/setup
_POSTINSTALL: Final = "https://docs.docker.com/engine/install/linux-postinstall/"
_NVIDIA: Final = (
    "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html#configuring-docker"
)
_ROOT: Final = (
    f"Who is in the group {GROUP} can become root on this machine: https://docs.docker.com/engine/security/ ."
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the user wants. source: whose Docker, None for the distribution's where that suffices."""

    source: Source | None = None
    driver: bool = False
    gpu: bool = True


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """Where the engine and Compose come from; None: from nowhere."""

    engine: Packaged | None
    compose: Packaged | None
    notes: tuple[str, ...] = ()


def plan_setup(seen: Seen, wanted: Wanted) -> Setup:
    """Return what is lacking, and the steps that add it, in their order."""
    lacks = lacking(seen, with_gpu=wanted.gpu)
    names = frozenset(one.lack for one in lacks)
    hands = by_hand.whole_system(seen, names, is_forced=wanted.source is not None)
    sources = _Sources(engine=None, compose=None) if hands else _sources(seen, wanted, names)
    steps = () if hands else tuple(_steps(seen, wanted, names, sources))
    added = {step.adds for step in steps}
    rest = () if hands else by_hand.remaining(seen, frozenset(names - added))
    return Setup(
        distribution=seen.distribution,
        lacking=lacks,
        steps=steps,
        by_hand=(*hands, *rest),
        notes=tuple(_notes(seen, names, sources)) if lacks else (),
        needs_sudo=bool(seen.user.uid),
    )


def _sources(seen: Seen, wanted: Wanted, names: frozenset[str]) -> _Sources:
    """Choose whose packages are taken: the distribution's, unless it lacks what stackctl needs or the user says so."""
    family = FAMILIES.get(seen.distribution.family)
    own = family.own(seen.distribution) if family else None
    docker = family.from_docker(seen.distribution) if family else None
    if wanted.source == "docker" and not docker and own:
        note = f"Docker's vendor has no packages for {seen.distribution.name}: {own.title} are taken."
        return _Sources(engine=own, compose=own if own.compose else None, notes=(note,))
    if not own or wanted.source == "docker":
        return _Sources(engine=docker, compose=docker)
    if own.compose or "compose" not in names:
        return _Sources(engine=own, compose=own)
    # only Docker's repository has Compose; an engine that is there, or that the user wants, is left as it is
    way_on = f"{own.lack} Compose comes from Docker's repository" if docker else own.lack
    if wanted.source == "distribution" or seen.has_engine or seen.answers:
        return _Sources(engine=own, compose=docker, notes=(f"{way_on.rstrip('.')}.",))
    return _Sources(engine=docker or own, compose=docker, notes=(f"{way_on}, and so does Docker.",) if docker else ())


def _steps(seen: Seen, wanted: Wanted, names: frozenset[str], sources: _Sources) -> Iterator[SetupStep]:
    if seen.command == "podman" and "engine" in names:  # Podman's package in the place of Docker's conflicts with it
        return
    added: set[str] = set()
    if "engine" in names and sources.engine:
        yield from _of_docker(seen, sources.engine, added)
        yield _engine(seen, sources.engine)
    if "service" in names and seen.init:
        yield _service(seen)
    if "group" in names:
        yield _group(seen, GROUP, "group", f"This user may use the engine without sudo then. {_ROOT}")
    if "compose" in names and sources.compose and not (seen.compose and sources.compose is sources.engine):
        yield from _of_docker(seen, sources.compose, added)
        yield _compose(sources.compose)
    if "gpu groups" in names:
        yield _group(seen, "render", "gpu groups", "The rootless engine opens the GPU's files with this user's rights.")
    yield from _nvidia(seen, wanted, names)


def _of_docker(seen: Seen, packaged: Packaged, added: set[str]) -> Iterator[SetupStep]:
    """The step that adds the repository of Docker's packages, once."""
    if packaged.repository and not added:
        added.add(packaged.title)
        yield from _repository(seen, packaged.repository, "docker repository")


def _repository(seen: Seen, repository: Repository, adds: Adds) -> Iterator[SetupStep]:
    if not seen.files & {str(mark) for mark in repository.marks}:
        key = f" Its key has the fingerprint {repository.fingerprint}." if repository.fingerprint else ""
        yield SetupStep(
            adds=adds,
            title=f"Add {repository.title}",
            why=f"Updates come from there, too.{key}",
            does=repository.does,
            packages=repository.packages,
            files=repository.files,
            manager=_manager_of(seen),
            sources=repository.sources,
        )


def _engine(seen: Seen, packaged: Packaged) -> SetupStep:
    starts = () if packaged.starts else _start(seen)
    return SetupStep(
        adds="engine",
        title=f"Install Docker from {packaged.title} packages",
        why="Every program of a stack runs in a container.",
        does=(*refresh(packaged.manager), install(packaged.manager, packaged.engine), *starts),
        manager=packaged.manager,
        packages=packaged.engine,
        undo=_stop(seen),
        tried=packaged.tried,
        sources=packaged.sources,
    )


def _service(seen: Seen) -> SetupStep:
    return SetupStep(
        adds="service",
        title="Start Docker, now and whenever the machine boots",
        why="A stack comes back by itself after a reboot only if the engine does.",
        does=_start(seen),
        undo=_stop(seen),
        sources=(_POSTINSTALL,),
    )


def _compose(packaged: Packaged) -> SetupStep:
    return SetupStep(
        adds="compose",
        title=f"Install Docker Compose from {packaged.title} packages",
        why="stackctl describes a stack to the engine as a Compose file.",
        does=(*refresh(packaged.manager), install(packaged.manager, packaged.compose)),
        manager=packaged.manager,
        packages=packaged.compose,
        tried=packaged.tried,
        sources=packaged.sources,
    )


def _group(seen: Seen, group: str, adds: Adds, why: str) -> SetupStep:
    is_alpine = seen.distribution.family == "alpine"
    joins = ("addgroup",) if is_alpine else ("usermod", "--append", "--groups")
    who = (seen.user.name, group) if is_alpine else (group, seen.user.name)
    return SetupStep(
        adds=adds,
        title=f"Add {seen.user.name} to the group {group}",
        why=why,
        does=(RunProgram(argv=(*joins, *who)),),
        manager="apk" if is_alpine else "",
        user=seen.user.name,
        group=group,
        then="Log out and in again, so that the new group counts.",
        tried=_TRIED.get(seen.distribution.codename, "") if seen.distribution.id == "debian" else "",
        sources=(_POSTINSTALL,),
    )


def _nvidia(seen: Seen, wanted: Wanted, names: frozenset[str]) -> Iterator[SetupStep]:
    family = FAMILIES.get(seen.distribution.family)
    if not family or seen.is_podman:
        return
    driver, toolkit = family.driver(seen.distribution), family.toolkit(seen.distribution)
    if "driver" in names:
        if not (wanted.driver and driver):
            return
        yield SetupStep(
            adds="driver",
            title="Install NVIDIA's driver",
            why=driver.why,
            does=driver.does,
            manager=driver.manager,
            packages=driver.packages,
            files=driver.files,
            then="Reboot, so that the kernel loads the driver.",
            sources=driver.sources,
        )
    if "toolkit" in names and toolkit:
        if toolkit.repository:
            yield from _repository(seen, toolkit.repository, "nvidia repository")
        yield SetupStep(
            adds="toolkit",
            title="Install NVIDIA's Container Toolkit",
            why="It gives containers the GPU.",
            does=(install(toolkit.manager, toolkit.packages),),
            manager=toolkit.manager,
            packages=toolkit.packages,
            sources=toolkit.sources,
        )
    if "runtime" in names and (toolkit or seen.toolkit) and seen.init:
        yield _runtime(seen)


def _runtime(seen: Seen) -> SetupStep:
    configure = ("nvidia-ctk", "runtime", "configure", "--runtime=docker")
    stops = f" The restart stops for a moment: {', '.join(seen.running)}." if seen.running else ""
    if seen.is_rootless:
        own = PurePosixPath(seen.user.home or "/") / ".config/docker/daemon.json"
        return SetupStep(
            adds="runtime",
            title="Tell the rootless Docker of NVIDIA's runtime",
            why=f"The engine passes a GPU on by it.{stops}",
            does=(
                RewriteFile(path=own, argv=(*configure, f"--config={own}"), needs_root=False),
                RunProgram(
                    argv=("nvidia-ctk", "config", "--in-place", "--set", "nvidia-container-cli.no-cgroups=true")
                ),
                RestartEngine(argv=("systemctl", "--user", "restart", "docker"), needs_root=False),
            ),
            sources=(_NVIDIA,),
        )
    return SetupStep(
        adds="runtime",
        title="Tell Docker of NVIDIA's runtime",
        why=f"The engine passes a GPU on by it; the program adds it to {DAEMON_JSON}.{stops}",
        does=(RewriteFile(path=DAEMON_JSON, argv=configure), RestartEngine(argv=_restart(seen))),
        sources=(_NVIDIA,),
    )


def _start(seen: Seen) -> tuple[RunProgram, ...]:
    if seen.init == "systemd":
        return (RunProgram(argv=("systemctl", "enable", "--now", "docker")),)
    if seen.init == "openrc":
        return (
            RunProgram(argv=("rc-update", "add", "docker", "default")),
            RunProgram(argv=("rc-service", "docker", "start")),
        )
    return ()


def _stop(seen: Seen) -> tuple[tuple[str, ...], ...]:
    if seen.init == "systemd":
        return (("systemctl", "disable", "--now", "docker.service"),)
    if seen.init == "openrc":
        return (("rc-service", "docker", "stop"), ("rc-update", "del", "docker", "default"))
    return ()


def _restart(seen: Seen) -> tuple[str, ...]:
    return ("rc-service", "docker", "restart") if seen.init == "openrc" else ("systemctl", "restart", "docker")


def _manager_of(seen: Seen) -> str:
    family = FAMILIES.get(seen.distribution.family)
    found = family and (family.own(seen.distribution) or family.from_docker(seen.distribution))
    return found.manager if found else ""


def _notes(seen: Seen, names: frozenset[str], sources: _Sources) -> Iterator[str]:
    if names & {"engine", "compose"}:
        yield from sources.notes
    if not seen.init and names & {"engine", "service"}:
        yield (
            "No systemd or OpenRC runs here, so nothing starts Docker: run `dockerd` yourself, or mount the socket of "
            "an engine outside of this container with `-v /var/run/docker.sock:/var/run/docker.sock`."
        )
    if seen.command == "snap":
        yield (
            "Docker comes from a snap here. It is left as it is, and sees only your home and removable media; "
            "`stackctl doctor` says what follows from that."
        )
    if seen.has_podman and seen.command != "podman" and names & {"engine", "service"}:
        yield (
            "Podman is installed, and stackctl works with it, too: run `systemctl --user enable --now podman.socket` "
            "and set `DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock`. Then only Compose is needed."
        )
    if not seen.user.uid and names & {"engine"}:
        yield f"Root needs no group. Run `stackctl setup` as another user to add that one to the group {GROUP}."
