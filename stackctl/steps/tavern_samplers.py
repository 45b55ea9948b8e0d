"""Which preset of samplers SillyTavern has selected."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json, preset_files, settings_record
from stackctl.core.tavern import samplers as tavern_samplers
from stackctl.core.tavern.preset_files import PresetFile
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import settings_file, tavern_folder


def sampler_selection(
    plan: Plan,
    files: Iterable[PresetFile],
    shipped: Mapping[str, str],
    record: Mapping[str, Any],
    machine: Machine,
) -> dict[str, Any]:
    """Return the settings that select the preset of the plan's model; {} where that is the user's to do.

    files: that preset, if its model has one; shipped: the image's files; record: what stackctl wrote last.
    """
    stock = data_json.parse(shipped.get(tavern.STOCK_SETTINGS)) or {}
    name = str(table_or_empty(stock.get(tavern_samplers.SETTINGS)).get("preset", ""))
    default = data_json.parse(shipped.get(f"{tavern.PRESETS[tavern_samplers.KIND]}/{name}.json")) or {}
    return tavern_samplers.selection(
        next(iter(files), None),
        settings=data_json.parse(tavern_folder(plan, machine).read_bytes(settings_file(plan))) or {},
        wrote=settings_record.written(record),
        default={**default, "preset": name} if name else {},
        is_demo=plan.is_demo,
    )


def as_written(files: Iterable[PresetFile], record: Mapping[str, Any]) -> Iterator[PresetFile]:
    """Give the presets, those of samplers as they were written first: another catalogue changes no stack that is here.

    record: what stackctl wrote last.
    """
    wrote = preset_files.recorded(record)[tavern_samplers.KIND]
    for one in files:
        is_known = one.kind == tavern_samplers.KIND and one.name in wrote
        yield replace(one, content=wrote[one.name]) if is_known else one


def say_offered(plan: Plan, written: Iterable[PresetFile], settings: Mapping[str, Any], machine: Machine) -> None:
    """Note the preset of the plan's model, if it was just written, and SillyTavern has another one selected."""
    names = {one.name for file in plan.sampler_presets for one in preset_files.names_apart(file)}
    selected = table_or_empty(settings.get(tavern_samplers.SETTINGS)).get("preset")
    for file in written:
        if file.kind == tavern_samplers.KIND and file.name in names and file.name != selected:
            machine.ui.note(
                "SillyTavern keeps its samplers; the recommended ones are there as the preset "
                f"{file.name}: choose it under AI Response Configuration"
            )
