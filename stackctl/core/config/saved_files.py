"""Files of other programs that somebody may take for KoboldCpp's saved settings, told by what they hold.

Sources: Ollama's Modelfile (FROM names the model); text-generation-webui, modules/shared.py and models_settings.py
(settings.yaml, config-user.yaml) and user_data/CMD_FLAGS.txt; SillyTavern 1.19.0, default/config.yaml and
default/content; llama.cpp's --models-preset; KoboldAI Lite in KoboldCpp 1.115.1 (gamestarted, savedsettings).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from stackctl.errors import ConfigError

_MODEL: Final = "Give the model itself: stackctl deploy --model PATH. Set its context in stack.toml."
_STACK: Final = "Set such values in stack.toml; `stackctl init` writes it with every key explained."
_TAVERN: Final = "Run `stackctl adopt FOLDER` with SillyTavern's folder; or import the file in SillyTavern's own page."
# (what it is, what its text begins a line with, what to do)
_TEXTS: Final = tuple(
    (what, re.compile(pattern, re.MULTILINE), hint)
    for what, pattern, hint in (
        ("a GGUF model", r"\AGGUF", _MODEL),
        ("an Ollama Modelfile", r"^\s*FROM\s+\S", _MODEL),
        ("text-generation-webui's command line (CMD_FLAGS.txt)", r"\A\s*(#[^\n]*\n\s*)*--?[a-z]", _STACK),
        (
            "text-generation-webui's settings for models",
            r"^\s+(loader|gpu_layers|ctx_size):",
            _STACK,
        ),
        ("text-generation-webui's settings", r"^(show_controls|dark_theme):", _STACK),
        ("SillyTavern's config.yaml", r"^(dataRoot|whitelistMode|basicAuthMode):", _TAVERN),
        ("a compose file", r"^services:", "Run `stackctl adopt FOLDER` with the folder of the compose file."),
        ("a stack.toml", r"^\[(model|models\..+|backend|sillytavern)\]", "Run `stackctl deploy` in its folder."),
        ("a preset file of llama.cpp", r"^\[[^\]\n]+\]\s*$", _STACK),
    )
)
# (what it is, keys of which one is enough, what to do)
_TABLES: Final[tuple[tuple[str, frozenset[str], str], ...]] = (
    ("SillyTavern's settings.json", frozenset({"main_api", "power_user", "textgenerationwebui_settings"}), _TAVERN),
    ("a preset or template of SillyTavern", frozenset({"temp", "rep_pen", "story_string", "input_sequence"}), _TAVERN),
    ("a character of SillyTavern", frozenset({"first_mes", "spec_version"}), _TAVERN),
    ("a manifest of Ollama", frozenset({"schemaVersion", "mediaType"}), _MODEL),
    ("a model's config.json", frozenset({"architectures", "model_type"}), _MODEL),
    ("text-generation-webui's settings", frozenset({"show_controls", "dark_theme"}), _STACK),
    ("a story of KoboldAI Lite", frozenset({"gamestarted", "savedsettings"}), "Load it in KoboldAI Lite itself."),
)
_SAVE: Final = "Save the settings with Save Config in KoboldCpp's launcher, or with its --exportconfig FILE.kcpps."


def table(text: str, name: str) -> dict[str, Any]:
    """Return the JSON object that a file is; raise ConfigError that says what else it is."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:
        for what, pattern, hint in _TEXTS:
            if pattern.search(text):
                raise _is(what, name, hint) from None
        raise ConfigError(f"{name} is not JSON: {e}", hint=_SAVE) from e
    if not isinstance(content, dict):
        raise ConfigError(f"{name} is no .kcpps file: it holds no JSON object", hint=_SAVE)
    return content


def of_another_kind(content: Mapping[str, Any], name: str) -> ConfigError:
    """Return the error for an object that has none of KoboldCpp's settings."""
    for what, keys, hint in _TABLES:
        if content.keys() & keys:
            return _is(what, name, hint)
    return ConfigError(f"{name} has none of KoboldCpp's settings", hint=_SAVE)


def _is(what: str, name: str, hint: str) -> ConfigError:
    return ConfigError(f"{name} is {what}, not KoboldCpp's settings", hint=hint)
