"""A stack's own folder: its chats, which only the user may give up, and the files that stackctl wrote there."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.core.adoption import layout as adoption
from stackctl.core.config import lock, stack_toml
from stackctl.core.config.files import STATE
from stackctl.core.formats import gitignore
from stackctl.core.model import demo_model
from stackctl.core.plan import backend_service
from stackctl.core.uninstall.inventory import Item
from stackctl.errors import DataError, StackctlError
from stackctl.machine import Machine
from stackctl.steps.config_request import read_lock
from stackctl.steps.uninstall.outside import is_inside, mounted_in
from stackctl.steps.uninstall.sizes import size_of
from stackctl.steps.uninstall.stacks_here import StackHere
from stackctl.terminal import command_line

_OWN_FOLDERS: Final = (STATE, backend_service.FOLDER)  # whose whole content is stackctl's
_OWN_FILES: Final = (stack_toml.FILE, lock.FILE, demo_model.FILE_NAME)
_LEFT: Final = "Remove what is left with `sudo`, or as the user whom `ls -ld` shows."


def chats_item(stack: StackHere, machine: Machine) -> Item | None:
    """Return a stack's chats; None if its folder is not here. Those elsewhere, or behind a link, stay."""
    if not stack.is_here or not stack.data:
        return None
    folder, data = Path(stack.folder), Path(stack.folder, stack.data)
    with suppress(OSError):
        if not data.is_dir():
            return None
    stays = "" if is_inside(data, folder) else "it lies outside of the stack's folder"
    if not stays and (place := mounted_in(data, machine)):
        stays = f"a file system is mounted at {place}"
    return Item(
        kind="chats",
        name=stack.name,
        place=str(data),
        size=size_of(data, machine),
        stays=stays,
        keys=(stack.folder, str(data)),
    )


def remove_chats(item: Item, machine: Machine) -> tuple[str, ...]:
    """Remove a stack's chats and the files that stackctl wrote in its folder; return the names that stay there.

    The folder itself goes only if nothing is left in it. Raises DataError.
    """
    folder, data = map(Path, item.keys)
    here = machine.at(folder)
    if not is_inside(data, folder):
        raise DataError(
            f"{data} lies outside of {folder}", hint=f"Look at it with `{command_line('ls', '-ld', data)}`."
        )
    for one in (data, *_former(data, here)):
        _remove_tree(one, here)
    for name in _own_files(here):
        here.folder.remove(name)
    for name in _OWN_FOLDERS:
        if is_inside(folder / name, folder):
            _remove_tree(folder / name, here)
    left = machine.storage.trees.names(folder)
    if not left:
        machine.storage.remove(folder, up_to=folder.parent)
    return left


def _former(data: Path, machine: Machine) -> Iterator[Path]:
    """Give SillyTavern's former folders beside the present one, which an adoption or an update kept."""
    pattern = re.compile(rf"{re.escape(data.name)}\.kept-\d+|\.{re.escape(data.name)}\.(?:adopting|between|copying)")
    for name in machine.storage.trees.names(data.parent):
        if pattern.fullmatch(name) and is_inside(data.with_name(name), machine.path):
            yield data.with_name(name)


def _own_files(machine: Machine) -> Iterator[str]:
    """Give the files that stackctl wrote into the folder; a file that somebody changed since is theirs."""
    with suppress(StackctlError):
        written = read_lock(machine).rendered.get("sha256")
        file = machine.orchestrator.file
        if written and machine.folder.has_file(file) and machine.folder.sha256(file) == written:
            yield file
    yield from _OWN_FILES
    with suppress(StackctlError):
        if (machine.folder.read(gitignore.FILE) or "").startswith("# stackctl: "):
            yield gitignore.FILE


def _remove_tree(path: Path, machine: Machine) -> None:
    if place := mounted_in(path, machine):
        raise DataError(
            f"a file system is mounted at {place}, and nothing of it was removed",
            hint=f"Run `{command_line('sudo', 'umount', place)}` if it is not needed there, then this again.",
        )
    try:
        machine.storage.trees.remove(path)
    except DataError as error:
        raise DataError(error.message, hint=_LEFT, issue=error.issue) from error


def adopted_from(item: Item, machine: Machine) -> str:
    """Return the folder from which a stack's chats were adopted, which is never touched; "" if they were not."""
    with suppress(StackctlError, ValueError, AttributeError, RecursionError):
        data = PurePosixPath(item.keys[1]).relative_to(item.keys[0])
        found = json.loads(
            machine.at(Path(item.keys[0])).folder.read(f"{data}/{adoption.RECORD}", errors="replace") or "{}"
        )
        return str(found.get("from") or "")
    return ""
