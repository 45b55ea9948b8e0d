"""Read a .kcpps file: KoboldCpp's saved settings, as its launcher or --exportconfig writes them.

Source: koboldcpp.py of LostRuins/koboldcpp 1.117.1 (the arguments of its parser, by name, in one JSON object).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stackctl.backends.koboldcpp_saved import is_untouched
from stackctl.errors import ConfigError

_KV: Final = {"0": "f16", "1": "q8_0", "2": "q4_0"}  # saved as a number or as text
_KV_NAMES: Final = ("f16", "q8_0", "q4_0")
_TAKEN: Final = {"contextsize": "context", "gpulayers": "gpu_layers", "quantkv": "kv_cache"}  # as an entry calls it
_SECRET: Final = ("password", "adminpassword", "hordekey", "ssl")
# how the launcher showed itself, and what the stack decides for all models alike: nobody misses it
_OURS: Final = frozenset(
    {
        "host", "port", "port_param", "skiplauncher", "launch", "showgui", "quiet", "config", "exportconfig",
        "exporttemplate", "usecpu", "usecublas", "usecuda", "usevulkan", "useclblast", "usemmap", "nommap",
        "istemplate", "model", "model_param", "threads", "blasthreads", "sdthreads", "ttsthreads", "flashattention",
        "remotetunnel", "multiuser", "onready", "cli", "debugmode", "foreground", "benchmark",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What becomes an entry of [models]. `settings`: its keys without path. `left`: what has no place there."""

    path: str
    settings: Mapping[str, object] = field(default_factory=dict)
    left: tuple[str, ...] = ()


def parse(text: str, name: str) -> Imported:
    """Read the file's text; raise ConfigError for what is no .kcpps, or one without a text model."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"{name} is not JSON: {e}", hint="Save it again from KoboldCpp's launcher.") from e
    if not isinstance(content, dict):
        raise ConfigError(
            f"{name} is no .kcpps file: it contains no JSON object",
            hint="Choose a file that KoboldCpp's launcher saved.",
        )
    path = _path(content)
    if not path:
        raise ConfigError(
            f"{name} names no text model",
            hint="Name the model with `--model PATH`; the file may be one for images or speech.",
        )
    settings = dict(_taken(content))
    left = [
        key[:60] if key.lower() in _SECRET else f"{key[:60]} = {json.dumps(value, ensure_ascii=False)[:60]}"
        for key, value in sorted(content.items())
        if _is_missed(key, value, settings)
    ]
    return Imported(path=path, settings=settings, left=tuple(left))


def _path(content: Mapping[str, Any]) -> str:
    """The text model; 1.102 and newer save a list, of which the first is loaded."""
    for key in ("model", "model_param"):
        value = content.get(key)
        if isinstance(value, list):
            value = next((one for one in value if one), "")
        if isinstance(value, str) and value:
            return value
    return ""


def _taken(content: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What an entry of [models] says in its own words."""
    context, layers, cache = (content.get(key) for key in _TAKEN)
    if type(context) is int and 256 <= context <= 4194304:
        yield "context", context
    if type(layers) is int and 0 <= layers <= 9999:
        yield "gpu_layers", layers
    if type(cache) in {int, str} and (kv_cache := _KV.get(str(cache), cache)) in _KV_NAMES:
        yield "kv_cache", kv_cache


def _is_missed(key: str, value: object, settings: Mapping[str, object]) -> bool:
    """Whether somebody chose this, and an entry does not say it."""
    return key not in _OURS and _TAKEN.get(key) not in settings and not is_untouched(key, value)
