"""A SillyTavern in a container: which service it is, and the place of each of its mounts in a stack's folder.

Sources: SillyTavern 1.19.0, its Dockerfile and docker/docker-compose.yml (the program lies in /home/node/app); 1.11.8,
docker/docker-entrypoint.sh (all that a user has lies in config/).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.adoption.layout import CONFIG, ONCE_PUBLIC, USER, Layout, Piece, Row

APP: Final = PurePosixPath("/home/node/app")
_PORT: Final = "8000"  # the default of both
_EXTENSIONS: Final = "public/scripts/extensions/third-party"
_KNOWN: Final = ("config", "data", "plugins", _EXTENSIONS)
_OLD: Final = ("settings.json", "characters", "chats")  # in config/: the layout of 1.11
_ORDINARY: Final = frozenset(
    {"NODE_ENV", "FORCE_COLOR", "TZ"}
)  # that its own compose file sets, or that are the stack's


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A mount of a container. `source`: the path on the host ("": not known); `volume`: the engine's name of it.

    `below`: which folder of the volume it is.
    """

    target: str
    source: str = ""
    volume: str = ""
    below: str = ""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service of somebody's compose file, or ("" as its name) a container alone.

    `container`: the container's name on the engine, which need not be there.
    """

    name: str
    container: str
    image: str = ""
    mounts: tuple[Mount, ...] = ()
    environment: tuple[str, ...] = ()  # names alone
    ports: tuple[str, ...] = ()  # of the host, that it publishes
    is_running: bool = False  # as far as that was asked

    @property
    def title(self) -> str:
        return f"the service {self.name}" if self.name else f"the container {self.container}"


def taverns(services: Iterable[Service]) -> tuple[Service, ...]:
    """Return those that run SillyTavern, by their mounts or their image."""
    return tuple(
        one for one in services if "sillytavern" in one.image.lower() or any(_below(m, APP) for m in one.mounts)
    )


def places(service: Service, data_root: str = "data") -> dict[str, Mount]:
    """Return its mounts by their path in SillyTavern's folder; "." is that folder itself. Others are left out.

    `data_root`: the data folder as config.yaml names it, relative to that folder or absolute.
    """
    root, data = _root(service), PurePosixPath(data_root)
    found: dict[str, Mount] = {}
    for one in service.mounts:
        target = PurePosixPath(one.target)
        if target.is_relative_to(root / data):
            found[str("data" / target.relative_to(root / data))] = one
        elif target.is_relative_to(root):
            found[str(target.relative_to(root))] = one
    return found


def config_file(found: Mapping[str, Mount]) -> str:
    """Return the path of config.yaml on the host, which need not exist; "": no mount has it."""
    for place, below in (("config/config.yaml", ""), ("config.yaml", ""), ("config", "config.yaml")):
        if place in found and found[place].source:
            return str(PurePosixPath(found[place].source) / below)
    return ""


def is_old(found: Mapping[str, Mount], in_config: Iterable[str]) -> bool:
    """Whether its config/, which holds these names, is the layout of 1.11."""
    return "config" in found and not has_data(found) and any(name in _OLD for name in in_config)


def has_data(found: Mapping[str, Mount]) -> bool:
    """Whether a mount holds users' data as SillyTavern lays it out today."""
    targets = [target for place in found for _, target in _targets(place, is_old=False)]
    return any(target.partition("/")[0] == "data" for target in targets)


def layout(service: Service, found: Mapping[str, Mount], *, is_old: bool) -> Layout:
    """Return which part of its mounts goes where, each with an absolute source."""
    targets = {place: _targets(place, is_old=is_old) for place in found}
    return Layout(
        title=f"SillyTavern{' from before 1.12' if is_old else ''}, by the mounts of {service.title}",
        pieces=tuple(
            Piece(source=str(PurePosixPath(found[place].source) / below), target=target)
            for place, taken in targets.items()
            for below, target in taken
        ),
        is_converted=is_old,
    )


def copies(service: Service) -> dict[str, str]:
    """Return by its name in a folder that can be adopted what to copy out of the container, by its path there."""
    names = {name: name.rpartition("/")[2].replace("third-party", "extensions") for name in _KNOWN}
    return {names[place]: one.target for place, one in places(service).items() if place in names}


def mounts_left(service: Service, found: Mapping[str, Mount]) -> tuple[Row, ...]:
    """Return a row for each mount that has no place in a stack's folder."""
    taken = {one.target for place, one in found.items() if _targets(place, is_old=False)}
    return tuple(
        Row(what=f"the mount of {one.target}", files=0, size=0, fate="left: not SillyTavern's data")
        for one in service.mounts
        if one.target not in taken
    )


def remarks(service: Service, others: Iterable[str], port: str) -> tuple[str, ...]:
    """Say what else the service has that a stack does not take over. `port`: the stack's own."""
    names = [name for name in service.environment if name not in _ORDINARY]
    ports = [one for one in service.ports if one != (_PORT if port == "auto" else port)]
    said = (
        (names, "the environment variables {} of its container"),
        (ports, f"its port {{}}; sillytavern.port in stack.toml is {port}"),
        ([*others], "the other services of its compose file: {}"),
    )
    return tuple(f"not adopted: {text.format(', '.join(listed))}" for listed, text in said if listed)


def _targets(place: str, *, is_old: bool) -> tuple[tuple[str, str], ...]:
    """(path below the mount, path in the stack's folder) of all that a mount gives; () for what has no place there."""
    path = PurePosixPath(place)
    if is_old and place == "config":
        user = [(name, f"{USER}/{name}") for name in (*ONCE_PUBLIC, "secrets.json", "vectors")]
        return (("config.yaml", CONFIG), *user)
    if place in {"config.yaml", "config/config.yaml"}:
        return (("", CONFIG),)
    if path.is_relative_to(_EXTENSIONS):
        top = f"{USER}/extensions" if is_old else "extensions"
        return (("", str(top / path.relative_to(_EXTENSIONS))),)
    if path.parts[:1] == ("public",) and path.parts[1:2] and path.parts[1] in ONCE_PUBLIC:
        return (("", str(USER / path.relative_to("public"))),)
    return (("", place),) if path.parts[:1] and path.parts[0] in {"config", "data", "plugins"} else ()


def _root(service: Service) -> PurePosixPath:
    """Return the folder of the program in the container: an image of somebody else's may have it elsewhere."""
    if any(_below(one, APP) for one in service.mounts):
        return APP
    for name in ("data", "config", "plugins"):
        for one in service.mounts:
            if PurePosixPath(one.target).name == name:
                return PurePosixPath(one.target).parent
    return APP


def _below(mount: Mount, folder: PurePosixPath) -> bool:
    return PurePosixPath(mount.target).is_relative_to(folder)
