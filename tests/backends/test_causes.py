"""Lines of failing starts as public threads show them, in the programs' own wording, and what is made of each."""

from collections.abc import Sequence

import pytest

from stackctl.backends import BACKENDS, find_backend
from stackctl.backends.contract import Offloaded
from stackctl.contracts.cause import Cause, Kind
from tests.backends import logs

# (where it was seen, the line, the kind of error, words of the cause or of its hint)
LOADER: Sequence[tuple[str, str, Kind, str]] = (
    ("ggml-org/llama.cpp#9613", "error loading model: invalid split file name: /models/x.gguf", "model", "--merge"),
    (
        "ggml-org/llama.cpp#11975, unslothai/unsloth#3124",
        "gguf_init_from_file_impl: tensor 'blk.25.ffn_down.weight' has invalid ggml type 42 (NONE)",
        "model",
        "Use a newer image (`backend.image`), or the model in another quantisation",
    ),
    (
        "llama.cpp as Debian packages it",
        "tensor 'blk.0.attn_q.weight' of type 31 (TYPE_Q4_0_4_4 REMOVED, use Q4_0 with runtime repacking)",
        "model",
        "Use the model as Q4_0",
    ),
    (
        "ggml-org/llama.cpp#27254",
        "error loading model vocabulary: invalid gguf type for tokenizer.ggml.scores",
        "model",
        "newer conversion",
    ),
    (
        "LostRuins/koboldcpp#1922; threads on Llama 3.1",
        "done_getting_tensors: wrong number of tensors; expected 292, got 291",
        "model",
        "older than the model",
    ),
    (
        "YellowRoseCx/koboldcpp-rocm#97",
        (
            "llama_model_load: error loading model: error loading model vocabulary: "
            "unknown pre-tokenizer type: 'deepseek-r1-qwen'"
        ),
        "model",
        "older than the model",
    ),
    (
        "ggml-org/llama.cpp#23033",
        "llama_model_load: error loading model: missing tensor 'blk.40.ssm_conv1d.weight'",
        "model",
        "lacks a tensor",
    ),
    (
        "llama.cpp, build 11669, run",
        "E llama_model_load: error loading model: check_tensor_dims: tensor 'blk.0.ffn_down.weight' not found",
        "model",
        "lacks a tensor",
    ),
    (
        "ggml-org/llama.cpp, src/llama-model-loader.cpp",
        "error loading model hyperparameters: key not found in model: llama.attention.head_count",
        "model",
        "newer conversion",
    ),
    (
        "llama.cpp, big-endian files",
        (
            "gguf_init_from_file_impl: failed to load model: this GGUF file version 50331648 is extremely large, is "
            "there a mismatch between the host and model endianness?"
        ),
        "model",
        "big-endian",
    ),
    (
        "oobabooga/textgen#3435",
        "error loading model: unknown (magic, version) combination: 73726576, 206e6f69; is this really a GGML file?",
        "model",
        "as a GGUF file",
    ),
    (
        "gpustack/gpustack#1382; threads on P40, K80, RTX 5090",
        "CUDA error: no kernel image is available for execution on the device",
        "gpu",
        "too old for it, or too new",
    ),
    (
        "llama.cpp, ggml-cuda",
        "CUDA error: the provided PTX was compiled with an unsupported toolchain.",
        "gpu",
        "driver is older",
    ),
    (
        "PyTorch after an update of the driver",
        "RuntimeError: Error 803: system has unsupported display driver / cuda driver combination",
        "gpu",
        "Reboot",
    ),
    ("llama.cpp", "llama_model_load: error loading model: unable to allocate CUDA0 buffer", "memory", "the GPU has"),
    ("llama.cpp", "llama_model_load: error loading model: unable to allocate Vulkan0 buffer", "memory", "the GPU has"),
    ("llama.cpp", "llama_model_load: error loading model: unable to allocate CPU buffer", "memory", "(RAM)"),
    ("llama.cpp", "llama_model_load: error loading model: unable to allocate CUDA_Host buffer", "memory", "(RAM)"),
    ("llama.cpp", "error loading model: mmap failed: Cannot allocate memory", "memory", "limits.backend_memory"),
    ("llama.cpp on an SMB share", "error loading model: mmap failed: No such device", "config", "--no-mmap"),
    ("a shell around llama.cpp", "Illegal instruction (core dumped)", "config", "AVX2"),
    (
        "ggml-org/llama.cpp, src/llama-context.cpp",
        "llama_init_from_model: V cache quantization requires flash_attn",
        "config",
        "backend.flash_attention = true",
    ),
    (
        "ggml-org/llama.cpp, tools/server",
        "srv    load_model: chat template parsing error: Value is not callable",
        "config",
        "SillyTavern needs no template",
    ),
    (
        "oobabooga/textgen#7330",
        "/venv/bin/llama-server: error while loading shared libraries: librocblas.so.4: cannot open shared object file",
        "config",
        "image lacks a library",
    ),
)
OF_ONE: Sequence[tuple[str, str, str, Kind, str]] = (
    ("llamacpp", "llama.cpp", "error: invalid argument: -ot exps=CPU", "config", "['-ot', 'exps=CPU']"),
    (
        "text-generation-webui",
        "text-generation-webui of 2026-05, run with --extra-flags",
        "error: invalid argument: --no-such-flag",
        "config",
        "--no-such-flag",
    ),
    (
        "text-generation-webui",
        "oobabooga/textgen#7188",
        (
            "20:53:22-829894 ERROR    Error loading the model with llama.cpp: Server process terminated unexpectedly "
            "with exit code: -4"
        ),
        "config",
        "AVX2",
    ),
)
GENERIC = (
    ("llamacpp", "0.00.015.536 E srv  llama_server: exiting due to model loading error"),
    ("koboldcpp", "Load Text Model OK: False"),
    ("koboldcpp", "llama_model_load_from_file_impl: failed to load model"),
    ("koboldcpp", "[PYI-7:ERROR] Failed to execute script 'koboldcpp' due to unhandled exception!"),
    (
        "text-generation-webui",
        "ERROR    Error loading the model with llama.cpp: Server process terminated unexpectedly with exit code: 1",
    ),
    *((name, "/app/ggml/src/ggml-backend.cpp:1208: GGML_ASSERT(*cur_backend_id != -1) failed") for name in BACKENDS),
)
# the program often goes on after these: they explain its end, and do not bring it about
MAY_GO_ON: Sequence[tuple[str, str, Kind, str]] = (
    (
        "ggml-org/llama.cpp",
        "ggml_backend_cuda_buffer_type_alloc_buffer: allocating 9513 MiB on device 0: cudaMalloc failed: out of memory",
        "memory",
        "the GPU has too little free memory",
    ),
    (
        "ggml-org/llama.cpp, ggml-vulkan",
        "ggml_vulkan: Device memory allocation of size 1073741824 failed.",
        "memory",
        "the GPU has too little free memory",
    ),
    (
        "ggml-org/llama.cpp",
        "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 40394293248",
        "memory",
        "(RAM)",
    ),
)
# what a build for a GPU writes when it computes on the CPU: (where it was seen, variant, line, words)
NO_GPU: Sequence[tuple[str, str, str, str]] = (
    (
        "llama.cpp without nvidia_uvm",
        "cuda",
        "ggml_cuda_init: failed to initialize CUDA: unknown error",
        "modprobe nvidia_uvm",
    ),
    (
        "llama.cpp after an update of the driver",
        "cuda",
        "ggml_cuda_init: failed to initialize CUDA: system has unsupported display driver / cuda driver combination",
        "Reboot",
    ),
    (
        "ggml-org/llama.cpp#24418",
        "cuda",
        "0.00.012 E ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected",
        "CUDA finds no GPU that it can use in the container (no CUDA-capable device is detected); Check on the host",
    ),
    (
        "llama.cpp, an old driver or a container without the driver's libraries",
        "cuda",
        "ggml_cuda_init: failed to initialize CUDA: CUDA driver version is insufficient for CUDA runtime version",
        "the NVIDIA driver is older than the image's CUDA, or its libraries are missing in the container",
    ),
    (
        "machines with NVSwitch",
        "cuda",
        "ggml_cuda_init: failed to initialize CUDA: system not yet initialized",
        "systemctl start nvidia-fabricmanager",
    ),
    ("a full GPU", "cuda", "ggml_cuda_init: failed to initialize CUDA: out of memory", "End the programs"),
    ("any other", "cuda", "ggml_cuda_init: failed to initialize CUDA: OS call failed", "CUDA finds no GPU"),
    (
        "llama.cpp for ROCm",
        "rocm",
        "ggml_cuda_init: failed to initialize ROCm: no ROCm-capable device is detected",
        "ROCm finds no GPU",
    ),
    ("common/arg.cpp", "cuda", "warning: no usable GPU found, --gpu-layers option will be ignored", "backend.image"),
    (
        "ik_llama.cpp, common/common.cpp",
        "cuda",
        "warning: not compiled with GPU offload support, --gpu-layers option will be ignored",
        "sees no GPU, or has no code for one",
    ),
    ("common/fit.cpp", "cuda", "common_fit_params: no devices with dedicated memory found", "computes on the CPU"),
    (
        "ggml/src/ggml-backend-reg.cpp",
        "cuda",
        "load_backend: failed to load /app/libggml-cuda.so: libcuda.so.1: cannot open shared object file",
        "can't load its code for the GPU (libcuda.so.1: cannot open shared object file)",
    ),
    ("ggml/src/ggml-vulkan", "vulkan", "ggml_vulkan: No devices found.", "no Vulkan device"),
    (
        "Mesa without a GPU",
        "vulkan",
        "ggml_vulkan: 0 = llvmpipe (LLVM 19.1.7, 256 bits) (llvmpipe) | uma: 0 | fp16: 1",
        "no Vulkan device",
    ),
)
NO_GPU_OF_ONE: Sequence[tuple[str, str, str]] = (
    ("koboldcpp", "Initializing dynamic library: koboldcpp_default.so", "has no library for this GPU"),
    ("koboldcpp", "Initializing dynamic library: koboldcpp_noavx2.so", "has no library for this GPU"),
    (
        "koboldcpp",
        "WARNING: GPU layers is set, but a GPU backend was not selected! GPU will not be used!",
        "has no library for this GPU",
    ),
    (
        "text-generation-webui",
        "WARNING  [...] returned False. This means that no GPU has been detected. Falling back to CPU mode.",
        "PyTorch finds no GPU",
    ),
)
RAISED: Sequence[tuple[str, str, str]] = (
    (
        "huggingface/transformers#33790",
        (
            "ValueError: The checkpoint you are trying to load has model type `florence2` but Transformers does not "
            "recognize this architecture. This could be because of an issue with the checkpoint, or because your "
            "version of Transformers is out of date."
        ),
        "newer image",
    ),
    (
        "text-generation-webui of 2026-05, run without a tokenizer",
        "ValueError: Couldn't instantiate the backend tokenizer from one of:",
        "lacks its tokenizer",
    ),
    (
        "text-generation-webui of 2026-05, run with the config.json of another model",
        "│ ValueError: Trying to set a tensor of shape torch.Size([8]) in 'weight' (which has shape torch.Size([9])) │",
        "has all files of the model",
    ),
    ("oobabooga/textgen#6187", "IndexError: list index out of range", "model.path"),
)


