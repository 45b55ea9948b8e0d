"""Memory in the plan: what is free decides once, what others take later only changes the verdict."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stackctl.backends import llamacpp
from stackctl.backends.contract import Backend
from stackctl.contracts.host import Gpu
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.config.spec import DEMO
from stackctl.core.model import gguf, gguf_shape
from stackctl.core.observed import Observed, Ram
from stackctl.core.plan import memory_plan
from stackctl.core.plan.arguments import Overridden
from stackctl.core.plan.plan import Planned, forget_decisions, plan
from tests.core.samples import GPU, PROGRAMS, engine, model, model_file, seen, wanted
from tests.shapes.header import header
from tests.shapes.measured import MODELS


def world(name: str = "llama-3.1-8b", *, gpu: Gpu | None = None, ram: Ram | None = None) -> Observed:
    raw, size = header(MODELS[name].metadata(), MODELS[name].tensors())
    shape = gguf_shape.shape_of(gguf.read(raw, size, name=name))
    found = replace(model(model_file("m.gguf", size=size)), shape=shape)
    on = engine(nvidia_runtime=gpu is not None)
    return replace(
        seen(of=found, on=on, gpus=(gpu,) if gpu else ()),
        ram=ram or Ram(total_mib=64_000, free_mib=60_000),
        programs=PROGRAMS,
    )


def planned(found: Observed, recorded: Lock | None = None, **backend: Any) -> Planned:
    return plan(wanted(backend=backend), found, recorded or Lock())


def command(of: Planned) -> tuple[str, ...]:
    assert of.plan.backend_service
    return of.plan.backend_service.command


def after(words: tuple[str, ...], flag: str) -> str:
    return words[words.index(flag) + 1]


def test_the_gpu_gets_as_many_layers_as_fit_and_the_program_is_told() -> None:
    small = replace(GPU, total_mib=4096, free_mib=4000)
    whole, part = planned(world(gpu=GPU)), planned(world(gpu=small))
    assert after(command(whole), "--gpu-layers") == "33"
    assert 0 < int(after(command(part), "--gpu-layers")) < 33
    assert whole.plan.memory is not None
    assert whole.plan.memory.fits


def test_a_type_of_kv_cache_that_the_backend_lacks_is_not_chosen() -> None:
    tight = world(ram=Ram(total_mib=8000, free_mib=6200))
    request = (Overridden(spec=wanted(backend={"context": 16384})), tight)
    lacking = cast("Backend", SimpleNamespace(**{**vars(llamacpp), "KV_TYPES": ("f16",)}))
    types = []
    for backend in (llamacpp, lacking):
        found = memory_plan.choose_memory(*request, backend, backend.MEMORY, None, Decisions(Lock()))
        assert found
        types.append(found.settings.kv_type)
    assert types == ["q8_0", "f16"]


BEFORE = "ghcr.io/ggml-org/llama.cpp:server-cuda-b9442"  # the pull request that keeps logits for the slots alone
AFTER = "ghcr.io/ggml-org/llama.cpp:server-cuda-b9464"


def test_the_sum_follows_the_build() -> None:
    sums = {
        image: planned(world(gpu=GPU), image=image, context=8192).plan.memory for image in (BEFORE, AFTER, "mine:1")
    }
    gpus = {image: found.fit.devices[0].compute_mib for image, found in sums.items() if found}
    logits = 4 * 128_256 * 512 / 2**20  # Llama 3.1's vocabulary, for a micro-batch of 512
    assert gpus[BEFORE] == logits + (8192 * 2 + 4 * 4096 * 4) * 512 / 2**20  # and masks and hidden states
    assert gpus[AFTER] == gpus["mine:1"] < 0.5 * gpus[BEFORE]
    ram = {image: found.fit.host.compute_mib for image, found in sums.items() if found}
    assert ram[BEFORE] - ram[AFTER] == 8192 * 512 * 2 / 2**20  # masks of 4 bytes instead of 2


def test_less_goes_on_the_gpu_where_an_older_build_takes_more_of_it() -> None:
    tight = world(gpu=replace(GPU, total_mib=5600, free_mib=5600))
    layers = [int(after(command(planned(tight, image=image)), "--gpu-layers")) for image in (BEFORE, AFTER)]
    assert layers[0] < layers[1] <= 33


def test_another_build_counts_its_layers_itself_and_the_newest_keeps_what_is_recorded() -> None:
    tight = world(gpu=replace(GPU, total_mib=5600, free_mib=5600))
    newest = planned(tight)
    older = planned(tight, newest.lock, build="b9191")
    assert older.plan.memory
    assert older.plan.memory.fits
    assert command(older) != command(newest)
    assert "logits" not in newest.lock.decisions["backend.gpu_layers"].inputs


def test_a_decision_stands_while_model_machine_and_wish_do() -> None:
    first = planned(world(gpu=GPU))
    busy = world(gpu=replace(GPU, free_mib=5000))
    again = planned(busy, first.lock)
    assert command(again) == command(first)
    assert again.plan.memory is not None
    assert not again.plan.memory.fits
    anew = planned(busy, forget_decisions(first.lock))
    assert command(anew) != command(first)
    assert anew.plan.memory is not None
    assert anew.plan.memory.fits


SMALL = replace(GPU, total_mib=7000, free_mib=7000)


def context_of(of: Planned) -> int:
    assert of.plan.memory
    assert of.plan.context == of.plan.memory.settings.context == of.lock.decisions["backend.context"].value
    return of.plan.context


def test_a_new_stack_takes_the_context_that_fits_and_the_demo_model_no_more_than_before() -> None:
    assert [context_of(planned(world(gpu=gpu))) for gpu in (GPU, SMALL)] == [32_768, 8192]
    good = world(gpu=GPU)
    assert context_of(planned(replace(good, model=replace(good.model, good_context=16_384)))) == 16_384
    assert context_of(planned(replace(good, model=replace(good.model, wanted=DEMO)))) == 8192


CHANGES: dict[str, Observed] = {
    "a larger GPU": world(gpu=GPU),
    "more RAM": world(gpu=SMALL, ram=Ram(total_mib=128_000, free_mib=100_000)),
    "another GPU": replace(world(gpu=SMALL), gpus=(SMALL, replace(GPU, index=1, uuid="GPU-2"))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_stack_keeps_its_context_on_another_machine(change: str) -> None:
    first, now = planned(world(gpu=SMALL)), CHANGES[change]
    assert context_of(planned(now, first.lock)) == 8192
    assert context_of(planned(now, forget_decisions(first.lock))) > 8192 or change == "more RAM"


def test_a_stack_keeps_its_context_with_another_build_and_what_it_grew_to() -> None:
    assert context_of(planned(world(gpu=GPU), planned(world(gpu=SMALL)).lock, build="b9191")) == 8192
    assert context_of(planned(world(gpu=GPU), planned(world(gpu=GPU)).lock, build="b9191")) == 32_768


def test_a_context_is_chosen_again_for_another_model_other_settings_or_less_memory() -> None:
    first, grown = planned(world(gpu=SMALL)), planned(world(gpu=GPU))
    other = world("gemma-3-4b", gpu=GPU)
    assert context_of(planned(replace(other, model=replace(other.model, name="other.gguf")), first.lock)) == 32_768
    assert context_of(planned(world(gpu=GPU), first.lock, kv_cache="q8_0")) == 32_768
    assert context_of(planned(world(gpu=SMALL), grown.lock)) == 8192
    less = plan(wanted(gpu={"reserve": "3 GiB"}), world(gpu=GPU), grown.lock)
    assert context_of(less) == 16_384
    assert (
        context_of(plan(wanted(gpu={"reserve": "3 GiB"}), world(gpu=replace(GPU, free_mib=6000)), less.lock)) == 16_384
    )


def test_a_reserve_that_leaves_no_gpu_is_said() -> None:
    found = plan(wanted(gpu={"reserve": "16 GiB"}), world(gpu=GPU), Lock())
    assert found.plan.memory
    assert (found.plan.memory.fits, found.plan.gpu_layers) == (True, "0")
    says = "gpu.reserve = '16 GiB' leaves nothing of any GPU, so that no layer is put there"
    assert says in found.plan.notes
    assert says not in planned(world(gpu=GPU)).plan.notes


def test_the_reserve_is_no_input_unless_it_is_set() -> None:
    """Locks from before there was one stay valid."""
    inputs = planned(world(gpu=GPU)).lock.decisions["backend.context"].inputs
    assert set(inputs) == {"backend", "model", "bytes", "gpus", "ram_gib", "wanted"}
    assert not {"usable", "before"} & set(inputs["wanted"])


@pytest.mark.parametrize(
    ("world", "context", "has", "more"),
    [
        (world(gpu=SMALL), "auto", "8192 of the 131072", "`context = 16384` takes 1.0 GiB more on the GPU, more than"),
        (world(gpu=GPU), "auto", "32768 of the 131072", "`context = 65536` takes 4.0 GiB more on the GPU, more than"),
        (world(gpu=GPU), 16_384, "16384 of the 131072", "`context = 32768` takes 2.0 GiB more on the GPU, which"),
        (world(), "auto", "16384 of the 131072", "`context = 32768` takes 2.0 GiB more of RAM, which"),
    ],
)
def test_the_plan_says_what_context_it_has_and_what_more_takes(
    world: Observed, context: object, has: str, more: str
) -> None:
    found = planned(world, context=context).plan.memory
    assert found
    assert memory_plan.describe_context(found) == f"context: {has} tokens that the model is good for; {more} is free"


def test_the_plan_offers_no_context_that_the_model_does_not_have() -> None:
    found = planned(world(), context=131_072).plan.memory
    assert found
    assert memory_plan.describe_context(found) == "context: 131072 tokens, as many as the model is good for"


def test_a_gpu_that_computes_without_a_layer_may_be_too_full_for_that() -> None:
    busy, small = replace(GPU, free_mib=600), replace(GPU, index=1, uuid="GPU-2", total_mib=4000, free_mib=4000)
    found = planned(replace(world(gpu=busy), gpus=(busy, small))).plan.memory
    assert found
    assert found.settings.split[0] == 0
    assert 'gpu.devices = ["1"] (leaves out' in memory_plan.refusal(found, "m.gguf").hint


def test_what_the_stacks_own_backend_holds_counts_as_free() -> None:
    first = planned(world(gpu=GPU))
    held = world(gpu=replace(GPU, free_mib=5000, own_mib=6800), ram=Ram(total_mib=64_000, free_mib=500, own_mib=59_500))
    again = planned(held, first.lock)
    assert again.plan.memory is not None
    assert again.plan.memory.fits
    assert planned(held).plan.memory == again.plan.memory


@pytest.mark.parametrize("kind", ["llamacpp", "koboldcpp", "text-generation-webui"])
def test_the_container_is_limited_to_what_it_takes_with_room(kind: str) -> None:
    service = planned(world(), kind=kind).plan.backend_service
    assert service
    assert service.memory_mib is not None
    assert 5000 * 1.25 < service.memory_mib < 5000 * 1.25 + 8000
    mine = plan(
        wanted(backend={"kind": kind}, limits={"backend_memory": "3 GiB"}), world(), Lock()
    ).plan.backend_service
    assert mine
    assert mine.memory_mib == 3072


def test_what_koboldcpp_unpacks_counts_as_ram() -> None:
    """Its program lies in a tmpfs, which is RAM: with CUDA's libraries it is larger."""
    found = {
        (kind, gpu is not None): planned(world(gpu=gpu), kind=kind).plan.memory
        for kind in ("koboldcpp", "llamacpp")
        for gpu in (None, GPU)
    }
    base = {of: one.fit.host.overhead_mib for of, one in found.items() if one}
    assert round(base["koboldcpp", False] - base["llamacpp", False]) == 512
    assert round(base["koboldcpp", True] - base["llamacpp", True]) == 2048


