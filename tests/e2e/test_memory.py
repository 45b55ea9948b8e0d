"""The real llama.cpp over a dozen shapes: what it says it reserves, against what we say it takes."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from stackctl.backends import llamacpp
from stackctl.core.fit import Fit, Reserves, Settings, fit
from stackctl.core.model import gguf, gguf_shape
from tests.shapes.family import Model
from tests.shapes.header import Value, sparse

pytestmark = pytest.mark.engine
IMAGE = "localhost/stackctl/llamacpp:debian"
VOCABULARY = 512


@dataclass(frozen=True)
class Case:
    """A small model and how it runs."""

    model: Model
    context: int = 4096
    kv_type: str = "f16"
    batch: int = 512
    slots: int = 1
    flash_attention: bool = True


LLAMA = Model(arch="llama", layers=6, embd=512, ff=1536, heads=8, kv_heads=2, vocab=VOCABULARY)
WIDE = Model(arch="llama", layers=4, embd=1024, ff=2048, heads=8, kv_heads=8, head=96, is_tied=True, vocab=VOCABULARY)
QWEN3 = Model(arch="qwen3", layers=6, embd=512, ff=1536, heads=8, kv_heads=4, head=128, vocab=VOCABULARY)
QWEN2 = Model(arch="qwen2", layers=5, embd=448, ff=1536, heads=7, kv_heads=1, vocab=VOCABULARY)
GEMMA3 = Model(
    arch="gemma3",
    layers=14,
    embd=512,
    ff=1024,
    heads=4,
    kv_heads=2,
    head=128,
    is_tied=True,
    window=512,
    vocab=VOCABULARY,
)
GEMMA2 = Model(
    arch="gemma2",
    layers=6,
    embd=512,
    ff=1024,
    heads=4,
    kv_heads=2,
    head=128,
    is_tied=True,
    window=1024,
    vocab=VOCABULARY,
)
MIXTRAL = Model(arch="llama", layers=4, embd=512, ff=1024, heads=8, kv_heads=2, experts=8, used=2, vocab=VOCABULARY)
QWEN3MOE = Model(
    arch="qwen3moe",
    layers=4,
    embd=512,
    ff=1024,
    heads=8,
    kv_heads=2,
    head=64,
    experts=16,
    used=4,
    ff_expert=256,
    vocab=VOCABULARY,
)
MLA = Model(
    arch="deepseek2", layers=26, embd=256, ff=512, heads=4, kv_heads=1, kv_rank=128, rope=32, nope=64, value_head=64,
    experts=8, used=2, ff_expert=128, shared=1, dense=1, vocab=VOCABULARY,
)  # fmt: skip
HYBRID = Model(
    arch="granitehybrid", layers=8, embd=512, ff=1024, heads=8, kv_heads=(0, 0, 2, 0, 0, 0, 2, 0), is_tied=True,
    inner=1024, state=64, groups=1, step=16, vocab=VOCABULARY,
)  # fmt: skip
CASES = {
    "llama": Case(LLAMA),
    "llama-32k-q8": Case(LLAMA, context=32768, kv_type="q8_0"),
    "llama-4-slots": Case(LLAMA, context=8192, slots=4),
    "llama-no-flash": Case(LLAMA, flash_attention=False),
    "llama-small-batch": Case(LLAMA, batch=128),
    "wide-tied": Case(WIDE, kv_type="q4_0"),
    "qwen2": Case(QWEN2, context=16384),
    "qwen3": Case(QWEN3, context=8192),
    "gemma2": Case(GEMMA2, context=8192),
    "gemma3": Case(GEMMA3, context=16384),
    "gemma3-q8": Case(GEMMA3, context=8192, kv_type="q8_0"),
    "mixtral-like": Case(MIXTRAL),
    "qwen3moe": Case(QWEN3MOE, context=8192),
    "mla": Case(MLA, context=8192),
    "hybrid": Case(HYBRID, context=8192),
}


def written(path: Path, model: Model) -> Path:
    """A file of that shape that llama.cpp loads: a vocabulary of bytes, and a hole for weights."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{n:02X}>" for n in range(256))]
    pieces += [f"w{n}" for n in range(VOCABULARY - len(pieces))]
    own: dict[str, Value] = {
        **model.metadata(),
        f"{model.arch}.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * (VOCABULARY - 259),
        "tokenizer.ggml.scores": [0.0] * VOCABULARY,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    return sparse(path, own, model.tensors("f16"))


def ours(path: Path, case: Case) -> Fit:
    raw = path.read_bytes()[: 1 << 20]
    found = gguf.read_start(raw, path.stat().st_size, name=path.name)
    assert found is not None
    settings = Settings(
        context=case.context,
        kv_type=case.kv_type,
        batch=case.batch,
        slots=case.slots,
        flash_attention=case.flash_attention,
        device="cpu",
    )
    return fit(gguf_shape.shape_of(found), settings, Reserves(slots=4, base_mib=0))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, engine: None) -> dict[str, str]:  # noqa: ARG001 - it has to answer
    """What llama-server says of every case, all in one container."""
    folder = tmp_path_factory.mktemp("shapes")
    runs = []
    for name, case in CASES.items():
        written(folder / f"{name}.gguf", case.model)
        words = [
            "--model", f"/models/{name}.gguf", "--ctx-size", str(case.context), "--parallel", str(case.slots),
            "--ubatch-size", str(case.batch), "--cache-type-k", case.kv_type, "--cache-type-v", case.kv_type,
            "--flash-attn", "on" if case.flash_attention else "off", "--no-warmup", "--log-verbosity", "4",
            "--port", "8080",
        ]  # fmt: skip
        answers = "curl -fsS -o /dev/null http://127.0.0.1:8080/health 2>/dev/null"
        ready = f"until {answers}; do kill -0 $p || break; sleep 0.05; done"
        runs.append(f"echo CASE {name}; /app/llama-server {' '.join(words)} 2>&1 & p=$!; {ready}; kill $p; wait $p")
    argv = ["docker", "run", "--rm", "--network", "none", "-v", f"{folder}:/models:ro", "--entrypoint", "bash", IMAGE]
    done = subprocess.run([*argv, "-c", "\n".join(runs)], capture_output=True, text=True, check=False, timeout=300)
    parts = done.stdout.split("CASE ")[1:]
    return {name: rest for name, _, rest in (part.partition("\n") for part in parts)}


def reserved(log: str, term: str) -> float:
    buffers = filter(None, map(llamacpp.buffer, log.splitlines()))
    return sum(one.mib for one in buffers if one.term == term)


@pytest.mark.parametrize("name", CASES)
def test_llamacpp_reserves_what_we_say(name: str, told: dict[str, str], tmp_path: Path) -> None:
    case, log = CASES[name], told[name]
    assert "model loaded" in log, log[-3000:]
    host = ours(written(tmp_path / "m.gguf", case.model), case).host
    assert reserved(log, "kv_cache") == pytest.approx(host.kv_cache_mib, abs=0.021)
    assert reserved(log, "state") == pytest.approx(host.state_mib, abs=0.021)
    assert reserved(log, "output") == pytest.approx(host.output_mib, abs=0.011)
    compute = reserved(log, "compute")
    assert compute * 0.97 - 0.5 <= host.compute_mib <= compute * 1.25 + 1.0
