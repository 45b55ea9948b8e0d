"""The disks, folders and file systems."""

from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Final

from stackctl.contracts.finding import CheckResult, Finding, finding_of
from stackctl.contracts.host import Permissions
from stackctl.contracts.system import DiskUse, Ran
from stackctl.core.config.stack_toml import FILE
from stackctl.core.doctor import file_systems
from stackctl.core.doctor.commands import size
from stackctl.core.doctor.room import Place, judge_room
from stackctl.core.doctor.servers import NO_TIME
from stackctl.errors import DataError, StackctlError
from stackctl.steps import disks
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.needed import missing_images, model_place
from stackctl.steps.tavern_folder import data_path

_FSTAB: Final = PurePosixPath("/etc/fstab")
_ANSWERS_S: Final = 0.8  # a share that answers at all does within milliseconds
_FAIR_S: Final = 0.5
_NOT_HERE: Final = "the engine's disk can't be seen from here"


def folders_in_use(looks: Looks) -> tuple[PurePosixPath, ...]:
    """Return the folders that containers of the stack mount: that of the stack, and its data folder elsewhere."""
    place, plan = looks.machine.place, looks.plan()
    data = PurePosixPath(data_path(plan)) if plan else place
    return (place, data) if data.is_absolute() and not data.is_relative_to(place) else (place,)


def _engine_disk(looks: Looks) -> DiskUse | None:
    """Return the disk of the engine's images; None if it can't be seen from here."""
    docker = looks.machine.docker
    looks.engine()
    if not docker.is_local or docker.view not in {"", "snap"}:
        return None
    return looks.once("engine disk", lambda: _disk_of_engine(looks))


def _disk_of_engine(looks: Looks) -> DiskUse | None:
    """Return it by the engine's own root, where that is another one: an engine in a container that shares our pids."""
    system, details = looks.machine.system, looks.details()
    root = PurePosixPath(f"/proc/{details.pid}/root")
    theirs = system.identity(root) if details.pid else None
    if theirs is None or theirs == system.identity(PurePosixPath("/")):
        return system.disk(details.image_folder)
    found = system.disk(root / details.image_folder.relative_to("/"))
    # the mount would be looked up in our own list
    return replace(found, mount_point="", file_system="", source="") if found else None


def _image_room(looks: Looks) -> CheckResult:
    disk = _engine_disk(looks)
    if disk is None:
        return CheckResult(untried=_NOT_HERE)
    place = Place(path=looks.details().image_folder, holds="images", disk=disk, will_pull=bool(missing_images(looks)))
    if judge_room(place):
        place = replace(place, leftovers=looks.machine.docker.leftovers())
    return CheckResult(findings=judge_room(place), says=f"{size(disk.free_mib)} free")


def _stack_room(looks: Looks) -> CheckResult:
    system, machine = looks.machine.system, looks.machine
    theirs = None
    with suppress(StackctlError):
        theirs = _engine_disk(looks)
    seen = {theirs.mount_point} if theirs and theirs.mount_point else set()
    places: list[Place] = []
    for folder in folders_in_use(looks):
        disk = None if _hangs(folder, looks) else system.disk(folder)
        if disk and disk.mount_point not in seen:
            places.append(Place(path=folder, holds="stack", disk=disk))
            seen.add(disk.mount_point)
    models = PurePosixPath(machine.storage.library.folder)
    disk = system.disk(models) if looks.spec().model.source else None
    if disk and disk.mount_point not in seen:
        places.append(Place(path=models, holds="models", disk=disk))
    if not places:
        return CheckResult(says="that of the images")
    findings = tuple(one for place in places for one in judge_room(place))
    return CheckResult(findings=findings, says=f"{size(min(one.disk.free_mib for one in places))} free")


def _folder(looks: Looks) -> CheckResult:
    machine = looks.machine
    disk = machine.system.disk(machine.place)
    if disk is None:
        return CheckResult(untried="the folder's file system can't be read")
    may_write = machine.system.may_write(machine.place)
    folder = file_systems.StackFolder(
        path=machine.place,
        disk=disk,
        is_stack=_is_stack(looks),
        may_write=may_write,
        owner=machine.folder.owner.uid,
        permissions=_permissions(looks, disk) if may_write else None,
    )
    findings = file_systems.judge_folder(folder, machine.system.user())
    return CheckResult(findings=findings, says=disk.file_system)


def _is_stack(looks: Looks) -> bool:
    with suppress(StackctlError):
        return looks.machine.folder.has_file(FILE) or looks.plan() is not None
    return True