def test_experts_stay_in_ram_and_each_program_is_told_in_its_own_words() -> None:
    gpu = replace(GPU, total_mib=16_384, free_mib=16_000)
    count = int(after(command(planned(world("mixtral-8x7b", gpu=gpu))), "--n-cpu-moe"))
    assert 0 < count <= 32
    assert "--moecpu" in command(planned(world("mixtral-8x7b", gpu=gpu), kind="koboldcpp"))
    textgen = planned(world("mixtral-8x7b", gpu=gpu), kind="text-generation-webui").plan
    assert textgen.backend_service is not None
    assert textgen.memory is not None
    told = textgen.backend_service.environment["LLAMA_ARG_N_CPU_MOE"]
    assert int(told) == textgen.memory.settings.cpu_experts > 0


def two_gpus(name: str, *, mib: int = 16_384, **backend: Any) -> Planned:
    first = replace(GPU, total_mib=mib, free_mib=mib - 400)
    other = replace(first, index=1, uuid="GPU-2")
    return planned(replace(world(name, gpu=first), gpus=(first, other)), **backend)


def said(of: Planned) -> tuple[str, ...]:
    return command(of) or tuple(" ".join(one.reveal() for one in of.plan.files.values()).split())


@pytest.mark.parametrize(
    ("kind", "flag", "count"),
    [
        ("llamacpp", "--tensor-split", 1),
        ("text-generation-webui", "--tensor-split", 1),
        ("koboldcpp", "--tensor_split", 2),
    ],
)
def test_each_program_is_told_how_many_layers_each_gpu_takes(kind: str, flag: str, count: int) -> None:
    found = two_gpus("mixtral-8x7b", kind=kind, gpu_layers=33)
    words = said(found)
    at = words.index(flag) + 1
    shares = [int(one) for one in " ".join(words[at : at + count]).replace(",", " ").split()]
    assert sum(shares) == 33
    assert found.plan.memory is not None
    assert found.plan.memory.settings.split == tuple(shares)
    assert found.lock.decisions["backend.split"].value == tuple(shares)
    assert flag not in said(planned(world("mixtral-8x7b", gpu=replace(GPU, total_mib=48_000, free_mib=48_000))))


