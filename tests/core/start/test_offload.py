"""A start that asked for a GPU ends soon after the backend's log says that the CPU computes."""

from dataclasses import replace

import pytest

from stackctl.core.model import demo_model, gguf, gguf_shape
from stackctl.core.observed import Ram
from stackctl.core.plan.stack import Plan
from stackctl.core.start.events import Applied, Event, Idle, Line, Looked
from stackctl.core.start.planned_offload import planned_offload
from stackctl.core.start.start_state import Failed
from stackctl.core.start.verdict import Ready, Waiting, to_stop
from stackctl.errors import GpuError
from tests.core.samples import CDI, GPU, a_plan, engine, model, model_file, seen, wanted
from tests.core.start.scripted import BACKEND, PAGE, both_ready, error, judged, starts

SHAPE = gguf_shape.shape_of(gguf.read(demo_model.gguf_bytes(), len(demo_model.gguf_bytes()), name="m.gguf"))
WORLD = replace(
    seen(of=replace(model(model_file()), shape=SHAPE), on=engine(cdi_devices=CDI), gpus=(GPU,)),
    ram=Ram(total_mib=16_384, free_mib=12_288),
)
ON_GPU = a_plan(wanted(gpu={"mode": "cdi"}), WORLD)
OF = len(SHAPE.layers) + 1
NONE = Line(BACKEND, f"load_tensors: offloaded 0/{OF} layers to GPU")
ALL = Line(BACKEND, f"load_tensors: offloaded {OF}/{OF} layers to GPU")
NO_CUDA = Line(BACKEND, "ggml_cuda_init: failed to initialize CUDA: no CUDA-capable device is detected")
NO_CODE = Line(BACKEND, "warning: no usable GPU found, --gpu-layers option will be ignored")
GIVEN = replace(starts(BACKEND).state, gpu_drivers=("cdi",))
STARTS = replace(starts(BACKEND), state=GIVEN)


def test_the_plan_says_how_many_layers_are_wanted() -> None:
    found = planned_offload(ON_GPU)
    assert found
    assert (found.layers, found.of) == (OF, OF)
    assert planned_offload(replace(ON_GPU, gpu_layers="auto", memory=None)) == replace(found, layers=None, of=None)


@pytest.mark.parametrize(
    ("line", "says", "hint"),
    [
        (NO_CUDA, "CUDA finds no GPU that it can use in the container (no CUDA-capable device is", "nvidia-smi -L"),
        (NO_CODE, "it sees no GPU, or has no code for one", "backend.image"),
    ],
)
def test_a_line_that_says_that_the_cpu_computes_ends_the_start_with_its_cause(line: Line, says: str, hint: str) -> None:
    found = error(STARTS, line, plan=ON_GPU)
    assert isinstance(found, GpuError)
    assert found.message.startswith(BACKEND)
    assert says in found.message
    assert hint in found.hint
    assert "stackctl deploy --gpu none" in found.hint
    assert found.evidence == (line.text,)


def test_a_report_without_a_layer_ends_the_start_once_no_other_report_followed() -> None:
    quiet = (Idle(),) * 4
    found = error(STARTS, NONE, *quiet, plan=ON_GPU)
    assert isinstance(found, GpuError)
    assert f"computes on the CPU, though a GPU was asked for: 0 of {OF} layers are on the GPU" in found.message
    assert "stackctl logs" in found.hint
    assert isinstance(judged(STARTS, NONE, *quiet[1:], plan=ON_GPU)[0], Waiting)
    assert isinstance(judged(STARTS, NONE, ALL, *quiet, plan=ON_GPU)[0], Waiting)  # a model's name imitated the first


def test_behind_layers_on_the_gpu_a_text_of_the_model_says_nothing_of_it() -> None:
    assert isinstance(judged(STARTS, ALL, NO_CUDA, NO_CODE, plan=ON_GPU)[0], Waiting)


def test_the_first_line_is_the_cause() -> None:
    assert "no CUDA-capable device" in error(STARTS, NO_CUDA, NO_CODE, plan=ON_GPU).message


@pytest.mark.parametrize(
    "plan",
    [a_plan(), replace(ON_GPU, gpu_layers="0"), a_plan(wanted(gpu={"mode": "none"}), WORLD)],
    ids=["cpu", "no-layers", "gpu-none"],
)
@pytest.mark.parametrize("line", [NONE, NO_CUDA, NO_CODE], ids=["none", "no-cuda", "no-code"])
def test_where_no_layer_was_meant_for_a_gpu_the_same_line_is_well(plan: Plan, line: Line) -> None:
    assert isinstance(judged(STARTS, line, plan=plan)[0], Waiting)


def test_another_service_s_line_says_nothing_about_the_backend() -> None:
    assert isinstance(judged(STARTS, Line(PAGE, NO_CODE.text), plan=ON_GPU)[0], Waiting)


def test_layers_on_the_gpu_are_noted_and_the_start_goes_on() -> None:
    events: tuple[Event, ...] = (STARTS, ALL, *both_ready()[1:], Applied(0), Looked({}))
    found, state = judged(*events, plan=ON_GPU)
    assert found == Ready()
    assert [(one.layers, one.of) for one in state.offloaded] == [(OF, OF)]


def test_a_draft_model_in_ram_ends_nothing() -> None:
    assert isinstance(judged(STARTS, ALL, Line(BACKEND, "offloaded 0/99 layers to GPU"), plan=ON_GPU)[0], Waiting)


def test_a_backend_without_its_gpu_is_stopped_though_it_is_ready_and_nothing_else_is() -> None:
    _, state = judged(STARTS, *both_ready()[1:], plan=ON_GPU)
    assert to_stop(state) == ()
    lacks = replace(state, failed=Failed(GpuError("no GPU")))
    assert [one.name for one in to_stop(lacks)] == [BACKEND]
