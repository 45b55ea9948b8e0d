"""Where a SillyTavern that exists already has its files: in a folder, or where its compose file or container mounts."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.core.adoption import config_yaml, layout, mounted
from stackctl.core.adoption.layout import Layout, Piece, Row
from stackctl.core.adoption.mounted import Mount, Service
from stackctl.core.config.files import STATE
from stackctl.core.tavern import config_yaml as tavern_config
from stackctl.errors import ConfigError, DataError, EngineError, NothingToAdopt, StackctlError
from stackctl.machine import Machine
from stackctl.ports.disk import Reach
from stackctl.terminal import command_line

_OUR_DISK: Final = frozenset({"", "snap"})  # views of engines whose folders are this machine's


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A SillyTavern's folder, and which part of it goes where.

    `engines`: sources that a container has by its engine, so that whoever made it could read them.
    """

    source: Path
    layout: Layout
    rows: tuple[Row, ...] = ()
    notes: tuple[str, ...] = ()
    engines: frozenset[Path] = frozenset()


def locate(machine: Machine, wanted: Path, *, service: str | None, port: str) -> Existing:
    """Find the SillyTavern of a folder, of a compose file, or of a container by its name.

    `service`: which of a compose file's. `port`: the stack's own. Raises ConfigError where there is none or several,
    and DataError for one whose files this user can't read.
    """
    if not machine.storage.trees.existing(Path(), (str(wanted),)):
        return _by_container(machine, wanted, port)
    refused: list[StackctlError] = []
    folder, file = (wanted.parent.resolve(), wanted.name) if wanted.is_file() else (wanted.resolve(), "")
    if file and Path(file).suffix.lower() not in {".yml", ".yaml"}:
        raise NothingToAdopt(
            f"{wanted} is a file, and no compose file",
            hint="Give the folder of SillyTavern; unpack an archive first, and give the folder of what was in it.",
        )
    if found := _in_folder(machine, folder, file, service, port, refused):
        return found
    inside: list[Existing] = []
    for name in () if file else layout.places(machine.storage.trees.names(folder)):
        try:
            found = _in_folder(machine, (folder / name).resolve(), "", service, port, refused)
        except ConfigError as e:
            refused.append(e)
        else:
            inside += [found] if found else []
    if len(inside) > 1:
        folders = [str(one.source) for one in inside]
        raise NothingToAdopt(
            f"{wanted} holds several SillyTaverns: {', '.join(folders)}",
            hint=f"Give one of them: {command_line('stackctl', 'adopt', folders[0])}",
        )
    if inside:
        return inside[0]
    if refused:
        raise refused[0]
    raise NothingToAdopt(
        f"no SillyTavern installation found in {wanted}",
        hint="Give the folder of its server.js, of its compose file, its data folder, or the name of its container. "
        "These make one: data/default-user, public/characters (before 1.12), settings.json beside chats, and a "
        "compose file that mounts /home/node/app/data.",
    )


def config_text(machine: Machine, file: Path, source: Path) -> tuple[str, str]:
    """Return (what a config.yaml says, its encoding, "" for UTF-8)."""
    raw = machine.storage.trees.read(file, reach_of(machine, source), most=tavern_config.MOST_BYTES)
    return config_yaml.decoded(raw)


def reach_of(machine: Machine, source: Path) -> Reach:
    """Return which links count in an existing SillyTavern: its owner's."""
    return machine.storage.trees.reach(machine.storage.owner_of(source))


def _in_folder(
    machine: Machine, folder: Path, file: str, wanted: str | None, port: str, refused: list[StackctlError]
) -> Existing | None:
    """Find the SillyTavern of a compose file, else the one whose files lie there; None: there is neither.

    `file`: the compose file's name, "" where any counts. `refused` gets the reason where its compose file names none.
    """
    unread: StackctlError | None = None
    services: tuple[Service, ...] = ()
    if folder.is_dir():
        try:
            services = machine.orchestrator.at(machine.storage.folder(folder)).services(file) or ()
        except StackctlError as e:
            unread = e
    if taverns := mounted.taverns(services):
        chosen = _chosen(taverns, folder, wanted)
        is_ours = bool(machine.storage.trees.existing(folder, (STATE,)))  # then all else is a stack's own, too
        others = () if is_ours else tuple(one.name for one in services if one not in taverns)
        chosen = replace(chosen, environment=()) if is_ours else chosen
        return _by_mounts(machine, folder, chosen, others, port)
    if not file and (found := _by_layout(machine, folder)):
        said = f"the compose file there was not read, and the files beside it are taken: {unread and unread.message}"
        return replace(found, notes=(*found.notes, *((said,) if unread else ())))
    if unread:
        refused.append(unread)
    if services:
        names = ", ".join(one.name for one in services)
        refused.append(
            NothingToAdopt(
                f"the compose file in {folder} has no SillyTavern; its services are {names}",
                hint="Give the folder of the compose file that has it, or the folder of its data.",
            )
        )
    return None


