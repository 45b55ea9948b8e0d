"""Read a .kcpps file: KoboldCpp's saved settings, as its launcher or --exportconfig writes them.

Source: koboldcpp.py of LostRuins/koboldcpp 1.117.1 (the arguments of its parser, by name, in one JSON object).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stackctl.errors import ConfigError

_KV: Final = {0: "f16", 1: "q8_0", 2: "q4_0", "0": "f16", "1": "q8_0", "2": "q4_0"}
_KV_NAMES: Final = ("f16", "q8_0", "q4_0")
_SECRET: Final = ("password", "adminpassword", "hordekey", "ssl")
# how the launcher showed itself, and what the stack decides for all models alike: nobody misses it
_OURS: Final = frozenset(
    {
        "host", "port", "port_param", "skiplauncher", "launch", "showgui", "quiet", "config", "exportconfig",
        "exporttemplate", "usecpu", "usecublas", "usecuda", "usevulkan", "useclblast", "usemmap", "nommap",
        "istemplate", "gpulayers", "contextsize", "quantkv", "model", "model_param", "threads", "blasthreads",
        "flashattention", "remotetunnel", "multiuser", "onready", "cli", "debugmode", "foreground", "benchmark",
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
        raise ConfigError(f"{name} is not JSON: {e}", hint="save it again from KoboldCpp's launcher") from e
    if not isinstance(content, dict):
        raise ConfigError(f"{name} is no .kcpps file: it holds no JSON object", hint="is it the right file?")
    path = _path(content)
    if not path:
        raise ConfigError(
            f"{name} names no text model", hint="it may be one for images or speech; name a model with --model PATH"
        )
    settings: dict[str, object] = {}
    left: list[str] = []
    context, layers, cache = (content.get(key) for key in ("contextsize", "gpulayers", "quantkv"))
    if type(context) is int and 256 <= context <= 4194304:
        settings["context"] = context
    if type(layers) is int and 0 <= layers <= 9999:
        settings["gpu_layers"] = layers
    kv_cache = _KV.get(cache, cache) if isinstance(cache, int | str) else None
    if kv_cache in _KV_NAMES:
        settings["kv_cache"] = kv_cache
    elif kv_cache:
        left.append(f"quantkv = {kv_cache}")
    left += [
        key if key.lower() in _SECRET else f"{key} = {json.dumps(value, ensure_ascii=False)[:60]}"
        for key, value in sorted(content.items())
        if key not in _OURS and _says_something(value)
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


def _says_something(value: object) -> bool:
    """Whether it differs from what the launcher saves for "not set"."""
    return value not in (None, False, 0, -1, "", [], {}, 1.0, [0.0, 10000.0])
