"""The container engine, through the docker SDK: what it is, what runs on it, stopping, looking inside."""

import importlib
import io
import os
import re
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from stackctl.core.observed import ContainerSeen, EngineSeen, ServiceState
from stackctl.core.plan import engine_features
from stackctl.effects.docker import cdi, connection
from stackctl.effects.docker.client import translate_errors
from stackctl.effects.docker.connection import Peer, connect, listener
from stackctl.effects.docker.gpu_trial import gpu_drivers
from stackctl.errors import ConfigError, NoAnswer

if TYPE_CHECKING:
    from docker import DockerClient

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
WORKING_DIR = "com.docker.compose.project.working_dir"
_HASH = "com.docker.compose.config-hash"
_TAIL = 1000


class Engine:
    """The engine of the current Docker context; connected at first use."""

    connect = staticmethod(connect)
    _silent: NoAnswer | None = None

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Load the SDK, which takes a moment, while something else is waited for."""
        thread = threading.Thread(target=_load_sdk)
        thread.start()
        try:
            yield
        finally:
            thread.join()  # importing it here as well before that could deadlock

    def refuse_distant(self, folder: PurePosixPath, command: str) -> None:
        connection.refuse_distant(folder, command)

    @cached_property
    def client(self) -> "DockerClient":
        if self._silent:  # nobody waits for it twice
            raise self._silent
        try:
            return self.connect()
        except NoAnswer as error:
            self._silent = error
            raise

    @cached_property
    def info(self) -> dict[str, Any]:
        with _translate_errors("docker info"):
            found: dict[str, Any] = self.client.info()
        return found

    def look(self, compose_argv: tuple[str, ...], compose_version: tuple[int, ...]) -> EngineSeen:
        """Versions and abilities; raise EngineError for an engine that is too old."""
        version = tuple(int(n) for n in re.findall(r"\d+", self.info.get("ServerVersion", ""))[:3])
        engine_features.refuse_old(self.product, version, self.info.get("ServerVersion", ""))
        return EngineSeen(
            product=self.product,
            version=version,
            compose=compose_version,
            compose_argv=compose_argv,
            has_cpu_quota=bool(self.info.get("CpuCfsQuota", True)),
            hides_clients=hides_clients(self.info),
            is_rootless=is_rootless(self.info),
            user=self._peer.user if self._peer else None,
            is_local=self.is_local,
            runtimes=tuple(self.info.get("Runtimes", {})),
            cdi_devices=cdi.devices(self.info, is_local=self.is_local),
        )

    @cached_property
    def is_local(self) -> bool:
        """Its loopback is ours: a process that we can see listens on its socket (from inside a container we can't)."""
        return bool(self._socket) and (self._peer is None or self._peer.pid != 0)

    @cached_property
    def product(self) -> str:
        """Which of engine_features.PRODUCTS it is."""
        with _translate_errors("docker version"):
            parts = self.client.version().get("Components") or ()
        return engine_features.find_product(one.get("Name", "") for one in parts)

    @property
    def _socket(self) -> str:
        """The path of its unix socket; "": it is reached in another way."""
        api = self.client.api
        return getattr(api.get_adapter(api.base_url), "socket_path", "")

    @cached_property
    def _peer(self) -> Peer | None:
        return listener(self._socket) if self._socket else None

    def containers(self, project: str) -> tuple[ContainerSeen, ...]:
        """Every container of a Compose project, running or not."""
        with _translate_errors("docker ps"):
            listed = self.client.api.containers(all=True, filters={"label": f"{PROJECT}={project}"})
        return tuple(
            ContainerSeen(
                id=one["Id"],
                service=one["Labels"].get(SERVICE, ""),
                folder=one["Labels"].get(WORKING_DIR, ""),
                config_hash=one["Labels"].get(_HASH, ""),
            )
            for one in listed
        )

    def refuse_foreign(self, project: str, folder: PurePosixPath) -> None:
        """Raise ConfigError if a Compose project of this name belongs to another folder."""
        for container in self.containers(project):
            other = container.folder
            if other and os.path.realpath(other) != str(folder):  # Compose by hand may have come here by a link
                raise ConfigError(
                    f"the name {project!r} belongs to the stack in {other}; a second one would replace its containers",
                    hint='give this one another name: name = "..." in stack.toml, or stackctl deploy --name NAME',
                )

    def states(self, project: str) -> dict[str, ServiceState]:
        """Every service's container, as it is now."""
        return {state.name: state for state in (self.state(one.id) for one in self.containers(project)) if state}

    def state(self, container_id: str) -> ServiceState | None:
        """One container, as it is now; None if it has gone."""
        import docker.errors

        with _translate_errors("docker inspect"):
            try:
                found = self.client.api.inspect_container(container_id)
            except docker.errors.APIError as e:
                # Podman, of one that is being removed: 500, "no container with ID ... found in database"
                if isinstance(e, docker.errors.NotFound) or "no such container" in str(e.explanation):
                    return None
                raise
        state = found["State"]
        return ServiceState(
            name=found["Config"]["Labels"].get(SERVICE, found["Name"].lstrip("/")),
            container=found["Id"],
            image=found["Config"]["Image"],
            image_id=found.get("Image", ""),
            state=state["Status"],
            health=state.get("Health", {}).get("Status", "") if state["Running"] else "",  # kept after the end
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            pid=state["Pid"],
            restarts=found["RestartCount"],
            error=state.get("Error", ""),
            started_at=_seconds(state["StartedAt"]),
            gpu_drivers=gpu_drivers(found),
            devices=tuple(one["PathInContainer"] for one in found["HostConfig"].get("Devices") or ()),
        )

    def tail(self, state: ServiceState, lines: int = _TAIL) -> tuple[str, ...]:
        """The last lines of a container's log, from its last start on."""
        import docker.errors

        try:
            raw: bytes = self.client.api.logs(state.container, tail=lines, since=state.started_at or None)
        except docker.errors.APIError:
            return ()
        return tuple(raw.decode("utf-8", "replace").splitlines())

    def stop(self, container_id: str, grace_s: int) -> None:
        """Stop, not remove: its log is the evidence."""
        import docker.errors

        with translate_errors("a container could not be stopped", "docker ps"), suppress(docker.errors.NotFound):
            self.client.api.stop(container_id, timeout=grace_s)

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        """(of other networks, of this stack's own ones)."""
        theirs: list[IPv4Network] = []
        own: list[IPv4Network] = []
        with _translate_errors("docker network ls"):
            networks = self.client.networks.list()
        for one in networks:
            is_own = ((one.attrs or {}).get("Labels") or {}).get(PROJECT) == project
            for config in ((one.attrs or {}).get("IPAM") or {}).get("Config") or ():
                subnet = config.get("Subnet", "")
                if subnet and ":" not in subnet:
                    (own if is_own else theirs).append(IPv4Network(subnet, strict=False))
        return tuple(theirs), tuple(own)

    def addresses(self, network: str) -> dict[str, str]:
        """Container -> its IPv4 address in a network; raise ConfigError where there is no such network."""
        import docker.errors

        with _translate_errors("docker network inspect"):
            try:
                found = self.client.api.inspect_network(network)
            except docker.errors.NotFound as e:
                raise ConfigError(
                    f"there is no network {network} on this engine",
                    hint="docker network ls; the proxy makes it, so start that",
                ) from e
        return {one["Name"]: one["IPv4Address"].partition("/")[0] for one in found["Containers"].values()}

    def published(self, project: str) -> tuple[dict[int, str], set[int]]:
        """(port -> the other container that publishes it, ports of this stack's own containers)."""
        theirs: dict[int, str] = {}
        own: set[int] = set()
        with _translate_errors("docker ps"):
            listed = self.client.api.containers()
        for one in listed:
            is_own = one.get("Labels", {}).get(PROJECT) == project
            for port in one.get("Ports", ()):
                number = port.get("PublicPort")
                if number and is_own:
                    own.add(number)
                elif number:
                    theirs[number] = f"container {one['Names'][0].lstrip('/')}"
        return theirs, own

    def read_files(self, image: str, paths: tuple[str, ...]) -> dict[str, str]:
        """Text files out of an image, by a container that is never started; of a folder all that it holds.

        Path in the image -> text; what the image lacks is left out.
        """
        import docker.errors

        found: dict[str, str] = {}
        with _translate_errors(f"reading {paths[0]} from {image}"):
            container = self.client.api.create_container(image, entrypoint=["-"])
            try:
                for path in paths:
                    with suppress(docker.errors.NotFound):
                        chunks, _ = self.client.api.get_archive(container["Id"], path)
                        found |= _texts(b"".join(chunks), PurePosixPath(path).parent)
            finally:
                self.client.api.remove_container(container["Id"], force=True)
        return found


def hides_clients(info: dict[str, Any]) -> str:
    """The name of an engine whose published ports show every client with an address of its own; "" for others."""
    if info.get("OperatingSystem") == "Docker Desktop":
        return "Docker Desktop"
    return "a rootless engine" if is_rootless(info) else ""


def is_rootless(info: dict[str, Any]) -> bool:
    """Whether the engine runs without root's rights, by what `docker info` says."""
    return any("name=rootless" in one for one in info.get("SecurityOptions") or ())


def _load_sdk() -> None:
    with suppress(OSError, MemoryError):  # whoever needs it meets that, too, and says it
        importlib.import_module("docker")


def _translate_errors(command: str) -> AbstractContextManager[None]:
    return translate_errors(f"{command} failed", silent=f"the engine stopped answering ({command})")


def _texts(archive: bytes, folder: PurePosixPath) -> dict[str, str]:
    """The files of a tar archive, by their path below a folder."""
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            str(folder / member.name): file.read().decode("utf-8", "replace")
            for member in tar.getmembers()
            if member.isfile() and (file := tar.extractfile(member))
        }


def _seconds(moment: str) -> float:
    """Seconds since the epoch of the engine's RFC 3339 time; 0.0: never."""
    return max(0.0, datetime.fromisoformat(moment).timestamp()) if not moment.startswith("0001") else 0.0
