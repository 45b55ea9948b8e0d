"""stack.lock's values: one that nobody knows is refused with its key, and never taken for something else."""

from dataclasses import replace
from typing import Any

import pytest

from stackctl import __version__
from stackctl.core.config import lock
from stackctl.core.config.lock import Decision, Lock
from stackctl.core.config.spec import Spec
from stackctl.core.hub import store
from stackctl.core.model import demo_model, gguf, gguf_shape
from stackctl.core.observed import Observed, Ram
from stackctl.core.plan.plan import forget_decisions, plan
from stackctl.errors import ConfigError
from tests.core.samples import GPU, engine, model, model_file, seen, wanted

NEWER = {"by": "99.1.0", "inputs": "x", "sha256": "x"}
SHAPE = gguf_shape.shape_of(gguf.read(demo_model.gguf_bytes(), len(demo_model.gguf_bytes()), name="m.gguf"))
WORLD = replace(
    seen(of=replace(model(model_file()), shape=SHAPE), on=engine(nvidia_runtime=True), gpus=(GPU,)),
    ram=Ram(total_mib=16_384, free_mib=12_288),
    names=("box",),
    time_zone="Europe/Berlin",
)
KOBOLD = wanted(backend={"kind": "koboldcpp"})
CASES = [(wanted(), WORLD), (KOBOLD, WORLD), (KOBOLD, replace(WORLD, gpus=(), ram=None))]
NONSENSE: tuple[Any, ...] = (None, True, -1, 1.5, [], [1], {"a": 1}, {})


def decisions(spec: Spec, world: Observed) -> dict[str, Decision]:
    return dict(plan(spec, world, Lock()).lock.decisions)


@pytest.mark.parametrize(("spec", "world"), CASES, ids=["llamacpp", "koboldcpp", "koboldcpp-cpu"])
def test_nonsense_of_a_newer_stackctl_s_is_refused_by_its_key_and_replan_decides_it_again(
    spec: Spec, world: Observed
) -> None:
    good = decisions(spec, world)
    assert len(good) >= 8
    for key in good:
        for value in NONSENSE:
            if key == "sillytavern.names" and value == []:
                continue  # a machine that has none
            bad = Lock(decisions={**good, key: replace(good[key], value=value)}, rendered=NEWER)
            with pytest.raises(ConfigError, match=rf"stack\.lock has {key} = .*, which stackctl 99\.1\.0 wrote"):
                plan(spec, world, bad)
            assert plan(spec, world, forget_decisions(bad)).plan.services == plan(spec, world, Lock()).plan.services


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("gpu.mode", "sycl"),
        ("backend.kv_cache", "q3_K"),
        ("koboldcpp.program", "99.0 rocm"),
        ("network.edge", "fd00::/64"),
    ],
)
def test_a_name_of_a_newer_stackctl_s_is_no_other_name(key: str, value: str) -> None:
    recorded = Lock(
        decisions={**decisions(KOBOLD, WORLD), key: Decision(value=value, inputs={"later": 1})}, rendered=NEWER
    )
    with pytest.raises(ConfigError, match=f"{key} = '{value}', which stackctl 99.1.0 wrote") as caught:
        plan(KOBOLD, WORLD, recorded)
    assert caught.value.exit_code == 3


def test_a_program_that_an_older_stackctl_chose_and_that_is_given_up_is_chosen_again() -> None:
    old = Decision(value="1.0 cpu", inputs=decisions(KOBOLD, WORLD)["koboldcpp.program"].inputs)
    recorded = Lock(decisions={"koboldcpp.program": old}, rendered={"by": "0.0.1"})
    assert plan(KOBOLD, WORLD, recorded).plan.program == plan(KOBOLD, WORLD, Lock()).plan.program


def test_a_newer_lock_comes_back_with_all_that_it_holds_and_the_plan_is_the_same() -> None:
    good = plan(wanted(), WORLD, Lock())
    more = {key: replace(one, inputs={**one.inputs, "later": 1}) for key, one in good.lock.decisions.items()}
    future = Decision(value="fast", inputs={}, others={"why": "asked"})
    source = Decision(value={"path": "x"}, inputs={})
    newer = Lock(
        decisions={**more, "backend.speculation": future, store.key("hf:a/b"): source},
        rendered=NEWER,
        others={"nodes": {"a": 1}},
    )
    again = plan(wanted(), WORLD, lock.parse(lock.dump(newer)))
    assert replace(again.plan, notes=()) == replace(good.plan, notes=())
    assert lock.dump(again.lock) == lock.dump(newer)
    assert any("nodes" in note and "backend.speculation" in note for note in again.plan.notes)
    assert __version__ != NEWER["by"]
