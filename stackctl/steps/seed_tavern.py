"""SillyTavern's folders and settings: made before the first start; later only the settings that are ours change."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from stackctl import __version__
from stackctl.contracts.json_table import table_or_empty
from stackctl.core.config.files import STATE
from stackctl.core.config.journal import checksum
from stackctl.core.formats.dataclass_json import to_plain
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json, preset_files, settings_record
from stackctl.core.tavern import profiles as tavern_profiles
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.preset_files import PresetFile
from stackctl.core.tavern.profiles import Merged, ModelProfile, Profile
from stackctl.core.tavern.prompt_templates import Template
from stackctl.errors import DataError
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.steps.former_stack import note_written
from stackctl.steps.has_run import has_run
from stackctl.steps.tavern_folder import data_path, settings_file, tavern_folder
from stackctl.steps.tavern_presets import presets_to_write, with_free_names, write_presets
from stackctl.steps.tavern_samplers import as_written, sampler_selection, say_offered
from stackctl.steps.template_contents import template_contents
from stackctl.terminal import command_line

_RENDERED = "rendered"  # key in the record's "made_from"
RECORD = f"{STATE}/sillytavern.json"  # the settings that we wrote last, and what they were made from


@dataclass(frozen=True, kw_only=True)
class WantedSettings:
    """The settings that SillyTavern should have, its defaults, and what the wanted ones were made from."""

    overlay: Mapping[str, Any]
    stock: Mapping[str, Any]
    made_from: Mapping[str, Any]
    profiles: tuple[Profile, ...] = ()
    presets: tuple[PresetFile, ...] = ()  # under names that are free in this data folder


def wanted_settings(plan: Plan, profiles: tuple[ModelProfile, ...], machine: Machine) -> WantedSettings | None:
    """Return the wanted settings, with templates from the image that will run; None if their inputs have not changed.

    Raises ConfigError if SillyTavern has no template of the name that the user asked for.
    """
    made_from, record = _made_from(plan, profiles, machine), _record_of_settings(plan, machine)
    if settings_record.is_same_wish(record, made_from):
        return None
    shipped = machine.docker.read_files(plan.sillytavern.image, (tavern.STOCK_SETTINGS, *tavern.PRESETS.values()))
    template = None if settings_record.leaves_templates(record, made_from) else plan.template
    groups = [template.files if template else (), plan.sampler_presets, *(one.presets for one in profiles)]
    free = as_written(with_free_names(chain(*groups), plan, shipped, record, machine), record)
    own, samplers, *others = (tuple(islice(free, len(group))) for group in groups)
    found = template_contents(plan, shipped, machine, own=own) if template else tavern_settings.Presets()
    return WantedSettings(
        overlay=tavern_settings.overlay(
            plan.tavern_type,
            plan.backend_url,
            plan.context,
            found,
            opening=_opening(template, record),
            samplers=sampler_selection(plan, samplers, shipped, record, machine),
            thinks=bool(template and template.thinking in {"on", "always"}),
        ),
        stock=data_json.parse(shipped.get(tavern.STOCK_SETTINGS)) or {},
        made_from=made_from,
        profiles=tuple(one.naming(names) for one, names in zip(profiles, others, strict=True)),
        presets=(*own, *samplers, *chain(*others)),
    )


def may_write_settings(plan: Plan, profiles: tuple[ModelProfile, ...], machine: Machine) -> bool:
    """Whether a deploy of this plan looks at SillyTavern's settings, and may write them; its image is not looked at."""
    return not settings_record.is_same_wish(_record_of_settings(plan, machine), _made_from(plan, profiles, machine))


def _made_from(plan: Plan, profiles: tuple[ModelProfile, ...], machine: Machine) -> dict[str, Any]:
    return {
        "stackctl": __version__,
        "image": machine.docker.images.digest(plan.sillytavern.image) or "",
        "connection": [plan.tavern_type, plan.backend_url, plan.context],
        "template": plan.template and to_plain(plan.template),
        "samplers": plan.samplers and to_plain(plan.samplers),
        "profiles": [one.words for one in profiles],
        "presets": [[one.place, one.table] for one in chain(*(profile.presets for profile in profiles))],
    }


def _opening(template: Template | None, record: Mapping[str, Any]) -> str | None:
    """Return with what SillyTavern shall start each answer; None to leave that alone, "" to take back what we wrote."""
    wrote = table_or_empty(settings_record.written(record).get("power_user")).get("user_prompt_bias")
    return (template.opening if template else "") or ("" if wrote else None)


def _record_of_settings(plan: Plan, machine: Machine) -> dict[str, Any]:
    """What is recorded of SillyTavern's settings; {} where those are missing or damaged."""
    return _record(machine) if data_json.parse(tavern_folder(plan, machine).read_bytes(settings_file(plan))) else {}


