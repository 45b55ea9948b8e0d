"""The presets of samplers of a stack's models, and which one SillyTavern has selected."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json, preset_files, settings_record
from stackctl.core.tavern import samplers as tavern_samplers
from stackctl.core.tavern.preset_files import PresetFile
from stackctl.core.tavern.profiles import Profile
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import settings_file, tavern_folder
from stackctl.steps.tavern_presets import with_free_names


@dataclass(frozen=True, kw_only=True)
class SamplerPresets:
    """The files, under names that are free; the settings that select one; and the names that were taken."""

    files: tuple[PresetFile, ...]
    selection: Mapping[str, Any]
    renamed: Mapping[str, str]

    def in_profiles(self, profiles: tuple[Profile, ...]) -> tuple[Profile, ...]:
        """Return connection profiles with the names that the presets have."""
        return tuple(
            {**one, "preset": self.renamed[one["preset"]]} if one.get("preset") in self.renamed else one
            for one in profiles
        )


def sampler_presets(
    plan: Plan, shipped: Mapping[str, str], stock: Mapping[str, Any], record: Mapping[str, Any], machine: Machine
) -> SamplerPresets:
    """Return the presets of all models. shipped, stock: the image's files and settings; record: what stackctl wrote."""
    wanted = [one for one in (plan.samplers, *plan.other_samplers) if one]
    neutral = _preset(tavern_samplers.NEUTRAL, shipped)
    plain = {file.name: file for file in (tavern_samplers.preset(one, neutral) for one in reversed(wanted))}
    files = with_free_names(plain.values(), plan, shipped, record, machine)
    named = dict(zip(plain, files, strict=True))
    name = str(table_or_empty(stock.get(tavern_samplers.SETTINGS)).get("preset", ""))
    return SamplerPresets(
        files=files,
        selection=tavern_samplers.selection(
            named[plan.samplers.name] if plan.samplers else None,
            settings=data_json.parse(tavern_folder(plan, machine).read_bytes(settings_file(plan))) or {},
            wrote=settings_record.written(record),
            default={**_preset(name, shipped), "preset": name} if name else {},
            is_demo=plan.is_demo,
        ),
        renamed={old: file.name for old, file in named.items() if file.name != old},
    )


def say_offered(plan: Plan, written: Iterable[PresetFile], settings: Mapping[str, Any], machine: Machine) -> None:
    """Note the preset of the model that runs, if it was just written, and SillyTavern has another one selected."""
    if not plan.samplers:
        return
    names = {one.name for one in preset_files.names_apart(tavern_samplers.preset(plan.samplers, {}))}
    selected = table_or_empty(settings.get(tavern_samplers.SETTINGS)).get("preset")
    for file in written:
        if file.kind == tavern_samplers.KIND and file.name in names and file.name != selected:
            machine.ui.note(
                "SillyTavern keeps its samplers; the recommended ones are there as the preset "
                f"{file.name}: choose it under AI Response Configuration"
            )


def _preset(name: str, shipped: Mapping[str, str]) -> Mapping[str, Any]:
    """Return the content of one of SillyTavern's own presets of samplers; {} if it has none of that name."""
    return data_json.parse(shipped.get(f"{tavern.PRESETS[tavern_samplers.KIND]}/{name}.json")) or {}
