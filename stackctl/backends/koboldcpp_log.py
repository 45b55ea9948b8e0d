"""What KoboldCpp logs."""

from typing import Final

from stackctl.backends.koboldcpp_failures import UNPACKING
from stackctl.backends.llama_causes import QUOTES
from stackctl.backends.llama_devices import DEVICES
from stackctl.backends.llama_signatures import MODELS
from stackctl.backends.llama_starts import FATAL
from stackctl.backends.program_signatures import ARGPARSE, PROGRAM
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature

_PROGRAM: Final = "LostRuins/koboldcpp: koboldcpp.py"
_ADAPTER: Final = "LostRuins/koboldcpp: gpttype_adapter.cpp"
_KOBOLDCPP: Final = (
    Signature(
        marks=("Cannot find ", "not found."),
        pattern=r"Cannot find ((?:image|whisper|tts|embeddings|draft|text|lora|mmproj|sd|music|config)[\w "
        r"]{0,40}(?:file)?)",
        cause=Cause(
            says="KoboldCpp does not find a file that its arguments name ({0})",
            hint="Check the path as the container sees it, or remove the argument.",
            kind="model",
            issue="model-missing",
            source=_PROGRAM,
        ),
    ),
    Signature(
        marks=(
            "customtkinter python module required", "GUI failed to start", "You must use the command line instead",
            "File selection GUI unsupported",
        ),
        cause=Cause(
            says="KoboldCpp was started without a model, and can't show its launcher without a display",
            hint="Name a model with `--model`, or a configuration with `--config`.",
            kind="config",
            issue="model-not-named",
            source=_PROGRAM,
        ),
    ),
    Signature(
        marks=(
            "GPU layers is set, but a GPU backend was not selected",
            "library file not found. CPU library will be used", "library file not found. Non-BLAS library",
        ),
        cause=Cause(
            says="KoboldCpp computes on the CPU: no library for the GPU was chosen or found",
            hint="Add `--usecublas` (NVIDIA) or `--usevulkan`, with a build that has it.",
            kind="gpu",
            issue="gpu-not-used",
            source=_PROGRAM,
        ),
        when="run",
    ),
    Signature(
        marks=("Check your context buffer sizes", "Failed to predict at"),
        cause=Cause(
            says="KoboldCpp could not compute an answer: the request does not fit into its context or memory",
            hint="Lower the context in SillyTavern to that of KoboldCpp, or the batch size; then load the model again.",
            kind="config",
            issue="context-exceeded",
            source=_ADAPTER,
        ),
        when="run",
    ),
    Signature(
        marks=("SSL configuration is INVALID",),
        cause=Cause(
            says="KoboldCpp can't use the certificate or the key of `--ssl`, and answers without TLS",
            hint="Check both files: a certificate and its key, as PEM.",
            kind="config",
            issue="settings-wrong",
            source=_PROGRAM,
        ),
        when="run",
    ),
    Signature(
        marks=("Could not create cloudflare tunnel", "Remote Tunnel Failed"),
        cause=Cause(
            says="KoboldCpp could not open its tunnel to the Internet",
            hint="Remove `--remotetunnel`, or check the Internet connection.",
            kind="config",
            issue="backend-failed",
            source=_PROGRAM,
        ),
        when="run",
    ),
    Signature(
        marks=("Horde worker could not start", "horde worker", "Horde Worker"),
        pattern=r"could not start|rejected|shutting down|error",
        cause=Cause(
            says="KoboldCpp's worker for the AI Horde does not run",
            hint="Check the Horde's key and the worker's name, or remove the arguments that begin with --horde.",
            kind="config",
            issue="settings-wrong",
            source=_PROGRAM,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "failed to apply lora adapter", "failed to load mmproj model", "KCPP SD Failed to create context",
            "Whisper Load Error", "Could not load image model", "Could not load whisper model",
            "Could not load TTS model", "Could not load embeddings model",
        ),
        cause=Cause(
            says="KoboldCpp can't load one of the models beside the text model (LoRA, mmproj, image or speech)",
            hint="Check that the file is of a supported format and belongs to this model, or remove its argument.",
            kind="model",
            issue="model-format-unsupported",
            source=_ADAPTER,
        ),
    ),
    Signature(
        marks=("Failed to load dynlib/dll", "PyInstallerImportError"),
        cause=Cause(
            says="KoboldCpp can't load its library for this GPU or system",
            hint="Use another build of KoboldCpp: for an older CUDA, or without CUDA.",
            kind="config",
            issue="program-incomplete",
            source="https://github.com/LostRuins/koboldcpp/issues/705",
        ),
    ),
    Signature(
        marks=(
            "Load Text Model OK: False", "Error: Could not load text model", "gpttype_load_model: error",
            "Failed to execute script",
        ),
        cause=Cause(
            says="KoboldCpp stopped with an error",
            hint="Read the lines before it: usual causes are too little memory and a damaged or too new model.",
            is_generic=True,
            issue="backend-failed",
            source=_PROGRAM,
        ),
    ),
)  # fmt: skip
LOG: Final = ProgramLog(
    program="KoboldCpp",
    own=(
        "Welcome to KoboldCpp", "koboldcpp.py", "koboldcpp_", "Load Text Model OK", "Kobold API on port", "kcpp_",
        "gpttype_load_model", "koboldcpp-linux", "koboldcpp.exe", "Initializing dynamic library: kobold", "KCPP",
    ),
    begins=("Welcome to KoboldCpp",),
    ready=("Load Text Model OK: True", "Please connect to custom endpoint at"),
    harmless=(
        "Unable to detect VRAM", "Could not find Embedded", "Could not find KoboldAI Lite",
        "heuristics failed to identify", "params_fit", "No GPU backend found, or could not automatically",
        "failed to mlock", "Token streaming was interrupted", "connection was aborted", "IPv6 Socket Failed to Bind",
        "pinned memory", "Generation Aborted", "libpng warning", "invalid or not found. No story", "Broken pipe",
        "No such schema",
    ),
    quotes=rf"(?:{QUOTES})|(?:Input|Output): ",  # what people and the model wrote
    signatures=(*UNPACKING, *ARGPARSE, *_KOBOLDCPP, *FATAL, *DEVICES, *MODELS, *PROGRAM),
)  # fmt: skip
