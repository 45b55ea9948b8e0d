"""The machine: the eight ports that commands and steps use, for one deployment's folder. Tests build it from fakes."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING

from stackctl.contracts.request import Request
from stackctl.core.config.files import API_KEY, PASSWORD
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import ProbeResult
from stackctl.core.plan import plan_json
from stackctl.errors import StackctlError
from stackctl.ports import Docker, Gpus, Host, Hub, Orchestrator, Storage, System, Tavern
from stackctl.ports.disk import Folder
from stackctl.ports.runtime import Runtime, Switch
from stackctl.secret import Secret, is_api_key, is_password
from stackctl.ui import Ui

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec
    from stackctl.core.hub.cached import CachedModel
    from stackctl.core.hub.remote import RemoteHead
    from stackctl.core.hub.source import RepoFile
    from stackctl.core.model.contents import Contents
    from stackctl.core.tavern.talks import Request as TemplateRequest


@dataclass
class Machine:
    """One deployment folder on one machine."""

    path: Path
    ui: Ui
    docker: Docker
    host: Host
    gpus: Gpus
    hub: Hub
    storage: Storage
    tavern: Tavern
    orchestrator: Orchestrator
    system: System
    folder: Folder
    switch: Switch | None = None  # None in a machine that has one orchestrator alone

    def __post_init__(self) -> None:
        """Hide the key and the password that the folder keeps from all that is printed."""
        for name, has_form in ((API_KEY, is_api_key), (PASSWORD, is_password)):
            with suppress(StackctlError):  # the step that needs it reports the error
                kept = (self.folder.read(name, errors="replace") or "").strip()
                if has_form(kept):
                    self.ui.hide(Secret(kept))

    def at(self, path: Path) -> "Machine":
        """Return the same machine, with the deployment in another folder."""
        folder = self.storage.folder(path)
        return replace(self, path=path, folder=folder, orchestrator=self.orchestrator.at(folder))

    def run_by(self, target: str, settings: "Spec | None" = None) -> "Machine":
        """Return the same machine with another orchestrator, or with the same one that knows these settings."""
        if self.switch is None:
            return self
        runs = self.switch(self.folder, target, settings)
        return replace(self, orchestrator=runs.orchestrator, docker=runs.docker, host=runs.host, gpus=runs.gpus)

    @property
    def place(self) -> PurePosixPath:
        return PurePosixPath(self.path)

    def model(self, wanted: str) -> ModelSeen:
        """Return a model as stack.toml names it, read as far as planning needs."""
        return self.storage.model(wanted, self.path, self.folder.owner)

    def contents(self, wanted: str) -> "Contents":
        """Return a model as stack.toml names it, with all that its files contain."""
        return self.storage.contents(wanted, self.path)


def real(path: Path, ui: Ui) -> Machine:
    """Return the machine that we run on, with the deployment in `path`, and the orchestrator that runs its stack."""
    from stackctl.effects import bounded, models
    from stackctl.effects.docker.docker import DockerEngine
    from stackctl.effects.gpu.every_make import EveryMake
    from stackctl.effects.gpu.nvml import Nvidia
    from stackctl.effects.gpu.sysfs import Sysfs
    from stackctl.effects.host.host import ThisHost
    from stackctl.effects.host.processes import family_ids
    from stackctl.effects.hub import Hub
    from stackctl.effects.models.ollama_models import find_copy
    from stackctl.effects.models.reading import where
    from stackctl.effects.storage import data_home, image_root
    from stackctl.effects.storage.disk import Disk
    from stackctl.effects.system.system import ThisSystem
    from stackctl.effects.tavern.access import TavernAccess
    from stackctl.orchestrators import ORCHESTRATORS

    place = path.resolve()
    docker = DockerEngine(ui.progress, image_root)
    # a relative XDG_DATA_HOME counts from the folder: images/stackctl sets one, so that downloads outlive its container
    storage = Disk(place / data_home(), models.observe_model, _contents, where, find_copy, _cached_file, _cached_models)
    folder, host = storage.folder(place), ThisHost(_ask_here, _render_template)
    gpus = EveryMake(Nvidia(family_ids, note=ui.note), Sysfs(family_ids))

    def switch(at: Folder, target: str, settings: "Spec | None") -> Runtime:
        make = ORCHESTRATORS[target]
        return make(at, docker, host, gpus, storage.template, settings, details=ui.detail, note=ui.note)

    runs = switch(folder, plan_json.target(_plan_text(folder), PurePosixPath(place)), None)
    return Machine(
        path=place,
        ui=ui,
        docker=runs.docker,
        host=runs.host,
        gpus=runs.gpus,
        hub=Hub(fetch=fetch, read_head=_read_head, read_whole=_read_whole),
        storage=storage,
        tavern=TavernAccess(docker, bounded.over_http, bounded.bounded, bounded.ask),
        orchestrator=runs.orchestrator,
        system=ThisSystem(),
        folder=folder,
        switch=switch,
    )


def _plan_text(folder: Folder) -> str:
    """Return plan.json's text; "" if it can't be read, which the command that needs it reports."""
    with suppress(StackctlError):
        return folder.read(plan_json.FILE, errors="replace") or ""
    return ""


# modules that are slow to import are imported at their first use


def fetch(
    url: str,
    target: Path,
    *,
    size: int,
    sha256: str,
    progress: Callable[[int, int], None],
    headers: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Download a file: see effects/download."""
    from stackctl.effects import download

    return download.fetch(url, target, size=size, sha256=sha256, progress=progress, headers=headers)


def _read_head(
    url: str, needed: Callable[[bytes, int], int], *, headers: Mapping[str, str] = MappingProxyType({})
) -> "RemoteHead":
    from stackctl.effects.download.ranged import read_head

    return read_head(url, needed, headers=headers)


def _read_whole(url: str, *, most: int, may_follow: Callable[[str, str], bool]) -> bytes:
    from stackctl.effects import bounded
    from stackctl.effects.download.whole import read_whole

    return read_whole(url, most=most, may_follow=may_follow, bounded=bounded.bounded)


def _contents(wanted: str, folder: Path) -> "Contents":
    from stackctl.effects.models.contents import contents

    return contents(wanted, folder)


@lru_cache(maxsize=32)  # a deploy looks at its models more than once
def _render_template(request: "TemplateRequest") -> "tuple[str | None, ...] | str":
    from stackctl.effects.chat_template import render

    return render(request)


def _cached_file(repo: str, file: "RepoFile") -> Path | None:
    from stackctl.effects.models import other_caches

    return other_caches.find_file(repo, file, other_caches.places_here())


def _cached_models() -> "tuple[CachedModel, ...]":
    from stackctl.effects.models import other_caches

    return other_caches.list_models(other_caches.places_here())


def _ask_here(url: str, requests: tuple[Request, ...], key: Secret | None) -> ProbeResult:
    """Ask a server at this machine, within the limits of each request."""
    from stackctl.effects import bounded
    from stackctl.effects.docker import probe

    return probe.ask_here(url, requests, key, bounded.over_http(is_verified=False))
