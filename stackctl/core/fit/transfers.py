"""The compute buffer of a GPU that computes blocks whose weights are in RAM, by the order of its tensors.

ggml_backend_sched (src/ggml-backend.cpp) copies each such tensor to the GPU before its operation, and ggml's allocator
puts it into the smallest hole that is free then: what is needed depends on the order, which this module repeats.
Source of the order: llama.cpp's src/llama-graph.cpp (build_norm, build_attn, build_ffn, build_moe_ffn).
"""

from collections.abc import Hashable, Sequence
from typing import Final

from stackctl.core.fit.allocator import Free
from stackctl.core.fit.places import Place, Places
from stackctl.core.fit.terms import Run
from stackctl.core.model.shape import Layer, Weight

_UNUSUAL: Final = frozenset({"attn_res_score"})  # blocks that read the outputs of all earlier ones
# what decides the places of the next block's tensors
_State = tuple[Free, Place | None, Place | None, tuple[tuple[str, Place], ...]]


def buffer(run: Run, first_on_gpu: int, *, has_output: bool) -> int:
    """Return the bytes. first_on_gpu: the blocks before it are in RAM, and the experts of run.settings.cpu_experts."""
    blocks = _trunk(run.shape.layers)
    work = _Work(run, in_ram=first_on_gpu > 0)
    seen: dict[Hashable, _State] = {}
    for index, layer in enumerate(blocks):
        is_last, in_ram = index == len(blocks) - 1, index < first_on_gpu
        work.ahead = blocks[index + 1] if first_on_gpu <= index + 1 < len(blocks) else None
        of_ahead = (work.ahead.slides, work.ahead.key > 0) if work.ahead else None
        before = (run.shape.alike[index], in_ram, index < run.settings.cpu_experts, of_ahead, work.state)
        if before in seen and not is_last:  # most blocks are alike
            work.state = seen[before]
            continue
        work.block(layer, index, in_ram=in_ram, is_last=is_last)
        seen[before] = work.state
    if has_output:
        work.head()
    return work.allocator.top


def covers(run: Run, first_on_gpu: int) -> bool:
    """Return whether the order of the model's operations is one that this module knows."""
    shape = run.shape
    if (
        shape.loops
        or shape.is_parallel
        or shape.streams > 1
        or shape.embedding_per_layer
        or not run.settings.flash_attention
    ):
        return False
    if not shape.chosen and any(layer.indexer for layer in shape.layers):
        return False
    layers, may_recur = _trunk(shape.layers), not first_on_gpu
    return bool(layers) and all(_is_usual(layer, may_recur=may_recur) for layer in layers)


def _trunk(layers: Sequence[Layer]) -> Sequence[Layer]:
    """Return the blocks without those that predict further tokens."""
    return [layer for layer in layers if layer.tensors]


def _is_usual(layer: Layer, *, may_recur: bool) -> bool:
    has = {weight.name for weight in layer.tensors}
    attends = {"attn_qkv"} <= has or {"attn_q", "attn_k"} <= has or {"attn_kv_a_mqa", "attn_k_b", "attn_v_b"} <= has
    experts = {"ffn_gate_inp", "ffn_down_exps"} <= has and ("ffn_up_exps" in has or "ffn_gate_up_exps" in has)
    dense = {"ffn_up", "ffn_down"} <= has and "ffn_gate_inp" not in has
    attends = attends and "attn_output" in has and layer.key > 0
    recurs = may_recur and layer.state > 0 and not layer.key and not has & _UNUSUAL
    return (attends or recurs) and (experts or dense)


