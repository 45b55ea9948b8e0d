"""The compute buffer, in bytes: the activations of a batch at their widest point.

It mirrors the buffers that sched_reserve() in llama.cpp's src/llama-context.cpp allocates for the graphs of
src/llama-graph.cpp and src/models/*.cpp.
"""

from collections.abc import Sequence

from stackctl.contracts.memory import BY_CUDA
from stackctl.core.fit import transfers
from stackctl.core.fit.settings import Settings
from stackctl.core.fit.terms import Run
from stackctl.core.model.shape import Layer

_LARGE_BATCH = 32  # tokens from which on a GPU computes layers with weights in RAM (ggml-cuda's offload_op)


def on_gpu(run: Run, *, has_output: bool = True) -> int:
    """Return the buffer of a GPU for its blocks, and for the output layer if it has it."""
    if run.shape.deepstack and transfers.covers(run, 0):
        return transfers.buffer(run, 0, has_output=has_output)
    return run.mask + max(_head(run) if has_output else 0, _peak(run)) + _pictures(run)


def on_one_of_several(run: Run, *, is_first: bool, is_last: bool) -> int:
    """Return the buffer of one of several GPUs that hold everything; each part of a prompt has a copy of the inputs.

    run: with the layers of that GPU alone. Not counted: what grows with their number (crossings.py).
    """
    has_weights = any(layer.weights for layer in run.shape.layers)  # else its caches serve loops on another GPU
    stream = run.rows(run.shape.embedding) if has_weights else 0
    first, further, last, _ = run.reserves.copied
    peak = (_widest(run) if has_weights else 0) + (first if is_first else further) * stream
    if run.shape.streams > 1:
        peak += stream * run.shape.streams
    return run.reserves.copies * run.mask + max(peak, _head(run) + last * stream if is_last else 0)


def on_gpu_in_part(run: Run, on_gpu_blocks: int, *, has_output: bool) -> int:
    """Return the buffer of a GPU while some weights are in RAM: ggml_backend_sched copies them, a tensor at a time."""
    stream = run.rows(run.shape.embedding)
    layers = run.shape.layers
    blocks = layers[: len(layers) - on_gpu_blocks]
    experts = layers[len(blocks) : run.settings.cpu_experts]
    largest = max([_largest(run, layer) for layer in blocks] + [_brought(run, layer) for layer in experts], default=0)
    whole = on_gpu(run, has_output=has_output) if on_gpu_blocks or has_output else 0
    if run.batch < _LARGE_BATCH:
        return whole
    if transfers.covers(run, len(blocks)):
        return max(whole, transfers.buffer(run, len(blocks), has_output=has_output))
    inner = _moe_inner(run) if run.shape.is_moe else 2 * run.rows(_widest_feed_forward(run))
    brought = largest + run.mask + 4 * stream + inner + sparse(run, run.shape.layers)
    if run.shape.loops:  # a further loop finds the first one's copies
        return max(whole, run.mask + _peak(run) + sum(layer.weights for layer in blocks))
    caches = max((run.kv_cache(layer) for layer in blocks), default=0)
    attention = run.mask + caches + 5 * stream
    head = 0
    if not run.settings.gpu_layers and run.outputs >= _LARGE_BATCH:
        head = run.shape.output + _head(run)
    return max(whole, brought, attention, head)


def _brought(run: Run, layer: Layer) -> int:
    """Return the bytes that a block's experts need on the GPU while it computes them."""
    if not run.shape.is_scattered:
        return layer.largest_expert
    other = (layer.experts - layer.largest_expert) // (1 if _has_two_tensors(layer) else 2)
    return layer.largest_expert + other + run.rows(run.shape.experts_used * _expert_output(run))


def _largest(run: Run, layer: Layer) -> int:
    """Return the bytes that a block in RAM needs on the GPU."""
    return max(layer.largest, _brought(run, layer) if layer.experts and _has_two_tensors(layer) else 0)


def _expert_output(run: Run) -> int:
    """Return the values that one expert makes of a token: the embedding, or a narrower one."""
    down = [layer.optional("ffn_down_exps") for layer in run.shape.layers if layer.tensors and layer.experts]
    rows = max((one.rows for one in down if one), default=0)
    return rows // max(1, run.shape.experts) or run.shape.embedding