def _chosen(taverns: tuple[Service, ...], folder: Path, wanted: str | None) -> Service:
    names = ", ".join(one.name for one in taverns)
    if wanted is not None:
        for one in taverns:
            if one.name == wanted:
                return one
        raise NothingToAdopt(
            f"the compose file in {folder} has no SillyTavern service {wanted!r}", hint=f"Choose one of these: {names}"
        )
    if len({one.mounts for one in taverns}) > 1:
        command = command_line("stackctl", "adopt", folder, "--service", taverns[0].name)
        raise NothingToAdopt(
            f"the compose file in {folder} has several SillyTavern services: {names}", hint=f"Choose one: {command}"
        )
    return taverns[0]


def _by_layout(machine: Machine, folder: Path) -> Existing | None:
    tree, config = machine.storage.trees, folder / "config.yaml"
    names = tree.names(folder)
    root = layout.spelled("data", names)
    if config.is_file():
        named = config_yaml.data_root(config_text(machine, config, folder)[0], str(config))
        root = root if named == "data" else named
    found = layout.layout(tree.existing(folder, layout.probes(root)), root, names)
    if found is None:
        return None
    elsewhere = [path for one in found.pieces if not (path := folder / one.source).is_relative_to(folder)]
    said = "config.yaml names {} as its data folder (dataRoot): what is there is copied"
    return Existing(source=folder, layout=found, notes=tuple(said.format(path) for path in elsewhere))


def _by_container(machine: Machine, name: Path, port: str) -> Existing:
    found = None
    if len(name.parts) == 1:
        with suppress(EngineError):  # then it is a folder's name, mistyped
            found = machine.docker.service(str(name))
    if found is None:
        raise NothingToAdopt(
            f"there is no folder {name}, and no container of that name",
            hint="Give the folder of SillyTavern or of its compose file, or a container that `docker ps -a` lists.",
        )
    return _by_mounts(machine, None, found, (), port)


def _by_mounts(machine: Machine, folder: Path | None, service: Service, others: Iterable[str], port: str) -> Existing:
    """Find the files of a service. `folder`: that of its compose file; None: it is a container alone."""
    tree, container = machine.storage.trees, machine.docker.service(service.container)
    service, volumes = _on_disk(machine, service, container, folder)
    places = mounted.places(service)
    config = mounted.config_file(places)
    if config and tree.existing(Path(), (config,)):
        text, _ = config_text(machine, Path(config), Path(config).parent)
        places = mounted.places(service, config_yaml.data_root(text, config))
    places = {place: one for place, one in places.items() if one.source}
    is_old = mounted.is_old(places, tree.names(Path(places["config"].source)) if "config" in places else ())
    if not is_old and not mounted.has_data(places):
        if "." in places and (whole := _by_layout(machine, Path(places["."].source))):
            return whole
        raise _without_data(service, is_there=container is not None)
    found = mounted.layout(service, places, is_old=is_old)
    data = next(Path(one.source) for one in found.pieces if one.target.partition("/")[0] == "data")
    home = folder or data
    pieces = tuple(replace(one, source=_below(one.source, home)) for one in found.pieces)
    if "data" in places and not tree.existing(Path(), (places["data"].source,)):
        raise NothingToAdopt(
            f"{places['data'].source}, which {service.title} mounts as its data folder, does not exist",
            hint="Start that SillyTavern once; or see what its compose file comes to: docker compose config",
        )
    return Existing(
        source=home,
        layout=replace(found, pieces=pieces),
        rows=mounted.mounts_left(service, places),
        notes=(*_from_where(pieces, volumes), *mounted.remarks(service, others, port)),
        engines=frozenset((*volumes, *(Path(one.source) for one in (container.mounts if container else ())))),
    )


