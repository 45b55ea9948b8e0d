"""The causes that lines of text-generation-webui's log and its exit codes stand for (contracts/judge.py).

Sources: server.py, modules/models.py and modules/llama_cpp_server.py of oobabooga/text-generation-webui of 2026-05.
"""

import re
from typing import Final

from stackctl.backends.command_line import refused_argument
from stackctl.backends.llama_causes import CHECK_MODEL, not_loaded
from stackctl.backends.llama_failures import load_ended, load_failure, refused_server_argument
from stackctl.contracts.cause import Cause

TITLE: Final = "text-generation-webui"
MODELS: Final = "oobabooga/text-generation-webui: modules/models.py"
_EXTRA_FLAGS: Final = "Check `--extra-flags` in `backend.extra_args`: the image's version decides which flags exist."
_RAISED: Final = re.compile(r"(?:\w+\.)*(?:ValueError|OSError|RuntimeError|ImportError|ModuleNotFoundError): (.+)")
_SAID: Final = 240  # characters of what a loader says
_OTHER_CONFIG: Final = "Download all files of the model again: its config.json does not match its weights."
_WHOLE: Final = "Check that the folder at `model.path` has all files of the model, or use the model as GGUF."
_RAISED_HINTS: Final = (
    ("does not recognize this architecture", "Use a newer image (`backend.image`), or another model."),
    ("okenizer", "Download all files of the model again: the folder lacks its tokenizer."),
    ("size mismatch", _OTHER_CONFIG),
    ("mismatched", _OTHER_CONFIG),
    ("out of memory", "Use a smaller model, or one with fewer bits."),
)


def fatal(line: str) -> Cause | None:
    if cause := refused_argument(line, TITLE, "image") or refused_server_argument(line, _EXTRA_FLAGS):
        return cause
    if "The path to the model does not" in line or "No .gguf models found in" in line:
        return Cause(
            says="text-generation-webui does not find the model",
            hint=CHECK_MODEL,
            kind="model",
            issue="model-missing",
            source=MODELS,
        )
    if cause := load_failure(line):
        return cause
    if "Error loading the model with llama.cpp" in line or "Failed to load the model" in line:
        return not_loaded("text-generation-webui runs, but its model failed to load")
    return None


def ended(line: str) -> Cause | None:
    # an exception of a loader ends modules/models.py; rich draws the traceback, and its last line says why
    if found := _RAISED.match(line.strip(" │")):
        return Cause(
            says=f"its loader says: {found[1][:_SAID].strip()}",
            hint=next((hint for mark, hint in _RAISED_HINTS if mark in line), _WHOLE),
            kind="model",
            issue="model-format-unsupported",
            source=MODELS,
        )
    if "IndexError: list index out of range" in line:  # versions before 2025 find no first GGUF file
        return Cause(
            says="there is no .gguf file in the model's folder",
            hint="Check `model.path` in stack.toml.",
            kind="model",
            issue="model-missing",
            source="https://github.com/oobabooga/textgen/issues/6187",
        )
    return load_ended(line)


def exit_cause(code: int) -> Cause | None:
    if code == 2:  # argparse
        return Cause(
            says="text-generation-webui refused its arguments",
            hint="Check `backend.extra_args` in stack.toml.",
            kind="config",
            issue="argument-refused",
            source="oobabooga/text-generation-webui: modules/shared.py",
        )
    return None
