"""The speed that a plan states: what a token reads at each place, by the bandwidth of that place."""

from dataclasses import replace

import pytest

from stackctl.backends import llamacpp
from stackctl.contracts.host import Gpu, ReadSpeed
from stackctl.core.fit import ALL, Fit, Settings, fit
from stackctl.core.fit.choice import Room, Wanted, choose
from stackctl.core.fit.speed import BEGINNING, Bandwidth, Bandwidths, of_gpu, of_ram, places, tokens_per_s
from stackctl.core.plan.memory_plan import describe_speed
from tests.core.fit.test_choice import EIGHT, GEMMA, MIXTRAL
from tests.shapes import families

MIB = 2**20
RAM = Bandwidth(gb_per_s=50, source="measured")
FAST, SLOW = Bandwidth(gb_per_s=1008, source="nvml"), Bandwidth(gb_per_s=346, source="table")


def on_gpus(count: int = 1, **more: object) -> Settings:
    settings = Settings(context=8192, device="cuda", gpu_layers=ALL, split=(1.0,) * count)
    return replace(settings, **more)  # type: ignore[arg-type]


def rate(one: Fit, *gpus: Bandwidth, filled: int = BEGINNING) -> float:
    return tokens_per_s(one, Bandwidths(gpus=gpus, ram=RAM), (24_000,) * len(gpus), filled=filled)


def test_a_token_reads_all_weights_but_the_table_of_which_it_takes_a_row() -> None:
    found = fit(EIGHT, Settings(context=8192, device="cpu"), llamacpp.MEMORY)
    assert found.host.read_mib == pytest.approx(found.host.weights_mib - EIGHT.input / MIB, abs=0.02)


def test_an_output_layer_that_shares_the_table_is_read() -> None:
    found = fit(GEMMA, Settings(context=8192, device="cpu"), llamacpp.MEMORY)
    assert GEMMA.is_tied
    assert found.host.read_mib == pytest.approx(found.host.weights_mib, abs=0.02)


def test_of_the_experts_a_token_reads_those_that_it_uses_wherever_they_are() -> None:
    experts = sum(layer.experts for layer in MIXTRAL.layers) / MIB
    dense = sum(layer.weights for layer in MIXTRAL.layers) / MIB - experts + MIXTRAL.output / MIB
    here = fit(MIXTRAL, on_gpus(), llamacpp.MEMORY)
    assert here.devices[0].read_mib == pytest.approx(dense + experts * 2 / 8, abs=0.1)
    assert here.host.read_mib == 0
    apart = fit(MIXTRAL, on_gpus(cpu_experts=32), llamacpp.MEMORY)
    assert apart.devices[0].read_mib == pytest.approx(dense, abs=0.1)
    assert apart.host.read_mib == pytest.approx(experts * 2 / 8, abs=0.1)


def test_dense_weights_on_a_gpu_are_not_counted_as_if_experts_diluted_them() -> None:
    model = families.shape("glm45-air")
    room = Room(gpus_mib=(24_000,), ram_mib=128_000)
    found = choose(model, Wanted(context=8192, slots=1), llamacpp.MEMORY, room)
    assert found.settings.cpu_experts
    # 350 GB/s and 45 GB/s are assumed; with one share for everything it was 6.0 tokens/s
    assert 7.5 < found.tokens_per_s < 10


def test_gpus_of_different_speed_add_up_their_times() -> None:
    both = fit(EIGHT, on_gpus(2), llamacpp.MEMORY)
    equal, mixed = rate(both, FAST, FAST), rate(both, FAST, SLOW)
    slow = both.devices[1].read_mib * MIB / 1e9 / 0.85
    assert 1 / mixed - 1 / equal == pytest.approx(slow / 346 - slow / 1008, rel=0.1)


def test_the_cache_is_read_as_far_as_it_is_filled() -> None:
    one = fit(EIGHT, on_gpus(), llamacpp.MEMORY)
    begun, full = rate(one, FAST), rate(one, FAST, filled=8192)
    more = one.devices[0].kv_cache_mib * (1 - BEGINNING / 8192) * MIB / 1e9 / (1008 * 0.85)
    assert 1 / full - 1 / begun == pytest.approx(more)


@pytest.mark.parametrize(
    ("gpu", "memory_gb", "layers", "published"),  # tokens/s of Llama 3 in Q4_K_M by XiongjieDai's table
    [
        (448, 4.62, 32, 70.9),  # 8B: RTX 3070
        (936, 4.62, 32, 111.7),  # RTX 3090
        (1008, 4.62, 32, 127.7),  # RTX 4090
        (768, 4.62, 32, 102.2),  # RTX A6000
        (1935, 4.62, 32, 138.3),  # A100 PCIe
        (768, 41.9, 80, 14.6),  # 70B: RTX A6000
        (1935, 41.9, 80, 22.1),  # A100 PCIe
        (2000, 41.9, 80, 25.0),  # H100 PCIe
    ],
)
def test_the_speed_of_a_gpu_is_within_half_of_published_ones(
    gpu: float, memory_gb: float, layers: int, published: float
) -> None:
    one = fit(EIGHT, on_gpus(context=512), llamacpp.MEMORY)
    device = replace(one.devices[0], read_mib=memory_gb * 1e9 / MIB, kv_cache_mib=0.0)
    expected = rate(replace(one, devices=(device,), blocks=layers), Bandwidth(gb_per_s=gpu, source="nvml"))
    assert published / 1.5 < expected < published * 1.5


