"""Preset files of stackctl's own in SillyTavern's data folder: written beside the user's, and never over them."""

from collections.abc import Iterable, Mapping
from typing import Any

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import data_json, preset_files
from stackctl.core.tavern.preset_files import PresetFile, Recorded
from stackctl.errors import DataError
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.steps.tavern_folder import data_path, tavern_folder


def with_free_names(
    wanted: Iterable[PresetFile], plan: Plan, shipped: Iterable[str], record: Mapping[str, Any], machine: Machine
) -> tuple[PresetFile, ...]:
    """Return the presets in the same order, each under a name that neither SillyTavern nor the user has for another.

    shipped: the paths of the image's files; record: what stackctl wrote last into this data folder.
    """
    folder, wrote, paths = tavern_folder(plan, machine), preset_files.recorded(record), tuple(shipped)
    taken = {kind: set(preset_files.shipped_names(kind, paths)) for kind in preset_files.FOLDERS}
    named: list[PresetFile] = []
    for file in wanted:
        free = next(
            (one for one in preset_files.names_apart(file) if _is_free(one, named, taken, wrote, plan, folder)), file
        )
        named.append(free)
    return tuple(named)


def presets_to_write(
    files: Iterable[PresetFile], settings: Mapping[str, Any], record: Mapping[str, Any], plan: Plan, machine: Machine
) -> tuple[PresetFile, ...]:
    """Return the presets that are ours to write; note those that the user has changed. settings: SillyTavern's."""
    folder, wrote = tavern_folder(plan, machine), preset_files.recorded(record)
    due, left = [], []
    for file in files:
        before, now = wrote.get(file.kind, {}).get(file.name), _read(file.place, plan, folder)
        fate = preset_files.fate(file, now, before, is_named=preset_files.is_named(file, settings))
        if fate == "write":
            due.append(file)
        elif fate == "theirs" and now is not None and file.table != before:
            left.append(f"{file.name} ({file.kind})")
    if left:
        machine.ui.note(f"kept your own changes in SillyTavern's presets: {', '.join(left)}")
    return tuple(due)


def write_presets(files: Iterable[PresetFile], plan: Plan, machine: Machine) -> None:
    """Write the files, which are in the record already: a deploy that is killed here can still be undone."""
    folder = tavern_folder(plan, machine)
    for file in files:
        folder.write(f"{data_path(plan)}/{file.place}", data_json.dump(file.table))


def put_presets_back(now: Mapping[str, Any], former: Mapping[str, Any], plan: Plan, machine: Machine) -> None:
    """Undo what a failed deploy did to presets, unless somebody has changed them since. now, former: the records."""
    folder, before = tavern_folder(plan, machine), preset_files.recorded(former)
    for kind, names in preset_files.recorded(now).items():
        for name, wrote in names.items():
            place, was = preset_files.place(kind, name), before.get(kind, {}).get(name)
            if was == wrote or _read(place, plan, folder) != wrote:
                continue
            if was is None:
                folder.remove(f"{data_path(plan)}/{place}")
            else:
                folder.write(f"{data_path(plan)}/{place}", data_json.dump(was))


def _is_free(
    file: PresetFile,
    others: Iterable[PresetFile],
    taken: Mapping[str, set[str]],
    wrote: Recorded,
    plan: Plan,
    folder: Folder,
) -> bool:
    """Return whether a preset can have its name: no file has it, or it is ours, or it has the same content."""
    if file.name.casefold() in taken[file.kind]:
        return False
    namesakes = (one for one in others if (one.kind, one.name.casefold()) == (file.kind, file.name.casefold()))
    if any(one.table != file.table for one in namesakes):
        return False
    now = _read(file.place, plan, folder)
    return now is None or now == file.table or file.name in wrote.get(file.kind, {})


def _read(place: str, plan: Plan, folder: Folder) -> Mapping[str, Any] | None:
    """Return the table in a preset's file; {} for a file that is none of ours to read, None without a file."""
    try:
        raw = folder.read_bytes(f"{data_path(plan)}/{place}")
    except DataError:  # a link, or a folder of that name
        return {}
    return None if raw is None else data_json.parse(raw) or {}
