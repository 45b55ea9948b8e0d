"""The samplers that a model's own files recommend.

Sources: llama.cpp's gguf-py/gguf/constants.py (Keys.General.SAMPLING_*; llama_model_meta_key in include/llama.h), which
its converter takes from generation_config.json; transformers' GenerationConfig, whose file that is.
"""

from collections.abc import Mapping
from typing import Any, Final

# name -> the least and the greatest value that makes sense; a name is that of generation_config.json where it has one
BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "temperature": (0.0, 5.0), "top_p": (0.01, 1.0), "top_k": (0, 1000), "min_p": (0.0, 0.99), "typical_p": (0.01, 1.0),
    "repetition_penalty": (0.8, 2.0), "repetition_range": (-1, 8192), "presence_penalty": (-2.0, 2.0),
    "frequency_penalty": (-2.0, 2.0), "xtc_probability": (0.0, 1.0), "xtc_threshold": (0.0, 0.5),
    "mirostat": (0, 2), "mirostat_tau": (0.0, 20.0), "mirostat_eta": (0.0, 1.0),
}  # fmt: skip
_WHOLE: Final = frozenset({"top_k", "repetition_range", "mirostat"})
_DIGITS: Final = 4  # a GGUF has 0.95 as a float of 32 bits: 0.949999988
_GGUF: Final[Mapping[str, str]] = {
    "general.sampling.temp": "temperature",
    "general.sampling.top_p": "top_p",
    "general.sampling.top_k": "top_k",
    "general.sampling.min_p": "min_p",
    "general.sampling.xtc_probability": "xtc_probability",
    "general.sampling.xtc_threshold": "xtc_threshold",
    "general.sampling.penalty_repeat": "repetition_penalty",
    "general.sampling.penalty_last_n": "repetition_range",
    "general.sampling.mirostat": "mirostat",
    "general.sampling.mirostat_tau": "mirostat_tau",
    "general.sampling.mirostat_eta": "mirostat_eta",
}


def of_gguf(metadata: Mapping[str, Any]) -> Mapping[str, float]:
    """Return what a GGUF's metadata recommends, by the names of BOUNDS; {} if nothing."""
    return sane({name: metadata.get(key) for key, name in _GGUF.items()})


def of_generation_config(config: Mapping[str, Any]) -> Mapping[str, float]:
    """Return what generation_config.json recommends; {} if nothing, or if the model is not to be sampled."""
    return {} if config.get("do_sample") is False else sane(config)


def sane(values: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the known values that are numbers within their bounds."""
    found: dict[str, float] = {}
    for name, (least, most) in BOUNDS.items():
        value = values.get(name)
        if type(value) not in {int, float} or not least <= value <= most:  # type: ignore[operator] # it is a number
            continue
        whole = name in _WHOLE
        if not whole or value == int(value):  # type: ignore[arg-type]
            found[name] = int(value) if whole else round(float(value), _DIGITS)  # type: ignore[arg-type]
    return found
