"""Stand-in for KoboldCpp's release binary, for tests, never what a user gets: launch, loading and exit codes.

Packed by PyInstaller into one file that unpacks itself to TMPDIR/_MEI*, as the real one does. The launch
contract is that of KoboldCpp 1.115.1 to 1.117.1 (koboldcpp.py `main`, `kcpp_main_process`; gpttype_adapter.cpp).
What the real program prints in Python is seen at once and survives a crash; what its library writes to stdout comes
late, at the program's end, or is lost in a crash. llama.cpp's own lines are on stderr.
"""

from __future__ import annotations

import argparse
import atexit
import io
import json
import os
import platform
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Final, NoReturn

from tests.standins import gguf_header
from tests.standins.koboldcpp import api, arguments, loading_log
from tests.standins.koboldcpp.router import Router
from tests.standins.llama_child import LlamaChild, ServerEndedError, die_of

VERSION: Final = "1.115.1"  # the one that was recorded
NOTICE: Final = "stand-in for KoboldCpp, for tests only: never what a user gets"
NOT_IMITATED: Final = (
    "analyze", "benchmark", "cli", "exportconfig", "exporttemplate", "hordekey", "prompt",
    "remotetunnel", "ssl", "testmemory", "unpack",
)  # fmt: skip
BUNDLE: Final = Path(getattr(sys, "_MEIPASS", "/app")) / "llama"
_CELLS: Final = 256  # of the KV cache, in which it is made
_SPARE: Final = 128  # tokens that it reserves beyond the context
_CACHE_TYPES: Final = {"0": "f16", "1": "q8_0", "2": "q4_0", "3": "bf16"}


class LibraryOutput:
    """The library's stdout, which no terminal is: it is written when the program ends by itself, or never."""

    def __init__(self) -> None:
        self._held: list[str] = []
        atexit.register(self._end)

    def write(self, text: str) -> None:
        self._held.append(text)

    def _end(self) -> None:
        print("\n".join(self._held), flush=True)


def fail(code: int, message: str) -> NoReturn:
    """End as the real `exit_with_error` does, pauses included: the log has the message before the end comes."""
    print()
    time.sleep(1)
    print(message, flush=True)
    time.sleep(2)
    sys.exit(code)


def override_from_config(args: argparse.Namespace, raw: list[str]) -> None:
    """Take over the values of a .kcpps file; what was given on the command line under its main name wins."""
    path = Path(args.config[0])
    if not path.exists():
        if args.ignoremissing:
            print("Ignoring missing kcpp config file...")
            return
        fail(2, "Specified kcpp config file invalid or not found.")
    print(f"Loading configuration file {path}...")
    given = {*raw, "--model_param"} if "--model" in raw else set(raw)
    for key, value in json.loads(path.read_text(errors="ignore")).items():
        if key == "onready":
            continue
        if f"--{key}" in given:
            if key != "config":
                print(f"Overriding Config Value: {key}")
            continue
        setattr(args, key, value)


def settle(args: argparse.Namespace) -> None:
    """Bring the several ways of saying a thing down to one (the real `convert_invalid_args`)."""
    if not args.model_param and args.model:
        args.model_param = args.model if isinstance(args.model, str) else args.model[0]
    if args.port_param and args.port_param != arguments.PORT:
        args.port = args.port_param
    args.usecpu = args.usecpu or args.noblas


def announce(args: argparse.Namespace) -> None:
    """The lines up to the model."""
    print("Loading Chat Completions Adapter: AutoGuess.json\nChat Completions Adapter Loaded")
    library = "koboldcpp_default.so"
    if args.usecuda is not None:
        library = "koboldcpp_cublas.so"
    elif args.usevulkan is not None:
        library = "koboldcpp_vulkan.so"
    elif not args.usecpu:
        print("No GPU or CPU backend was selected. Trying to assign one for you automatically...")
        print("Auto Selected Default Backend (flag=0)\n")
    if library != "koboldcpp_default.so" and args.gpulayers == -1:
        print("Unable to detect VRAM, but autofit may still be used if applicable.")
    print(f"System: {platform.system()} {platform.version()} {platform.machine()} {platform.processor()}")
    print("Unable to determine GPU Memory")
    free_mb = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    print(f"Detected Available RAM: {free_mb} MB")
    print(f"Initializing dynamic library: {library}\n==========")
    time.sleep(1)
    print(f"{args}\n==========")  # the password with it: the real one prints it, too


