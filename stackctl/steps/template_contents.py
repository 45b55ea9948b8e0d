"""The content of the chosen prompt templates, from the image that will run."""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import data_json
from stackctl.core.tavern.preset_files import PresetFile
from stackctl.core.tavern.prompt_templates import FALLBACK, Template
from stackctl.core.tavern.settings_json import Presets
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.tavern_folder import data_path, tavern_folder


def template_contents(
    plan: Plan, shipped: Mapping[str, str], machine: Machine, *, own: Iterable[PresetFile] = ()
) -> Presets:
    """Return the instruct, context and reasoning presets. shipped: files of the image by path; own: the model's.

    A template that the user names may lie in SillyTavern's data folder. Raises ConfigError if there is none of that
    name; a preset that we chose and this SillyTavern lacks is skipped with a note.
    """
    wanted = plan.template
    if wanted is None:
        return Presets()
    users = f"{data_path(plan)}/data/default-user" if wanted.source == "stack.toml" else None
    found: dict[str, Mapping[str, Any]] = {one.kind: one.table for one in own}
    for kind, name in (("instruct", wanted.instruct), ("context", wanted.context), ("reasoning", wanted.reasoning)):
        if kind in found or not name:
            continue
        theirs = users and tavern_folder(plan, machine).read_bytes(f"{users}/{kind}/{name}.json")
        if text := theirs or shipped.get(f"{tavern.PRESETS[kind]}/{name}.json"):
            found[kind] = _content(text, name)
        else:
            _missing(kind, name, wanted, shipped, machine)
    return Presets(**found)


def _content(text: str | bytes, name: str) -> Mapping[str, Any]:
    content = data_json.parse(text)
    if content is None:
        raise ConfigError(f"SillyTavern's template {name!r} is damaged", hint="Choose another with `--template NAME`.")
    return {**content, "name": name}


def _missing(kind: str, name: str, wanted: Template, shipped: Mapping[str, str], machine: Machine) -> None:
    names = sorted(PurePosixPath(path).stem for path in shipped if path.startswith(f"{tavern.PRESETS[kind]}/"))
    if kind == "instruct" and wanted.source == "stack.toml":
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.4)
        hint = f"Write {' or '.join(close)}." if close else f"Choose one of: {', '.join(names)}."
        raise ConfigError(f"sillytavern.template: SillyTavern has no instruct template {name!r}", hint=hint)
    machine.ui.warn(
        f"this SillyTavern has no {kind} template {name!r}, so that setting is left as it is; choose one with "
        f"`--template NAME` (try {FALLBACK})"
    )
