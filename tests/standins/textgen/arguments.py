"""Part of the stand-in for text-generation-webui, for tests, never what a user gets: its command line.

Names, aliases, choices and defaults are those of 2026-05 (modules/shared.py), with the same order of precedence:
what stands in user_data/CMD_FLAGS.txt is put before the real command line, so that the latter wins.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_SWITCHES: Final = """
--multi-user --model-menu --verbose --image-cpu-offload --image-compile --cpu-moe --streaming-llm --no-mmap --mlock
--no-kv-offload --numa --ik --cpu --disk --load-in-8bit --bf16 --no-cache --trust-remote-code --force-safetensors
--no_use_fast --load-in-4bit --use_double_quant --enable-tp,--enable_tp --cfg-cache --listen --share --auto-launch
--old-colors --portable --api --public-api --api-enable-ipv6 --api-disable-ipv4 --nowebui
"""
_TEXTS: Final = """
--model --settings --image-model --loader --model-draft --device-draft --mmproj --tensor-split --extra-flags
--gpu-split --listen-host --gradio-auth --gradio-auth-path --ssl-keyfile --ssl-certfile --subpath --public-api-id
--chat-template-file
"""
_TEXTS_WITH_DEFAULT: Final[Mapping[str, str]] = {
    "--cache-type,--cache_type": "fp16",
    "--fit-target": "512",
    "--attn-implementation": "sdpa",
    "--compute_dtype": "float16",
    "--quant_type": "nf4",
    "--tp-backend": "native",
    "--api-key": "",
    "--admin-key": "",
    "--reasoning-effort": "medium",
    "--sampler-priority": "",
    "--dry-sequence-breakers": '"\\n", ":", "\\"", "*"',
}
_NUMBERS: Final[Mapping[str, int]] = {
    "--idle-timeout": 0,
    "--ctx-size,--n_ctx,--max_seq_len": 0,
    "--draft-max": 4,
    "--gpu-layers-draft": 256,
    "--ctx-size-draft": 0,
    "--spec-ngram-size-n": 24,
    "--spec-ngram-size-m": 48,
    "--spec-ngram-min-hits": 1,
    "--gpu-layers,--n-gpu-layers": -1,
    "--batch-size": 1024,
    "--ubatch-size": 1024,
    "--threads": 0,
    "--threads-batch": 0,
    "--parallel": 1,
    "--api-port": 5000,
    "--top-k": 0,
    "--dry-allowed-length": 2,
    "--no-repeat-ngram-size": 0,
    "--repetition-penalty-range": 1024,
    "--mirostat-mode": 0,
}
_FRACTIONS: Final[Mapping[str, float]] = {
    "--cpu-memory": 0, "--temperature": 1, "--dynatemp-low": 1, "--dynatemp-high": 1, "--dynatemp-exponent": 1,
    "--smoothing-factor": 0, "--smoothing-curve": 1, "--top-p": 0.95, "--min-p": 0, "--top-n-sigma": 0,
    "--typical-p": 1, "--xtc-threshold": 0.1, "--xtc-probability": 0, "--epsilon-cutoff": 0, "--eta-cutoff": 0,
    "--tfs": 1, "--top-a": 0, "--adaptive-target": 0, "--adaptive-decay": 0.9, "--dry-multiplier": 0,
    "--dry-base": 1.75, "--repetition-penalty": 1, "--frequency-penalty": 0, "--presence-penalty": 0,
    "--encoder-repetition-penalty": 1, "--penalty-alpha": 0, "--guidance-scale": 1, "--mirostat-tau": 5,
    "--mirostat-eta": 0.1,
}  # fmt: skip
_CHOICES: Final[Mapping[str, tuple[tuple[str, ...], str | None]]] = {
    "--image-dtype": (("bfloat16", "float16"), None),
    "--image-attn-backend": (("flash_attention_2", "sdpa"), None),
    "--image-quant": (
        ("none", "bnb-8bit", "bnb-4bit", "torchao-int8wo", "torchao-fp4", "torchao-float8wo"),
        None,
    ),
    "--spec-type": (
        ("none", "ngram-mod", "ngram-simple", "ngram-map-k", "ngram-map-k4v", "ngram-cache"),
        "none",
    ),
    "--split-mode": (("layer", "row", "tensor", "none"), "layer"),
}
_YES_OR_NO: Final[Mapping[str, bool]] = {
    "--do-sample": True,
    "--dynamic-temperature": False,
    "--temperature-last": False,
    "--enable-thinking": True,
    "--preserve-thinking": False,
}
_LOADERS: Final[Mapping[str, frozenset[str]]] = {
    "llama.cpp": frozenset({"llama.cpp", "llamacpp", "llama-cpp", "llama cpp"}),
    "Transformers": frozenset({"transformers", "huggingface", "hf", "hugging_face", "hugging face"}),
    "ExLlamav3_HF": frozenset({"exllamav3-hf", "exllamav3_hf"}),
    "ExLlamav3": frozenset({"exllamav3"}),
    "TensorRT-LLM": frozenset({"tensorrt", "tensorrtllm", "tensorrt_llm", "tensorrt-llm"}),
}


def user_data(argv: Sequence[str]) -> Path:
    """The folder that the rest is read from: it is looked for before the parser runs."""
    for index, word in enumerate(argv):
        if word == "--user-data-dir" and index + 1 < len(argv):
            return Path(argv[index + 1])
        if word.startswith("--user-data-dir="):
            return Path(word.split("=", 1)[1])
    return Path("user_data")


def flags_of_file(text: str) -> list[str]:
    """The words of a CMD_FLAGS.txt: comment lines fall away, a line may end in a backslash, quotes as in a shell."""
    lines = [line.strip() for line in text.splitlines() if not line.strip().startswith("#")]
    return shlex.split(" ".join(line.rstrip("\\").strip() for line in lines))


def parser(folder: Path) -> argparse.ArgumentParser:
    """The whole command line; what it does not know ends with argparse's message and exit code 2."""
    made = argparse.ArgumentParser(description="TextGen", conflict_handler="resolve")
    for names in _SWITCHES.split():
        made.add_argument(*names.split(","), action="store_true")
    for names in _TEXTS.split():
        made.add_argument(*names.split(","))
    for names, text in _TEXTS_WITH_DEFAULT.items():
        made.add_argument(*names.split(","), default=text)
    for names, number in _NUMBERS.items():
        made.add_argument(*names.split(","), type=int, default=number)
    for name, fraction in _FRACTIONS.items():
        made.add_argument(name, type=float, default=fraction)
    for name, (choices, choice) in _CHOICES.items():
        made.add_argument(name, choices=choices, default=choice)
    for name, yes in _YES_OR_NO.items():
        made.add_argument(name, action=argparse.BooleanOptionalAction, default=yes)
    folders = {"model": "models", "lora": "loras", "image-model": "image_models"}
    for name, below in folders.items():
        made.add_argument(f"--{name}-dir", default=str(folder / below))
    made.add_argument("--disk-cache-dir", default=str(folder / "cache"))
    made.add_argument("--user-data-dir", default=str(folder))
    made.add_argument("--listen-port", type=int)
    made.add_argument("--lora", nargs="+")
    made.add_argument("--extensions", nargs="+")
    return made


def loader_name(given: str | None) -> str | None:
    """The loader's own spelling; a name that nobody knows falls away, as it does in the real program."""
    if not given:
        return given
    return next((name for name, spellings in _LOADERS.items() if given.lower() in spellings), None)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    folder = user_data(argv)
    file = folder / "CMD_FLAGS.txt"
    before = flags_of_file(file.read_text()) if file.exists() else []
    made = parser(folder)
    args = made.parse_args([*before, *argv])
    destinations = {name: action.dest for action in made._actions for name in action.option_strings}
    args.provided = {destinations[word] for word in (*before, *argv) if word in destinations}
    args.loader = loader_name(args.loader)
    if args.extensions and "openai" in args.extensions:
        args.api = True  # its old name as an extension
    args.api_port = int(os.environ.get("OPENEDAI_PORT", args.api_port))
    return args