def server_command(args: argparse.Namespace) -> list[str]:
    cells = -(-(args.contextsize + _SPARE) // _CELLS) * _CELLS
    cache = _CACHE_TYPES.get(str(args.quantkv), str(args.quantkv))
    return [
        str(BUNDLE / "llama-server"),
        *("--model", str(Path(args.model_param).absolute())),
        *("--ctx-size", str(cells)),
        *("--threads", str(args.threads if args.threads > 0 else arguments.default_threads())),
        *("--batch-size", str(max(args.batchsize, 32))),
        *("--flash-attn", "off" if args.noflashattention else "on"),
        *("--cache-type-k", cache, "--cache-type-v", "f16" if args.noflashattention else cache),
        *("--parallel", "1", "--no-webui", "--fit", "off", "--log-verbosity", "4"),
    ]


def load(args: argparse.Namespace, library: LibraryOutput) -> LlamaChild:
    """Load the model or end the program as the real one would (exit codes 2, 3 and 139)."""
    path = Path(args.model_param)
    if not path.exists():
        fail(2, f"Cannot find text model file: {args.model_param}")
    print(f"Loading Text Model: {path.absolute()}", flush=True)
    if path.suffix not in {".bin", ".gguf"}:
        print("WARNING: Selected Text Model does not seem to be a GGUF file!")
    try:
        is_gguf = gguf_header.has_magic(path)
    except OSError:
        is_gguf = False
    if not is_gguf:
        library.write("\n---\nUnidentified Model Encountered: (ver 0)\n---")
        print("Load Text Model OK: False")
        fail(3, f"Could not load text model: {path.absolute()}")
    try:
        architecture = gguf_header.metadata(path).get("general.architecture", "unknown")
    except ValueError as error:  # check_file_format() looks into a header that it could not read
        print(f"gguf_init_from_file_impl: failed to read header: {error}", file=sys.stderr, flush=True)
        die_of(signal.SIGSEGV)
    library.write(f"\nThe reported GGUF Arch is: {architecture}\nArch Category: 0")
    library.write("\n---\nIdentified as GGUF model.\nAttempting to Load...\n---")
    log = loading_log.LoadingLog(sys.stderr.buffer)
    child = LlamaChild(server_command(args), log=log.take)
    try:
        child.wait_until_loaded(tick=log.tick)
    except ServerEndedError:  # the real one takes llama.cpp's empty answer for a model
        die_of(signal.SIGSEGV)
    library.write("\nThis model does not use SWA\nStarting model warm up, please wait a moment...")
    print("Load Text Model OK: True")
    return child


def announce_server(args: argparse.Namespace) -> str:
    """The lines from the loaded model to the open port; the address that they name."""
    url = f"http://{args.host or 'localhost'}:{args.port}"
    modules = "TextGeneration ApiKeyPassword" if args.password else "TextGeneration"
    print("Embedded KoboldAI Lite loaded.\nEmbedded API docs loaded.\nLlama.cpp UI loaded.\n======")
    print(f"Active Modules: {modules}\nInactive Modules: ImageGeneration VoiceRecognition MultimodalVision")
    print("Enabled APIs: KoboldCppApi OpenAiApi OllamaApi AnthropicApi")
    print(f"Starting Kobold API on port {args.port} at {url}/api/")
    print(f"Starting OpenAI Compatible API on port {args.port} at {url}/v1/")
    return url


def end_with(child: LlamaChild, state: api.State) -> None:
    """In the real program llama.cpp is a library: if it dies, all dies, unless it was unloaded."""
    child.process.wait()
    if state.child is child:
        die_of(signal.SIGSEGV)


def main() -> None:
    print(NOTICE, file=sys.stderr, flush=True)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    library = LibraryOutput()
    made = arguments.parser(VERSION)
    args = made.parse_args()
    if args.version and len(sys.argv) <= 2:
        print(VERSION)
        return
    if unknown := [name for name in NOT_IMITATED if getattr(args, name)]:
        sys.exit(f"the stand-in does not imitate --{unknown[0]}")
    settle(args)
    print(f"***\nWelcome to KoboldCpp - Version {VERSION}")
    if args.config:
        override_from_config(args, sys.argv[1:])
        settle(args)
    if args.showgui or not (args.model_param or args.nomodel):
        print("For command line arguments, please run --help in the terminal.\n***")
        print("File selection GUI unsupported.\ncustomtkinter python module required!")
        if args.skiplauncher:
            print("Note: In order to use --skiplauncher, you need to specify a model with --model")
        time.sleep(3)
        sys.exit(2)
    announce(args)
    child = None
    if args.model_param and not args.nomodel:
        child = load(args, library)
    state = api.State(args, child, VERSION)
    if child:
        threading.Thread(target=end_with, args=(child, state), daemon=True).start()
    if args.admin and args.routermode:
        state.router = Router(load=lambda: load(args, library))
        threading.Thread(target=state.router.watch, args=(state,), daemon=True).start()
    url = announce_server(args)
    print(f"======\nPlease connect to custom endpoint at {url}", flush=True)
    api.serve(state)


if __name__ == "__main__":
    main()