def _check(cause: Cause | None, kind: Kind, words: str) -> None:
    assert cause
    assert (cause.kind, cause.is_generic) == (kind, False)
    assert words in f"{cause.says}; {cause.hint}"
    assert "damaged" not in cause.says


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(("seen", "line", "kind", "words"), LOADER)
def test_a_line_of_the_loader_is_called_what_it_is_in_every_backend(
    name: str, seen: str, line: str, kind: Kind, words: str
) -> None:
    assert seen
    _check(find_backend(name).fatal(line), kind, words)


@pytest.mark.parametrize(("name", "seen", "line", "kind", "words"), OF_ONE)
def test_a_line_of_one_program_is_called_what_it_is(name: str, seen: str, line: str, kind: Kind, words: str) -> None:
    assert seen
    _check(find_backend(name).fatal(line), kind, words)


@pytest.mark.parametrize(("name", "line"), GENERIC)
def test_a_line_that_says_no_more_than_that_it_failed_is_known_as_one(name: str, line: str) -> None:
    cause = find_backend(name).fatal(line)
    assert cause
    assert cause.is_generic


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(("seen", "line", "kind", "words"), MAY_GO_ON)
def test_what_a_program_may_go_on_after_is_the_cause_only_once_it_has_ended(
    name: str, seen: str, line: str, kind: Kind, words: str
) -> None:
    assert seen
    assert find_backend(name).fatal(line) is None
    _check(find_backend(name).ended(line), kind, words)


