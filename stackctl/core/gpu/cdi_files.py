"""The CDI files that the engine reads, compared with the device files, libraries and programs of the machine.

After an update of the driver a file that was written before is stale: the engine then refuses the GPU, or gives a
container device files that nothing answers.

Sources: container-device-interface's pkg/cdi (cache.go: of the folders the last one wins, and a device that two files
of one folder describe is dropped); nvidia-container-toolkit's deployments/systemd (nvidia-cdi-refresh.service).
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.cdi import CdiFile, CdiSeen, Edits, Node, PathSeen
from stackctl.contracts.service import GpuRequest
from stackctl.core.gpu.layers import LayerVerdict
from stackctl.errors import GpuError
from stackctl.terminal import command_line, shell_word

FOLDERS: Final = ("/etc/cdi", "/var/run/cdi")  # those of an engine that was not given others; the last one wins
NVIDIA: Final = "nvidia.com/gpu="
# without them no program computes; a file that was written before the driver was loaded completely lacks them
CONTROL: Final = ("/dev/nvidiactl", "/dev/nvidia-uvm")
SERVICE: Final = "nvidia-cdi-refresh.service"
_LIBRARY: Final = re.compile(r"(/lib(?:cuda|nvidia-ml)\.so\.)(\d{3,}\.\d+(?:\.\d+)?)$")  # not WSL's and Jetson's 1.1
_MOST_SHOWN: Final = 6
_INSTALL: Final = "Install the NVIDIA Container Toolkit, then run "
_DRIVER: Final = "cdi"  # the engine's, whose devices have names of CDI's


@dataclass(frozen=True, kw_only=True)
class CdiFault:
    """Why a CDI file gives no working GPU. says: a clause; hint: how to repair it; issue: the page that explains it."""

    file: str
    says: str
    hint: str
    issue: str = "cdi-unreadable"
    evidence: tuple[str, ...] = ()


def named_paths(files: tuple[CdiFile, ...], driver: str) -> frozenset[str]:
    """Return the paths at which to look for CdiSeen."""
    named = frozenset[str]().union(CONTROL, *(file.paths for file in files))
    return named.union(_library_of(driver, path) for path in named)


def find_faults(seen: CdiSeen, wanted: tuple[str, ...] = (), *, are_listed: bool = False) -> tuple[CdiFault, ...]:
    """Return what is wrong with the files from which the engine takes the wanted devices.

    wanted: full names such as nvidia.com/gpu=0; () for all of NVIDIA's. A device that no file describes is no fault.
    are_listed: the engine lists the devices, so it can use their files, whatever we make of them.
    """
    taken, conflicts = resolve(seen.files)
    names = wanted or tuple(name for name in sorted({*taken, *conflicts}) if name.startswith(NVIDIA))
    found: dict[str, CdiFault] = {}
    if not are_listed:
        for name in names:
            found |= _clash(name, conflicts[name], seen) if name in conflicts else {}
    by_file: dict[str, list[str]] = defaultdict(list)
    for name in names:
        if name in taken:
            by_file[taken[name].path].append(name)
    for file in seen.files:
        if reasons := list(dict.fromkeys(one for name in by_file[file.path] for one in _stale(name, file, seen))):
            found.setdefault(file.path, _stale_fault(file, by_file[file.path], reasons, seen))
    unread = any(file.is_unread for file in seen.files) and not seen.is_rootless  # the engine may read them
    if not are_listed and not unread and (not names or any(name not in taken for name in names)):
        for file in seen.files:
            if file.error or file.is_unread:
                found.setdefault(file.path, _useless_fault(file, seen))
    return tuple(found.values())


def resolve(files: tuple[CdiFile, ...]) -> tuple[dict[str, CdiFile], dict[str, tuple[CdiFile, ...]]]:
    """Return (device -> the file from which the engine takes it, device that it drops -> the files in conflict)."""
    by_name: dict[str, list[CdiFile]] = defaultdict(list)
    for file in files:
        for name in file.devices:
            by_name[name].append(file)
    taken: dict[str, CdiFile] = {}
    conflicts: dict[str, tuple[CdiFile, ...]] = {}
    for name, all_files in by_name.items():
        folders = [file.folder for file in all_files]
        # a conflict in a folder that loses drops the device, too (cache.go: refresh)
        twice = [file for file in all_files if folders.count(file.folder) > 1]
        if twice:
            conflicts[name] = tuple(file for file in twice if file.folder == twice[0].folder)
        else:
            taken[name] = max(all_files, key=lambda file: file.folder)
    return taken, conflicts


def promised_nodes(seen: CdiSeen | None, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the device files, by their paths inside, that the engine's CDI files add to a container with devices."""
    taken, _ = resolve(seen.files if seen else ())
    nodes = (node.inside for name in names if name in taken for node in taken[name].devices[name].nodes)
    return tuple(dict.fromkeys(nodes))