def test_with_experts_in_ram_the_first_gpu_takes_more_layers_and_both_are_about_equally_full() -> None:
    found = two_gpus("mixtral-8x7b", mib=12_288).plan.memory
    assert found is not None
    assert 0 < found.settings.cpu_experts < 32
    first, second = found.settings.split
    assert first > second
    lower, upper = sorted(one.total_mib for one in found.fit.devices)
    assert lower > 0.8 * upper


def test_a_share_that_the_user_insists_on_stays_and_the_sum_counts_with_it() -> None:
    for words in (("--tensor-split", "3,1"), ("-ts", "3,1"), ("--tensor-split=3,1,1",)):
        found = two_gpus("mixtral-8x7b", mib=48_000, override_args=words)
        assert found.plan.memory is not None
        assert found.plan.memory.settings.split == (3.0, 1.0)
        assert after(command(found), "--tensor-split") == "3,1"
    kobold = two_gpus("mixtral-8x7b", mib=48_000, kind="koboldcpp", override_args=("--tensor_split", "3", "1"))
    assert kobold.plan.memory is not None
    assert kobold.plan.memory.settings.split == (3.0, 1.0)


def test_a_lock_from_before_a_share_was_recorded_keeps_its_other_decisions() -> None:
    first = two_gpus("mixtral-8x7b", mib=12_288)
    assert "split" not in first.lock.decisions["backend.context"].inputs["wanted"]


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    busy = world(gpu=replace(GPU, total_mib=6144, free_mib=6000))
    found = planned(busy, context=32768, kv_cache="f16", gpu_layers=33).plan.memory
    assert found is not None
    error = memory_plan.refusal(found, "m.gguf")
    assert error.exit_code == 6
    assert "the GPU has" in error.message
    assert "--force" in error.hint
    assert 'kv_cache = "q4_0"' in error.hint


