"""What text-generation-webui logs."""

from typing import Final

from stackctl.backends.llama_arguments_refused import REFUSED
from stackctl.backends.llama_causes import QUOTES
from stackctl.backends.llama_devices import DEVICES
from stackctl.backends.llama_signatures import MODELS
from stackctl.backends.llama_starts import FATAL
from stackctl.backends.program_signatures import ARGPARSE, PROGRAM
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature

_MODELS: Final = "oobabooga/text-generation-webui: modules/models.py"
_SAFETENSORS: Final = "https://huggingface.co/docs/safetensors"
_TRANSFORMERS: Final = "huggingface/transformers: src/transformers/modeling_utils.py"
_LOADERS: Final = (
    Signature(
        marks=(
            "OutOfMemoryError", "CUDA out of memory", "HIP out of memory", "Insufficient VRAM",
            "Insufficient space for buffers", "CUBLAS_STATUS_ALLOC_FAILED", "Insufficient memory",
        ),
        cause=Cause(
            says="the GPU has too little free memory for this model and context",
            hint="Lower the context, use a smaller or more quantised model, or put fewer layers on the GPU.",
            kind="memory",
            issue="gpu-memory-too-small",
            source="https://pytorch.org/docs/stable/notes/cuda.html#memory-management",
        ),
    ),
    Signature(
        marks=(
            "HeaderTooLarge", "MetadataIncompleteBuffer", "InvalidHeaderDeserialization", "HeaderTooSmall",
            "SafetensorError", "failed reading zip archive", "invalid load key", "Ran out of input",
            "failed finding central directory", "InvalidHeaderStart", "file not fully covered",
        ),
        cause=Cause(
            says="a file of the model is damaged, cut short, or a pointer of Git LFS",
            hint="Download the model's files again, and compare their sizes with those on its page.",
            kind="model",
            issue="model-damaged",
            source=_SAFETENSORS,
        ),
    ),
    Signature(
        marks=(
            "Error no file named", "does not appear to have a file named", "Could not find the quantized model",
            "No model.safetensors",
        ),
        cause=Cause(
            says="the model's folder lacks a file: its weights or its configuration",
            hint="Download all files of the model, or choose the loader for its format (GGUF: llama.cpp).",
            kind="model",
            issue="model-missing",
            source=_TRANSFORMERS,
        ),
    ),
    Signature(
        marks=(
            "The path to the model does not exist", "No .gguf models found", "IndexError: list index out of range",
            "glob('*.gguf'))[0]",
        ),
        cause=Cause(
            says="text-generation-webui does not find the model's file",
            hint="Check that the model lies in its folder of models, in a format that the chosen loader reads.",
            kind="model",
            issue="model-missing",
            source=_MODELS,
        ),
    ),
    Signature(
        marks=(
            "does not recognize this architecture", "Unknown architecture", "is not supported yet",
            "does not support the architecture", "No architecture", "has no attribute 'rope_theta'",
        ),
        pattern=r"not recognize this architecture|unknown architecture|(?:model|architecture|type).{0,80}not "
        r"supported yet|no architecture",
        cause=Cause(
            says="this version of the program is older than the model and does not know its architecture",
            hint="Use a newer image (`backend.image`), or another model.",
            kind="model",
            issue="model-too-new",
            source=_TRANSFORMERS,
        ),
    ),
    Signature(
        marks=(
            "Unrecognized model in", "Unknown quantization type", "size mismatch for",
            "Error(s) in loading state_dict", "Can't load tokenizer", "instantiate the backend tokenizer",
            "Trying to set a tensor of shape", "## Could not find", "does not contain a quantization",
            "is not the path to a directory", "Unable to load weights from pytorch",
        ),
        cause=Cause(
            says="the files in the model's folder do not belong together, or are of a format that this loader "
            "can't read",
            hint="Download all files of the model again, choose another loader, or use the model as GGUF.",
            kind="model",
            issue="model-format-unsupported",
            source=_TRANSFORMERS,
        ),
    ),
    Signature(
        marks=(
            "trust_remote_code=True", "requires you to execute the", "contains custom code which must be executed",
        ),
        unless=("warning  trust_remote_code is enabled",),
        cause=Cause(
            says="the model brings its own code, which the program does not run unasked",
            hint="Read that code, then start with `--trust-remote-code`; or use the model as GGUF.",
            kind="config",
            issue="settings-wrong",
            source=_TRANSFORMERS,
        ),
    ),
    Signature(
        marks=("KeyError: '",),
        pattern=r"KeyError: '((?:ExLlama|AutoGPTQ|AutoAWQ|GPTQ|ctransformers|llamacpp_HF|HQQ|QuIP|TensorRT|RWKV"
        r"|llama\.cpp)[\w .#-]{0,20})'",
        cause=Cause(
            says="text-generation-webui no longer has the loader {0}",
            hint="Choose another loader, and remove it from settings.yaml, CMD_FLAGS.txt and the model's "
            "config-user.yaml.",
            kind="config",
            issue="argument-refused",
            source="oobabooga/text-generation-webui: modules/loaders.py",
        ),
    ),
    Signature(
        marks=("When localhost is not accessible",),
        cause=Cause(
            says="Gradio can't reach its own page: a proxy's variables keep it from localhost",
            hint="Add `localhost,127.0.0.1` to NO_PROXY, and `--listen` to the arguments.",
            kind="config",
            issue="settings-wrong",
            source="gradio-app/gradio: gradio/blocks.py",
        ),
    ),
    Signature(
        marks=(
            "The input is too long for the available context length", "exceeds the available context size",
            "exceeds cache size", "Indexing assertion", "sequence length is longer than",
        ),
        unless=("token indices sequence length is longer",),
        cause=Cause(
            says="a request is longer than the model's context",
            hint="Lower the context in SillyTavern to that of the backend, or raise `backend.context`.",
            kind="config",
            issue="context-exceeded",
            source="oobabooga/text-generation-webui: modules/chat.py",
        ),
        when="run",
    ),
    Signature(
        marks=("yaml.scanner.ScannerError", "yaml.parser.ParserError", "yaml.constructor"),
        cause=Cause(
            says="a settings file can't be read: its YAML or JSON is wrong",
            hint="Correct the file that the lines before it name, or remove it.",
            kind="config",
            issue="settings-wrong",
            source="https://pyyaml.org/wiki/PyYAMLDocumentation",
        ),
    ),
    Signature(
        marks=("No model is loaded", "No tokenizer is loaded", "Model is not loaded"),
        cause=Cause(
            says="a request came while no model was loaded",
            hint="Load a model in the Model tab, or start with `--model NAME`.",
            kind="model",
            is_generic=True,
            issue="model-not-named",
            source="oobabooga/text-generation-webui: modules/text_generation.py",
        ),
        when="run",
    ),
    Signature(
        marks=("Failed to load the extension",),
        cause=Cause(
            says="an extension of text-generation-webui can't be loaded",
            hint="Remove it from the arguments, or install its requirements.",
            kind="config",
            is_generic=True,
            issue="program-incomplete",
            source="oobabooga/text-generation-webui: modules/extensions.py",
        ),
        when="run",
    ),
    Signature(
        marks=(
            "Failed to load the model", "Error loading the model with llama.cpp",
            "Server process terminated unexpectedly",
        ),
        cause=Cause(
            says="text-generation-webui could not load the model",
            hint="Read the lines around it; with `--verbose` llama-server says more.",
            kind="model",
            is_generic=True,
            issue="backend-failed",
            source=_MODELS,
        ),
    ),
)  # fmt: skip
LOG: Final = ProgramLog(
    program="text-generation-webui",
    own=(
        "text-generation-webui", "Text generation web UI", "Starting TextGen", "OpenAI-compatible API URL",
        "load_model_wrapper", "modules/models.py", "modules\\models.py", "Running on local URL:", "CMD_FLAGS.txt",
        "llama_cpp_binaries", "oobabooga", "modules/ui_model_menu.py", "exllamav2", "exllamav3", "torch.cuda.",
        "transformers/modeling_utils", "LOADER: \"",
    ),
    begins=("Starting Text generation web UI", "Starting TextGen", "=== Running text-generation-webui"),
    ready=("Loaded \"", "LOADER: \""),
    harmless=(
        "You are potentially exposing", "trust_remote_code is enabled", "fatal: unable to access",
        "changing ownership of", "was not compiled with flash attention", "without GPU support", "FutureWarning",
        "DeprecationWarning", "UserWarning",
    ),
    quotes=QUOTES,
    signatures=(*ARGPARSE, *REFUSED, *_LOADERS, *FATAL, *DEVICES, *MODELS, *PROGRAM),
)  # fmt: skip
