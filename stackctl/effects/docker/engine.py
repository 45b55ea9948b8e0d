"""The container engine, by the docker SDK: its features, its containers, stopping them, reading files from images."""

import importlib
import io
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
from stackctl.effects.docker import cdi, connection, projects
from stackctl.effects.docker.client import translate_errors
from stackctl.effects.docker.connection import Peer, connect, listener
from stackctl.effects.docker.gpu_trial import device_paths, gpu_drivers
from stackctl.effects.docker.labels import HASH, PROJECT, SERVICE, STACK, WORKING_DIR
from stackctl.errors import ConfigError, NoAnswer

if TYPE_CHECKING:
    from docker import DockerClient

_TAIL = 1000
_OUTPUT = 1000  # characters of a health check that are kept


class Engine:
    """The engine of the current Docker context, connected at first use."""

    connect = staticmethod(connect)
    _silent: NoAnswer | None = None

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Import the SDK, which takes a moment, while the caller waits for something else."""
        thread = threading.Thread(target=_load_sdk)
        thread.start()
        try:
            yield
        finally:
            thread.join()  # importing it in this thread, too, before that one ends could deadlock

    def refuse_distant(self, folder: PurePosixPath, command: str) -> None:
        connection.refuse_distant(folder, command)

    @cached_property
    def client(self) -> "DockerClient":
        if self._silent:  # do not wait for it twice
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
        """Return the engine's versions and features; raise EngineError if it is too old."""
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
        """Return whether the engine's loopback is ours: we see the process that listens on its socket.

        Inside a container we do not.
        """
        return bool(self._socket) and (self._peer is None or self._peer.pid != 0)

    @cached_property
    def product(self) -> str:
        """Return the engine's key in engine_features.PRODUCTS."""
        with _translate_errors("docker version"):
            parts = self.client.version().get("Components") or ()
        return engine_features.find_product(one.get("Name", "") for one in parts)

    @property
    def _socket(self) -> str:
        """Return the path of its unix socket; "" if it is reached in another way."""
        api = self.client.api
        return getattr(api.get_adapter(api.base_url), "socket_path", "")

    @cached_property
    def _peer(self) -> Peer | None:
        return listener(self._socket) if self._socket else None

    def containers(self, project: str) -> tuple[ContainerSeen, ...]:
        """Return every container of a Compose project, running or not."""
        with _translate_errors("docker ps"):
            listed = self.client.api.containers(all=True, filters={"label": f"{PROJECT}={project}"})
        return tuple(
            ContainerSeen(
                id=one["Id"],
                service=one["Labels"].get(SERVICE, ""),
                folder=one["Labels"].get(WORKING_DIR, ""),
                config_hash=one["Labels"].get(HASH, ""),
            )
            for one in listed
        )

    def refuse_foreign(self, project: str, folder: PurePosixPath) -> None:
        projects.refuse_foreign(self, project, folder)

    def states(self, project: str) -> dict[str, ServiceState]:
        """Return the state of every service's container now."""
        return {state.name: state for state in (self.state(one.id) for one in self.containers(project)) if state}

    def state(self, container_id: str) -> ServiceState | None:
        """Return the state of one container now; None if it is gone."""
        import docker.errors

        with _translate_errors("docker inspect"):
            try:
                found = self.client.api.inspect_container(container_id)
            except docker.errors.APIError as e:
                # Podman answers 500, "no container with ID ... found in database", while one is being removed
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
            health=state.get("Health", {}).get("Status", "") if state["Running"] else "",  # it stays after the end
            health_output=_failed_check(state.get("Health") or {}) if state["Running"] else "",
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            pid=state["Pid"],
            restarts=found["RestartCount"],
            error=state.get("Error", ""),
            started_at=_seconds(state["StartedAt"]),
            gpu_drivers=gpu_drivers(found),
            devices=device_paths(found),
        )

    def tail(self, state: ServiceState, lines: int = _TAIL) -> tuple[str, ...]:
        """Return the last lines of a container's log since its last start."""
        import docker.errors

        try:
            raw: bytes = self.client.api.logs(state.container, tail=lines, since=state.started_at or None)
        except docker.errors.APIError:
            return ()
        return tuple(raw.decode("utf-8", "replace").splitlines())

    def stop(self, container_id: str, grace_s: int) -> None:
        """Stop a container. It is not removed, because its log is the evidence."""
        import docker.errors

        with translate_errors("a container could not be stopped", "Run `docker ps`."), suppress(docker.errors.NotFound):
            self.client.api.stop(container_id, timeout=grace_s)

    def subnets(self, project: str) -> tuple[tuple[IPv4Network, ...], tuple[IPv4Network, ...]]:
        """Return (subnets of other networks, subnets of this stack's networks)."""
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
        """Return container -> IPv4 address in a network; raise ConfigError if the network does not exist."""
        import docker.errors

        with _translate_errors("docker network inspect"):
            try:
                found = self.client.api.inspect_network(network)
            except docker.errors.NotFound as e:
                raise ConfigError(
                    f"there is no network {network} on this engine",
                    hint="Start the proxy first: it makes the network. `docker network ls` shows the networks.",
                    issue="proxy-missing",
                ) from e
        return {one["Name"]: one["IPv4Address"].partition("/")[0] for one in found["Containers"].values()}

    def published(self, project: str) -> tuple[dict[int, str], set[int]]:
        """Return (port -> the other container that publishes it, ports of this stack's own containers)."""
        theirs: dict[int, str] = {}
        own: set[int] = set()
        with _translate_errors("docker ps"):
            listed = self.client.api.containers()
        for one in listed:
            is_own = project in {one.get("Labels", {}).get(label) for label in (PROJECT, STACK)}
            for port in one.get("Ports", ()):
                number = port.get("PublicPort")
                if number and is_own:
                    own.add(number)
                elif number:
                    theirs[number] = f"container {one['Names'][0].lstrip('/')}"
        return theirs, own

    def read_files(self, image: str, paths: tuple[str, ...]) -> dict[str, str]:
        """Return path in the image -> text, for files and for all files in folders; missing paths are left out.

        They are read from a container that is never started.
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
    """Return the name of an engine that hides the clients' addresses from published ports; "" for others."""
    if info.get("OperatingSystem") == "Docker Desktop":
        return "Docker Desktop"
    return "a rootless engine" if is_rootless(info) else ""


