"""`stackctl gpu`: the GPUs of this machine, and whether each layer between them and the backend works."""

from dataclasses import dataclass, replace

from stackctl.contracts.host import Gpu, GpuReading
from stackctl.core.gpu.driver import judge_driver
from stackctl.core.gpu.layers import Layer, LayerVerdict, failing, first_fault
from stackctl.core.gpu.surroundings import Surroundings, name_all
from stackctl.core.observed import EngineSeen
from stackctl.core.plan.model_run import is_start_of
from stackctl.errors import EngineError, GpuError
from stackctl.machine import Machine
from stackctl.steps.config_request import load_config
from stackctl.steps.deployed import written_plan
from stackctl.steps.gpu_layers import plan_trial, try_layers
from stackctl.steps.recorded_deploys import last_deploy


@dataclass(frozen=True, kw_only=True)
class GpuLook:
    """What was seen of the GPUs, and the verdict on each layer, from the driver up."""

    gpus: tuple[Gpu, ...]
    readings: tuple[GpuReading, ...]
    engine: EngineSeen | None
    layers: tuple[LayerVerdict, ...]
    surroundings: tuple[str, ...] = ()  # clauses about the place where all this runs, if it is a special one

    @property
    def fault(self) -> LayerVerdict | None:
        """Return the lowest layer that fails; None if none does, or if there is no GPU for which it matters."""
        return first_fault(self.layers)

    @property
    def exit_code(self) -> int:
        return GpuError.exit_code if self.fault else 0


def gpu(machine: Machine, flags: dict[str, object]) -> GpuLook:
    """Look at the GPUs, and try the layers above with the settings of this folder, or with the default ones.

    Nothing is pulled and nothing stays: the container is one of an image that is here, and is removed.
    """
    found = _with_program(_look(machine, flags), machine)
    return replace(
        found, surroundings=name_all(_around(machine, found.engine), machine.host.cpu(), machine.host.hypervisor())
    )


def _with_program(found: GpuLook, machine: Machine) -> GpuLook:
    """Return the look with what the backend of this folder's stack reported at its last start, if that is recorded."""
    plan = written_plan(machine)
    record = last_deploy(machine, lambda one: is_start_of(one, plan)) if plan else None
    if record is None or not record.layers_on_gpu:
        return found
    says = f"{record.layers_on_gpu} of {record.layers} layers were on the GPU at the start of {record.time}"
    program = LayerVerdict(layer="program", state="works", says=says)
    return replace(found, layers=(*(one for one in found.layers if one.layer != "program"), program))


def _around(machine: Machine, engine: EngineSeen | None) -> Surroundings:
    return Surroundings(
        view=machine.docker.view if engine else "",
        is_rootless=bool(engine and engine.is_rootless),
        is_wsl=machine.host.is_wsl(),
        container=machine.host.container_kind(),
    )


def _look(machine: Machine, flags: dict[str, object]) -> GpuLook:
    spec = load_config(machine, flags).spec
    gpus, readings, failure = _gpus(machine)
    driver = judge_driver(gpus, failure)
    try:
        engine = machine.docker.look((), ())
    except EngineError as error:
        return _assembled(gpus, readings, None, driver, _without_engine(error, driver))
    if not engine.is_local:
        here = "the engine is on another machine, whose driver can't be asked from here"
        driver, gpus, readings = _untried("driver", here), (), ()
    usable = tuple(gpu for gpu in gpus if not gpu.fault)
    planned = plan_trial(spec, engine, usable, driver, machine)
    if isinstance(planned, LayerVerdict):
        above = planned if planned.layer == "engine" else _untried("engine", "the container is what shows it")
        return _assembled(gpus, readings, engine, driver, above, planned if above is not planned else None)
    return _assembled(gpus, readings, engine, driver, *try_layers(planned, spec, machine))


def _assembled(
    gpus: tuple[Gpu, ...],
    readings: tuple[GpuReading, ...],
    engine: EngineSeen | None,
    driver: LayerVerdict,
    above: LayerVerdict,
    container: LayerVerdict | None = None,
    program: LayerVerdict | None = None,
) -> GpuLook:
    """Return the look with a verdict on every layer: those that are None were not tried."""
    below = first_fault((driver, above))
    says = f"the {below.layer} comes first" if below else "no GPU is requested from the engine"
    container = container or _untried("container", says)
    program = program or _untried("program", "`stackctl status` shows where the layers of a running model are")
    return GpuLook(gpus=gpus, readings=readings, engine=engine, layers=(driver, above, container, program))


def _gpus(machine: Machine) -> tuple[tuple[Gpu, ...], tuple[GpuReading, ...], GpuError | None]:
    gpus: tuple[Gpu, ...] = ()
    try:
        gpus = machine.gpus.list(waits=False)
        return gpus, machine.gpus.read(wakes=False), None
    except GpuError as error:
        return gpus, (), error


def _without_engine(error: EngineError, driver: LayerVerdict) -> LayerVerdict:
    """Return the verdict on an engine that does not answer: it matters only if there is a GPU."""
    return _untried("engine", error.message) if driver.state == "not tried" else failing("engine", error)


def _untried(layer: Layer, says: str) -> LayerVerdict:
    return LayerVerdict(layer=layer, state="not tried", says=says)