class _Work(Places):
    """The blocks, one after the other."""

    @property
    def state(self) -> _State:
        """Return what decides the places of the next block's tensors."""
        return self.allocator.free, self.residual, self.pictures, tuple(self.kept.items())

    @state.setter
    def state(self, state: _State) -> None:
        self.allocator.free, self.residual, self.pictures, kept = state
        self.kept = dict(kept)

    def block(self, layer: Layer, index: int, *, in_ram: bool, is_last: bool) -> None:
        norm = self.take(self.stream)
        self.give(*self.leaving)
        self.leaving = []
        self.scale(layer, "attn_norm", in_ram=in_ram)
        if layer.key:
            attended = self.attention(layer, norm, in_ram=in_ram)
            out = self.through(layer.weight("attn_output"), attended, in_ram=in_ram)
        else:
            out = self.recurrence(layer, norm)
        self.scale(layer, "post_attention_norm", in_ram=in_ram)
        if is_last:
            self.give(*self.kept.values())
            self.tokens = self.run.outputs
            out = self.again(out, self.stream)
            self.residual = self.again(self.residual, self.stream) if self.residual else None
        self.give(*([self.residual] if self.residual else []))
        self.residual = out
        norm = self.take(self.stream)
        self.scale(layer, "ffn_norm", in_ram=in_ram)
        if layer.optional("ffn_gate_inp"):
            experts_in_ram = in_ram or index < self.run.settings.cpu_experts
            out = self.experts(layer, norm, in_ram=in_ram, experts_in_ram=experts_in_ram)
        else:
            out = self.feed_forward(layer, norm, "", in_ram=in_ram)
        self.scale(layer, "post_ffw_norm", in_ram=in_ram)
        self.give(self.residual)
        self.residual = out
        if self.pictures and index == self.run.shape.deepstack - 1:
            self.give(self.pictures)
            self.pictures = None

    def recurrence(self, layer: Layer, norm: Place) -> Place:
        """Go through a recurrent layer on the GPU, in which only its widest tensors count."""
        shape, queries = self.run.shape, layer.optional("attn_q")
        width = shape.inner or (queries.rows if queries else shape.embedding)
        mixed = self.take(self.rows(shape.projected + shape.convolved or 3 * width))
        inner = self.take(self.rows(width))
        self.give(mixed, norm)
        return self.again(inner, self.stream)

    def latent_attention(self, layer: Layer, norm: Place, *, in_ram: bool) -> Place:
        """Attention with a compressed K (MLA): the queries are taken to its width, and the values back from it."""
        run = self.run
        turns = run.settings.is_quantised and layer.key % 64 == 0
        k_b, v_b, kv_a = (layer.weight(f"attn_{one}") for one in ("k_b", "v_b", "kv_a_mqa"))
        if first := layer.optional("attn_q_a"):
            query = self.times(first, in_ram=in_ram)
            self.scale(layer, "attn_q_a_norm", in_ram=in_ram)
            query = self.through(layer.weight("attn_q_b"), query, in_ram=in_ram)
        else:
            query = self.times(layer.weight("attn_q"), in_ram=in_ram)
        latent = k_b.rows // layer.heads
        absorbed = self.times(k_b, in_ram=in_ram)
        self.keep("positions", 4 * run.batch)
        if turns:
            self.keep("turn of keys", 4 * (layer.key & -layer.key) ** 2)
        turned = self.again(query, self.rows(layer.heads * (layer.key - latent)))
        query = self.take(self.rows(layer.heads * layer.key))
        self.give(absorbed, turned)
        if turns:
            query = self.again(query, self.rows(layer.heads * layer.key))
        whole = self.times(kv_a, in_ram=in_ram)
        self.give(norm)
        compressed = self.take(self.rows(latent))
        self.scale(layer, "attn_kv_a_norm", in_ram=in_ram)
        turned = self.again(whole, self.rows(layer.key - latent))
        key = self.take(self.rows(layer.key))
        self.give(compressed, turned)
        if turns:
            key = self.again(key, self.rows(layer.key))
        self.give(key)
        if run.shape.chosen and not layer.slides:
            self.choose(layer)
        caches = [self.take(run.kv_cache(layer)), self.take(run.kv_cache(layer))] if in_ram else []
        self.keep_mask(layer)
        attended = self.take(self.rows(layer.heads * latent))
        self.give(query, *caches)
        attended = self.through(v_b, attended, in_ram=in_ram)
        return self.again(attended, self.rows(v_b.rows))

    def choose(self, layer: Layer) -> None:
        """Score all tokens, and mask those that the indexer does not choose."""
        run = self.run
        queries = self.take(self.rows(run.shape.indexer_query)) if layer.indexer else None
        masked = self.take(2 * run.batch * run.cells)
        scores = self.take(4 * run.batch * run.cells)
        self.give(scores, masked, *([queries] if queries else []))

    def attention(self, layer: Layer, norm: Place, *, in_ram: bool) -> Place:
        run = self.run
        if layer.optional("attn_kv_a_mqa"):
            return self.latent_attention(layer, norm, in_ram=in_ram)
        if fused := layer.optional("attn_qkv"):
            whole = self.times(fused, in_ram=in_ram)
            self.give(norm)
            self.keep("positions", 4 * run.batch)
            query = self.take(self.rows(layer.heads * run.shape.head))
            key = self.take(self.rows(layer.key))
            self.give(key, whole)
        else:
            query, key, value = self.queries(layer, norm, in_ram=in_ram)
            self.give(key, *([value] if value else []))
        caches = self.caches(layer) if in_ram else []
        self.keep_mask(layer)
        wide = self.rows(layer.heads * run.shape.head)
        attended = self.take(wide)
        self.give(query, *caches)
        return self.again(attended, wide) if self.turns else attended

    def queries(self, layer: Layer, norm: Place, *, in_ram: bool) -> tuple[Place, Place, Place | None]:
        """Make queries, keys and values: in RAM one after the other, as each needs its weight."""
        q, k, v = layer.weight("attn_q"), layer.weight("attn_k"), layer.optional("attn_v")
        if not in_ram:
            query = self.times(q)
            key = self.times(k) if self.slides else None
            value = self.times(v) if v else None
            key = key or self.times(k)
            self.give(norm)
            query = self.again(query, self.rows(q.rows))
            if self.turns and v and value:
                value = self.again(value, self.rows(v.rows))
            key = self.again(key, self.rows(k.rows))
            if self.turns:
                query, key = self.again(query, self.rows(q.rows)), self.again(key, self.rows(k.rows))
            return query, key, value
        query = self.rotated(q, layer.optional("attn_q_norm"))
        if self.slides:
            key = self.rotated(k, layer.optional("attn_k_norm"))
            return query, key, self.values(v, norm)
        value = self.values(v) if v else None
        return query, self.rotated(k, layer.optional("attn_k_norm"), norm), value

    def values(self, weight: Weight | None, *done: Place) -> Place | None:
        if not weight:
            self.give(*done)
            return None
        copy = self.take(weight.size)
        if self.turns:
            self.keep("turn of values", self.turn(64))
        value = self.take(self.rows(weight.rows))
        self.give(copy, *done)
        return self.again(value, self.rows(weight.rows)) if self.turns else value

    def rotated(self, weight: Weight, norm: Weight | None, *done: Place) -> Place:
        """Multiply by a weight in RAM and rotate the result (RoPE), after its norm if it has one."""
        copy = self.take(weight.size)
        if not norm:
            self.keep_turns()
        result = self.take(self.rows(weight.rows))
        self.give(copy, *done)
        result = self.again(result, self.rows(weight.rows))
        if norm:
            copy = self.take(norm.size)
            self.keep_turns()
            self.give(copy)
        return self.again(result, self.rows(weight.rows)) if self.turns else result

    def caches(self, layer: Layer) -> list[Place]:
        whole = self.run.kv_cache(layer)
        part = whole * layer.key // max(1, layer.key + layer.value)
        return [self.take(part), self.take(whole - part)]

    def feed_forward(self, layer: Layer, norm: Place, kind: str, *, in_ram: bool) -> Place:
        gate, up = layer.optional(f"ffn_gate{kind}"), layer.weight(f"ffn_up{kind}")
        down = layer.weight(f"ffn_down{kind}")
        parts = [self.times(one, in_ram=in_ram) for one in (gate, up) if one]
        self.give(norm)
        width = layer.shared_feed_forward if kind else layer.feed_forward
        inner = self.take(self.rows(width)) if gate or up.rows > width else parts.pop()
        self.give(*parts)
        return self.through(down, inner, in_ram=in_ram, ahead=self.ahead)

    def experts(self, layer: Layer, norm: Place, *, in_ram: bool, experts_in_ram: bool) -> Place:
        shape, used = self.run.shape, self.run.shape.experts_used
        logits = self.times(layer.weight("ffn_gate_inp"), in_ram=in_ram)
        scores = self.take(self.rows(shape.experts))
        chosen = self.take(self.rows(shape.experts))
        weights = self.take(self.rows(used))
        self.give(scores)
        weights = self.again(weights, self.rows(used))
        self.give(logits)
        gate, up, both = (layer.optional(f"ffn_{one}_exps") for one in ("gate", "up", "gate_up"))
        down = layer.weight("ffn_down_exps")
        inner = layer.expert_feed_forward * used
        shared = layer.optional("ffn_up_shexp")
        if both:
            parts = [self.times(both, in_ram=experts_in_ram, rows=2 * inner)]
        else:
            parts = [self.times(one, in_ram=experts_in_ram, rows=inner) for one in (gate, up) if one]
        if not shared:
            self.give(norm)
        glu = self.take(self.rows(inner)) if gate or both else parts.pop()
        self.give(*parts)
        ahead = None if shared and in_ram else self.ahead
        wide = self.through(down, glu, in_ram=experts_in_ram, rows=used * shape.embedding, ahead=ahead)
        self.give(chosen, weights)
        out = wide if used == 1 else self.again(wide, self.stream)
        if shared:
            self.give(self.feed_forward(layer, norm, "_shexp", in_ram=in_ram))
        return out

    def head(self) -> None:
        self.take(4 * self.run.shape.vocabulary * self.run.outputs)
