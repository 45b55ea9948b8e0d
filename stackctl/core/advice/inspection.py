"""The description of a model by its files, and the backends that can load it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from stackctl import backends
from stackctl.backends.contract import Backend
from stackctl.core.advice import can_load
from stackctl.core.fit import Shape
from stackctl.core.hub import labels
from stackctl.core.model import safetensors
from stackctl.core.model.ggml_types import TYPES, type_name
from stackctl.core.model.gguf import GgufFile
from stackctl.core.model.model import Header
from stackctl.core.model.not_chat import NO_WEIGHTS
from stackctl.core.model.safetensors_header import BITS, Tensors
from stackctl.core.tavern.prompt_templates import describe_template, recognise_template

# general.file_type of llama.cpp (include/llama.h, llama_ftype)
_MIXES: Final[Mapping[int, str]] = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4",
    40: "Q1_0", 41: "Q2_0",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class About:
    """The description of a model; 0 or "" for what its files do not state."""

    name: str
    format: str  # "GGUF 3", "safetensors"
    size: int  # bytes
    parts: int
    title: str = ""
    architecture: str = ""
    parameters: int = 0
    quantisation: str = ""  # Q4_K_M, GPTQ, BF16, ...
    bits: float = 0.0  # per parameter
    types: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # type -> tensors, bytes
    unknown_types: tuple[str, ...] = ()  # types of which only the number, or another program's name, is known
    layers: int = 0
    heads: int = 0
    kv_heads: int = 0
    embedding: int = 0
    context: int = 0  # the advertised context
    good_context: int = 0  # tokens up to which it is known to be good; 0 for all of the context
    context_source: str = ""
    window: int = 0
    experts: int = 0
    experts_used: int = 0
    vocabulary: int = 0
    tokenizer: str = ""
    has_chat_template: bool = False
    template: str = ""  # the name of its prompt template in SillyTavern
    template_says: str = ""  # a clause about that
    purpose: str = ""  # why it is not a chat model; "" if it is one
    licence: str = ""
    languages: tuple[str, ...] = ()
    backends: Mapping[str, str] = field(default_factory=dict)  # name -> why it can't load the model; "" if it can
    header: Header = field(default_factory=lambda: Header(format=""))


def of_gguf(name: str, size: int, files: tuple[GgufFile, ...], shape: Shape, header: Header) -> About:
    first = files[0]
    counted: Counter[str] = Counter()
    weighed: Counter[str] = Counter()
    for tensor in (tensor for file in files for tensor in file.tensors):
        kind = type_name(tensor.kind)
        counted[kind] += 1
        weighed[kind] += tensor.size
    unknown = tuple(sorted({type_name(t.kind) for file in files for t in file.tensors if t.kind not in TYPES}))
    mix = _MIXES.get(first.number("general.file_type") or (0 if "general.file_type" in first.metadata else -1), "")
    largest = max(weighed, key=lambda kind: weighed[kind], default="")
    label = labels.label(name)
    header = replace(header, purpose=header.purpose or ("" if counted else NO_WEIGHTS))
    good, source = _honest(header, name)
    widest = max(shape.layers, key=lambda layer: layer.kv_heads, default=None)
    return About(
        name=name,
        format=f"GGUF {first.version}",
        size=size,
        parts=len(files),
        title=header.title,
        architecture=header.architecture,
        parameters=shape.parameters,
        quantisation=mix or (label if label != name else largest),
        bits=8 * sum(weighed.values()) / shape.parameters if shape.parameters and not unknown else 0.0,
        types={kind: (counted[kind], weighed[kind]) for kind in sorted(weighed, key=lambda one: -weighed[one])},
        unknown_types=unknown,
        layers=len(shape.layers),
        heads=max((layer.heads for layer in shape.layers), default=0),
        kv_heads=widest.kv_heads if widest else 0,
        embedding=shape.embedding,
        context=shape.trained_context,
        good_context=good,
        context_source=source,
        window=shape.window,
        experts=shape.experts,
        experts_used=shape.experts_used,
        vocabulary=shape.vocabulary,
        tokenizer=header.tokenizer or first.text("tokenizer.ggml.model"),
        purpose=header.purpose,
        header=header,
        has_chat_template=bool(header.chat_template),
        licence=first.text("general.license"),
        languages=first.languages,
        backends={one.backend: one.why_not for one in can_load.verdicts(header)},
    )


def of_safetensors(
    name: str, size: int, files: tuple[Tensors, ...], header: Header, config: Mapping[str, object]
) -> About:
    types: dict[str, tuple[int, int]] = {}
    for file in files:
        for kind, (number, bytes_) in file.types.items():
            had, so_far = types.get(kind, (0, 0))
            types[kind] = had + number, so_far + bytes_
    largest, packing = max(types, key=lambda kind: types[kind][1], default=""), header.packing
    is_packed = safetensors.is_packed(packing, config, (mark for file in files for mark in file.marks))
    values = 0 if is_packed else sum(file.values for file in files)
    header = replace(header, purpose=header.purpose or ("" if types else NO_WEIGHTS))
    good, source = _honest(header, name)
    return About(
        name=name,
        format="safetensors",
        size=size,
        parts=len(files),
        architecture=header.architecture,
        parameters=values,
        quantisation=packing.upper() or largest,
        bits=8 * sum(one[1] for one in types.values()) / values if values else 0.0,
        types=dict(sorted(types.items(), key=lambda one: -one[1][1])),
        unknown_types=tuple(sorted(types.keys() - BITS.keys())),
        layers=header.layers,
        heads=_number(config, "num_attention_heads"),
        kv_heads=_number(config, "num_key_value_heads"),
        embedding=_number(config, "hidden_size"),
        context=header.trained_context,
        good_context=good,
        context_source=source,
        window=_number(config, "sliding_window"),
        experts=_number(config, "num_local_experts") or _number(config, "num_experts"),
        experts_used=_number(config, "num_experts_per_tok"),
        vocabulary=_number(config, "vocab_size"),
        tokenizer=header.tokenizer,
        purpose=header.purpose,
        header=header,
        has_chat_template=bool(header.chat_template),
        backends={one.NAME: header.purpose or refusal(one, packing) for one in backends.BACKENDS.values()},
    )


def with_template(about: About, header: Header) -> About:
    """Return the description with its prompt template. header: its own, with the turns of its chat template."""
    if not about.header.format:  # a pickle, which is not read
        return about
    found = recognise_template(header, about.name)
    return replace(about, template=found.instruct, template_says=describe_template(found))


def refusal(backend: Backend, packing: str) -> str:
    """Return why a backend can't load safetensors in this packing; "" if it can."""
    return backend.refuses(packing) if "safetensors" in backend.FORMATS else "it loads GGUF models alone"


def of_pickle(name: str, size: int) -> About:
    """Return the description of a PyTorch pickle, which is not read, because reading it would run code in it."""
    unsafe = "a pickle can run any code when it is loaded"
    return About(
        name=name,
        format="PyTorch pickle",
        size=size,
        parts=1,
        backends={one.NAME: unsafe for one in backends.BACKENDS.values()},
    )


def _number(config: Mapping[str, object], key: str) -> int:
    inner = config.get("text_config")  # the language part of a model with vision
    value = (inner if isinstance(inner, Mapping) else config).get(key)
    return value if type(value) is int and value > 0 else 0


def _honest(header: Header, name: str) -> tuple[int, str]:
    """Return the part of the advertised context for which a model is good, and the source; 0 for all of it."""
    said = f"{name} {header.title}".lower()
    is_first_mistral = "mistral-7b" in said and ("v0.1" in said or "v0_1" in said)
    if header.trained_context > 4096 and is_first_mistral:
        return 4096, "SillyTavern's guide: Mistral 7B advertises 8k and is really 4k"
    return 0, ""
