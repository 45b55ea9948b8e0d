"""What llama-server logs."""

from typing import Final

from stackctl.backends.llama_arguments_refused import REFUSED
from stackctl.backends.llama_causes import QUOTES, SERVER
from stackctl.backends.llama_devices import DEVICES
from stackctl.backends.llama_signatures import MODELS
from stackctl.backends.llama_starts import FATAL
from stackctl.backends.program_signatures import PROGRAM
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature

_HTTP: Final = "ggml-org/llama.cpp: tools/server/server-http.cpp"
_SERVER: Final = (
    Signature(
        marks=("couldn't bind HTTP server socket", "couldn't bind to server socket"),
        cause=Cause(
            says="llama-server can't listen on its address and port: another program has the port, or the address is "
            "none of this machine's",
            hint="Stop the other program, which `sudo ss -ltnp` shows, or choose another `--port`.",
            kind="config",
            issue="port-taken",
            source=_HTTP,
        ),
    ),
    Signature(
        marks=(
            "exceeds the available context size", "exceed_context_size_error", "input is too large to process",
            "failed to find free space in the KV cache", "the request exceeds the", "exceeds the context size",
            "prompt is too long", "Context size has been exceeded", "requested tokens exceed context window",
        ),
        cause=Cause(
            says="a request is longer than the backend's context",
            hint="Lower the context in SillyTavern to that of the backend, or raise `backend.context`.",
            kind="config",
            issue="context-exceeded",
            source=SERVER,
        ),
        when="run",
    ),
    Signature(
        marks=("tools setup failed: unknown tool",),
        cause=Cause(
            says="llama-server does not know a tool that --tools names",
            hint="Use a name of those that the line lists.",
            kind="config",
            issue="argument-refused",
            source="ggml-org/llama.cpp: tools/server/server-tools.cpp",
        ),
    ),
    Signature(
        marks=("Invalid API Key", "Unauthorized: Invalid"),
        cause=Cause(
            says="a program asked llama-server with a wrong API key or with none",
            hint="Give SillyTavern the key that `--api-key` sets; `stackctl deploy` does it.",
            kind="config",
            issue="api-key-refused",
            source=_HTTP,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "template is not supported", "tools param requires --jinja", "Failed to parse jinja",
            "failed to apply template", "Unable to generate parser for this template", "Jinja Exception",
            "jinja template rendering failed", "Failed to apply chat template",
        ),
        unless=("falling back to chatml", "- kv", "example_format"),
        cause=Cause(
            says="the backend can't use the model's chat template for this request",
            hint="Use a newer image, or name a template with `--chat-template`; SillyTavern's text completion needs "
            "none.",
            kind="config",
            issue="template-refused",
            source=SERVER,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "failed to download model", "error from HF API", "built without CURL", "built without libcurl",
            "GET failed", "curl_easy_perform() failed", "HTTPS is not supported", "failed to get manifest",
            "not found in cache",
        ),
        pattern=r"failed to (?:download|get)|HF API|built without|error: GET failed|curl_easy_perform|HTTPS is not"
        r"",
        cause=Cause(
            says="llama-server could not download its model",
            hint="Check the name of the repository and file, HF_TOKEN for a gated one, and the Internet connection; or "
            "download the file yourself and name it with `--model`.",
            kind="model",
            issue="download-failed",
            source="ggml-org/llama.cpp: common/download.cpp",
        ),
    ),
    Signature(
        marks=(
            "failed to parse grammar", "parse: error parsing grammar", "Failed to initialize samplers",
            "grammar sampler",
        ),
        pattern=r"parsing grammar|parse grammar|failed to initialize samplers",
        cause=Cause(
            says="a request has a grammar or a sampler that the backend does not understand",
            hint="Remove the grammar in SillyTavern's sampler settings.",
            kind="config",
            issue="settings-wrong",
            source=SERVER,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "does not support embeddings", "does not support reranking", "not supported by multimodal",
            "image input is not supported",
        ),
        cause=Cause(
            says="a request asks for something that this server was not started for",
            hint="Start it with the flag that the line names, such as `--embeddings` or `--mmproj`.",
            kind="config",
            issue="settings-wrong",
            source=SERVER,
        ),
        when="run",
    ),
)  # fmt: skip
LOG: Final = ProgramLog(
    program="llama.cpp",
    own=(
        "llama_server:", "llama-server", "llama_model_loader:", "ggml_cuda_init:", "srv  ", "llama_model_load",
        "load_backend: loaded", "main: server is listening", "ggml_vulkan:", "slot update_slots",
        "llama_new_context_with_model", "llama_context:",
    ),
    begins=("build: ", "llama_server: initializing", "system info: n_threads", "main: build ="),
    ready=(
        "llama_server: model loaded", "main: model loaded", "starting the main loop", "server is listening on http",
        "load_model: initializing, n_slots",
    ),
    harmless=(
        "failed to fit params", "special_eos_id is not in", "control-looking token", "failed to mlock",
        "pinned memory", "no usable GPU found", "compiled without GPU support", "graph_reserve: failed",
        "retrying without pipeline", "HEAD failed, status: 404", "no remote preset found", "CORS", "security",
        "falling back to chatml", "gallocr_reserve_n: failed", "cancel task", "error loading model.gguf",
        "not marked as EOG", "unused tensor", "this is normal during memory fitting", "http client error",
        "needs_realloc",
    ),
    quotes=QUOTES,
    signatures=(*REFUSED, *_SERVER, *FATAL, *DEVICES, *MODELS, *PROGRAM),
)  # fmt: skip
