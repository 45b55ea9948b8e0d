"""The compute buffer: what a batch's activations need at their widest point, in bytes."""

from stackctl.core.fit.settings import Settings
from stackctl.core.fit.terms import Run

_LARGE_BATCH = 32  # tokens from which on a GPU computes layers whose weights lie in RAM


def on_gpu(run: Run) -> int:
    """Everything on one GPU."""
    stream = run.rows(run.shape.embedding)
    wide = 6 if run.shape.is_parallel else 4
    peak = max(_logits(run) + 4 * stream, _feed_forward(run) + wide * stream, _scores(run), _scratch(run))
    return run.mask + peak


def on_gpu_in_part(run: Run, on_gpu_blocks: int, *, has_output: bool) -> int:
    """Some blocks on the GPU: batches of a prompt bring the other blocks' weights over, one tensor at a time."""
    stream = run.rows(run.shape.embedding)
    blocks = run.shape.layers[: len(run.shape.layers) - on_gpu_blocks]
    largest = max((layer.largest for layer in blocks), default=0)
    inner = _moe_inner(run) if run.shape.is_moe else 2 * run.rows(_widest_feed_forward(run))
    whole = on_gpu(run) if on_gpu_blocks or has_output else 0
    brought = largest + run.mask + 4 * stream + inner
    caches = max((run.kv_cache(layer) for layer in blocks), default=0)
    attention = run.mask + caches + 5 * stream
    head = 0
    if not has_output and run.outputs >= _LARGE_BATCH:
        head = run.shape.output + _logits(run) + 4 * stream
    return max(whole, brought, attention, head) if run.batch >= _LARGE_BATCH else whole


def beside_gpu(run: Run) -> int:
    """In RAM while a GPU is used."""
    keys = 0 if run.settings.flash_attention else 2 * run.rows(_widest_keys(run))
    return run.mask + 4 * run.rows(run.shape.embedding) + keys


def on_cpu(run: Run) -> int:
    """Everything in RAM."""
    stream = run.rows(run.shape.embedding)
    wide = 7 if run.shape.is_parallel else 5
    scores = _scores(run) + stream if not run.settings.flash_attention else 0
    shape = run.shape
    recurrent = run.rows(shape.projected + shape.convolved + 2 * shape.inner) + 5 * stream if shape.inner else 0
    return run.mask + max(_logits(run) + 5 * stream, _feed_forward(run) + wide * stream, recurrent, scores)


def _logits(run: Run) -> int:
    return 4 * run.shape.vocabulary * run.outputs


def _widest_feed_forward(run: Run) -> int:
    return max((layer.feed_forward for layer in run.shape.layers), default=0)


def _widest_keys(run: Run) -> int:
    return max((layer.kv_heads for layer in run.shape.layers), default=0) * run.shape.head


def _queries(run: Run) -> int:
    return max((layer.heads for layer in run.shape.layers), default=0) * run.shape.head


def _moe(run: Run) -> int:
    used, inner = run.shape.experts_used, run.shape.expert_feed_forward
    wide = used * run.shape.embedding
    return 3 * run.rows(used * inner) + (run.rows(wide) if wide > 2 * used * inner else 0)


def _moe_inner(run: Run) -> int:
    used = run.shape.experts_used
    return 2 * run.rows(used * run.shape.expert_feed_forward) + run.rows(used * run.shape.embedding)


def _feed_forward(run: Run) -> int:
    """The widest of what a block does one after the other."""
    ways = [3 * run.rows(_widest_feed_forward(run)), 2 * run.rows(_queries(run))]
    if run.shape.is_moe:
        ways.append(_moe(run))
    if run.shape.inner:
        ways.append(int(3.25 * run.rows(run.shape.inner)))
    return max(ways)


def _scores(run: Run) -> int:
    """Attention's scores as a matrix, which flash attention does without."""
    settings: Settings = run.settings
    heads = max((layer.heads for layer in run.shape.layers if layer.key), default=0)
    if settings.flash_attention or not heads:
        return 0
    stream = max(run.shape.embedding, _queries(run))
    return _score_row(run) * heads + 4 * run.rows(stream) + 2 * run.rows(_widest_keys(run))


def _score_row(run: Run) -> int:
    return 4 * run.cells * run.batch


def _scratch(run: Run) -> int:
    """CUDA's flash attention reads a quantised cache as f16: one layer's K and V, unpacked."""
    settings = run.settings
    if settings.device != "cuda" or not settings.flash_attention or not settings.is_quantised:
        return 0
    full = [layer for layer in run.shape.layers if layer.key and not layer.slides] or list(run.shape.layers)
    widest = max((layer.key + layer.value for layer in full), default=0)
    unpacked = 2 * run.cells * run.streams * widest
    return 4 * run.rows(run.shape.embedding) + run.rows(_queries(run)) + unpacked
