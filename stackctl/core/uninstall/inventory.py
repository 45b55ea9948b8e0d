"""The list of what is here because of stackctl, by kind, and why some of it stays."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from stackctl import backends
from stackctl.core.plan.images import OWN, repository
from stackctl.core.tavern import container as tavern
from stackctl.core.uninstall.content import EngineContent, ImageHere
from stackctl.errors import StackctlError

Kind = Literal["stacks", "images", "programs", "models", "files", "chats"]
KINDS: Final[tuple[Kind, ...]] = ("stacks", "images", "programs", "models", "files")  # in the order of their removal
_OWN_REPOSITORIES: Final = frozenset(repository(one) for one in OWN)
_HUB: Final = ("docker.io/library/", "docker.io/")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing. name: as the user knows it; place: where it is, "" for nowhere; size: bytes, None if unknown.

    stays: why it is not removed, "" if it may go. keys: by which it is removed, in the order in which that is done.
    """

    kind: Kind
    name: str
    place: str = ""
    size: int | None = None
    stays: str = ""
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """All that was found. ways_back: command lines that take back what `stackctl setup` added, () for nothing.

    itself: the command line that removes stackctl. problems: what could not be looked at, and why.
    """

    items: tuple[Item, ...]
    ways_back: tuple[tuple[str, ...], ...] = ()
    itself: tuple[str, ...] = ()
    problems: tuple[StackctlError, ...] = ()

    def of(self, kind: Kind) -> tuple[Item, ...]:
        return tuple(one for one in self.items if one.kind == kind)


def image_items(content: EngineContent, named: Iterable[str], going: frozenset[str]) -> Iterator[Item]:
    """Give the images that are here because of stackctl: those that it builds, and those that its stacks name.

    named: images by the names in plans and records; going: the stacks whose containers are removed before. An image
    stays if another container uses it, and a name that somebody else gave an image stays with it.
    """
    wanted = frozenset(_familiar(one) for one in named)
    users: dict[str, list[str]] = {}
    for container in content.containers:
        if container.project not in going:
            users.setdefault(container.image_id, []).append(container.name)
    for image in content.images:
        ours = _our_names(image, wanted)
        if not ours:
            continue
        others = [one for one in image.tags if one not in ours]
        stays = f"used by {_listed(users[image.id])}" if image.id in users else ""
        place = f"it keeps its other name {_listed(others)}" if others else ""
        yield Item(kind="images", name=ours[0], place=place, size=image.size, stays=stays, keys=ours)


def known_repositories() -> frozenset[str]:
    """Return the repositories of the images that stackctl chooses by itself, and of those that it builds."""
    official = (one.name for backend in backends.BACKENDS.values() for rows in backend.IMAGES.values() for one in rows)
    return frozenset(_familiar(repository(one)) for one in (*official, *OWN, tavern.IMAGE))


def repository_of(image: str) -> str:
    """Return an image's name without tag and digest, as Docker shows it."""
    return _familiar(repository(image))


def _our_names(image: ImageHere, wanted: frozenset[str]) -> tuple[str, ...]:
    """Return the names of an image that stackctl gave it or asked for, its tags first.

    A plan names an image by its tag, its digest or both; the engine lists the two apart.
    """
    found = [one for one in (*image.tags, *image.digests) if repository(one) in _OWN_REPOSITORIES]
    for one in wanted:
        tag, _, digest = one.partition("@")
        tags = [name for name in image.tags if _familiar(name) == tag]
        digests = [name for name in image.digests if _familiar(repository(name)) == repository(one)]
        if any(name.endswith(f"@{digest}") for name in digests) if digest else tags:
            found += [*tags, *digests]
    return tuple(sorted(set(found), key=lambda name: ("@" in name, name)))


def _familiar(name: str) -> str:
    """An image's name as Docker shows it; Podman writes Docker Hub's name, too."""
    for prefix in _HUB:
        name = name.removeprefix(prefix)
    return name


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more}"