def _has_two_tensors(layer: Layer) -> bool:
    """Return whether the experts have no gate beside their two projections."""
    return bool(layer.tensors) and not (layer.optional("ffn_gate_exps") or layer.optional("ffn_gate_up_exps"))


def beside_gpus(run: Run) -> int:
    """Return the buffer in RAM while several GPUs hold everything."""
    *_, in_ram = run.reserves.copied
    shape = run.shape
    pictures = run.rows(2 * shape.deepstack * shape.embedding)
    further = in_ram * shape.embedding + shape.embedding_per_layer * len(shape.layers)
    return run.reserves.copies * (run.mask_in_ram + pictures) + run.rows(further)


def beside_gpu(run: Run) -> int:
    """Return the buffer in RAM while a GPU is used."""
    keys = 0 if run.settings.flash_attention else 2 * run.rows(_widest_keys(run))
    shape = run.shape
    further = 2 * shape.deepstack * shape.embedding + shape.embedding_per_layer * len(shape.layers)
    chosen = 2 * run.batch * run.cells if shape.chosen else 0
    return run.mask_in_ram + chosen + run.rows(4 * shape.embedding + further) + keys


def on_cpu(run: Run) -> int:
    """Return the buffer in RAM without a GPU."""
    if run.reserves.reuses_masks:
        return max(_logits(run) + int(_before_logits(run) * run.rows(run.shape.embedding)), run.mask + _peak(run))
    stream = run.rows(run.shape.embedding)
    wide = 7 if run.shape.is_parallel else 5
    scores = _scores(run) + stream if not run.settings.flash_attention else 0
    mixed = _mixed(run) + 5 * stream if run.shape.inner else 0
    return run.mask + max(_logits(run) + 5 * stream, _feed_forward(run) + wide * stream, mixed, scores)


def _before_logits(run: Run) -> float:
    """Return how many embeddings of a batch lie before the logits, which take the place of all else.

    Two or three: which, depends on where the last block's output lies (tests/shapes/koboldcpp.csv).
    """
    has_shared = any(layer.shared_feed_forward for layer in run.shape.layers)
    return run.shape.experts_used + 4 if has_shared else 2.5


def sparse(run: Run, layers: Sequence[Layer]) -> int:
    """Return the bytes that stay through these layers to mask what an indexer has not chosen: a tensor of each."""
    if not run.shape.chosen:
        return 0
    blocks = sum(layer.key > 0 and not layer.slides for layer in layers)
    return blocks * run.rows(min(run.shape.chosen, run.cells)) + 2 * run.batch * run.cells


def _choosing(run: Run) -> int:
    """Return the bytes of an attention that sees what an indexer has chosen, beside the streams."""
    shape = run.shape
    if not shape.chosen:
        return 0
    widths = [(layer.heads, layer.key) for layer in shape.layers if layer.key and not layer.slides]
    heads, key = max(widths, default=(0, 0))
    latent = key - shape.rotated
    scores = run.rows(shape.indexer_query + heads * (latent + key)) + 6 * run.batch * run.cells
    return max(run.rows(heads * (shape.query + latent + shape.rotated + key)), scores)


def _head(run: Run) -> int:
    """Return the bytes of the output layer's activations: its input and the logits."""
    return _logits(run) + 4 * run.rows(run.shape.embedding)


def _peak(run: Run) -> int:
    """Return the bytes at the widest point of a block, with those that stay through all blocks."""
    return _widest(run) + _beside(run) + sparse(run, run.shape.layers)


def _widest(run: Run) -> int:
    stream = run.rows(run.shape.embedding)
    wide = 4 if not run.shape.is_parallel else 6 if _has_gate(run) else 5
    return max(_feed_forward(run) + wide * stream, _choosing(run) + 4 * stream, _scores(run), _scratch(run))


def _beside(run: Run) -> int:
    """Return the bytes that stay through all blocks: the embeddings per layer, and further hidden states."""
    shape = run.shape
    streams = run.rows(shape.embedding) * shape.streams if shape.streams > 1 else 0
    return 2 * run.rows(shape.embedding_per_layer * len(shape.layers)) + streams


