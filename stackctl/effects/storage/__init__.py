"""A deployment's folder, the files that stackctl ships, and the reports and secrets that a user names."""

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from stackctl.contracts.host import Owner
from stackctl.core.config.files import STATE
from stackctl.effects.storage import opening
from stackctl.effects.storage.folder import MOST_BYTES, Folder
from stackctl.effects.storage.unwritable import translate_errors
from stackctl.errors import ConfigError, DataError
from stackctl.terminal import command_line

__all__ = (
    "MOST_BYTES", "STATE", "Folder", "append", "data_home", "image_root", "located", "overwrite", "owner_of",
    "private", "private_text", "remove", "tavern_extension", "template_root", "write_new",
)  # fmt: skip

_MOST_SECRET_BYTES = 16 << 10


def private(path: Path) -> None:
    """Make a folder that only this user may enter; raise DataError if another user's folder, or a link, is there."""
    with translate_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise DataError(
                f"{path} is not a folder that belongs to this user",
                hint="Remove it, or name another with `--at FOLDER`.",
                issue="folder-owner-wrong",
            )


def remove(path: Path, *, up_to: Path) -> None:
    """Remove a folder, if it exists, with its content; then the empty folders above it, up to `up_to`."""
    with translate_errors(path):
        if path.exists():
            shutil.rmtree(path)
    for above in path.parents:
        if above == up_to or above.is_symlink() or not above.is_dir() or any(above.iterdir()):
            break
        above.rmdir()


def overwrite(path: Path, text: str) -> None:
    """Write a report to the path that the user names."""
    with translate_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    _write_report(path, text, starts_anew=True)


def append(path: Path, text: str) -> None:
    """Append to a report that other programs write to, too."""
    _write_report(path, text, starts_anew=False)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, completely or not at all; raise DataError if something is there."""
    with translate_errors(path):
        folder = os.open(path.parent, opening.FOLDER)
        try:
            made = f".{path.name}.{os.getpid()}.new"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                with os.fdopen(os.open(made, flags, 0o600, dir_fd=folder), "wb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                _name(made, path, folder)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(made, dir_fd=folder)
        finally:
            os.close(folder)


def _name(made: str, path: Path, folder: int) -> None:
    """Give a complete file its name, which no other file may have."""
    try:
        os.link(made, path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as e:
        raise DataError(f"{path} is there already", hint="Name a new file, or remove that one.") from e
    except OSError:  # exFAT and some shares have no second names
        if path.exists():
            raise
        os.rename(made, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def _write_report(path: Path, text: str, *, starts_anew: bool) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    with translate_errors(path):
        if path.is_relative_to("/dev"):  # /dev/stdout has no real path
            path.write_text(text, encoding="utf-8")
            return
        with opening.opened(path.absolute(), flags, _reach(path.parent)) as descriptor:
            if starts_anew and stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.ftruncate(descriptor, 0)
            with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream:
                stream.write(text)


def private_text(path: Path) -> str:
    """Return the text of a file that holds a secret; raise ConfigError if other users may read it."""
    try:
        with opening.regular_file(path.absolute(), _reach(path.parent)) as descriptor:
            mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
            if mode & 0o077:
                hint = f"Run `{command_line('chmod', 600, path)}`."
                raise ConfigError(
                    f"{path} may be read by others (mode {mode:03o})", hint=hint, issue="key-file-readable"
                )
            return os.read(descriptor, _MOST_SECRET_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise ConfigError(f"{path} is not UTF-8 text", hint="Save it as UTF-8.") from e
    except OSError as e:
        raise ConfigError(f"{path} can't be read: {e.strerror}", hint="Check the path and its permissions.") from e


def _reach(folder: Path) -> opening.Reach:
    return opening.Reach(follow=opening.links_for(owner_of(folder)))


def is_here(wanted: str, folder: Path) -> bool:
    """Return whether there is a file or folder at a path as a user writes it; False for what can't be a path."""
    try:
        locate(wanted, folder).stat()
    except (ConfigError, OSError):
        return False
    return True


def locate(wanted: str, folder: Path) -> Path:
    """Return a path as a user writes it: ~ is a home, and `folder` the base. Raises ConfigError for an invalid one."""
    try:
        if b"\0" in os.fsencode(wanted):
            raise ConfigError("a path can't hold a NUL character", hint="Write the path without it.")
        return folder / Path(wanted).expanduser()
    except UnicodeEncodeError as e:
        raise ConfigError(f"{wanted!r} is not a path: it holds half a character", hint="Write the path again.") from e
    except RuntimeError as e:
        raise ConfigError(
            f"{wanted}: there is no such user, or none with a home",
            hint="Write the whole path, or ./~ for a name that begins with ~.",
        ) from e


def owner_of(folder: Path) -> Owner:
    """Return the owner of a deployment in this folder: the folder's owner, or under sudo in root's folder the caller.

    Raises DataError for a folder that this user may not enter.
    """
    try:
        found = next(p for p in (folder, *folder.parents) if p.exists()).stat()
    except OSError as e:
        hint = "Run stackctl as its owner, whom `ls -ld` shows."
        raise DataError(f"{folder} can't be entered: {e.strerror}", hint=hint, issue="folder-not-writable") from e
    if found.st_uid == 0 and os.geteuid() == 0 and os.environ.get("SUDO_UID", "").isdigit():
        return Owner(uid=int(os.environ["SUDO_UID"]), gid=int(os.environ.get("SUDO_GID", "0")))
    return Owner(uid=found.st_uid, gid=found.st_gid)


def data_home() -> Path:
    """Return the folder for what all stacks share (XDG_DATA_HOME); under sudo the caller's, not root's."""
    if os.environ.get("XDG_DATA_HOME"):
        return Path(os.environ["XDG_DATA_HOME"]) / "stackctl"
    home = Path.home()
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        home = locate(f"~{os.environ['SUDO_USER']}", home)
    return home / ".local" / "share" / "stackctl"


def template_root() -> Path:
    """Return the folder of the compose templates, in an installed wheel or in a checkout."""
    return _shipped("compose-templates")


def image_root() -> Path:
    """Return the folder of the images that we build, in an installed wheel or in a checkout."""
    return _shipped("images")


def tavern_extension() -> dict[str, str]:
    """Return name -> text of the files of our extension for SillyTavern's page."""
    folder = package_root() / "tavern_extension"
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir())}


def package_root() -> Path:
    """Return the folder of the package itself."""
    return Path(__file__).resolve().parents[2]


def _shipped(name: str) -> Path:
    package = package_root()
    inside = package / "_data" / name
    return inside if inside.is_dir() else package.parent / name
