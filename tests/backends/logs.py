"""Lines that programs write while all goes well, some of them alarming; recorded or quoted from their sources."""

# llama-server of build 11669 at its default verbosity
SERVER = """\
warn: LLAMA_ARG_HOST environment variable is set, but will be overwritten by command line argument --host
warning: no usable GPU found, --gpu-layers option will be ignored
warning: one possible reason is that llama.cpp was compiled without GPU support
0.00.039.547 I srv  llama_server: initializing ...
0.00.039.574 I cmn  common_param: common_params_print_info: verbosity = 3 (adjust with the `-lv N` CLI arg)
0.00.039.689 I srv  init_listene: The UI is disabled
0.00.039.759 W srv  llama_server: security: no API key is set and CORS allows all origins
0.00.041.660 I srv    load_model: loading model '/models/error loading model.gguf'
0.00.046.438 I cmn          init: llama threadpool init, n_threads = 2
0.00.047.779 I srv    load_model: initializing, n_slots = 1, n_ctx_slot = 8192, kv_unified = 'false'
0.00.049.343 I srv  llama_server: model loaded
0.00.049.347 I srv  llama_server: listening on http://0.0.0.0:8080
srv  log_server_r: done request: GET /health 127.0.0.1 503
"""

# the loader of llama.cpp, as it talks in every program that is built on it
LOADER = """\
ggml_cuda_init: GGML_CUDA_FORCE_MMQ:    no
ggml_cuda_init: found 1 CUDA devices:
  Device 0: NVIDIA GeForce RTX 3060, compute capability 8.6, VMM: yes
load_backend: loaded CUDA backend from /app/libggml-cuda.so
llama_model_load_from_file_impl: using device CUDA0 (NVIDIA GeForce RTX 3060) - 11800 MiB free
llama_model_loader: additional 2 GGUFs metadata loaded.
llama_model_loader: loaded meta data with 29 key-value pairs and 292 tensors from /models/a.gguf (version GGUF V3)
llama_model_loader: - kv   0:                       general.architecture str              = llama
llama_model_loader: - kv  14:                          general.file_type u32              = 15
print_info: file format = GGUF V3 (latest)
load: special_eos_id is not in special_eog_ids - the tokenizer config may be incorrect
load: control-looking token: 128247 '</s>' was not control-type; this is probably a bug in the model
print_info: n_ctx_train      = 32768
print_info: EOG token        = 2 '</s>'
load_tensors: loading model tensors, this can take a while... (mmap = true)
load_tensors: offloading 32 repeating layers to GPU
load_tensors: offloaded 33/33 layers to GPU
load_tensors:        CUDA0 model buffer size =  4403.49 MiB
model has unused tensor blk.40.attn_norm.weight (size = 20480 bytes) -- ignoring
..................................................................................................
llama_context: constructing llama_context
llama_context: n_ctx_seq (8192) < n_ctx_train (32768) -- the full capacity of the model will not be utilized
llama_kv_cache: size = 1024.00 MiB (  8192 cells,  32 layers,  1/1 seqs), K (f16):  512.00 MiB, V (f16):  512.00 MiB
llama_context: Flash Attention was auto, set to enabled
llama_context: graph nodes  = 1030
common_init_from_params: warming up the model with an empty run - please wait ... (--no-warmup to disable)
ggml_gallocr_needs_realloc: graph has different number of nodes
failed to mlock 1024-byte buffer (after previously locking 0 bytes): Cannot allocate memory
ggml_cuda_host_malloc: failed to allocate 296.00 MiB of pinned memory: CUDA-capable device(s) is/are busy
"""
# with layers named by hand the fitting stands back, and the load goes on: ggml-org/llama.cpp, common/fit.cpp
STANDS_BACK = (
    "0.00.366 W common_fit_params: failed to fit params to free device memory: n_gpu_layers already set by user"
)
# once a generation is over: modules/text_generation.py of text-generation-webui, 2026-05
GENERATED = "12:00:01-123456 INFO     Output generated in 0.52 seconds (50.19 tokens/s, 26 tokens, context 12, seed 7)"
# on several GPUs the first reservation may fail and the second succeed: src/llama-context.cpp
SECOND_TRY = """\
E ggml_backend_cuda_buffer_type_alloc_buffer: allocating 831.13 MiB on device 0: cudaMalloc failed: out of memory
ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 871517184
graph_reserve: failed to allocate compute buffers
sched_reserve: compute buffer allocation failed, retrying without pipeline parallelism
"""

KOBOLDCPP = """\
Welcome to KoboldCpp - Version 1.122.1
Unable to detect VRAM, please set layers manually.
Auto Selected Default Backend (flag=0)
Trying to automatically determine GPU layers...
System: Linux #1 SMP x86_64
Initializing dynamic library: koboldcpp_cublas.so
Namespace(model=[], model_param='/models/a.gguf', port=5001, host='', usecublas=['normal'], quiet=False)
Loading Text Model: /models/a.gguf
The reported GGUF Arch is: llama
Identified as GGUF model.
Attempting to Load...
Using automatic RoPE scaling for GGUF. If the model has custom RoPE settings, they'll be used directly instead!
Load Text Model OK: True
Chat template heuristics failed to identify chat completions format. Alpaca will be used.
Could not find Embedded SDUI.
Inactive Modules: ImageGeneration VoiceRecognition MultimodalVision
Starting Kobold API on port 5001 at http://localhost:5001/api/
Please connect to custom endpoint at http://localhost:5001
"""

TEXTGEN = """\
=== Running text-generation-webui variant: 'default-nvidia' v3.14 ===
fatal: unable to access 'https://github.com/oobabooga/text-generation-webui/': Could not resolve host: github.com
chown: changing ownership of '/app/user_data/models/a.gguf': Read-only file system
12:00:01-123456 WARNING
                         You are potentially exposing the web UI to the entire internet without any access password.
12:00:02-123456 INFO     CMD_FLAGS.txt: --listen --api
12:00:03-123456 INFO     Loading "a.gguf"
12:00:03-234567 INFO     Using gpu_layers=33 | ctx_size=8192 | cache_type=fp16
12:00:09-123456 INFO     Loaded "a.gguf" in 6.01 seconds.
12:00:09-123457 INFO     LOADER: "llama.cpp"
12:00:10-123456 INFO     OpenAI-compatible API URL:
                         http://0.0.0.0:5000/v1
INFO:     127.0.0.1:40412 - "POST /v1/internal/token-count HTTP/1.1" 200 OK
"""

ORDINARY = [*(SERVER + LOADER + SECOND_TRY + KOBOLDCPP + TEXTGEN).splitlines(), STANDS_BACK]