def seed_tavern(plan: Plan, want: WantedSettings | None, machine: Machine) -> None:
    """Make the folders, owned by SillyTavern's user; write its first settings.json, or update it.

    In an existing settings.json only stackctl's settings change, and only those that the user has not changed. A
    damaged file is kept under another name, with a note.
    """
    folder = tavern_folder(plan, machine)
    for name in plan.folders:
        folder.make(name)
        _check_owner(machine.path / name, folder.owner_id(name), folder.owner.uid)
    for name, text in machine.storage.tavern_extension().items():
        folder.write(f"{data_path(plan)}/extensions/{tavern.OUR_EXTENSION}/{name}", text)
    if want is None:
        return
    current = folder.read_bytes(settings_file(plan))
    settings = data_json.parse(current)
    if current is not None and not settings:
        kept = folder.set_aside(settings_file(plan))
        was = "SillyTavern's settings.json was damaged (not a JSON object)"
        machine.ui.warn(f"{was}: it is kept as {kept and kept.name}")
    if current is not None and settings:
        before = _record(machine)
        done = _follow(settings, want, plan, folder, machine, must_write=data_json.is_unreadable(current))
    else:
        before = {}
        done = tavern_profiles.merge(tavern_settings.merge(want.stock, want.overlay), want.profiles, ())
        _write(data_json.dump(done.settings), plan, folder, machine)
        machine.ui.note("wrote SillyTavern's first settings: it will connect by itself")
    due = presets_to_write(want.presets, done.settings, before, plan, machine)
    say_offered(plan, due, done.settings, machine)
    presets = preset_files.with_recorded(preset_files.recorded(before), due)
    _write_record({**_record(machine), "presets": presets}, machine)
    write_presets(due, plan, machine)
    overlay = settings_record.with_written(before, want.overlay)
    record = {"made_from": want.made_from, "overlay": overlay, "profiles": done.written, "presets": presets}
    _write_record(record, machine)


def put_settings_back(plan: Plan, former: bytes, record: bytes, *, is_edited: bool, machine: Machine) -> None:
    """Write SillyTavern's settings as they were before a failed deploy. `record`: the former record of them.

    If somebody else has changed them since, only the settings that are still as the deploy wrote them go back.
    """
    folder = tavern_folder(plan, machine)
    if not is_edited:
        _write(former, plan, folder, machine)
        return
    settings, was = data_json.parse(folder.read_bytes(settings_file(plan))), data_json.parse(record) or {}
    if settings:
        overlay = was.get("overlay")
        want = WantedSettings(
            overlay=overlay if isinstance(overlay, Mapping) else {},
            stock={},
            made_from={},
            profiles=_profiles(was),
        )
        _follow(settings, want, plan, folder, machine, must_write=False)


def is_seeded(machine: Machine) -> bool:
    """Return whether a deploy has written SillyTavern's settings here.

    The records of `stackctl adopt`, and of `stackctl render` before the first start, do not count.
    """
    record = _record(machine)
    made_from = record.get("made_from")
    is_rendered = isinstance(made_from, Mapping) and made_from.get(_RENDERED)
    return bool((made_from and not is_rendered) or record.get("former") or has_run(machine, {}))


def as_rendered(want: WantedSettings) -> WantedSettings:
    """Return the same settings, marked as written without a start: the next deploy looks at them again."""
    return replace(want, made_from={**want.made_from, _RENDERED: True})


def _follow(
    settings: Mapping[str, Any], want: WantedSettings, plan: Plan, folder: Folder, machine: Machine, *, must_write: bool
) -> Merged:
    """Update existing settings, and return them with the profiles that are ours."""
    record = _record(machine)
    wrote = settings_record.written(record)
    rewired = tavern_settings.rewire(settings, want.overlay, wrote=wrote, stock=want.stock)
    done = tavern_profiles.merge(rewired.settings, want.profiles, _profiles(record))
    if done.settings != settings or must_write:
        _write(data_json.dump(done.settings), plan, folder, machine)
        was, now = (_template_name(one) for one in (settings, done.settings))
        template = f" (the prompt template is {now} instead of {was})" if was != now else ""
        machine.ui.note(f"updated SillyTavern's settings{template}; open tabs must be reloaded")
    if left := (*rewired.left, *(f"the connection profile {name}" for name in done.left)):
        machine.ui.note(f"kept your own changes in SillyTavern's settings: {', '.join(left)}")
    return done


def _template_name(settings: Mapping[str, Any]) -> str:
    power = table_or_empty(settings.get("power_user"))
    return str(table_or_empty(power.get("instruct")).get("preset") or "none")


def _profiles(record: Mapping[str, Any]) -> tuple[Profile, ...]:
    """Return the profiles that are ours, by a record."""
    listed = record.get("profiles")
    return tuple(one for one in listed if isinstance(one, Mapping) and "id" in one) if isinstance(listed, list) else ()


def _write(content: str | bytes, plan: Plan, folder: Folder, machine: Machine) -> None:
    """Write settings.json, then its stamp: a page that loaded other settings no longer saves them after that."""
    note_written(machine, {settings_file(plan): content})
    folder.write(settings_file(plan), content, mode=0o600)
    stamp = {"stamp": checksum(content)[:16]}
    folder.write(f"{data_path(plan)}/extensions/{tavern.OUR_EXTENSION}/{tavern.STAMP}", json.dumps(stamp) + "\n")


def _write_record(record: Mapping[str, Any], machine: Machine) -> None:
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    note_written(machine, {RECORD: text})
    machine.folder.write(RECORD, text)


def _record(machine: Machine) -> dict[str, Any]:
    return data_json.parse(machine.folder.read_bytes(RECORD)) or {}


def _check_owner(path: Path, found: int, uid: int) -> None:
    if found != uid:
        raise DataError(
            f"{path} belongs to user {found}, but SillyTavern runs as user {uid} and could not write there",
            hint=f"Run `{command_line('sudo', 'chown', '-R', uid, path)}`, or set sillytavern.uid = {found} in "
            "stack.toml.",
            issue="folder-owner-wrong",
        )
