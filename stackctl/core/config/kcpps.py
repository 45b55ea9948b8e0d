"""Read a .kcpps or .kcppt file: KoboldCpp's saved settings, as its launcher or its --exportconfig writes them.

Source: koboldcpp.py of LostRuins/koboldcpp 1.117.1 and of 1.115.1 (esobold): the arguments of its parser, by name, in
one JSON object; convert_invalid_args, by which `model` counts where `model_param` is empty.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stackctl.backends.koboldcpp_saved import GPU_CHOICES, is_untouched
from stackctl.core.config import saved_files
from stackctl.core.hub import source as hub_source
from stackctl.errors import ConfigError

_KV: Final = {"0": "f16", "1": "q8_0", "2": "q4_0"}  # saved as a number or as text
_KV_NAMES: Final = ("f16", "q8_0", "q4_0")
_TAKEN: Final = {"contextsize": "context", "gpulayers": "gpu_layers", "quantkv": "kv_cache"}  # as an entry calls it
_PART: Final = re.compile(r"-[0-9]{5}-of-[0-9]{5}\.gguf.*", re.DOTALL)  # of a split model
_SECRET: Final = ("password", "adminpassword", "hordekey", "ssl")
# what decides whether the model loads and how it answers, in the order in which it is named; the rest follows by name
_FIRST: Final = (
    "moecpu", "overridetensors", "gpulayers", "ropeconfig", "overridenativecontext", "tensor_split", *GPU_CHOICES,
    "maingpu", "device", "lora", "mmproj", "draftmodel",
)  # fmt: skip
_ON_CPU: Final = ("moecpu", "overridetensors")  # with them more layers fit on the GPU than without
# how the launcher showed itself, and what the stack decides for all models alike: nobody misses it
_OURS: Final = frozenset(
    {
        "host", "port", "port_param", "skiplauncher", "launch", "showgui", "quiet", "config", "exportconfig",
        "exporttemplate", "usecpu", "usemmap", "nommap", "istemplate", "model", "model_param", "threads",
        "blasthreads", "sdthreads", "ttsthreads", "flashattention", "remotetunnel", "multiuser", "onready", "cli",
        "debugmode", "foreground", "benchmark", "autofit",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What becomes an entry of [models]: a model by its path, or by where it can be had (`source`, else "").

    `settings`: the entry's other keys. `not_imported`: what has no place there.
    """

    path: str
    source: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    not_imported: tuple[str, ...] = ()


def parse(text: str, name: str, *, needs_model: bool = True) -> Imported:
    """Read the file's text. Raise ConfigError for another kind of file, for wrong types, and for one without a model.

    `needs_model`: whether the file has to name one.
    """
    content = saved_files.table(text, name)
    if not content.keys() & {*_OURS, *_TAKEN, *_FIRST, "sdmodel", "whispermodel", "ttsmodel", "embeddingsmodel"}:
        raise saved_files.of_another_kind(content, name)
    _refuse_wrong_types(content, name)
    models = _models(content)
    if not models and needs_model:
        raise ConfigError(
            f"{name} names no text model",
            hint="Name the model with `--model PATH`; the file may be one for images or speech.",
        )
    found = hub_source.parse(models[0]) if models else None
    settings = dict(_taken(content))
    missed = [_named(key, content) for key in sorted(content, key=_rank) if _is_missed(key, content[key], settings)]
    others = [one for one in models[1:] if _PART.sub("", one) != _PART.sub("", models[0])]
    return Imported(
        path="" if found or not models else models[0],
        source=str(found) if found else "",
        settings=settings,
        not_imported=(*missed, *(f"model = {json.dumps(one)}" for one in others)),
    )


def _refuse_wrong_types(content: Mapping[str, Any], name: str) -> None:
    """Raise ConfigError that names each key of ours whose value KoboldCpp could not read either."""
    wrong = [
        f"{key} is {json.dumps(content[key], ensure_ascii=False)[:60]}, not {wanted}"
        for key, wanted, is_right in (
            ("model", "a path or a list of paths", _are_paths),
            ("model_param", "a path", lambda value: isinstance(value, str)),
            ("contextsize", "a number of tokens", lambda value: _number(value) is not None),
            ("gpulayers", "a number of layers", lambda value: _number(value) is not None),
            ("quantkv", "a type of the KV cache", lambda value: type(value) in {int, str}),
        )
        if content.get(key) is not None and not is_right(content[key])
    ]
    if wrong:
        raise ConfigError(
            f"{name} has values of a wrong type:\n" + "\n".join(wrong),
            hint="Save it again from KoboldCpp's launcher, or correct these keys.",
        )


def _are_paths(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


def _number(value: object) -> int | None:
    """Return a whole number, saved as such or as text; None for anything else."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"\s*-?[0-9]{1,9}\s*", value) else None


def _models(content: Mapping[str, Any]) -> list[str]:
    """Return the text model that KoboldCpp loads, then all else that the file names as one."""
    listed = content.get("model") or []
    first = content.get("model_param") or ""
    return list(dict.fromkeys(one for one in (first, *([listed] if isinstance(listed, str) else listed)) if one))


def _taken(content: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """What an entry of [models] says in its own words."""
    context, layers = _number(content.get("contextsize")), _number(content.get("gpulayers"))
    cache = content.get("quantkv")
    if context is not None and 256 <= context <= 4194304:
        yield "context", context
    if layers is not None and 0 <= layers <= 9999 and not (_chosen_on_cpu(content) or content.get("autofit") is True):
        yield "gpu_layers", layers
    if (kv_cache := _KV.get(str(cache), cache)) in _KV_NAMES:
        yield "kv_cache", kv_cache


def _chosen_on_cpu(content: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(key for key in _ON_CPU if not is_untouched(key, content.get(key)))


def _is_missed(key: str, value: object, settings: Mapping[str, object]) -> bool:
    """Whether somebody chose this, and an entry does not say it."""
    return key not in _OURS and _TAKEN.get(key) not in settings and not is_untouched(key, value)


def _named(key: str, content: Mapping[str, Any]) -> str:
    """Say what is not taken, of a secret the name alone, and why where that is not plain."""
    if key.lower() in _SECRET:
        return key[:60]
    said = f"{key[:60]} = {json.dumps(content[key], ensure_ascii=False)[:60]}"
    if key == "gpulayers" and (others := _chosen_on_cpu(content)):
        return f"{said} (chosen with {' and '.join(others)}; without, so many layers may not fit)"
    return f"{said} (gpu.devices in stack.toml chooses for the whole stack)" if key in GPU_CHOICES else said


def _rank(key: str) -> tuple[int, str]:
    return (_FIRST.index(key) if key in _FIRST else len(_FIRST), key)
