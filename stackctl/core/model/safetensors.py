"""The description of a safetensors model: config.json and the tokenizer's files.

Source: the files that Hugging Face's transformers saves with a model (PretrainedConfig, PreTrainedTokenizerBase).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty
from stackctl.core.formats import bounded_json
from stackctl.core.model import samplers
from stackctl.core.model.file_signature import ENOUGH, advice, describe_mismatch
from stackctl.core.model.model import Header
from stackctl.core.model.not_chat import no_writer
from stackctl.errors import ModelError

_GENERATION: Final = "generation_config.json"
# the files that describe a model, and their largest size in bytes; the vocabulary in the last one is not read
FILES: Final[Mapping[str, int]] = {
    "config.json": 2 << 20, "tokenizer_config.json": 4 << 20, "chat_template.jinja": 1 << 20, "tekken.json": 0,
    _GENERATION: 1 << 20,
}  # fmt: skip
_MOST_TOKEN: Final = 200  # characters of a token
_MOST: Final = 100_000  # values in one file; each added token of a vocabulary has nine


@dataclass(frozen=True, kw_only=True)
class Words:
    """The content of the files next to the weights."""

    config: Mapping[str, Any]
    chat_template: str = ""
    tokenizer: str = ""
    samplers: Mapping[str, float] = field(default_factory=dict)  # by core/model/samplers.py
    bos: str = ""
    eos: str = ""
    adds_bos: bool = True


def words(texts: Mapping[str, str], *, folder: str) -> Words:
    """Return the content of those of FILES that exist; raise ModelError if one is damaged."""
    tokenizer = _table(texts, "tokenizer_config.json", folder)
    template = texts.get("chat_template.jinja", "") or _chat_template(tokenizer.get("chat_template"))
    bos, eos = (_token(tokenizer.get(f"{name}_token")) for name in ("bos", "eos"))
    adds_bos = tokenizer.get("add_bos_token") is not False
    del tokenizer  # it may be large
    return Words(
        config=_table(texts, "config.json", folder),
        chat_template=template,
        tokenizer="tekken" if "tekken.json" in texts else "",
        samplers=samplers.of_generation_config(_optional(texts.get(_GENERATION, ""))),
        bos=bos,
        eos=eos,
        adds_bos=adds_bos,
    )


def header(said: Words, packing: str) -> Header:
    """Return the facts that planning needs."""
    inner = said.config.get("text_config")  # the language part of a model with vision
    text = inner if isinstance(inner, Mapping) else said.config
    architectures = said.config.get("architectures")
    architecture = str(architectures[0])[:100] if isinstance(architectures, list) and architectures else ""
    return Header(
        format="safetensors",
        architecture=architecture,
        trained_context=_count(text.get("max_position_embeddings")),
        layers=_count(text.get("num_hidden_layers")),
        chat_template=said.chat_template,
        tokenizer=said.tokenizer,
        samplers=said.samplers,
        bos=said.bos,
        eos=said.eos,
        adds_bos=said.adds_bos,
        packing=packing,
        purpose=no_writer(architecture),
    )


def _chat_template(found: Any) -> str:
    """Return the chat template: the only text, or the default one of several."""
    if isinstance(found, list):
        named = {str(one.get("name")): one.get("template") for one in found if isinstance(one, Mapping)}
        found = named.get("default") or next(iter(named.values()), "")
    return found if isinstance(found, str) else ""


def _token(found: Any) -> str:
    """Return the text of a token, which is written as such or as an AddedToken."""
    text = found.get("content") if isinstance(found, Mapping) else found
    return text[:_MOST_TOKEN] if isinstance(text, str) else ""


def _table(texts: Mapping[str, str], name: str, folder: str) -> Mapping[str, Any]:
    if name not in texts:
        return {}
    try:
        return bounded_json.parse(texts[name], _MOST)
    except bounded_json.NoTable as e:
        if isinstance(e, bounded_json.TooMuch) and name != "config.json":
            return {}
        start = texts[name][:ENOUGH].encode(errors="replace")
        what = describe_mismatch(start, len(texts[name]), "JSON")
        raise ModelError(
            f"{folder}/{name} {what or f'is damaged: it {e}'}", hint=advice(start), issue="model-damaged"
        ) from e


def _optional(text: str) -> Mapping[str, Any]:
    """Return the content of a file that no loader needs; {} if it is missing or damaged."""
    try:
        return bounded_json.parse(text, _MOST)
    except bounded_json.NoTable:
        return {}


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def quantisation(config: Mapping[str, Any], names: Iterable[str]) -> str:
    """Return the packing of the weights: gptq, awq, exl2, exl3, bitsandbytes, ...; "" for plain numbers.

    It is read from config.json, or else from the names of the tensors.
    """
    method = table_or_empty(config.get("quantization_config")).get("quant_method")
    if isinstance(method, str) and method:
        return method.lower()[:40]
    if "group_size" in table_or_empty(config.get("quantization")):
        return "mlx"
    known = set(names)
    for marks, packing in (
        ({"trellis"}, "exl3"),
        ({"q_weight"}, "exl2"),
        ({"qweight", "g_idx"}, "gptq"),
        ({"qweight", "qzeros"}, "awq"),
        ({"absmax"}, "bitsandbytes"),
    ):
        if marks <= known:
            return packing
    return ""


def is_packed(packing: str, config: Mapping[str, Any], names: Iterable[str]) -> bool:
    """Return whether a number of the weights stands for several parameters, so that these can't be counted."""
    told = table_or_empty(config.get("quantization_config"))
    if packing in {"", "fp8", "fbgemm_fp8"}:
        return False
    if packing == "bitsandbytes":
        return told.get("load_in_8bit") is not True
    if packing == "compressed-tensors":
        return "weight_packed" in set(names)
    return not (packing == "modelopt" and told.get("quant_algo") == "FP8")
