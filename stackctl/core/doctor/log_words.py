"""The words that the programs of a stack write in lines about themselves, for core/doctor/log_lines.py.

Source: the logs of llama.cpp, KoboldCpp, text-generation-webui and SillyTavern, and the messages of Python, Node, CUDA
and the C library in them. Chats have other words; a line of which one word is not here is left out of a report.
"""

from typing import Final

_TEXT: Final = """
    aborted about above abspath accepts access accounts add added additional address adjust after again ai alias
    all alloc allocate allocated allocating allocation allow allowed allows alpaca already always amd amt amx an
    analytics and another answer answering answers any api app append application aqlm arch architecture archs are
    arg argparse args argument arguments argv as assert assertion assertionerror at atinoda attempted attempting
    attention attn attributeerror authentication authorization auto automatic automatically available avx awq back
    backend backends bad base bash basic batch batches bc bd be bearer because been before between bf bias big bin
    binaries binary bind bitnet bits bitsandbytes blackwell blk bool bos both bounds bpw branch breaks broken
    buffer buffers bug build builds built bus busy but by byte bytes cache call callable called can cannot
    canonical capability capable capacity cat causal cause caused causes cd cdi cells cert certificate cgroup
    cgroups chain change changed changes changing chat check checking checkpoint checks checksum child chmod
    choice chown cleaning cleanup cli close closed closing cmd cmn cmoe code codes collides columns com
    combination command commit common compare compatibility compatible compilation compiled compiling complete
    completion completions compose compressed compute computes condition config configure conflict connect
    connection connectionerror connectionrefusederror connections constructing contain container containers
    contains content context continue control conv conversion converted cookie copy core correct corrupted cors
    could couldn count cp cpp cpu cram csrf ctk ctv ctx ctxlimit cu cublas cuda custom cx daemon damaged data date
    debian decides decoded dedicated deepseek default delete denied deploy describe describes desktop detect
    detected determine dev development device devices devops df dict did different digest digests digits dims dir
    directly directory dirname disable disabled discover disk display dist dns do docker dockerfile docs does done
    down download downloads dr draws dri driver drivers dry due dumped dumps during dynamic eacces each eaddrinuse
    eai earlier econnrefused econnreset eetq ehostunreach either embd embedded embedding embeddings emfile empty
    enabled encountered end ended endian endianness endpoint ends engine enomem enospc enotfound entire entrypoint
    env environment eog eos eot eperm epipe eps erofs errno error errors etc etimedout eval even every everything
    example exceeded except exception exec execute execution exist existing exists exit exiting exl exllama
    exllamav exllamava expands expected expert experts export exposing exps ext extension extensions extra
    extremely fa fabric fabricmanager fail failed failing failsafe failure falling false fast fastapi fatal fbgemm
    features fetch few fewer ffn file filenotfounderror files filter fim final find finds finetuned finished
    firewall first fit fitting flag flags flash float florence flute fma folder folders for forbidden force fork
    format forward found fouroversix fp free freq from frontend fs fulfil full fuse gallocr gateway gathering gb
    gemma gen general generate generated generates generating generation generic get getaddrinfo gets getting ggml
    ggu gguf ghcr gib github gp gpt gptq gpu gpus gpustack gqa gradio graph gunicorn handling handshake has have
    head header health heartbeat hello here heuristics hf hff hfr higgs hip hipblas home hook host hostname hqq
    http https hub hugepages huggingface hw hyperparameters id identified identify idle ids if ignore ignored
    ignoring ik illegal image images impl importerror in inactive includes incomplete incorrect index indexerror
    info information init initialization initialize initialized initializing injection input insert install
    installed installer instance instead instruction instructions insufficient int internal internet into invalid
    invoking io ip ipv is issue issues it items its itself jinja join joined joins json jsondecodeerror kb kcpps
    kernel kernels key keyboardinterrupt keyerror keys kfd kib killed know known kobold koboldai koboldcpp kv
    kwarg large last latest launch layer layers ldcache ldconfig least left len length less letters lf lib
    libamdhip libcuda libggml libnvidia libraries library librocblas like limit limits line lines links linux list
    listen listene listening listens lists ll llama llamacpp llm llvm llvmpipe load loaded loader loaders loading
    loads localhost locked locking locks log logit logits logs long looking lru ls ltnp lv machine machines main
    malloc mamba manager manually mapped mapping march mark marks match max may mb md mean means memory
    memoryerror merge merges message messages meta metadata metal mg mi mib mid min minimum mismatch mismatched
    missing mistral mixtral ml mlock mlx mmap mmq moby mode model models modprobe module modulenotfounderror
    modules moe more most mostly mount mounted mounting mounts moves ms mu multimodal must mxfp name named names
    namespace nano ncmoe nct needed needs nemo neon network new newer next nfs ngl nl no noavx node nodes non none
    norm normal norms not now nowebui np npipe npm numa number numbers nv nvidia nvml object occurred of off offer
    official offline offload offloaded offloading ok okenizer old on once one onefile only ooba oobabooga oom op
    open opens operation ops opt optimum option options or order ordinary org orig origins os oserror oss ot other
    others out output over overlaps overwritten own ownership pace package packages pad page pairs parallel
    parallelism param params parsing part parts past path pattern pe peer penalties per permission permissionerror
    permitted phi pid pinned pipe pipeline pkg plan plans please plugin plugins podman pool pooling port ports
    possible post potentially pp pre preferring prefix preparing preserve preset previous previously print printf
    prints probably probe problem process processing processor processors production program programs progress
    prompt props provided proxy ps ptx public pull pulls pure put py pydantic pyi python pytorch quant
    quantisation quantise quantised quantization quanto quark quiet quota qwen ram ran range rate rdonly re
    reached read reading reads ready real realloc really reason reasoning reboot received recent recognise
    recognition recognize recorded records refresh refusal refusals refused refuses reg registry release released
    remarks remote remove removed rename renamed render renderer repacking repeating replan repo reported reports
    request requested require requires rerank reranking reservation reservations reserve reserved reserves
    reserving reset resolution resolve resources restart restore retrying return returned rich rm rms ro rocm root
    rootless rope rot route router rs rtx run running runs runtime rwkv safetensors same sampler sbin scale
    scaling sched sdk sdui search second seconds security see seed segmentation select selected self sep separate
    seq seqs server service serving session set sets setting settings several sh sha shape shards share shared
    sharing shell shlex should shutdown shutting sigint signal signed sigsegv sigterm silly sillytavern sim sinq
    size skipping slot slots smaller smb smi smp snap so sock socket some something source sources space spaces
    spec special speed split splits spqr squash src srv ss sse sshfs ssl ssm stack stackctl starlette start
    starting starts startup stat state stated status std stem step still stopped stopping str streaming string sub
    subnet subsystem succeed such sudo suf support supported supports swa swap switch switched sycl symbol sys
    syscall system systemctl systemexit table tag take taken task tavern tcp temp template temporary tensor
    tensors terminate text textgen tg than that the their then there these thinking this those thread threadpool
    threads throwing thumbnails time timed timeout timeouterror timing timings tls tmpdir tmpfs to tok token
    tokenize tokenizer tokens toml toolchain toolkit tools top torch torchao total tps traceback train
    transformers true truncated try trying ts tunnel tuple txt type typeerror types typical ub ubatch ubuntu udp
    ui uma unable unauthorized unavailable unchanged undefined under unexpectedly unhandled unicodedecodeerror
    unified unix unknown unload unpacks unreachable unresolvable unsatisfied unshared unsloth unslothai
    unsupported until unused up update updated updates url urllib urlopen us usable use usecublas used user
    usermod users uses using usual utilized uuid uvicorn uvm vals value valueerror values var variable variant
    vendor venv verbose verbosity verify version versions view virtual vk vmm vocab vocabulary vpn vptq vram
    vulkan wait waiting waits wanted warming warmup warn warning warnings was web webpack webui weight weights
    welcome what wheels when where whether which while whitelist whitelisted why will with without worker workers
    workflow works would xtc yaml yarn yes yml you your
"""
WORDS: Final = frozenset(_TEXT.split())
