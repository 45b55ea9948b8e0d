"""Part of the stand-in for text-generation-webui, for tests, never what a user gets: models, found and loaded.

After modules/models.py, models_settings.py, utils.py and llama_cpp_server.py of 2026-05: a llama-server that ends
while it loads is logged and forgotten, and the program goes on with the model's name and no model.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from tests.standins import gguf_header
from tests.standins.llama_child import LlamaChild, ServerEndedError
from tests.standins.textgen import console, transformers

SERVER: Final = "/llama/llama-server"
NONE: Final = "None"
CONTEXT: Final = 8192
# llama-server ends with the thread that started it (llama_child.py), and the thread of a request ends soon
_LOADER: Final = ThreadPoolExecutor(max_workers=1)
CACHE_TYPES: Final = frozenset({"q8_0", "q4_0"})


@dataclass
class Models:
    """What is loaded, and what the program believes to be loaded."""

    args: argparse.Namespace
    name: str = NONE
    child: LlamaChild | None = None
    truncation: int = CONTEXT
    last_prompt_tokens: int = 0
    generating: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)
    answered: float = field(default_factory=time.time)  # when the last answer ended, or the program began

    def path_of(self, name: str) -> Path:
        return Path(name) if Path(name).exists() else Path(self.args.model_dir) / name

    def file_of(self, name: str) -> Path | None:
        path = self.path_of(name)
        return path if path.is_file() else next(iter(sorted(path.glob("*.gguf"))), None)

    def available(self) -> list[str]:
        """GGUF files with their folders, the first part alone of a split one; then the folders without any."""
        root = Path(self.args.model_dir)
        files = [
            str((Path(folder) / name).relative_to(root))
            for folder, _, names in os.walk(root, followlinks=True)
            for name in names
            if name.lower().endswith(".gguf")
        ]
        first = [name for name in files if not (part := _part_of(name)) or part == 1]
        with_files = {Path(name).parts[0] for name in files}
        folders = [path.name for path in root.iterdir() if path.is_dir() and path.name not in with_files]
        return [*sorted(first, key=_natural), *sorted(folders, key=_natural)]

    def loader_of(self, name: str) -> str | None:
        """The loader for a path, None where there is none at all."""
        path = self.path_of(name)
        if not path.exists():
            return None
        is_gguf = path.name.lower().endswith(".gguf") or bool(list(path.glob("*.gguf")))
        return "llama.cpp" if is_gguf or self.args.portable else "Transformers"

    def load(self, name: str) -> None:
        """Load and log; a broken header is a ValueError, a missing path ends in one, a failed load in no model."""
        self.child = None
        inferred = self.loader_of(name)
        header: dict[str, gguf_header.Value] = {}
        if inferred == "llama.cpp" and (file := self.file_of(name)):
            header = gguf_header.metadata(file)
        self._adopt(header)
        console.info(f'Loading "{name}"')
        self.name, started = name, time.monotonic()
        loader = self.args.loader or inferred
        if loader is None:
            console.error("The path to the model does not exist. Exiting.")
            raise ValueError(name)
        self.args.loader = loader
        if loader != "llama.cpp":
            transformers.fail(self.path_of(name))
            not_imitated(f"the loader {loader}")
        self.child = self._start(name)
        if self.child is None:
            return
        settings = self.child.call("/props")["default_generation_settings"]
        self.truncation = self.args.ctx_size or int(settings["n_ctx"])
        console.info(f'Loaded "{name}" in {time.monotonic() - started:.2f} seconds.')
        console.info(f'LOADER: "{loader}"')
        console.info(f"CONTEXT LENGTH: {self.truncation}")

    def _adopt(self, header: dict[str, gguf_header.Value]) -> None:
        """Context and layers are set from the header unless the command line gave them as a word of their own:
        `--ctx-size=4096` is not seen as given, and is lost.
        """
        if "ctx_size" not in self.args.provided:
            self.args.ctx_size = 0 if any(key.endswith(".context_length") for key in header) else CONTEXT
        if "gpu_layers" not in self.args.provided and header:
            self.args.gpu_layers = -1

    def _start(self, name: str) -> LlamaChild | None:
        file = self.file_of(name)
        if file is None:
            console.error(f"No .gguf models found in the directory: {self.path_of(name)}")
            return None
        layers, context = self.args.gpu_layers, self.args.ctx_size
        shown = "auto" if layers < 0 else str(layers)
        size = "auto" if context == 0 and layers < 0 else str(context or CONTEXT)
        cache = self.args.cache_type if self.args.cache_type in CACHE_TYPES else "fp16"
        console.info(f"Using gpu_layers={shown} | ctx_size={size} | cache_type={cache}")
        child = LlamaChild(server_command(self.args, file), log=_ServerLog().take)
        try:
            child.wait_until_loaded()
        except ServerEndedError as error:
            reason = f"Server process terminated unexpectedly with exit code: {error.args[0]}"
            console.error(f"Error loading the model with llama.cpp: {reason}")
            return None
        return child

    def unload(self) -> None:
        """Forget the model and its name; after a failed load there is nothing to unload, and the name stays."""
        if self.child:
            self.child.stop()
            self.child, self.name = None, NONE

    def loaded(self) -> LlamaChild:
        """The model, which is loaded again if it was unloaded for inactivity: its name is still known."""
        if self.child is None and self.args.idle_timeout > 0 and self.name != NONE:
            _LOADER.submit(self.load, self.name).result()
            self.answered = time.time()
        if self.child is None:
            raise RuntimeError("No tokenizer is loaded")
        return self.child

    def unload_if_idle(self) -> None:
        """Look every minute, at once for the first time; the length of a minute is the test's, if it says so."""
        minute = float(os.environ.get("STANDIN_MINUTE", "60"))
        minutes = self.args.idle_timeout
        console.info(f"Setting a timeout of {minutes} minutes to unload the model in case of inactivity.")
        while True:
            with self.generating:
                if time.time() - self.answered > minutes * minute and self.child is not None:
                    console.info("Unloading the model for inactivity.")
                    self.child.stop()
                    self.child = None
            time.sleep(minute)