def _on_disk(
    machine: Machine, service: Service, container: Service | None, home: Path | None
) -> tuple[Service, tuple[Path, ...]]:
    """Return (the service with the host's path of each mount that counts, those that are the engine's volumes).

    A volume that the engine has not made yet, and what has no place in a stack's folder, keeps no path. Raises
    ConfigError while the service's container runs on a volume, and DataError for one that can't be read here.
    """
    counts = {one.target for one in mounted.places(service).values()}
    in_volumes = [one for one in service.mounts if one.target in counts and not one.source]
    as_it_is = {one.target: one for one in container.mounts} if container else {}
    shared = [as_it_is[one.target].volume for one in in_volumes if one.target in as_it_is]
    if container and container.is_running and shared:
        raise ConfigError(
            f"the container {container.container} runs on the volume {shared[0]}, and would keep writing",
            hint=f"Stop it: {command_line('docker', 'stop', container.container)}",
            issue="sillytavern-still-writes",
        )
    found: dict[str, Mount] = {}
    for one in in_volumes:
        volume = as_it_is.get(one.target, one).volume  # the container's own, whatever name the project has now
        folder = machine.docker.volume_folder(volume) if volume else None
        if folder is None:
            continue
        path = Path(folder / one.below)
        if machine.docker.view not in _OUR_DISK or folder == PurePosixPath() or not _is_readable(machine, path):
            raise _unreadable(service, volume, home if container is None else None)
        found[one.target] = replace(one, source=str(path), volume=volume)
    mounts = tuple(found.get(one.target, one) for one in service.mounts)
    return replace(service, mounts=mounts), tuple(Path(one.source) for one in found.values())


def _is_readable(machine: Machine, folder: Path) -> bool:
    try:
        return bool(machine.storage.trees.existing(folder, (".",)) and machine.storage.trees.names(folder) is not None)
    except DataError:  # /var/lib/docker is root's
        return False


def _without_data(service: Service, *, is_there: bool) -> ConfigError:
    """Say where its chats are, if in no folder and in no volume that the engine has. `is_there`: its container is."""
    volumes = [one.volume for place, one in mounted.places(service).items() if place == "data" and one.volume]
    if volumes:
        return NothingToAdopt(
            f"{service.title} keeps SillyTavern's data in the volume {volumes[0]}, which this engine does not have",
            hint="See `docker volume ls`; if the project had another name, run `stackctl adopt CONTAINER`.",
        )
    data = f"{mounted.APP}/data"
    copy = command_line("docker", "cp", f"{service.container}:{data}", "./st-data")
    return NothingToAdopt(
        f"{service.title} mounts nothing at {data}: its chats are inside its container",
        hint=f"Copy them out: {copy}; then run: stackctl adopt ./st-data"
        if is_there
        else "Name its container, which `docker ps -a` lists: stackctl adopt CONTAINER",
    )


def _unreadable(service: Service, volume: str, home: Path | None) -> DataError:
    """Say how to get at a volume that this user can't read. `home`: where Compose has to make its container first."""
    copies = mounted.copies(service)
    create = ("docker", "compose", "--project-directory", home, "create", service.name) if home else ()
    commands = (
        *([command_line(*create)] if create else ()),
        "mkdir st",
        *(command_line("docker", "cp", f"{service.container}:{path}", f"st/{name}") for name, path in copies.items()),
        "stackctl adopt st",
    )
    return DataError(
        f"{service.title} keeps SillyTavern's files in the engine's volume {volume}, which this user can't read",
        hint=f"Run the command with sudo; or copy the files out first: {' && '.join(commands)}",
        issue="folder-owner-wrong",
    )


def _from_where(pieces: Iterable[Piece], volumes: Iterable[Path]) -> Iterator[str]:
    """Say of what lies outside of the folder where it is."""
    for one in pieces:
        if Path(one.source) in volumes:
            yield f"{one.target} is in a volume of the engine, at {one.source}: what is there is copied"
        elif one.source.startswith("/") and Path(one.source).exists():
            yield f"{one.target} is mounted from {one.source}: what is there is copied"


def _below(path: str, folder: Path) -> str:
    """Return a path as it is below a folder, or as it is."""
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path
