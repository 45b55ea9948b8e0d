"""Further lines of programs built on llama.cpp's loader, about models: they explain a log, and end no deploy's wait."""

from typing import Final

from stackctl.backends.llama_causes import (
    DAMAGED,
    LACKS_TENSOR,
    LOADER,
    MODEL,
    ODD_CONVERSION,
    OLD_FORMAT,
    OLD_PROGRAM,
    not_loaded,
)
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_CLIP: Final = "ggml-org/llama.cpp: tools/mtmd/clip.cpp"
# what comes first is looked for first
MODELS: Final = (
    Signature(
        marks=("exactly one out metadata, path_model",),
        cause=Cause(
            says="llama-server got no model file: the repository or the name after -hf gave none",
            hint="Check the repository's name and quantisation, or name a file with `--model`.",
            kind="model",
            issue="model-missing",
            source=MODEL,
        ),
    ),
    Signature(
        marks=(
            "unexpectedly reached end of file", "data is not within", "corrupted model:",
            "has wrong size in model file", "file might be corrupted", "failed to read key-value pairs",
            "failed to read tensor info", "read error: Input/output", "gguf_init_from_file: failed to read",
        ),
        cause=DAMAGED,
    ),
    Signature(
        marks=("illegal split file", "model must be loaded with the first split", "invalid split", "split count"),
        pattern=r"illegal split|must be loaded with the first split|invalid split|split count",
        cause=Cause(
            says="the model has several parts, and not all are there with their original names",
            hint="Put all parts (…-00001-of-0000N.gguf) into one folder, and name the first one.",
            kind="model",
            issue="model-parts-wrong",
            source=LOADER,
        ),
    ),
    Signature(
        marks=("has wrong shape; expected", "duplicated tensor", "missing tok_embeddings", "missing output.weight"),
        cause=LACKS_TENSOR,
    ),
    Signature(
        marks=(
            "unknown tokenizer:", "this software only supports up to version", "unsupported GGUF version",
            "unknown projector type", "unknown rope type", "unknown expert gating", "unsupported model arch",
        ),
        cause=OLD_PROGRAM,
    ),
    Signature(
        marks=(
            "cannot find tokenizer merges", "cannot find tokenizer vocab", "cannot find tokenizer scores",
            "error loading model vocabulary", "error loading model hyperparameters", "has wrong array length",
            "key has wrong type", "unable to find tensor ",
        ),
        unless=("unknown pre-tokenizer", "general.name"),
        cause=ODD_CONVERSION,
    ),
    Signature(
        marks=(
            "too old, regenerate your model", "GGUFv1 is no longer supported", "GGUF v1 is no longer supported",
            "Unknown Model, cannot load", "outdated GGUF", "invalid model file (bad magic", "bad magic)",
            "has an unsupported version", "Identified as an old",
        ),
        cause=OLD_FORMAT,
    ),
    Signature(
        marks=("mismatch between text model", "is not compatible with the mmproj", "n_mmproj_embd"),
        pattern=r"mismatch between text model|not compatible|n_mmproj_embd .* n_(?:llm_)?embd",
        cause=Cause(
            says="the mmproj file belongs to another model",
            hint="Use the mmproj file that is published beside this model, or leave it out.",
            kind="model",
            issue="model-parts-wrong",
            source="ggml-org/llama.cpp: tools/mtmd/mtmd.cpp",
        ),
    ),
    Signature(
        marks=("clip_init: failed to load model", "Failed to load CLIP model", "failed to load multimodal model"),
        cause=Cause(
            says="the mmproj file, with which the model sees images, can't be loaded",
            hint="Leave out `--mmproj` to use text alone, or use the mmproj file that is published beside this model.",
            kind="model",
            is_generic=True,
            issue="model-format-unsupported",
            source=_CLIP,
        ),
    ),
    Signature(
        marks=("failed to load lora", "failed to apply lora", "LoRA tensor"),
        pattern=r"failed to (?:load|apply) lora|lora tensor .{1,120}(?:missing|not found|unexpected)",
        cause=Cause(
            says="a LoRA can't be used with this model",
            hint="Use a LoRA that was made for this model and converted to GGUF, or leave it out.",
            kind="model",
            issue="model-format-unsupported",
            source="ggml-org/llama.cpp: src/llama-adapter.cpp",
        ),
    ),
    Signature(
        marks=("vocab type must match", "draft model vocab", "draft vocab", "draft model is not compatible"),
        pattern=r"must match|not compatible",
        cause=Cause(
            says="the draft model has another vocabulary than the model",
            hint="Use a draft model of the same family, or leave it out.",
            kind="model",
            issue="model-parts-wrong",
            source="ggml-org/llama.cpp: common/speculative.cpp",
        ),
    ),
    Signature(
        marks=("is not a chat model", "does not have a decoder", "embedding model", "does not support completions"),
        pattern=r"not a chat model|does not have a decoder|does not support completions",
        cause=Cause(
            says="the model is none to chat with",
            hint="Use a model for chat; `stackctl models recommend` names some.",
            kind="model",
            issue="model-no-chat",
            source="ggml-org/llama.cpp: tools/server/server.cpp",
        ),
        when="run",
    ),
    Signature(
        marks=(
            "failed to load model", "unable to load model", "error loading model", "failed to load the model",
            "failed to initialize the context", "failed to create context", "exiting due to model loading error",
            "Could not load model", "Unable to load model",
        ),
        # a trial that is repeated with less, and whatever quotes a name
        unless=("fit params", "params_fit", "loading model '", "during memory fitting"),
        cause=not_loaded("the backend could not load the model"),
    ),
)  # fmt: skip