def cdi_verdict(seen: CdiSeen, wanted: tuple[str, ...] = ()) -> LayerVerdict | None:
    """Return that the engine's layer fails by a CDI file; None if nothing is wrong with them."""
    faults = find_faults(seen, wanted)
    if not faults:
        return None
    first = faults[0]
    return LayerVerdict(
        layer="engine", state="fails", says=first.says, hint=first.hint, evidence=first.evidence, issue=first.issue
    )


def refuse_stale(seen: CdiSeen, wanted: tuple[str, ...] = (), *, are_listed: bool = False) -> None:
    """Raise GpuError if a file from which the engine takes the wanted devices is stale or can't be used."""
    for fault in find_faults(seen, wanted, are_listed=are_listed):
        raise GpuError(fault.says, hint=fault.hint, evidence=fault.evidence, issue=fault.issue)


def _stale(name: str, file: CdiFile, seen: CdiSeen) -> list[str]:
    """Return what a file says of a device that is not so, each as a clause."""
    edits = file.devices[name]
    found = [_node_fault(node, seen) for node in edits.nodes]
    found += [_mount_fault(mount, seen) for mount in edits.mounts]
    found += [_program_fault(program, seen) for program in edits.programs]
    if name.startswith(NVIDIA):
        found += [_missing_control(edits, control, seen) for control in CONTROL]
    return [one for one in found if one]


def _node_fault(node: Node, seen: CdiSeen) -> str:
    at = seen.paths.get(node.path, PathSeen(exists=None))
    if at.exists is None or (node.is_complete and at.device is None):
        return ""
    if at.device is None:
        what = "is no device file" if at.exists else "does not exist"
        return f"it names {node.path}, which {what}"
    if node.major and at.device != (node.major, node.minor):
        numbers = ":".join(map(str, at.device))
        return f"it names {node.path} as device {node.major}:{node.minor}, but its numbers are {numbers}"
    return ""


def _mount_fault(path: str, seen: CdiSeen) -> str:
    at = seen.paths.get(path, PathSeen(exists=None))
    if at.exists is False:
        return f"it mounts {path}, which does not exist"
    current = _library_of(seen.driver, path)
    # without a library of its version, the driver itself was updated while it ran, and no CDI file helps
    if current != path and seen.paths.get(current, PathSeen()).exists:
        return f"it mounts {path}, but the driver that runs is {seen.driver}"
    return ""


def _library_of(driver: str, path: str) -> str:
    """Return the path with the driver's version in the place of that of one of its libraries."""
    return _LIBRARY.sub(rf"\g<1>{driver}", path) if driver else path


def _program_fault(path: str, seen: CdiSeen) -> str:
    at = seen.paths.get(path, PathSeen(exists=None))
    if at.exists is False:
        return f"it runs {path}, which does not exist"
    return f"it runs {path}, which is no program" if at.exists and not at.is_program else ""


def _missing_control(edits: Edits, control: str, seen: CdiSeen) -> str:
    named = {node.path for node in edits.nodes}
    is_real = any(path.startswith("/dev/nvidia") for path in named)
    if not is_real or control in named or seen.paths.get(control, PathSeen()).device is None:
        return ""
    return f"it leaves out {control}, without which no program can use the GPU"


