"""The port `Docker`: everything that commands and steps need from the engine, by the docker SDK."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from stackctl.contracts.cdi import CdiSeen
from stackctl.contracts.engine import EngineDetails, Leftovers
from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.folder_trial import FolderTrial
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.contracts.host import Owner
from stackctl.contracts.request import Request
from stackctl.contracts.service import GpuRequest, Network
from stackctl.core.adoption.mounted import Service
from stackctl.core.container_paths import Bind
from stackctl.core.gpu.cdi_files import cdi_names, promised_nodes
from stackctl.core.observed import EngineView, ProbeResult, ReadSeen, RunningContainer
from stackctl.core.plan import engine_features
from stackctl.core.plan.network_shape import Existing
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.core.uninstall.content import EngineContent
from stackctl.effects.docker import (
    attachments,
    cdi,
    cleanup,
    content,
    details,
    facts,
    folder_trial,
    gpu_trial,
    link,
    name_lock,
    own_container,
    probe,
    projects,
    reading,
    registry,
    restart,
    strict_networks,
    volumes,
)
from stackctl.effects.docker.engine import Engine
from stackctl.effects.docker.events import Watch
from stackctl.effects.docker.images import Images
from stackctl.secret import Secret

_HEALTH_S = 1.0  # how often Docker checks a container that starts


class DockerEngine(Engine):
    """The engine of the current Docker context. `says` gets the progress of images; `image_root`: our images."""

    def __init__(self, says: Callable[[str], None], image_root: Callable[[], Path]) -> None:
        self._says, self._image_root = says, image_root

    @cached_property
    def images(self) -> Images:
        return Images(self, self._image_root, self._says, self._free_for_images, self._packed_bytes)

    @cached_property
    def own_binds(self) -> tuple[Bind, ...] | None:
        """Return the host's folders that our own container mounts; None if we run in no container of this engine."""
        return own_container.own_binds(self)

    @cached_property
    def view(self) -> EngineView:
        """Return why the engine may see another disk than we do."""
        return own_container.view(self.info, is_local=self.is_local, is_its_container=self.own_binds is not None)

    def details(self) -> EngineDetails:
        return details.details(self.info, self._peer.pid if self._peer and self.is_local else 0)

    def leftovers(self) -> Leftovers:
        return details.leftovers(self)

    def link(self, *, within_s: float) -> EngineLink:
        return link.find_link(within_s)

    def mounting(self, folder: Path) -> tuple[str, ...]:
        return own_container.mounting_containers(self, folder)

    def service(self, container: str) -> Service | None:
        return volumes.service(self, container)

    def volume_folder(self, volume: str) -> PurePosixPath | None:
        return volumes.volume_folder(self, volume)

    def stopped_by_restart(self) -> tuple[RunningContainer, ...]:
        return restart.stopped_by_restart(self)

    def forget(self) -> None:
        """Forget all that the engine said of itself, since it may have become another one."""
        for name in ("client", "info", "is_local", "product", "_peer", "own_binds", "view"):
            vars(self).pop(name, None)
        self._silent = None

    def claim(self, project: str, says: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold a project's name on this engine."""
        return name_lock.held(str(self.info.get("ID", "")), project, says)

    def stack_folders(self) -> frozenset[tuple[str, str]]:
        return projects.stack_folders(self)

    def run_by(self, project: str) -> tuple[str, ...]:
        return projects.run_by(self, project)

    def content(self) -> EngineContent:
        return content.content(self)

    def remove_container(self, container: str) -> None:
        content.remove_container(self, container)

    def remove_network(self, network: str) -> None:
        content.remove_network(self, network)

    def facts(self, project: str) -> dict[str, Any]:
        return facts.facts(self, project)

    def remove(self, project: str) -> None:
        cleanup.remove(self, project)

    def remove_cut_off(self, project: str) -> tuple[str, ...]:
        return cleanup.remove_cut_off(self, project)

    def read_so_far(self, container: str) -> ReadSeen | None:
        return reading.read_so_far(self, container)

    def watch(self, project: str) -> Watch:
        checks_itself = engine_features.PRODUCTS[self.product].checks_health
        return Watch(self, project, checks_every_s=None if checks_itself else _HEALTH_S)

    def attached(self, container: str) -> ContainerNetworking:
        return attachments.attached(self, container)

    def existing(self, network: str) -> Existing | None:
        return attachments.existing(self, network)

    def make_networks(self, project: str, wanted: tuple[Network, ...]) -> None:
        if not engine_features.PRODUCTS[self.product].shuts_networks:
            strict_networks.make_networks(self, project, wanted)

    def try_gpu(self, image: str, request: GpuRequest, user: Owner | None) -> GpuTrial:
        return gpu_trial.try_gpu(self, image, request, user, promised_nodes(self.cdi(), cdi_names(request)))

    def try_folder(self, image: str, file: PurePosixPath, user: Owner) -> FolderTrial:
        return folder_trial.try_folder(self, image, file, user)

    def cdi(self) -> CdiSeen | None:
        """Return the CDI files that the engine reads; None if they are not those of this machine."""
        if not self.is_local or self.view:
            return None
        return cdi.look(self.info, has_defaults=not engine_features.PRODUCTS[self.product].reserves_gpus)

    def gateway(self) -> str:
        return probe.gateway(self)

    def network(self, wanted: str) -> str:
        return probe.network(self, wanted)

    def own_network(self, name: str) -> AbstractContextManager[str]:
        return probe.own_network(self, name)

    def ask(
        self,
        image: str,
        network: str,
        urls: tuple[str, ...],
        requests: tuple[Request, ...],
        key: Secret | None,
        *,
        patience_s: float = probe.PATIENCE_S,
    ) -> tuple[ProbeResult, ...]:
        return probe.ask(self, image, network, urls, requests, key, patience_s=patience_s)

    def _packed_bytes(self, image: str) -> int | None:
        return registry.packed_bytes(image, str(self.info.get("Architecture", "")))

    def _free_for_images(self) -> int | None:
        """Return the bytes free where the engine keeps its images; None if that is another machine's disk."""
        import shutil

        root = Path(self.info.get("DockerRootDir", "/"))
        return shutil.disk_usage(root).free if self.is_local and root.is_dir() else None
