"""Connection profiles of SillyTavern: one for each model, so that its page can choose server and template by name.

Source: public/scripts/extensions/connection-manager/index.js of SillyTavern 1.19.0: a profile is a table of values for
its slash commands; a missing one is not changed when the profile is chosen.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.config import several_models
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.tavern import prompt_templates
from stackctl.core.tavern.preset_files import PROFILE_KEYS, PresetFile
from stackctl.core.tavern.prompt_templates import Template
from stackctl.core.tavern.samplers import presets_of

PLACE: Final = ("extension_settings", "connectionManager")
Profile = Mapping[str, Any]
_OURS: Final = uuid.UUID("8f0b6c1e-0d5a-5a0e-9d0e-6a5f1c2b7d43")


@dataclass(frozen=True, kw_only=True)
class ModelProfile:
    """A profile, and those of the presets that it names which are the model's own."""

    words: Profile
    presets: tuple[PresetFile, ...] = ()

    def naming(self, presets: Iterable[PresetFile]) -> Profile:
        """Return the profile with the names under which its presets are written."""
        return {**self.words, **{PROFILE_KEYS[one.kind]: one.name for one in presets}}


def of_models(written: Spec, seen: Observed, *, server_type: str, url: str) -> tuple[ModelProfile, ...]:
    """Return a profile for each existing model of stack.toml, with its template. written: the spec as in stack.toml."""
    templates = {name: _template(written, seen, name) for name in seen.models}
    has_openings = any(one and one.opening for one in templates.values())
    found = []
    for name, one in templates.items():
        instruct, context, reasoning = (one.instruct, one.context, one.reasoning) if one else ("", "", "")
        words = profile_of(
            name, server_type=server_type, url=url, instruct=instruct, context=context, reasoning=reasoning
        )
        if one and has_openings:  # also the empty one: else the former model's would stay
            words = {**words, "start-reply-with": one.opening}
        samplers = presets_of(seen.models[name])
        found.append(ModelProfile(words=words, presets=(*(one.files if one else ()), *samplers)))
    return tuple(found)


def _template(written: Spec, seen: Observed, name: str) -> Template | None:
    page, model = several_models.settings_of(written, name).sillytavern, seen.models[name]
    return prompt_templates.choose_template(page.template, model.header, model.name, thinking=page.thinking)


def profile_of(name: str, *, server_type: str, url: str, instruct: str, context: str, reasoning: str = "") -> Profile:
    """Return the profile of a model. instruct, context, reasoning: names of SillyTavern's presets; "" for no change."""
    words = {
        "api": server_type,
        "api-url": url,
        "instruct": instruct,
        "context": context,
        "instruct-state": "true" if instruct else "",
        "reasoning-template": reasoning,
    }
    # the same id at every deploy, by which stackctl recognises its profile after the user has renamed it
    return {
        "id": str(uuid.uuid5(_OURS, name)),
        "mode": "tc",
        "name": name,
        "exclude": [],
        **{key: value for key, value in words.items() if value},
    }


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Settings with stackctl's profiles. written: those to record; left: names of those that the user changed."""

    settings: Mapping[str, Any]
    written: tuple[Profile, ...]
    left: tuple[str, ...]


def merge(settings: Mapping[str, Any], wanted: Iterable[Profile], wrote: Iterable[Profile]) -> Merged:
    """Add stackctl's profiles to the settings. wrote: as stackctl wrote them last.

    A profile that the user changed stays, a deleted one stays deleted, and the user's own are never touched.
    """
    outer, inner = PLACE
    extensions = table_or_empty(settings.get(outer))
    manager = table_or_empty(extensions.get(inner))
    listed = manager.get("profiles")
    current = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    before, after = ({str(one["id"]): one for one in some} for some in (wrote, wanted))
    written = dict(before)  # including deleted and changed ones, so that these are recognised
    kept: list[Profile] = []
    left: list[str] = []
    for one in current:
        number = str(one.get("id"))
        if number in before and one == before[number]:
            written.pop(number)  # unchanged since: it is written again below if it is still wanted
            continue
        kept.append(one)
        if number in after and after[number] != before.get(number, one):
            left.append(str(one.get("name")))
    here = {str(one.get("id")) for one in kept}
    for number, one in after.items():
        if number not in here and number not in written:
            written[number] = _free(one, kept)
            kept.append(written[number])
    if sorted(kept, key=repr) == sorted(current, key=repr):
        return Merged(settings=settings, written=tuple(written.values()), left=tuple(left))
    manager = {"selectedProfile": None, **manager, "profiles": kept}
    changed = {**settings, outer: {**extensions, inner: manager}}
    return Merged(settings=changed, written=tuple(written.values()), left=tuple(left))


def _free(one: Profile, others: Iterable[Profile]) -> Profile:
    """Return a profile of stackctl, with another name if the user has one of the same name."""
    names = [other.get("name") for other in others]  # of any type, as the file is the user's
    return {**one, "name": f"{one['name']} (stackctl)"} if one["name"] in names else one