@pytest.mark.parametrize(("seen", "line", "words"), RAISED)
def test_what_a_loader_of_text_generation_webui_raised_is_the_cause(seen: str, line: str, words: str) -> None:
    assert seen
    judge = find_backend("text-generation-webui")
    assert judge.fatal(line) is None
    _check(judge.ended(line), "model", words)


def test_a_trial_of_koboldcpp_s_that_fails_ends_nothing() -> None:
    said = (
        "llama_params_fit: encountered an error while trying to fit params to free device memory: failed to load model"
    )
    assert find_backend("koboldcpp").fatal(said) is None


# -- a GPU that is not used


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize(("seen", "variant", "line", "words"), NO_GPU)
def test_a_line_that_means_that_the_cpu_computes_is_a_cause_for_its_variant_and_never_fatal_without_a_gpu(
    name: str, seen: str, variant: str, line: str, words: str
) -> None:
    assert seen
    _check(find_backend(name).no_gpu(line, variant), "gpu", words)
    assert find_backend(name).fatal(line) is None


@pytest.mark.parametrize(("name", "line", "words"), NO_GPU_OF_ONE)
def test_a_program_says_in_its_own_words_that_the_cpu_computes(name: str, line: str, words: str) -> None:
    _check(find_backend(name).no_gpu(line, "cuda"), "gpu", words)
    assert find_backend(name).fatal(line) is None


