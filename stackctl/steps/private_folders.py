"""Keep keys, passwords and chats out of version control: each private folder has its own .gitignore.

In git the innermost .gitignore decides, so that none of the user's own can undo ours.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stackctl.contracts.host import Owner
from stackctl.core.adoption import layout as adoption
from stackctl.core.config.files import STATE
from stackctl.core.config.spec import Spec
from stackctl.core.formats import gitignore
from stackctl.core.plan import backend_service, tavern_service
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.errors import StackctlError
from stackctl.machine import Machine

# in SillyTavern's folder; they hold the password, the keys and chats, and the names of chats
_SECRETS: Final = ("config", "data", adoption.RECORD)
_DEEP_SECRETS: Final = (Path(tavern.CONFIG), Path(tavern_secrets.FILE))  # below SillyTavern's folder
_OWN: Final = frozenset({*tavern.FOLDERS, adoption.RECORD, gitignore.FILE})  # all names in a stack's SillyTavern folder


@dataclass(frozen=True, kw_only=True)
class _Private:
    """A folder with secrets (relative to the stack's folder, or absolute), and where they lie in it; (): everywhere."""

    path: Path
    owner: Owner
    around: Path  # no link below it is followed
    secrets: tuple[str, ...] = ()
    is_theirs: bool = False  # the user made a repository in it, maybe for chats: only the secrets are ignored


def keep_out_of_git(machine: Machine, spec: Spec, plan: Plan | None = None) -> None:
    """Make git ignore what is private in the folders that exist and in those that the plan will fill; note each change.

    Raise DataError or ConfigError if that can't be done for a folder in a repository.
    """
    folders = tuple(_private_folders(machine, spec, plan))
    closed = []
    for one in folders:
        try:
            added = _close(one, machine)
        except StackctlError:
            if machine.storage.repository(machine.path / one.path):
                raise
            continue  # it lies in no repository
        if added == (gitignore.ALL,):
            closed.append(f"{one.path}/")
        elif added:
            machine.ui.note(f"added to {one.path / gitignore.FILE}: {', '.join(added)}")
    if closed:
        machine.ui.note(f"git now ignores {', '.join(closed)}: the {gitignore.FILE} in there says {gitignore.ALL}")
    _name_tracked(folders, machine)


def _private_folders(machine: Machine, spec: Spec, plan: Plan | None) -> Iterator[_Private]:
    owner, user = machine.folder.owner, tavern_service.user(spec, machine.folder.owner)
    coming = {Path(name).parent for name in plan.files} if plan else set()
    for name in (Path(STATE), Path(backend_service.FOLDER)):
        if name in coming or (machine.path / name).is_dir():
            yield _Private(path=name, owner=owner, around=name)
    data = Path(tavern_service.data_folder(spec))
    if plan or (machine.path / data).is_dir():
        yield _Private(path=data, owner=user, around=data, secrets=_SECRETS)
    for secret in _DEEP_SECRETS:
        top = machine.storage.repository(machine.path / data / secret.parent)
        if top and top.is_relative_to((machine.path / data).resolve()):  # git ignores every .gitignore above it
            yield _Private(
                path=data / secret.parent,
                owner=user,
                around=data,
                secrets=(secret.name, f"{secret.name}.kept-*"),
                is_theirs=True,
            )
    for aside in _asides(machine, machine.path / data):
        yield _Private(path=data.parent / aside, owner=user, around=data.parent, secrets=_SECRETS)


def _asides(machine: Machine, data: Path) -> Iterator[str]:
    """Give the names of SillyTavern's former folders next to the present one, and of interrupted copies."""
    of_ours = re.compile(rf"{re.escape(data.name)}\.kept-\d+|\.{re.escape(data.name)}\.(?:adopting|between|copying)")
    with suppress(StackctlError):  # in a folder that can't be listed we have renamed nothing
        for name in machine.storage.trees.names(data.parent):
            if of_ours.fullmatch(name) and (data.parent / name).is_dir() and not (data.parent / name).is_symlink():
                yield name


def _close(one: _Private, machine: Machine) -> tuple[str, ...]:
    """Write the lines that a folder's .gitignore lacks, and return them.

    If the user keeps other things in the folder, or has written lines there, only the secrets are ignored.
    """
    folder = machine.storage.folder(machine.path, one.owner, shared=str(one.around), links_of=machine.folder.owner)
    name = str(one.path / gitignore.FILE)
    text = folder.read(name) or ""
    has_others = (
        one.is_theirs or text.strip() or not _OWN.issuperset(machine.storage.trees.names(machine.path / one.path))
    )
    is_whole = not one.secrets or not has_others
    lines = (gitignore.ALL,) if is_whole else tuple(f"/{secret}" for secret in one.secrets)
    added = gitignore.missing_lines(text, lines)
    if added:
        folder.write(name, gitignore.extend(text, added))
    return added


def _name_tracked(folders: tuple[_Private, ...], machine: Machine) -> None:
    """Note the private files that git already tracks, which no .gitignore changes, and how to end that."""
    places = defaultdict(list)
    for one in folders:
        for secret in one.secrets or ("",):
            place = machine.path / one.path / secret
            if top := machine.storage.repository(place):
                places[top].append(place)
    for top, private in places.items():
        machine.ui.note(gitignore.tracked_note(str(top), machine.storage.tracked(top, private)))
