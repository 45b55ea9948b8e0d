"""Which types of KV cache a model can have: no other one is chosen, offered or taken from a recorded decision."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.backends import llamacpp
from stackctl.commands.models.fit import Asked
from stackctl.commands.models.fit import fit as fit_command
from stackctl.core.config.lock import Lock
from stackctl.core.fit import KV_TYPES, Shape
from stackctl.core.fit.cache_type import able, fault
from stackctl.core.fit.choice import Choice, Room, Wanted, choose
from stackctl.core.model import gguf, gguf_shape
from stackctl.core.observed import Ram
from stackctl.core.plan.plan import plan
from stackctl.errors import ConfigError
from tests.commands.machines import quiet
from tests.core.samples import PROGRAMS, model, model_file, seen, wanted
from tests.shapes.family import Model
from tests.shapes.header import Value, header, sparse

PLAIN = ("f32", "f16", "bf16")


def made(heads: int, *, arch: str = "llama", value: int = 0) -> Model:
    more: dict[str, Value] = {"attention.value_length": value} if value else {}
    return Model(arch=arch, layers=8, embd=heads * 16, ff=4096, heads=16, kv_heads=16, vocab=32_000, more=more)


def shape(of: Model) -> Shape:
    raw, size = header(of.metadata(), of.tensors("q8_0"))
    return gguf_shape.shape_of(gguf.read(raw, size, name="m.gguf"))


@pytest.mark.parametrize(
    ("of", "says"),
    [
        (made(128), ""),
        (made(64), ""),
        (made(96), ""),
        (made(80), "blocks of 32 values do not divide its heads of 80"),
        (made(16), "blocks of 32 values do not divide its heads of 16"),
        (made(48), "blocks of 32 values do not divide its heads of 48"),
        (made(128, value=80), "blocks of 32 values do not divide its heads of 80"),
        (made(128, arch="grok"), "that needs flash attention, which llama.cpp does not use for grok"),
    ],
)
def test_a_quantised_type_needs_heads_that_its_blocks_divide_and_flash_attention(of: Model, says: str) -> None:
    found = shape(of)
    for kv_type in KV_TYPES.keys() - PLAIN:
        assert fault(found, kv_type, flash_attention=True) == says
        assert fault(found, kv_type, flash_attention=False)
    assert able(found, flash_attention=True) == (PLAIN if says else tuple(KV_TYPES))
    assert able(found, flash_attention=False) == PLAIN


def tight(of: Shape) -> Choice:
    """A choice for which nothing but a smaller cache would be enough."""
    return choose(of, Wanted(context=8192, slots=1, device="cpu"), llamacpp.MEMORY, Room(ram_mib=800))


def test_what_a_model_can_not_have_is_neither_chosen_nor_offered() -> None:
    for of in (made(80), made(128, arch="grok")):
        found = tight(shape(of))
        assert found.settings.kv_type == "f16"
        assert not [one.change for one in found.alternatives if "kv_cache" in one.change]
    assert tight(shape(made(128))).settings.kv_type == "q8_0"


def test_fit_refuses_what_the_model_can_not_have(tmp_path: Path) -> None:
    of = made(80)
    path = sparse(tmp_path / "m.gguf", of.metadata(), of.tensors("q8_0"))
    machine = quiet(tmp_path).machine
    with pytest.raises(ConfigError, match="a KV cache of q4_0 does not suit this model: blocks of 32 values") as caught:
        fit_command(machine, str(path), Asked(kv_type="q4_0"))
    assert "--kv-cache f16" in caught.value.hint
    other = sparse(tmp_path / "n.gguf", made(128).metadata(), made(128).tensors("q8_0"))
    with pytest.raises(ConfigError, match="needs flash attention"):
        fit_command(machine, str(other), Asked(kv_type="q8_0", flash_attention=False))
    assert fit_command(machine, str(path), Asked(kv_type="f16")).choice.settings.kv_type == "f16"


def test_deploy_refuses_it_and_takes_no_recorded_one() -> None:
    found = replace(
        seen(of=replace(model(model_file("m.gguf", size=9 << 20)), shape=shape(made(128)))),
        ram=Ram(total_mib=8000, free_mib=1000),
        programs=PROGRAMS,
    )
    before = plan(wanted(backend={"context": 8192}), found, Lock())
    assert before.plan.memory
    assert before.plan.memory.settings.kv_type == "q8_0"
    odd = replace(found, model=replace(found.model, shape=shape(made(80))))
    after = plan(wanted(backend={"context": 8192}), odd, before.lock)
    assert after.plan.memory
    assert after.plan.memory.settings.kv_type == "f16"
    with pytest.raises(ConfigError, match=r"backend\.kv_cache = 'q8_0' does not suit m\.gguf: blocks of 32") as caught:
        plan(wanted(backend={"kv_cache": "q8_0"}), odd, Lock())
    assert 'backend.kv_cache = "f16"' in caught.value.hint
