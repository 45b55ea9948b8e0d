"""Docker Compose as the stack's orchestrator: write the plan as compose.yml, and run `docker compose` with it."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stackctl.contracts.finding import CheckResult
from stackctl.contracts.node import Brings, Brought, NodeReport
from stackctl.core.adoption.mounted import Service
from stackctl.core.config.files import STATE
from stackctl.core.observed import ServiceState
from stackctl.core.plan.change import Change
from stackctl.core.plan.stack import Plan
from stackctl.core.start.events import Event
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.changes import changes
from stackctl.orchestrators.compose import foreign, render
from stackctl.orchestrators.compose.networks import make_way, own_networks
from stackctl.orchestrators.compose.run import Compose, end
from stackctl.ports import Docker, Gpus, Host
from stackctl.ports.disk import Folder, Says
from stackctl.ports.engine import Watch
from stackctl.ports.orchestrator import Action
from stackctl.ports.runtime import Runtime

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec

_WORDS: Final[Mapping[Action, tuple[str, ...]]] = {
    "apply": ("up", "-d", "--remove-orphans", "--pull", "never"),
    "start": ("up", "-d", "--pull", "never", "--no-recreate"),
    "restart": (
        "up",
        "-d",
        "--pull",
        "never",
        "--no-recreate",
    ),  # after a stop, because `restart` creates nothing that is missing
}

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_IMAGES: Final = f"{STATE}/images.json"  # JSON is YAML


class Applying:
    """A running Compose, and the events meanwhile."""

    def __init__(self, watch: Watch, process: "subprocess.Popen[str]") -> None:
        self._watch, self._process = watch, process
        watch.follow(process)

    def events(self, until: float) -> Iterator[Event]:
        """Give every event until the clock (time.monotonic) reads `until`."""
        return self._watch.events(until)

    def read_log(self, state: ServiceState) -> None:
        """Also report the log of a container that started before."""
        self._watch.read_log(state)

    def close(self) -> None:
        """Stop listening, and end Compose if it still runs; containers keep running."""
        self._watch.close()
        if self._process.poll() is None:
            end(self._process)


class ComposeOrchestrator:
    """One folder's stack. `details` gets each command, `note` what the user should know."""

    name: Final = "compose"
    title: Final = "Docker Compose"
    file: Final = render.FILE
    program: Final = "docker compose"
    publishes_everywhere: Final = False

    def __init__(
        self, folder: Folder, docker: Docker, template: Callable[[str], str], *, details: Says, note: Says
    ) -> None:
        self._folder, self._docker, self._template = folder, docker, template
        self._details, self._note = details, note
        self._compose = Compose(folder, details)

    def examine(self, name: str) -> CheckResult:
        """Return that there is nothing to find: this machine runs all of it, and has its checks."""
        del name
        return CheckResult(applies=False)

    def at(self, folder: Folder) -> "ComposeOrchestrator":
        """Return the same for another folder."""
        return ComposeOrchestrator(folder, self._docker, self._template, details=self._details, note=self._note)

    def observe(self) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """Return (command line, version as numbers) of Compose; raise EngineError if there is none, or only v1."""
        return self._compose.look()

    def addresses(self, name: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        """Return (subnets of other networks, subnets of this stack's networks)."""
        return self._docker.subnets(name)

    def gateway(self) -> str:
        """Return "": the gateway is that of the stack's own network."""
        return ""

    def recorded_gateway(self) -> str:
        """Return "", as gateway() does."""
        return ""

    def places(self, plan: Plan) -> tuple[str, ...]:
        """Return ("",): this machine alone."""
        del plan
        return ("",)

    def starting(self) -> tuple[str, ...]:
        """Return the command that starts a complete folder: Compose's own."""
        return ("docker", "compose", "up", "-d")

    def removal(self, name: str) -> tuple[str, ...]:
        """Return the command that removes a stack's containers and networks without stackctl."""
        return ("docker", "compose", "-p", name, "down")

    def survey(self, plan: Plan) -> bool:
        """Return False: this machine runs everything."""
        del plan
        return False

    def nodes(self, plan: Plan) -> tuple[NodeReport, ...]:
        """Raise ConfigError: there are no nodes."""
        del plan
        raise _one_machine("stackctl nodes")

    def bring(self, plan: Plan, says: Brings) -> tuple[Brought, ...]:
        """Raise ConfigError: there are no nodes."""
        del plan, says
        raise _one_machine("stackctl models pull --nodes")

    def files(self, plan: Plan, folder: PurePosixPath | None = None) -> dict[str, str]:
        """Return name -> text of the plan's files. `folder`: paths below it are written absolute."""
        return {self.file: render.render(plan, self._template, folder=folder)}

    def additions(self) -> tuple[str, ...]:
        """Return the user's own files that Compose also reads, such as compose.override.yml and .env."""
        return self._compose.additions()

    def services(self, file: str = "") -> tuple[Service, ...] | None:
        """Return the services of the compose file in this folder, whoever wrote it; None where there is none.

        `file`: its name; "": as Compose looks for one. Raises ConfigError for one that Compose refuses, and EngineError
        where there is no Compose, with all that the file's text says of SillyTavern's mounts.
        """
        names = [name for name in foreign.FILES if self._folder.has_file(name)]
        file = "" if names[:1] == [file] else file  # then its override file counts, too
        names = [file] if file and self._folder.has_file(file) else names
        env = self._folder.read(".env", errors="replace") or ""
        if not names and not foreign.names_file(env):
            return None
        try:
            self._compose.look()
        except EngineError as e:
            text = self._folder.read(names[0], errors="replace") if names else None
            said = foreign.mounts_by_text(text or "", env, PurePosixPath(self._folder.path))
            mounts = ", ".join(f"{source} at {target}" for source, target in said)
            given = f"Or give the folder of the data. The compose file mounts {mounts}." if mounts else ""
            raise EngineError(
                e.message, hint=f"{e.hint}\n{given}" if given else e.hint, evidence=e.evidence, issue=e.issue
            ) from e
        return foreign.services(self._compose.foreign_config(file))

    def check(self, name: str, text: str) -> None:
        """Let Compose check a file's text (with the user's override), before anything changes."""
        self._compose.check(name, text)

    def apply(
        self, name: str, service: str | None = None, *, action: Action = "apply", images: Mapping[str, str] = _NONE
    ) -> Applying:
        """Apply the file, or start or restart what exists; for all services, or for one.

        A start changes no existing container, and creates what is missing.
        `images`: service -> the id of the image that it runs instead of the one in the file.
        """
        if action == "apply" and service is None:
            make_way(name, self._folder, self._docker, self._compose, self._note)
        elif action != "apply":
            self._refuse_damaged()
            if action == "restart":
                self._compose.run(name, "stop", *_one(service))
        for cut_off in self._docker.remove_cut_off(name):
            self._note(f"recreating {cut_off}, because a network that it was in is gone")
        self._docker.make_networks(name, own_networks(self._folder.read(self.file) or "{}"))
        watch = self._docker.watch(name)
        also = self._write_images(images)
        return Applying(watch, self._compose.start(name, *_WORDS[action], *_one(service), also=also))

    def _write_images(self, images: Mapping[str, str]) -> str:
        """Write the images that run instead of those in the file, for Compose to read last; return the name or ""."""
        if not images:
            return ""
        said = {"services": {service: {"image": image} for service, image in images.items()}}
        self._folder.write(_IMAGES, json.dumps(said) + "\n")
        return _IMAGES

    def watch(self, name: str) -> Watch:
        """Watch the stack from now on."""
        return self._docker.watch(name)

    def states(self, name: str) -> dict[str, ServiceState]:
        """Return the state of every service's container now."""
        return self._docker.states(name)

    def changes(self, name: str, old: str, new: str) -> tuple[Change, ...]:
        """Return the change of each container if the file's text `new` replaces `old`."""
        containers, states = self._docker.containers(name), self._docker.states(name)
        hashes = self._compose.hashes(name, new)
        return changes(
            containers,
            states,
            hashes,
            render.services(old),
            render.services(new),
            otherwise="changed: compose.override.yml, a change by hand, or an unfinished deploy",
        )

    def logs(self, name: str, service: str | None, *, lines: str, follow: bool, out: Says, coloured: bool) -> int:
        """Pass on the logs as Compose prints them, line by line; return its exit code."""
        words = ("logs", "--tail", lines, *(("-f",) if follow else ()), *_one(service))
        return self._compose.pass_through(name, *words, out=out, coloured=coloured)

    def stop(self, name: str, service: str | None) -> None:
        """Stop all services or one; nothing is removed."""
        self._compose.run(name, "stop", *_one(service))

    def down(self, name: str, *, volumes: bool) -> None:
        """Remove containers and networks; with `volumes` also the volumes that Compose made."""
        self._compose.run(name, "down", "--remove-orphans", *(("--volumes",) if volumes else ()))

    def _refuse_damaged(self) -> None:
        """Raise ConfigError for a file that is missing, empty or not YAML: Compose would use another, or say less."""
        text = self._folder.read(self.file)
        if text is None:
            raise ConfigError(
                f"there is no {self.file} in {self._folder.path}",
                hint="Run `stackctl deploy` to write it again.",
                issue="own-file-damaged",
            )
        render.services(text)
        if not text.strip():
            raise ConfigError(
                f"{self.file} is empty", hint="Run `stackctl deploy` to write it again.", issue="own-file-damaged"
            )


def runtime(
    folder: Folder,
    docker: Docker,
    host: Host,
    gpus: Gpus,
    template: Callable[[str], str],
    settings: "Spec | None",
    *,
    details: Says,
    note: Says,
) -> Runtime:
    """Return Compose for a folder; what it runs is seen through this machine's own ports."""
    del settings
    return Runtime(ComposeOrchestrator(folder, docker, template, details=details, note=note), docker, host, gpus)


def _one_machine(command: str) -> ConfigError:
    return ConfigError(
        f'this stack runs on this machine alone; `{command}` is for target = "swarm"',
        hint='Set `target = "swarm"` in stack.toml to run it on several machines (docs/several-machines.md).',
    )


def _one(service: str | None) -> tuple[str, ...]:
    return (service,) if service else ()
