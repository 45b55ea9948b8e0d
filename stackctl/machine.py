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
from stackctl.effects import bounded, browser, container, git, host, inquiry, keys, memory, models, registry, wake
from stackctl.effects.around import around, is_wsl
from stackctl.effects.compose import Compose
from stackctl.effects.engine import Engine
from stackctl.effects.files import Folder, data_home, image_root, owner_of, template_root
from stackctl.effects.files.library import Library
from stackctl.effects.hub import Hub
from stackctl.effects.images import Images
from stackctl.effects.names import names
from stackctl.effects.projects import projects
from stackctl.secret import Secret
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.effects.download.head import Start
    from stackctl.effects.models.inside import Inside


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
) -> "Start":
    """effects/download's, likewise."""
    from stackctl.effects.download import head as beginning

    return beginning.head(url, needed, headers=headers, sleep=sleep)


def ask_here(url: str, requests: tuple[Request, ...], key: Secret | None) -> ProbeResult:
    """effects/inquiry's, within its limits, and whoever answers there."""
    return inquiry.ask_here(url, requests, key, bounded.over_http(is_verified=False))


@dataclass
class Machine:
    """One deployment folder on one machine."""

    path: Path
    ui: Ui
    engine: Engine
    gpus: Callable[[], tuple[Gpu, ...]] = host.gpus
    cpu: Callable[[], Cpu] = host.cpu
    ram: Callable[[int | None], Ram] = memory.ram
    held: Callable[[int], dict[str, int]] = memory.held
    is_wsl: Callable[[], bool] = is_wsl
    listening: Callable[[str], dict[int, str]] = host.listening
    routes: Callable[[], tuple[IPv4Network, ...]] = host.routes
    binds: Callable[[Engine], tuple[Bind, ...] | None] = container.binds
    interfaces: Callable[[], dict[str, tuple[str, ...]]] = host.interfaces
    names: Callable[[], tuple[str, ...]] = names
    new_key: Callable[[], Secret] = keys.new
    new_password: Callable[[], Secret] = keys.password
    around: Callable[[str], HostIdentity] = around
    addresses: Callable[[], tuple[str, ...]] = host.addresses
    free_port: Callable[[], int] = host.free_port
    is_open: Callable[[str, int], bool] = host.is_open
    listeners: Callable[[int], tuple[str, ...]] = host.listeners
    mounting: Callable[[Engine, Path], tuple[str, ...]] = container.mounting
    node_processes: Callable[[Path], tuple[int, ...]] = host.node_processes
    ask_here: Callable[[str, tuple[Request, ...], Secret | None], ProbeResult] = ask_here
    wake: Callable[[str, str], None] = wake.wake
    browse: Callable[[str], bool] = browser.show
    repository: Callable[[Path], Path | None] = git.repository
    tracked: Callable[[Path, Iterable[Path]], dict[str, tuple[str, ...]]] = git.tracked
    stacks: Callable[[Engine], frozenset[tuple[str, str]]] = projects
    fetch: Callable[..., str] = fetch
    head: "Callable[..., Start]" = head
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
        return models.look(wanted, self.path, self.folder.owner)

    def inside(self, wanted: str) -> "Inside":
        from stackctl.effects.models.inside import inside

        return inside(wanted, self.path)

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