@pytest.mark.parametrize("name", BACKENDS)
def test_a_program_with_code_for_several_kinds_of_gpu_may_lack_the_others(name: str) -> None:
    no_gpu = find_backend(name).no_gpu
    assert no_gpu("ggml_vulkan: No devices found.", "cuda") is None
    assert no_gpu("ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected", "vulkan") is None
    assert no_gpu("load_backend: failed to load /app/libggml-hip.so: libamdhip64.so.6: no such file", "cuda") is None


@pytest.mark.parametrize("name", BACKENDS)
def test_cuda_that_did_not_start_explains_a_program_that_ended(name: str) -> None:
    line = "ggml_cuda_init: failed to initialize CUDA: initialization error"
    _check(find_backend(name).ended(line), "gpu", "initialization error")
    assert find_backend(name).ended("warning: no usable GPU found, --gpu-layers option will be ignored") is None


@pytest.mark.parametrize("name", BACKENDS)
def test_no_line_of_a_good_start_means_that_the_cpu_computes(name: str) -> None:
    assert [line for line in logs.LOADER.splitlines() if find_backend(name).no_gpu(line, "cuda")] == []


@pytest.mark.parametrize("name", BACKENDS)
def test_the_layers_on_gpus_are_read_from_the_loaders_line(name: str) -> None:
    offloaded = find_backend(name).offloaded
    assert offloaded("0.01.200 I load_tensors: offloaded 20/33 layers to GPU") == Offloaded(layers=20, of=33)
    assert offloaded("load_tensors: offloading 32 repeating layers to GPU") is None


QUOTING = (
    "0.00.100 I srv    load_model: loading model '/models/%s.gguf'",
    "srv  load_model: loading model '/models/%s.gguf'",
    "load_model: loading model '/models/%s.gguf'",
    "llama_model_loader: - kv   2:                               general.name str              = %s",
    "0.00.300 I print_info: general.name     = %s",
    "print_info: EOT token        = 2 '%s'",
    "init: chat template, example_format: '%s",
    "Loading Text Model: /models/%s.gguf",
)
IMITATED = (
    "no usable GPU found",
    "load_tensors: offloaded 0/33 layers to GPU",
    "ggml_cuda_init: failed to initialize CUDA: unknown error",
    "Illegal instruction",
    "std::bad_alloc",
)


@pytest.mark.parametrize("name", BACKENDS)
def test_a_model_whose_name_or_text_imitates_a_failure_is_none(name: str) -> None:
    backend = find_backend(name)
    lines = [line % text for line in QUOTING for text in IMITATED]
    assert [line for line in lines if backend.no_gpu(line, "cuda") or backend.offloaded(line)] == []
    assert [line for line in lines if backend.fatal(line)] == []