def _pictures(run: Run) -> int:
    """Return the bytes of the embeddings for pictures, which further blocks read."""
    stream = run.rows(run.shape.embedding)
    return 4 * stream * (1 + run.shape.deepstack) - 2 * stream if run.shape.deepstack else 0


def _logits(run: Run) -> int:
    return 4 * run.shape.vocabulary * run.outputs * (2 if run.shape.masks_logits else 1)


def _widest_feed_forward(run: Run) -> int:
    return max((layer.feed_forward for layer in run.shape.layers), default=0)


def _has_gate(run: Run) -> bool:
    return any(layer.feed_forward and layer.is_gated for layer in run.shape.layers)


def _widest_expert(run: Run) -> int:
    return max((layer.expert_feed_forward for layer in run.shape.layers), default=0)


def _widest_keys(run: Run) -> int:
    return max((layer.kv_heads for layer in run.shape.layers), default=0) * run.shape.head


def _queries(run: Run) -> int:
    return max((layer.heads for layer in run.shape.layers), default=0) * run.shape.head


def _moe(run: Run) -> int:
    used, inner = run.shape.experts_used, _widest_expert(run)
    wide = used * _expert_output(run)
    return 3 * run.rows(used * inner) + (run.rows(wide) if wide > 2 * used * inner else 0)


def _moe_inner(run: Run) -> int:
    used = run.shape.experts_used
    inner, wide = run.rows(used * _widest_expert(run)), run.rows(used * _expert_output(run))
    has_gate = not any(layer.experts and _has_two_tensors(layer) for layer in run.shape.layers)
    return max(inner, wide) + (inner if has_gate else 0)


def _feed_forward(run: Run) -> int:
    """Return the bytes at the widest point of a feed-forward: build_ffn, build_moe_ffn."""
    ways = [run.rows(layer.feed_forward) * (3 if layer.is_gated else 1) for layer in run.shape.layers]
    ways.append(2 * run.rows(_queries(run)))
    if run.shape.is_moe:
        shared = max((layer.shared_feed_forward for layer in run.shape.layers), default=0)
        ways += [_moe(run), 3 * run.rows(shared) + run.rows(run.shape.experts_used * run.shape.embedding)]
    if run.shape.inner:
        ways.append(_recurrent(run))
    return max(ways)


def _recurrent(run: Run) -> int:
    """Return the bytes of a recurrent layer: projections, convolution, output, states read and written (build_rs)."""
    shape = run.shape
    if shape.convolved == shape.inner:  # Mamba 1
        return int(3.25 * run.rows(shape.inner))
    states = max((run.state(layer) for layer in shape.layers), default=0)
    return _mixed(run) + 2 * states


def _mixed(run: Run) -> int:
    """Return the bytes of a recurrent layer's projections, convolution and output for a batch."""
    return run.rows(run.shape.projected + run.shape.convolved + 2 * run.shape.inner)


def _scores(run: Run) -> int:
    """Return the bytes of the attention scores (kq in build_attn_mha), which flash attention does not need."""
    settings: Settings = run.settings
    heads = max((layer.heads for layer in run.shape.layers if layer.key), default=0)
    if settings.flash_attention or not heads:
        return 0
    stream = max(run.shape.embedding, _queries(run))
    return _score_row(run) * heads + 4 * run.rows(stream) + 2 * run.rows(_widest_keys(run))


def _score_row(run: Run) -> int:
    return 4 * run.cells * run.batch


def _scratch(run: Run) -> int:
    """Return the bytes of one layer's K and V as f16, into which CUDA's flash attention converts a quantised cache."""
    settings = run.settings
    if settings.device not in BY_CUDA or not settings.flash_attention or not settings.is_quantised:
        return 0
    full = [layer for layer in run.shape.layers if layer.key and not layer.slides] or list(run.shape.layers)
    widest = max((layer.key + layer.value for layer in full), default=0)
    unpacked = 2 * run.cells * run.streams * widest
    return 4 * run.rows(run.shape.embedding) + run.rows(_queries(run)) + unpacked
