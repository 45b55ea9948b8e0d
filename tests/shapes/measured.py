"""The fourteen models of measured_vram.csv, by its names."""

from tests.shapes.family import Model

MODELS = {
    "llama-3.2-1b": Model(
        arch="llama", layers=16, embd=2048, ff=8192, heads=32, kv_heads=8, vocab=128256, is_tied=True
    ),
    "llama-3.1-8b": Model(arch="llama", layers=32, embd=4096, ff=14336, heads=32, kv_heads=8, vocab=128256),
    "llama-2-13b": Model(arch="llama", layers=40, embd=5120, ff=13824, heads=40, kv_heads=40, vocab=32000),
    "mistral-nemo": Model(arch="llama", layers=40, embd=5120, ff=14336, heads=32, kv_heads=8, head=128, vocab=131072),
    "mixtral-8x7b": Model(
        arch="llama", layers=32, embd=4096, ff=14336, heads=32, kv_heads=8, vocab=32000, experts=8, used=2
    ),
    "qwen2.5-7b": Model(arch="qwen2", layers=28, embd=3584, ff=18944, heads=28, kv_heads=4, vocab=152064),
    "qwen3-30b-a3b": Model(
        arch="qwen3moe", layers=48, embd=2048, ff=6144, heads=32, kv_heads=4, head=128, vocab=151936,
        experts=128, used=8, ff_expert=768,
    ),
    "gemma-2-9b": Model(
        arch="gemma2", layers=42, embd=3584, ff=14336, heads=16, kv_heads=8, head=256, vocab=256000, is_tied=True,
        window=4096,
    ),
    "gemma-3-4b": Model(
        arch="gemma3", layers=34, embd=2560, ff=10240, heads=8, kv_heads=4, head=256, vocab=262208, is_tied=True,
        window=1024,
    ),
    "phi-3-mini-4k": Model(
        arch="phi3", layers=32, embd=3072, ff=8192, heads=32, kv_heads=32, vocab=32064, window=2047
    ),
    "phi-4": Model(arch="phi3", layers=40, embd=5120, ff=17920, heads=40, kv_heads=10, vocab=100352),
    "command-r7b": Model(
        arch="cohere2", layers=32, embd=4096, ff=14336, heads=32, kv_heads=8, vocab=256000, is_tied=True, window=4096
    ),
    "deepseek-v2-lite": Model(
        arch="deepseek2", layers=27, embd=2048, ff=10944, heads=16, kv_heads=1, vocab=102400, kv_rank=512,
        experts=64, used=6, ff_expert=1408, shared=2, dense=1,
    ),
    "granite-4-h-micro-like": Model(
        arch="granitehybrid", layers=40, embd=2048, ff=8192, heads=32, vocab=100352, is_tied=True,
        kv_heads=tuple(8 if layer in {5, 15, 25, 35} else 0 for layer in range(40)),
        inner=4096, state=128, groups=1, step=64,
    ),
}  # fmt: skip