def is_rootless(info: dict[str, Any]) -> bool:
    """Return whether the engine runs without root's rights. `info`: the output of `docker info`."""
    return any("name=rootless" in one for one in info.get("SecurityOptions") or ())


def _load_sdk() -> None:
    with suppress(OSError, MemoryError):  # the first use meets the same error and reports it
        importlib.import_module("docker")


def _translate_errors(command: str) -> AbstractContextManager[None]:
    return translate_errors(f"{command} failed", silent=f"the engine stopped answering ({command})")


def _texts(archive: bytes, folder: PurePosixPath) -> dict[str, str]:
    """Return the texts of a tar archive's files, by their path below a folder."""
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {
            str(folder / member.name): file.read().decode("utf-8", "replace")
            for member in tar.getmembers()
            if member.isfile() and (file := tar.extractfile(member))
        }


def _failed_check(health: dict[str, Any]) -> str:
    """Return the output of the last health check if it failed, cut to _OUTPUT characters; "" if it did not."""
    last = (health.get("Log") or [{}])[-1]
    return str(last.get("Output") or "")[:_OUTPUT] if last.get("ExitCode") else ""


def _seconds(moment: str) -> float:
    """Return the engine's RFC 3339 time as seconds since the epoch; 0.0 if never."""
    return max(0.0, datetime.fromisoformat(moment).timestamp()) if not moment.startswith("0001") else 0.0