@pytest.mark.parametrize(("free", "says"), [(4960, "Combine several"), (2000, "Choose a smaller model with")])
def test_changes_that_are_too_little_even_together_are_not_named(free: int, says: str) -> None:
    here = replace(world(gpu=GPU), gpus=(), ram=Ram(total_mib=free, free_mib=free))
    found = planned(here).plan.memory
    assert found is not None
    assert memory_plan.refusal(found, "m.gguf").hint.startswith(says)


def test_a_gpu_that_is_full_is_to_be_left_out() -> None:
    busy = replace(GPU, index=1, uuid="GPU-2", free_mib=300)
    found = planned(replace(world(gpu=GPU), gpus=(GPU, busy))).plan.memory
    assert found is not None
    assert found.problems == ("GPU 1 has 0.3 GiB free, 0.5 GiB are needed",)
    assert 'Make one of these changes: gpu.devices = ["0"] (leaves out' in memory_plan.refusal(found, "m.gguf").hint
    alone = plan(wanted(gpu={"devices": ("0",)}), replace(world(gpu=GPU), gpus=(GPU, busy)), Lock()).plan.memory
    assert alone is not None
    assert alone.fits


def test_llamas_cache_of_prompts_is_capped() -> None:
    assert after(command(planned(world())), "--cache-ram") == "1024"


def test_where_memory_is_not_known_nothing_is_decided_by_it() -> None:
    blind = replace(world(), ram=None)
    assert planned(blind).plan.memory is None
    assert planned(replace(world(gpu=replace(GPU, total_mib=0, free_mib=0)))).plan.memory is None


def test_the_sum_is_of_the_chosen_gpus_alone_and_names_them_as_the_machine_does() -> None:
    near, busy, far = (replace(GPU, index=at, uuid=f"GPU-{at}", total_mib=6000, free_mib=5600) for at in range(3))
    busy = replace(busy, free_mib=300)
    of = wanted(gpu={"devices": ("2", "0")}, backend={"context": 8192})
    alone = plan(of, replace(world(gpu=GPU), gpus=(near, busy, far)), Lock()).plan
    assert alone.memory
    assert [round(one) for one in alone.memory.room.gpus_mib] == [5600, 5600]
    assert memory_plan.describe(alone.memory).partition("; GPU 2 ")[0].endswith(" of 5.5 GiB free")
    full = replace(far, free_mib=300)
    of = wanted(gpu={"devices": ("1", "2")}, backend={"context": 8192})
    lacking = plan(of, replace(world(gpu=GPU), gpus=(near, replace(near, index=1, uuid="GPU-1"), full)), Lock()).plan
    assert lacking.memory
    assert lacking.memory.problems == ("GPU 2 has 0.3 GiB free, 0.5 GiB are needed",)
    assert 'gpu.devices = ["1"] (leaves out' in memory_plan.refusal(lacking.memory, "m.gguf").hint
