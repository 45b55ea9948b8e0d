"""What is chosen for a machine: it fits, more memory never makes it worse, and what else there is has its price."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackctl.backends import koboldcpp, llamacpp, textgen
from stackctl.contracts.memory import Reserves
from stackctl.core.fit import ALL, Settings, Shape, fit, shared
from stackctl.core.fit.choice import Choice, Room, Wanted, choose, what_lacks
from stackctl.core.model import gguf, gguf_shape
from tests.shapes import families
from tests.shapes.header import header
from tests.shapes.measured import MODELS


def shape(name: str) -> Shape:
    raw, size = header(MODELS[name].metadata(), MODELS[name].tensors())
    return gguf_shape.shape_of(gguf.read(raw, size, name=name))


EIGHT, MIXTRAL, GEMMA = shape("llama-3.1-8b"), shape("mixtral-8x7b"), shape("gemma-3-4b")


def chosen(gpus: tuple[int, ...] = (), ram: int = 64_000, of: Shape = EIGHT, *, wsl: bool = False) -> Choice:
    device = "cuda" if gpus else "cpu"
    room = Room(gpus_mib=gpus, totals_mib=gpus, ram_mib=ram, is_wsl=wsl)
    return choose(of, Wanted(slots=1, device=device), llamacpp.MEMORY, room)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("gpus", "layers", "kv_type"),
    [
        ((24_000,), 33, "f16"),
        ((8_000,), 33, "f16"),
        ((6_250,), 33, "q8_0"),  # the f16 cache is 512 MiB too much
        ((4_000,), None, "f16"),
        ((), 0, "f16"),
    ],
)
def test_the_whole_model_goes_to_the_gpu_if_it_can(gpus: tuple[int, ...], layers: int | None, kv_type: str) -> None:
    found = chosen(gpus)
    assert found.fits
    assert found.settings.context >= 8192
    assert found.settings.kv_type == kv_type
    if layers is None:
        assert 0 < found.fit.gpu_layers < 33
    else:
        assert found.fit.gpu_layers == layers


def test_a_model_of_experts_keeps_some_of_them_in_ram() -> None:
    found = chosen((16_000,), of=MIXTRAL)
    assert found.fits
    assert found.fit.gpu_layers == 33
    assert 0 < found.settings.cpu_experts <= 32


@given(
    st.sampled_from(families.WITH_EXPERTS),
    st.lists(st.floats(0.05, 1.3), min_size=1, max_size=3),
    st.floats(0.2, 2.0),
    st.sampled_from([llamacpp.MEMORY, koboldcpp.MEMORY]),
)
@settings(deadline=None, max_examples=15)
def test_the_fewest_experts_that_free_enough_vram_go_to_ram(
    name: str, gpus: list[float], ram: float, reserves: Reserves
) -> None:
    model = families.shape(name)
    whole = model.weights / 2**20
    room = Room(gpus_mib=tuple(int(600 + whole * one / len(gpus)) for one in gpus), ram_mib=int(whole * ram))
    found = choose(model, Wanted(context=8192, kv_type="f16", slots=1), reserves, room)
    settings = (
        shared(model, replace(found.settings, gpu_layers=ALL, cpu_experts=count), reserves, room.usable_mib)
        for count in range(len(model.layers) + 1)
    )
    ways = (fit(model, one, reserves) for one in settings)
    first = next((one for one in ways if not what_lacks(one, room, has_margin=True)), None)
    assert first is None or first == found.fit
    assert first is not None or not found.settings.cpu_experts


def test_where_ram_is_short_context_is_lowered_last_and_not_below_4096() -> None:
    assert chosen(ram=6_000).settings.kv_type == "q8_0"
    found = chosen(ram=5_700)
    assert found.settings.context == 4096
    nothing = chosen(ram=2_000)
    assert not nothing.fits
    assert nothing.settings.context == 4096
    assert "of RAM are free" in nothing.problems[0]


def test_under_wsl_more_is_kept_free() -> None:
    assert chosen((6_900,)).fit.gpu_layers == 33
    assert chosen((6_900,), wsl=True).settings.kv_type == "q8_0"


def test_no_context_beyond_what_the_model_was_trained_for() -> None:
    small = replace(EIGHT, trained_context=2048)
    assert chosen((24_000,), of=small).settings.context == 2048


def test_two_gpus_share_the_layers() -> None:
    found = chosen((5_000, 5_000))
    assert found.fits
    assert [one.weights_mib > 1000 for one in found.fit.devices] == [True, True]


@pytest.mark.parametrize("gpus", [(24_000, 24_000), (24_000,) * 4, (24_000, 16_000), (8_000, 24_000), (24_000, 9_000)])
@pytest.mark.parametrize("name", ["dots1", "glm45-air", "qwen3-235b", "hunyuan-a13b", "mistral-large"])
def test_where_weights_lie_in_ram_all_gpus_are_about_equally_full(name: str, gpus: tuple[int, ...]) -> None:
    found = chosen(gpus, ram=900_000, of=families.shape(name))
    shares = [one.total_mib / room for one, room in zip(found.fit.devices, found.room.usable_mib, strict=True)]
    assert found.fits
    is_whole = found.fit.gpu_layers > found.fit.blocks and not found.settings.cpu_experts
    assert is_whole or max(shares) > 0.7
    assert min(shares) >= 0.8 * max(shares), (found.settings, shares)


def test_a_gpu_without_a_layer_computes_nothing() -> None:
    model = families.shape("gpt-oss-20b")
    first, second = fit(model, Settings(context=8192, split=(1.0, 0.0)), llamacpp.MEMORY).devices
    assert second.total_mib == 0
    assert first.weights_mib == fit(model, Settings(context=8192), llamacpp.MEMORY).devices[0].weights_mib


def test_what_the_user_fixes_stays() -> None:
    room = Room(gpus_mib=(24_000,), ram_mib=64_000)
    wanted = Wanted(context=16_384, kv_type="q4_0", gpu_layers=10, slots=1)
    found = choose(EIGHT, wanted, llamacpp.MEMORY, room)
    assert (found.settings.context, found.settings.kv_type, found.fit.gpu_layers) == (16_384, "q4_0", 10)


def test_every_alternative_has_a_price_and_says_whether_it_fits() -> None:
    found = chosen((6_250,))
    ways = {one.change: one for one in found.alternatives}
    assert ways["context = 4096"].saves_mib > 0
    assert ways["context = 16384"].saves_mib < 0
    assert "slower" in ways["gpu_layers = 0"].effect
    for one in found.alternatives:
        mine = sum(device.total_mib for device in found.fit.devices)
        its = sum(device.total_mib for device in one.fit.devices)
        assert one.saves_mib == pytest.approx(mine - its, abs=0.02)


@given(
    st.sampled_from([EIGHT, MIXTRAL, GEMMA]),
    st.sampled_from([llamacpp.MEMORY, koboldcpp.MEMORY, textgen.MEMORY]),
    st.lists(st.integers(500, 100_000), max_size=3),
    st.integers(1_000, 200_000),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_what_is_chosen_fits_or_nothing_does(of: Shape, reserves: object, gpus: list[int], ram: int, wsl: bool) -> None:
    room = Room(gpus_mib=tuple(gpus), ram_mib=ram, is_wsl=wsl)
    found = choose(of, Wanted(slots=1, device="cuda" if gpus else "cpu"), reserves, room)  # type: ignore[arg-type]
    over = [one.total_mib > free for one, free in zip(found.fit.devices, gpus, strict=False)]
    over.append(found.fit.host.total_mib > ram)
    assert found.fits == (not any(over))
    assert bool(found.problems) == any(over)


@given(st.integers(1_000, 30_000), st.integers(0, 20_000))
@settings(deadline=None, max_examples=40)
def test_more_memory_never_makes_it_slower(free: int, more: int) -> None:
    one, other = chosen((free,)), chosen((free + more,))
    assert other.fit.gpu_layers >= one.fit.gpu_layers
    assert other.tokens_per_s >= one.tokens_per_s * 0.9  # an f16 cache is read a little slower than a q8_0 one
