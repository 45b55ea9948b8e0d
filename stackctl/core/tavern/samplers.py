"""The samplers that a model's files or the catalogue recommend, as a preset of SillyTavern's text completion.

Sources: SillyTavern 1.19.0, public/scripts/textgen-settings.js: choosing a preset sets every setting that its file has
(selectPreset), settings.json is read without the file (loadTextGenSettings), and one request has each value under the
names of all backends (createTextGenGenerationData): llama.cpp and KoboldCpp read repeat_last_n or rep_pen_range, and
text-generation-webui repetition_penalty_range. What turns a sampler off: default/content/presets/textgen/Neutral.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.model.model import ModelSeen
from stackctl.core.model.samplers import sane
from stackctl.core.tavern.preset_files import PresetFile, safe_name

KIND: Final = "textgen"
SETTINGS: Final = "textgenerationwebui_settings"  # the table of settings.json
# core/model/samplers.py's name -> SillyTavern's
_KEYS: Final[Mapping[str, str]] = {
    "temperature": "temp", "top_p": "top_p", "top_k": "top_k", "min_p": "min_p", "typical_p": "typical_p",
    "repetition_penalty": "rep_pen", "repetition_range": "rep_pen_range", "presence_penalty": "presence_pen",
    "frequency_penalty": "freq_pen", "xtc_probability": "xtc_probability", "xtc_threshold": "xtc_threshold",
    "mirostat": "mirostat_mode", "mirostat_tau": "mirostat_tau", "mirostat_eta": "mirostat_eta",
}  # fmt: skip
_NEUTRAL: Final[Mapping[str, float | bool]] = {
    "temp": 1, "top_p": 1, "top_k": 0, "top_a": 0, "tfs": 1, "epsilon_cutoff": 0, "eta_cutoff": 0, "typical_p": 1,
    "min_p": 0, "rep_pen": 1, "rep_pen_range": 0, "rep_pen_decay": 0, "rep_pen_slope": 1, "no_repeat_ngram_size": 0,
    "penalty_alpha": 0, "num_beams": 1, "length_penalty": 1, "min_length": 0, "encoder_rep_pen": 1, "freq_pen": 0,
    "presence_pen": 0, "skew": 0, "do_sample": True, "dynatemp": False, "smoothing_factor": 0, "smoothing_curve": 1,
    "dry_multiplier": 0, "mirostat_mode": 0, "mirostat_tau": 5, "mirostat_eta": 0.1, "xtc_threshold": 0.1,
    "xtc_probability": 0, "nsigma": 0,
}  # fmt: skip
_RANGE: Final = 64  # tokens, llama.cpp's default: SillyTavern sends 0, which turns the penalty off there


@dataclass(frozen=True, kw_only=True)
class Samplers:
    """What is recommended for a model: the name of its preset, SillyTavern's settings, and who recommends them."""

    name: str
    values: Mapping[str, float]
    source: str

    @property
    def file(self) -> PresetFile:
        """Return the preset's file, in which every sampler that is not recommended is off."""
        return PresetFile(kind=KIND, name=self.name, content={**_NEUTRAL, **self.values})


def recommended(model: ModelSeen) -> Samplers | None:
    """Return what the model's files recommend, else what the catalogue does; None if neither does."""
    of_files = "the model's header" if model.header.format == "gguf" else "its generation_config.json"
    for values, source in ((model.header.samplers, of_files), (model.catalogue_samplers, "the catalogue")):
        if known := sane(values):
            if "repetition_range" not in known and known.get("repetition_penalty", 1.0) != 1.0:
                known = {**known, "repetition_range": _RANGE}
            title = model.header.title or PurePosixPath(model.name).stem
            return Samplers(
                name=safe_name(title), values={_KEYS[name]: value for name, value in known.items()}, source=source
            )
    return None


def presets_of(model: ModelSeen) -> tuple[PresetFile, ...]:
    """Return the preset of what is recommended for a model; () if nothing is."""
    found = recommended(model)
    return (found.file,) if found else ()


def selection(
    chosen: PresetFile | None,
    *,
    settings: Mapping[str, Any],
    wrote: Mapping[str, Any],
    default: Mapping[str, Any],
    is_demo: bool,
) -> dict[str, Any]:
    """Return the settings that select a preset, as choosing it in the page does; {} where that is the user's to do.

    settings: SillyTavern's now, {} in a new stack; wrote: what stackctl wrote there last; default: the settings of its
    default preset, with the name. What stackctl has selected follows the model until the user
    changes it. The demo model has the default preset, so that the first model after it may select its own.
    """
    before = table_or_empty(wrote.get(SETTINGS))
    if settings and not _is_ours(table_or_empty(settings.get(SETTINGS)), before):
        return {}
    if chosen:
        return {**chosen.content, "preset": chosen.name}
    return dict(default) if is_demo or "preset" in before else {}


def describe(wanted: Samplers) -> str:
    """Return who recommends samplers, and the preset that has them."""
    return f"samplers recommended by {wanted.source}, as SillyTavern's preset {wanted.name}"


def _is_ours(now: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    """Return whether stackctl has selected the preset, and neither it nor a value was changed since."""
    keys = ["preset", *(key for key in _KEYS.values() if key in before)]
    return "preset" in before and all(now.get(key) == before[key] for key in keys)