def _permissions(looks: Looks, disk: DiskUse) -> Permissions | None:
    """Try what a file system keeps, by an empty file that is deleted at once, only where that is in doubt."""
    if disk.is_read_only or not file_systems.has_to_be_tried(disk):
        return None
    with suppress(DataError):  # what can't be made there has another finding
        return looks.machine.storage.trees.permissions(looks.machine.path, looks.machine.folder.owner)
    return None


def _view(looks: Looks) -> CheckResult:
    docker, system, place = looks.machine.docker, looks.machine.system, looks.machine.place
    looks.engine()
    pid = looks.details().pid
    is_same = None
    root = PurePosixPath(f"/proc/{pid}/root")
    if pid and not docker.view and system.identity(root) and (mine := system.identity(place)):
        is_same = mine == system.identity(root / place.relative_to("/"))
    findings = file_systems.judge_view(place, docker.view, is_same=is_same)
    if not findings and is_same is None:
        return CheckResult(untried="only root may see what the engine's process sees")
    return CheckResult(findings=findings, says="as it is here")


def _model(looks: Looks) -> CheckResult:
    place = model_place(looks)
    if place is None:
        return CheckResult(untried="the stack names no model file", applies=False)
    path, system = PurePosixPath(place), looks.machine.system
    seen = _stat(path, looks)
    if seen.is_late:
        return _late(path, "the model", seen)
    if seen.code == 0 or system.exists(path):
        disk = system.disk(path)
        findings = file_systems.judge_model_disk(path, disk, _mib(looks, seen.out)) if disk else ()
        return CheckResult(findings=findings, says=disk.file_system if disk else "")
    entries = file_systems.read_fstab(system.text(_FSTAB) or "")
    lost = file_systems.judge_mounted(path, "the model", system.disk(path), entries, system.user())
    if lost or looks.spec().model.source:
        return CheckResult(findings=lost, untried="" if lost else "the model has yet to be pulled")
    return CheckResult(findings=(file_systems.judge_missing(path),))


def _mib(looks: Looks, said: str) -> int:
    with suppress(StackctlError):
        plan = looks.plan()
        if plan and plan.model_bytes:
            return plan.model_bytes >> 20
    return int(said) >> 20 if said.strip().isdecimal() else 0


def _stat(path: PurePosixPath, looks: Looks) -> Ran:
    """Ask for a file's size by another program, which can be ended if the file's share does not answer."""

    def ask() -> Ran:
        limit = looks.left_s(_ANSWERS_S)
        found = looks.machine.system.ask(("stat", "-L", "-c", "%s", str(path)), within_s=limit)
        # in less time than that a busy machine may not even have started the program
        return replace(found, err=NO_TIME) if found.is_late and limit < _FAIR_S else found

    return looks.once(f"stat {path}", ask)


def _hangs(path: PurePosixPath, looks: Looks) -> bool:
    """Return whether a folder elsewhere than the stack's, as chats may lie in, does not answer."""
    return path != looks.machine.place and _stat(path, looks).is_late


def _late(path: PurePosixPath, what: str, seen: Ran) -> CheckResult:
    """Return the result for a path whose share does not answer."""
    if seen.err == NO_TIME:
        return CheckResult(untried=NO_TIME)
    found = Finding(
        issue="disk-not-mounted",
        context=str(path),
        says=f"the disk or share of {what} {path} does not answer",
        hint="Check its server and the network, then mount it again. `findmnt` shows what is mounted.",
        evidence=(f"no answer to `stat` within {_ANSWERS_S:g} s",),
    )
    return CheckResult(findings=(found,))


def _chats(looks: Looks) -> CheckResult:
    plan = looks.plan()
    if plan is None:
        return CheckResult(untried="there is no stack in this folder", applies=False)
    data = looks.machine.place / data_path(plan)
    if _hangs(data, looks):
        return _late(data, "the chats", _stat(data, looks))
    try:
        disks.refuse_lost_disk(plan, looks.machine)
    except DataError as error:
        return CheckResult(findings=(finding_of(error, context=str(data)),))
    return CheckResult(says="mounted")


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="image disk", title="the engine's disk has room", run=_image_room),
    Check(name="stack disk", title="the stack's disks have room", run=_stack_room),
    Check(name="folder", title="the stack's folder can be written and keeps permissions", run=_folder),
    Check(name="engine's view", title="the engine sees the stack's folder", run=_view),
    Check(name="model disk", title="the model lies on a disk of this machine", run=_model),
    Check(name="chats' disk", title="the disk of the chats is mounted", run=_chats),
)
