"""What a folder of safetensors says of itself: config.json and the tokenizer's files beside it.

Source: the files that Hugging Face's transformers saves with a model (PretrainedConfig, PreTrainedTokenizerBase).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from stackctl.core.seen import Header

FILES: Final[tuple[str, ...]] = ("config.json", "tokenizer_config.json", "chat_template.jinja", "tekken.json")


def header(texts: Mapping[str, str]) -> Header:
    """The facts that planning needs. `texts`: those of FILES that are there; what is damaged tells nothing."""
    config, tokenizer = (_table(texts.get(name, "")) for name in ("config.json", "tokenizer_config.json"))
    inner = config.get("text_config")  # of a model that sees: its language part
    text = inner if isinstance(inner, Mapping) else config
    architectures = config.get("architectures")
    return Header(
        format="safetensors",
        architecture=str(architectures[0]) if isinstance(architectures, list) and architectures else "",
        trained_context=_count(text.get("max_position_embeddings")),
        layers=_count(text.get("num_hidden_layers")),
        chat_template=texts.get("chat_template.jinja", "") or _chat_template(tokenizer.get("chat_template")),
        tokenizer="tekken" if "tekken.json" in texts else "",
    )


def _chat_template(found: Any) -> str:
    """One text, or several by name, of which the default one counts."""
    if isinstance(found, list):
        named = {one.get("name"): one.get("template") for one in found if isinstance(one, Mapping)}
        found = named.get("default") or next(iter(named.values()), "")
    return found if isinstance(found, str) else ""


def _table(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
