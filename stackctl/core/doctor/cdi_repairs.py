"""Repairs of the CDI files from which an engine takes GPUs: written again, moved out of the way, made readable."""

from dataclasses import replace
from pathlib import PurePosixPath

from stackctl.contracts.cdi import CdiFile, CdiSeen
from stackctl.contracts.repair import MoveAside, Repair, RewriteFile, RunProgram
from stackctl.core.gpu.cdi_files import (
    FOLDERS,
    NVIDIA,
    SERVICE,
    CdiFault,
    find_faults,
    has_service,
    is_refreshed,
    resolve,
)

_SETTLES_S = 5.0  # how long an engine takes to see that a file of its folders was changed


def repair_file(fault: CdiFault, seen: CdiSeen) -> Repair | None:
    """Return the repair of a CDI file's fault; None if only the tool that made the file can repair it."""
    file = next((one for one in seen.files if one.path == fault.file), None)
    if file is None:
        return None
    path = PurePosixPath(file.path)
    if file.is_unread:
        step = RunProgram(argv=("chmod", "a+r", file.path), undo=("chmod", "go-r", file.path))
        return Repair(does=f"Let all users read {path}.", steps=(step,), patience_s=_SETTLES_S)
    if _is_in_conflict(file, seen):
        does = f"Move {path} aside, so that one file alone describes each device."
        return Repair(does=does, steps=(MoveAside(path=path),), patience_s=_SETTLES_S)
    if not file.devices or not all(name.startswith(NVIDIA) for name in file.devices):
        return None
    if seen.has_toolkit:
        return _write_again(file, seen)
    if _is_replaced(file, seen):
        does = f"Move {path} aside, so that the engine reads the file that is current."
        return Repair(does=does, steps=(MoveAside(path=path),), patience_s=_SETTLES_S)
    return None


def describe_devices(seen: CdiSeen) -> Repair | None:
    """Return the repair that describes NVIDIA's devices, of which the engine knows none; None without the toolkit."""
    if not seen.has_toolkit:
        return None
    folder = seen.folders[0] if seen.folders else FOLDERS[0]
    return _write_again(CdiFile(path=f"{folder}/nvidia.yaml"), seen, is_new=True)


def _write_again(file: CdiFile, seen: CdiSeen, *, is_new: bool = False) -> Repair:
    if not has_service(seen):
        return _rewritten(file.path, ("nvidia-ctk", "cdi", "generate", f"--output={file.path}"))
    found = _rewritten(seen.refreshed, ("systemctl", "restart", SERVICE))
    if is_new or is_refreshed(file, seen):
        return found
    does = f"Move {file.path} aside, and describe the GPUs in {seen.refreshed} as they are now."
    return replace(found, does=does, steps=(MoveAside(path=PurePosixPath(file.path)), *found.steps))


def _rewritten(path: str, argv: tuple[str, ...]) -> Repair:
    step = RewriteFile(path=PurePosixPath(path), argv=argv)
    return Repair(does=f"Describe the GPUs in {path} as they are now.", steps=(step,), patience_s=_SETTLES_S)


def _is_in_conflict(file: CdiFile, seen: CdiSeen) -> bool:
    _, conflicts = resolve(seen.files)
    return any(file in files for files in conflicts.values())


def _is_replaced(file: CdiFile, seen: CdiSeen) -> bool:
    """Return whether other files describe all of its devices as they are, if this one is gone."""
    rest = replace(seen, files=tuple(one for one in seen.files if one is not file))
    taken, _ = resolve(rest.files)
    names = tuple(file.devices)
    return all(name in taken for name in names) and not find_faults(rest, names)