def gpu(name: str, mib: int = 0, gb_per_s: float = 0.0) -> Gpu:
    return Gpu(index=0, uuid="GPU-1", name=name, total_mib=mib, free_mib=mib, gb_per_s=gb_per_s)


@pytest.mark.parametrize(
    ("name", "mib", "published"),
    [
        ("NVIDIA GeForce RTX 3060", 12288, 360),
        ("NVIDIA GeForce RTX 3060", 8192, 240),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", 6144, 336),
        ("NVIDIA GeForce RTX 4090", 24564, 1008),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", 16376, 576),
        ("GeForce GTX 1060 6GB", 6144, 192),
        ("Tesla P40", 24576, 346),
        ("Tesla T4", 15360, 320),
        ("Tesla V100-SXM2-16GB", 16384, 900),
        ("NVIDIA A100-SXM4-80GB", 81920, 2039),
        ("NVIDIA H100 80GB HBM3", 81559, 3350),
        ("NVIDIA H200", 143771, 4800),
        ("NVIDIA RTX 6000 Ada Generation", 49140, 960),
        ("Quadro RTX 6000", 24576, 672),
        ("NVIDIA RTX PRO 2000 Blackwell", 16311, 288),
        ("NVIDIA RTX PRO 4000 Blackwell SFF Edition", 24467, 432),
        ("NVIDIA RTX PRO 5000 72GB Blackwell", 73415, 1344),
        ("Tesla M40 24GB", 24576, 288),
        ("NVIDIA GB10", 0, 273),
    ],
)
def test_a_gpu_whose_driver_does_not_say_is_looked_up_by_its_name(name: str, mib: int, published: float) -> None:
    assert of_gpu(gpu(name, mib)) == Bandwidth(gb_per_s=published, source="table")


def test_what_the_driver_says_counts_more_than_the_table() -> None:
    assert of_gpu(gpu("NVIDIA GeForce RTX 3060", 12288, 288.0)) == Bandwidth(gb_per_s=288.0, source="nvml")


@pytest.mark.parametrize(("mib", "assumed"), [(0, 350), (24_576, 350), (49_140, 700), (81_920, 1800)])
def test_an_unknown_gpu_is_assumed_to_be_as_fast_as_the_slower_ones_of_its_size(mib: int, assumed: float) -> None:
    assert of_gpu(gpu("GRID Something", mib)) == Bandwidth(gb_per_s=assumed, source="assumed")


def test_few_cores_are_busy_before_the_memory_is() -> None:
    measured = ReadSpeed(one_gb_per_s=10, all_gb_per_s=40, cores=8)
    assert of_ram(measured).used_gb_per_s == 40 * 0.85
    assert of_ram(measured, threads=2).used_gb_per_s == 2 * 10 * 0.5
    assert of_ram(measured, threads=64) == of_ram(measured)
    assert of_ram(None).source == "assumed"


def test_a_line_says_both_speeds_and_how_each_bandwidth_is_known() -> None:
    room = Room(gpus_mib=(8_000,), ram_mib=64_000, bandwidths=Bandwidths(gpus=(FAST,), ram=RAM))
    wanted = Wanted(context=8192, kv_type="f16", slots=1)
    whole = choose(EIGHT, wanted, llamacpp.MEMORY, room)
    assert [name for name, _ in whole.bandwidths] == ["GPU"]
    says = describe_speed(whole)
    assert says.endswith("(GPU at 1008 GB/s, nvml; computed, and not yet proven on any GPU)")
    assert says.startswith("speed: about ")
    assert "once the chat fills the context" in says
    without = choose(EIGHT, wanted, llamacpp.MEMORY, room.with_gpus(()))
    assert describe_speed(without).endswith("(RAM at 50 GB/s, measured)")
    other = choose(EIGHT, wanted, llamacpp.MEMORY, room.with_gpus((24_000,)))
    assert "GPU at 350 GB/s, assumed" in describe_speed(other)


def test_a_place_that_no_token_reads_has_no_bandwidth_in_the_plan() -> None:
    names = [name for name, _, _ in places(fit(EIGHT, on_gpus(2), llamacpp.MEMORY), Bandwidths(), (24_000, 24_000))]
    assert names == ["GPU 0", "GPU 1"]
