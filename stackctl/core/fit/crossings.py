"""What several GPUs copy to each other while all of them work on a prompt, beyond what goes from block to block.

ggml_backend_sched (src/ggml-backend.cpp) copies each tensor that an operation on another device reads, once for each
part of the prompt that is in work, and gives none of these copies back.
"""

from itertools import pairwise

from stackctl.core.fit import compute
from stackctl.core.fit.terms import Run
from stackctl.core.model.shape import Layer, Shape


def copied(run: Run, mine: range) -> int:
    """Return the bytes of the copies on a GPU. mine: its layers by number; the output layer follows the last block."""
    layers = run.shape.layers
    blocks = range(mine.start, min(mine.stop, len(layers)))
    once = _hidden_states(run, blocks) + caches(run, blocks) + _looped(run, blocks) + _recurrent(run, blocks)
    once += _embeddings(run, blocks, has_output=len(layers) in mine)
    return run.reserves.copies * once + compute.sparse(run, layers[blocks.start : blocks.stop])


def _embeddings(run: Run, blocks: range, *, has_output: bool) -> int:
    """Return the bytes of a token's embeddings for each layer, and of those that pictures add to the first blocks."""
    shape = run.shape
    if not blocks.start:
        once = shape.embedding_per_layer * len(shape.layers) * 3 // 2
        once += (shape.deepstack + 2) * shape.embedding if shape.deepstack else 0
    else:
        once = shape.embedding_per_layer * len(blocks)
        if has_output and shape.streams > 1:  # it makes the hidden states, and these embeddings with them
            once += shape.embedding_per_layer * len(shape.layers)
    return run.rows(once)


def _hidden_states(run: Run, blocks: range) -> int:
    """Return the bytes of the hidden states beside the first one, and of what masks the tokens not chosen."""
    shape = run.shape
    count = max(shape.streams, shape.connections if blocks.start else 1)
    has_masks = shape.masks_each and blocks.start and run.slots == run.streams
    masks = sum(shape.layers[index].indexer > 0 for index in blocks) if has_masks else 0
    return run.rows(2 * (count - 1) * shape.embedding + masks * run.cells)


def caches(run: Run, blocks: range, *, may_slide: bool = True) -> int:
    """Return the bytes of the caches on another device that these blocks read: each block has a separate copy.

    may_slide: with the caches of windows, whose copies are soon given back where a prompt has no parts.
    """
    layers = run.shape.layers
    readers = [index for index in blocks if layers[index].shares_cache and (may_slide or not layers[index].slides)]
    sources = [
        next((one for one in reversed(layers[:index]) if one.has_cache and one.slides == layers[index].slides), None)
        for index in readers
    ]
    return sum(run.kv_cache(one) for one in sources if one and one not in layers[blocks.start : blocks.stop])


def _looped(run: Run, blocks: range) -> int:
    """Return the bytes of what goes between a GPU with a cache and the one with the weights that the loop goes through.

    The queries, keys and values go there, and what attention makes of them comes back.
    """
    layers = run.shape.layers
    own = sum(layer.weights > 0 for layer in layers)
    again = [index for index in range(own, len(layers)) if layers[index].key]
    comes_back = any(index in blocks for index in range(own)) and any(index not in blocks for index in again)
    values = 2 * run.shape.embedding if comes_back else 0
    for index in again:
        queries = layers[index].heads * run.shape.head
        if index in blocks and index % own not in blocks:
            values += queries + layers[index].key + layers[index].value
        elif index not in blocks and index % own in blocks:
            values += queries
    return run.rows(values)


def _recurrent(run: Run, blocks: range) -> int:
    """Return the bytes of what recurrent blocks leave to another device.

    A part of a GPU's last such block is computed on the next GPU if that one's first state follows. Vulkan's scan
    (SSM_SCAN) knows the states of Mamba 2 alone; those of Mamba 1 go to the processor and back.
    """
    shape, layers = run.shape, run.shape.layers
    values = 0
    with_memory = [index for index, layer in enumerate(layers) if layer.key or layer.state]
    for one, following in pairwise(with_memory):
        sent, received = _left(shape, one, following)
        values += sent if one in blocks and following not in blocks else 0
        values += received if one not in blocks and following in blocks else 0
    scanned = _scanned_in_ram(run, blocks)
    return run.rows(values) + sum(run.rows(shape.inner) + run.state(layer) for layer in scanned)


def in_ram(run: Run) -> int:
    """Return the bytes of the copies in RAM of what Vulkan's GPUs leave to the processor."""
    scanned = _scanned_in_ram(run, range(len(run.shape.layers)))
    return run.reserves.copies * sum(2 * run.rows(run.shape.inner) + run.state(layer) for layer in scanned)


def _scanned_in_ram(run: Run, blocks: range) -> list[Layer]:
    shape = run.shape
    if not shape.inner or shape.convolved != shape.inner or run.settings.device != "vulkan":
        return []
    return [shape.layers[index] for index in blocks if shape.layers[index].state]


def _left(shape: Shape, one: int, following: int) -> tuple[int, int]:
    """Return the values of a token that the first block's GPU gets from the following one's, and that it gives."""
    layers = shape.layers[one : following + 1]
    if any(layer.optional("ffn_gate_inp") for layer in layers[:-1]):  # that is computed first
        return 0, 0
    if all(layer.optional("ssm_in") and not layer.key for layer in (layers[0], layers[-1])):
        return shape.inner, shape.projected
    if layers[0].optional("channel_mix_value"):  # RWKV
        return shape.embedding, 2 * shape.embedding
    return 0, 0
