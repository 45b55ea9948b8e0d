"""The machine: every effect that a command may use, in one bundle. real() builds it; tests build a fake."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from stackctl.backends.contract import Request
from stackctl.contracts.host import Cpu, Gpu
from stackctl.core.container_paths import Bind
from stackctl.core.hub.store import FOLDER
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import HostIdentity, ProbeResult, Ram
from stackctl.effects import bounded, models
from stackctl.effects.docker import own_container, probe, registry
from stackctl.effects.docker.engine import Engine
from stackctl.effects.docker.images import Images
from stackctl.effects.docker.projects import stack_folders
from stackctl.effects.gpu import nvml
from stackctl.effects.host import browser, memory, processes, processor, random_secrets, wake_on_lan
from stackctl.effects.host import network as host_network
from stackctl.effects.host.host_identity import host_identity, is_wsl
from stackctl.effects.host.names import names
from stackctl.effects.hub import Hub
from stackctl.effects.storage import Folder, data_home, git, image_root, owner_of, template_root
from stackctl.effects.storage.model_library import Library
from stackctl.orchestrators.compose.run import Compose
from stackctl.secret import Secret
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.effects.download.ranged import RemoteHead
    from stackctl.effects.models.contents import Contents


def fetch(
    url: str,
    target: Path,
    *,
    size: int,
    sha256: str,
    progress: Callable[[int, int], None],
    headers: Mapping[str, str] = MappingProxyType({}),
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """effects/download's, which is loaded at its first use."""
    from stackctl.effects import download

    return download.fetch(url, target, size=size, sha256=sha256, progress=progress, headers=headers, sleep=sleep)


def head(
    url: str,
    needed: Callable[[bytes, int], int],
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    sleep: Callable[[float], None] = time.sleep,
) -> "RemoteHead":
    """effects/download's, likewise."""
    from stackctl.effects.download import ranged as beginning

    return beginning.read_head(url, needed, headers=headers, sleep=sleep)


def held(container: int) -> dict[str, int]:
    """MiB that a container's processes hold on each GPU; `container`: the id of its first process."""
    return nvml.held(lambda: [one.pid for one in processes.process_family(container)])


def ask_here(url: str, requests: tuple[Request, ...], key: Secret | None) -> ProbeResult:
    """effects/docker/probe's, within its limits, and whoever answers there."""
    return probe.ask_here(url, requests, key, bounded.over_http(is_verified=False))


@dataclass
class Machine:
    """One deployment folder on one machine."""

    path: Path
    ui: Ui
    engine: Engine
    gpus: Callable[[], tuple[Gpu, ...]] = nvml.gpus
    cpu: Callable[[], Cpu] = processor.cpu
    ram: Callable[[int | None], Ram] = memory.ram
    held: Callable[[int], dict[str, int]] = held
    is_wsl: Callable[[], bool] = is_wsl
    listening: Callable[[str], dict[int, str]] = host_network.listening
    routes: Callable[[], tuple[IPv4Network, ...]] = host_network.routes
    binds: Callable[[Engine], tuple[Bind, ...] | None] = own_container.own_binds
    interfaces: Callable[[], dict[str, tuple[str, ...]]] = host_network.interfaces
    names: Callable[[], tuple[str, ...]] = names
    new_key: Callable[[], Secret] = random_secrets.new_key
    new_password: Callable[[], Secret] = random_secrets.new_password
    around: Callable[[str], HostIdentity] = host_identity
    addresses: Callable[[], tuple[str, ...]] = host_network.addresses
    free_port: Callable[[], int] = host_network.free_port
    is_open: Callable[[str, int], bool] = host_network.is_open
    listeners: Callable[[int], tuple[str, ...]] = host_network.listeners
    mounting: Callable[[Engine, Path], tuple[str, ...]] = own_container.mounting_containers
    node_processes: Callable[[Path], tuple[int, ...]] = processes.node_processes
    ask_here: Callable[[str, tuple[Request, ...], Secret | None], ProbeResult] = ask_here
    wake: Callable[[str, str], None] = wake_on_lan.wake_on_lan
    browse: Callable[[str], bool] = browser.open_browser
    repository: Callable[[Path], Path | None] = git.repository
    tracked: Callable[[Path, Iterable[Path]], dict[str, tuple[str, ...]]] = git.tracked
    stacks: Callable[[Engine], frozenset[tuple[str, str]]] = stack_folders
    fetch: Callable[..., str] = fetch
    head: "Callable[..., RemoteHead]" = head
    hub: Hub = field(default_factory=Hub)
    store: Path = field(default_factory=data_home)

    def at(self, path: Path) -> "Machine":
        """The same machine, with the deployment in another folder."""
        return replace(self, path=path)

    @cached_property
    def folder(self) -> Folder:
        return Folder(self.path, owner_of(self.path))

    @cached_property
    def compose(self) -> Compose:
        return Compose(self.path, self.ui.detail, self.folder.has_file)

    @cached_property
    def library(self) -> Library:
        return Library(self.store / FOLDER)

    @cached_property
    def images(self) -> Images:
        return Images(self.engine, image_root, self.ui.progress, self._free_for_images, self._packed_bytes)

    def _packed_bytes(self, image: str) -> int | None:
        return registry.packed_bytes(image, str(self.engine.info.get("Architecture", "")))

    def _free_for_images(self) -> int | None:
        """Bytes free where the engine keeps its images; None where that is another machine's disk."""
        import shutil

        root = Path(self.engine.info.get("DockerRootDir", "/"))
        return shutil.disk_usage(root).free if self.engine.is_local and root.is_dir() else None

    @cached_property
    def own_binds(self) -> tuple[Bind, ...] | None:
        """What of the host our own container sees; None where we run in none of this engine's."""
        return self.binds(self.engine)

    @property
    def place(self) -> PurePosixPath:
        return PurePosixPath(self.path)

    def model(self, wanted: str) -> ModelSeen:
        return models.observe_model(wanted, self.path, self.folder.owner)

    def inside(self, wanted: str) -> "Contents":
        from stackctl.effects.models.contents import contents

        return contents(wanted, self.path)

    def catalogue(self) -> str:
        """The text of the catalogue of models."""
        from stackctl.core.advice.catalogue import FILE

        return (Path(__file__).parent / FILE).read_text(encoding="utf-8")

    def template(self, name: str) -> str:
        return (template_root() / name).read_text(encoding="utf-8")


def real(path: Path, ui: Ui) -> Machine:
    """The machine that we run on, with the deployment in `path`."""
    place = path.resolve()
    # a relative XDG_DATA_HOME counts from the folder: images/stackctl has one, so that what is fetched outlives it
    return Machine(path=place, ui=ui, engine=Engine(), store=place / data_home())
