"""The CDI devices that an engine knows, the files from which it takes them, and all on this machine that they name."""

import errno
import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from stackctl.contracts.cdi import CdiFile, CdiSeen, PathSeen
from stackctl.core.gpu.cdi_files import FOLDERS, SERVICE, named_paths, resolve
from stackctl.core.gpu.cdi_spec import MOST_BYTES, read_cdi

_ENDINGS: Final = (".json", ".yaml")  # the engine reads no others, and no folders below
_MOST_FILES: Final = 100  # of one folder
_MOST_PATHS: Final = 10_000
# where the toolkit's packages put the unit: since 1.19, and 1.18
_UNITS: Final = ("usr/lib/systemd/system", "lib/systemd/system", "etc/systemd/system")
_SETTINGS: Final = "etc/nvidia-container-toolkit/nvidia-cdi-refresh.env"
_OUTPUT: Final = re.compile(r"^\s*NVIDIA_CTK_CDI_OUTPUT_FILE_PATH=[\"']?([^\"'\s]+)", re.MULTILINE)
_REFRESHED: Final = "/var/run/cdi/nvidia.yaml"
# "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.14  Thu Feb 22 ...", or "Open Kernel Module for x86_64  ..."
_DRIVER: Final = re.compile(r"Kernel Module(?: for \S+)?\s+(\d+\.\d+(?:\.\d+)?)\s")


def devices(info: dict[str, Any], *, is_local: bool) -> tuple[str, ...]:
    """Return the devices' full names. `info`: the output of `docker info`."""
    discovered = info.get("DiscoveredDevices")
    if discovered is not None:  # Docker 28.2 and newer
        return tuple(one["ID"] for one in discovered if one.get("Source") == "cdi")
    taken, _ = resolve(_files(info.get("CDISpecDirs") or () if is_local else ()))
    return tuple(taken)


def look(info: dict[str, Any], *, has_defaults: bool = False, root: Path = Path("/")) -> CdiSeen:
    """Return the files that an engine of this machine reads. has_defaults: it reads FOLDERS without reporting them."""
    folders = tuple(map(str, info.get("CDISpecDirs") or (FOLDERS if has_defaults else ())))
    files, driver = _files(folders), _driver(root)
    named = sorted(named_paths(files, driver))
    return CdiSeen(
        folders=folders,
        files=files,
        paths={path: _path(root, path) for path in named[:_MOST_PATHS]},
        driver=driver,
        refreshed=_refreshed(root, folders),
        is_rootless=any("name=rootless" in one for one in info.get("SecurityOptions") or ()),
        has_toolkit=bool(shutil.which("nvidia-ctk") or _path(root, "/usr/bin/nvidia-ctk").exists),
    )


def _files(folders: Iterable[str]) -> tuple[CdiFile, ...]:
    return tuple(_file(path, place) for place, folder in enumerate(folders) for path in _names(folder))


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as found:
            files = (one for one in found if one.name.endswith(_ENDINGS) and not one.is_dir(follow_symlinks=False))
            return sorted(one.path for one in files)[:_MOST_FILES]
    except OSError:
        return []


def _file(path: str, folder: int) -> CdiFile:
    try:
        raw = _bytes(path)
    except PermissionError:
        return CdiFile(path=path, folder=folder, is_unread=True)
    except OSError as e:
        return CdiFile(path=path, folder=folder, error=f"it can't be read ({os.strerror(e.errno or 0)})")
    if len(raw) > MOST_BYTES:
        return CdiFile(path=path, folder=folder, error="it is larger than any CDI file")
    return read_cdi(path, folder, raw.decode("utf-8", "replace"))


def _bytes(path: str, most: int = MOST_BYTES) -> bytes:
    """Return a file's bytes, at most one more than `most`; raise OSError if it is no file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # do not wait for a pipe's writer
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return stream.read(most + 1)


def _path(root: Path, path: str) -> PathSeen:
    here = root / path.lstrip("/")
    try:
        itself = os.lstat(here)
        is_device = stat.S_ISCHR(itself.st_mode) or stat.S_ISBLK(itself.st_mode)
        return PathSeen(
            exists=here.exists(),
            device=(os.major(itself.st_rdev), os.minor(itself.st_rdev)) if is_device else None,
            is_program=here.is_file() and bool(here.stat().st_mode & 0o111),
        )
    except (FileNotFoundError, NotADirectoryError):
        return PathSeen()
    except OSError:
        return PathSeen(exists=None)


def _driver(root: Path) -> str:
    found = _DRIVER.search(_text(root / "proc/driver/nvidia/version"))
    return found[1] if found else ""


def _refreshed(root: Path, folders: tuple[str, ...]) -> str:
    """Return the file that the toolkit's service writes, by the engine's name of its folder; "" without the service."""
    if not any((root / unit / SERVICE).exists() for unit in _UNITS):
        return ""
    said = _OUTPUT.findall(_text(root / _SETTINGS))
    output = Path(said[-1] if said else _REFRESHED)
    real = os.path.realpath(output.parent)  # /var/run is a link, and the engine may report where it leads
    same = (folder for folder in folders if os.path.realpath(folder) == real)
    return str(Path(next(same, output.parent)) / output.name)


def _text(path: Path) -> str:
    try:
        return _bytes(str(path)).decode("utf-8", "replace")
    except OSError:
        return ""