def _stale_fault(file: CdiFile, names: list[str], reasons: list[str], seen: CdiSeen) -> CdiFault:
    lost = [other.path for other in seen.files if other.folder < file.folder and any(n in other.devices for n in names)]
    before = f"; the engine reads it instead of {' and '.join(lost)}" if lost else ""
    return CdiFault(
        file=file.path,
        says=f"the CDI file {file.path} is stale: {reasons[0]}{before}",
        hint=f"{_repair(file, seen)} Or run `stackctl deploy --gpu none`.",
        evidence=tuple(reasons[:_MOST_SHOWN]) if len(reasons) > 1 else (),
        issue="cdi-stale",
    )


def _useless_fault(file: CdiFile, seen: CdiSeen) -> CdiFault:
    says = f"the engine can't use the CDI file {file.path}: {file.error or 'it is not readable for its user'}"
    chmod = f"Run `sudo chmod a+r {shell_word(file.path)}`."
    return CdiFault(file=file.path, says=says, hint=_repair(file, seen) if file.error else chmod)


def _clash(name: str, files: tuple[CdiFile, ...], seen: CdiSeen) -> dict[str, CdiFault]:
    """Return the fault of several files of one folder that describe a device: the first one that nothing refreshes."""
    spare = next((file for file in files if not is_refreshed(file, seen)), files[0])
    others = [file.path for file in files if file is not spare]
    says = f"{spare.path} and {' and '.join(others)} both describe {name}, so the engine has none of it"
    hint = f"Run `{_set_aside(spare)}`, so that one of them is left."
    return {spare.path: CdiFault(file=spare.path, says=says, hint=hint)}


def _repair(file: CdiFile, seen: CdiSeen) -> str:
    """Return the sentence that says how a file is made current, or how one that is current takes its place."""
    if not all(name.startswith(NVIDIA) for name in file.devices):
        return f"Write {file.path} again with the tool that made it."
    start = "Run " if seen.has_toolkit else _INSTALL
    others = f", which writes {seen.refreshed} and keeps it current" if has_service(seen) else ""
    return f"{start}`{_command(file, seen)}`{'' if is_refreshed(file, seen) else others}."


def describe_command(seen: CdiSeen | None) -> str:
    """Return the command that describes NVIDIA's devices as they are now, in the file that the engine takes first."""
    files = [file for file in (seen.files if seen else ()) if any(name.startswith(NVIDIA) for name in file.devices)]
    first = max(files, key=lambda file: file.folder, default=None)
    if seen and first:
        return _command(first, seen)
    folder = seen.folders[0] if seen and seen.folders else FOLDERS[0]
    return _command(CdiFile(path=f"{folder}/nvidia.yaml"), seen or CdiSeen(), is_new=True)


def _command(file: CdiFile, seen: CdiSeen, *, is_new: bool = False) -> str:
    if not has_service(seen):
        return f"sudo nvidia-ctk cdi generate --output={shell_word(file.path)}"
    restart = f"sudo systemctl restart {SERVICE}"
    return restart if is_new or is_refreshed(file, seen) else f"{_set_aside(file)} && {restart}"


def has_service(seen: CdiSeen) -> bool:
    """Return whether the toolkit's service writes a file that the engine reads."""
    return bool(seen.refreshed) and str(PurePosixPath(seen.refreshed).parent) in seen.folders


def is_refreshed(file: CdiFile, seen: CdiSeen) -> bool:
    return file.path == seen.refreshed


def _set_aside(file: CdiFile) -> str:
    """Return the command after which the engine no longer reads a file: it reads those called .yaml or .json."""
    return command_line("sudo", "mv", file.path, f"{file.path}.old")


def cdi_names(request: GpuRequest) -> tuple[str, ...]:
    """Return the full names of the CDI devices that a request names."""
    asked = request.devices if request.driver == _DRIVER else request.files
    return tuple(one for one in asked if "=" in one)