def server_command(args: argparse.Namespace, file: Path) -> list[str]:
    """The real loader's llama-server command, but for what has no meaning on a CPU."""
    command = [SERVER, "--model", str(file)]
    command += ["--batch-size", str(args.batch_size), "--ubatch-size", str(args.ubatch_size)]
    command += ["--no-webui", "--flash-attn", "on"]
    if args.ctx_size > 0:
        command += ["--ctx-size", str(args.ctx_size)]
    elif args.gpu_layers >= 0:
        command += ["--ctx-size", str(CONTEXT)]
    if args.gpu_layers >= 0:
        command += ["--gpu-layers", str(args.gpu_layers), "--fit", "off"]
    else:
        command += ["--fit", "on", "--fit-ctx", str(CONTEXT), "--fit-target", args.fit_target]
    for option, number in (("--threads", args.threads), ("--threads-batch", args.threads_batch)):
        command += [option, str(number)] if number > 0 else []
    for option, given in (("--cpu-moe", args.cpu_moe), ("--no-mmap", args.no_mmap), ("--mlock", args.mlock)):
        command += [option] if given else []
    if args.cache_type in CACHE_TYPES:
        command += ["--cache-type-k", args.cache_type, "--cache-type-v", args.cache_type]
    if args.tensor_split:
        command += ["--tensor-split", args.tensor_split]
    command += ["--parallel", str(args.parallel)]
    return command + (shlex.split(args.extra_flags.strip("\"' ")) if args.extra_flags else [])


class _ServerLog:
    """llama-server's error stream without the lines that the real program finds noisy."""

    def __init__(self) -> None:
        self._held = b""

    def take(self, piece: bytes) -> None:
        *lines, self._held = (self._held + piece).split(b"\n")
        for raw in lines:
            line = re.sub(r"^(?:[\d.]+ )?[IWED] ", "", raw.decode(errors="replace"))
            if line and not line.startswith(("srv ", "slot ")) and "GET /health" not in line:
                print(line, file=sys.stderr, flush=True)


def _part_of(name: str) -> int | None:
    matched = re.search(r"-(\d+)-of-\d+\.gguf$", name)
    return int(matched[1]) if matched else None


def _natural(text: str) -> list[Any]:
    return [int(piece) if piece.isdigit() else piece for piece in re.split(r"(\d+)", text)]


def not_imitated(what: str) -> NoReturn:
    sys.exit(f"the stand-in does not imitate {what}")
