"""`stackctl status`: which model runs where, what it and others hold, and what to do next."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.gpu import gpu
from stackctl.commands.status import Status, status
from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.contracts.service import Publish
from stackctl.core import history
from stackctl.core.observed import ReadSeen
from stackctl.core.plan.model_run import ModelRun, describe_layers, model_run
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.core.start.stack_state import StackState, stack_state
from stackctl.errors import GpuError
from stackctl.report import status_text
from stackctl.steps.memory_now import GpusNow
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeGpus, FakeImages

QUICK = Options(prove=False, timeout_s=20)
BACKEND = 4242  # the first process of its container
CARD = GpuReading(
    uuid="GPU-1",
    name="NVIDIA GeForce RTX 4090",
    total_mib=24_576,
    free_mib=15_360,
    utilisation=87,
    temperature_c=64,
    power_w=320.4,
    holders=(
        GpuHolder(pid=7001, name="llama-server", mib=8602),
        GpuHolder(pid=900, name="Xorg", mib=200),
        GpuHolder(pid=901, name="firefox", mib=400),
    ),
)


def running(folder: Path, gpus: FakeGpus | None = None) -> Quiet:
    """A stack with the demo model that is ready. Its backend has a child process, which is what holds the GPU."""
    (folder / "stack.toml").write_text('name = "mine"\n[model]\npath = "demo"\n')
    stage = Stage(images=FakeImages(published={one.image: "sha256:1" for one in a_plan().services}))
    here = quiet_stage(folder, stage)
    deploy(here.machine, {"gpu.mode": "none"}, QUICK)
    here.host.started_by = {7001: (7001, 7000, BACKEND, 1), 900: (900, 1), 901: (901, 800, 1)}
    stage.states_["llamacpp"] = replace(stage.states_["llamacpp"], pid=BACKEND)
    stage.states_["sillytavern"] = replace(stage.states_["sillytavern"], pid=4300)
    stage.reads = iter([ReadSeen(used=1500 << 20), ReadSeen(used=300 << 20)])
    if gpus:
        here.machine.gpus = gpus
    return here


def facts(now: Status, here: Quiet) -> dict[str, str]:
    """The rows below the services."""
    table = status_text.status(now, here.machine.ui)[0].split("\n\n")[1]
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in table.splitlines()}


def test_what_runs_where_and_who_holds_what(tmp_path: Path) -> None:
    here = running(tmp_path, gpus := FakeGpus(readings=(CARD,)))
    now = status(here.machine)
    assert facts(now, here) == {
        "model": "stackctl-demo.gguf",
        "context": "8192 tokens",
        "layers": "all 2 on the CPU",
        "GPU": "NVIDIA GeForce RTX 4090: 8.4 GiB this stack, 614 MiB others (firefox, Xorg), "
        "15.0 GiB of 24.0 GiB free, 87 % busy, 64 C, 320 W",
        "RAM": "1.8 GiB this stack, 12.0 GiB of 16.0 GiB free",
        "address": "http://127.0.0.1:8000",
    }
    assert gpus.woken == [False]
    values = status_text.status(now, here.machine.ui)[1]
    assert values["memory"]["ram_own_mib"] == 1800
    assert [(one["own_mib"], [other["name"] for other in one["others"]]) for one in values["memory"]["gpus"]] == [
        (8602, ["firefox", "Xorg"])
    ]


def test_a_card_that_is_off_stays_off(tmp_path: Path) -> None:
    off = replace(CARD, is_suspended=True, total_mib=0, free_mib=0, holders=(), utilisation=None, temperature_c=None)
    here = running(tmp_path, gpus := FakeGpus(readings=(replace(off, power_w=None),)))
    assert facts(status(here.machine), here)["GPU"] == "NVIDIA GeForce RTX 4090 is off until a program uses it"
    assert gpus.woken == [False]


@dataclass
class Hung(FakeGpus):
    """A driver that does not answer."""

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        del wakes
        raise GpuError("the NVIDIA driver does not answer", hint="Reboot.")


def test_a_driver_that_does_not_answer_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    here = running(tmp_path, Hung())
    now = status(here.machine)
    text, values = status_text.status(now, here.machine.ui)
    assert now.is_ready
    says = "the NVIDIA driver does not answer"
    more = "more: `stackctl explain gpu-unavailable`"
    assert f"{says}\nhint: Reboot.\n{more}\n\nmine is ready: http://127.0.0.1:8000" in text
    assert values["memory"]["gpu_problem"] == {"problem": says, "hint": "Reboot.", "issue": "gpu-unavailable"}
    assert now.next_step.startswith("Open"), "no layer of it is on the GPU"
    assert now.run
    assert replace(now, run=replace(now.run, gpu_layers=33)).next_step == "Reboot."


def test_the_gpus_and_the_ram_of_this_machine_say_nothing_of_another(tmp_path: Path) -> None:
    here = running(tmp_path, FakeGpus(readings=(CARD,)))
    here.docker.is_local = False
    memory = status(here.machine).memory
    assert (memory.gpus, memory.ram, memory.ram_mib) == ((), None, 1800)


@pytest.mark.parametrize(
    ("mib", "is_blind", "own"), [(8602, False, 8602), (0, False, None), (8602, True, None)], ids=str
)
def test_what_a_driver_does_not_say_is_not_taken_for_nothing(mib: int, is_blind: bool, own: int | None) -> None:
    reading = replace(CARD, holders=(GpuHolder(pid=7001, name="llama-server", mib=mib),))
    seen = GpusNow(readings=(reading,), families={7001: frozenset({7001, BACKEND})}, is_blind=is_blind)
    (found,) = seen.shared_with([replace(container("llamacpp", state="running"), pid=BACKEND)])
    assert (found.own_mib, found.others) == (own, ())


@pytest.mark.parametrize(
    ("visible", "own"), [((7001, 900), 8602), ((7001,), 8602), ((900,), None), ((), None)], ids=str
)
def test_a_process_that_is_not_visible_may_be_this_stacks(visible: tuple[int, ...], own: int | None) -> None:
    reading = replace(CARD, holders=CARD.holders[:2])
    families = {7001: frozenset({7001, BACKEND}), 900: frozenset({900, 1})}
    seen = GpusNow(
        readings=(reading,), families={pid: families[pid] if pid in visible else frozenset() for pid in families}
    )
    (found,) = seen.shared_with([replace(container("llamacpp", state="running"), pid=BACKEND)])
    assert found.own_mib == own


def test_a_stack_without_a_process_holds_nothing_whatever_is_not_visible() -> None:
    seen = GpusNow(readings=(CARD,), families={}, is_blind=True)
    (found,) = seen.shared_with([container("llamacpp", state="exited")])
    assert found.own_mib == 0


def test_names_of_other_programs_are_bounded(tmp_path: Path) -> None:
    many = tuple(GpuHolder(pid=number, name=f"{number}\x1b[2J" * 999, mib=1) for number in range(1, 999))
    here = running(tmp_path, FakeGpus(readings=(replace(CARD, holders=many),)))
    text, values = status_text.status(status(here.machine), here.machine.ui)
    assert max(map(len, text.splitlines())) < 2000
    assert "\x1b" not in text
    assert len(values["memory"]["gpus"][0]["others"]) == 32


def test_the_last_proof_of_this_model_is_its_speed_however_it_was_deployed_since(tmp_path: Path) -> None:
    here = running(tmp_path)
    folder = tmp_path / history.FOLDER
    (name,) = folder.iterdir()
    record = history.parse(name.read_text())
    assert record
    for number, model, rate in ((2, record.model, 31.25), (3, "other.gguf", 99.0), (4, record.model, None)):
        (folder / f"{number}.json").write_text(history.dump(replace(record, model=model, tokens_per_s=rate)))
    (folder / "5.json").write_text("{")
    said = here.said.getvalue()
    now = status(here.machine)
    assert facts(now, here)["speed"] == f"31.2 tokens/s, proven {record.time}"
    assert here.said.getvalue() == said, "a damaged record is the history's business"


def test_without_a_plan_what_runs_and_what_it_holds_is_shown(tmp_path: Path) -> None:
    here = running(tmp_path, FakeGpus(readings=(CARD,)))
    (tmp_path / ".stackctl/plan.json").write_text("{")
    (tmp_path / "stack.toml").write_text("{")
    port = Publish(address="127.0.0.1", port=8000, target=8000)
    here.docker.attachments = {"id-sillytavern": ContainerNetworking(published=(port,))}
    now = status(here.machine)
    assert (now.run, now.memory.ram_mib, [one.own_mib for one in now.memory.gpus]) == (None, 1800, [8602])


@pytest.mark.parametrize(
    ("run", "says"),
    [
        (ModelRun(name="x", gpu_layers=33, layers=33, is_reported=True), "33 of 33 on the GPU"),
        (
            ModelRun(name="x", gpu_layers=49, layers=49, cpu_experts=12, is_reported=True),
            "49 of 49 on the GPU, the experts of 12 in RAM",
        ),
        (ModelRun(name="x", gpu_layers=20), "20 on the GPU, as planned"),
        (ModelRun(name="x", gpu_layers=0, layers=33), "all 33 on the CPU"),
        (ModelRun(name="x"), "the backend decides how many are on the GPU"),
    ],
)
def test_where_the_layers_are(run: ModelRun, says: str) -> None:
    assert describe_layers(run) == says


def test_of_a_backend_that_does_not_run_it_is_not_said_where_the_layers_are(tmp_path: Path) -> None:
    here = running(tmp_path)
    here.docker.states_["llamacpp"] = replace(here.docker.states_["llamacpp"], state="exited", health="")
    assert "layers" not in facts(status(here.machine), here)


def test_what_the_backend_reported_at_its_start_counts_and_not_the_plan(tmp_path: Path) -> None:
    here = running(tmp_path)
    (path,) = (tmp_path / history.FOLDER).iterdir()
    record = history.parse(path.read_text())
    assert record
    records = (replace(record, layers_on_gpu=1, layers=3), replace(record, layers_on_gpu=9, context=99), record)
    for number, one in enumerate(records, 2):
        path.with_name(f"{number}.json").write_text(history.dump(one))
    assert facts(status(here.machine), here)["layers"] == "1 of 3 on the GPU"
    program = gpu(here.machine, {"gpu.mode": "none"}).layers[-1]
    assert (program.layer, program.state) == ("program", "works")
    assert program.says == f"1 of 3 layers were on the GPU at the start of {record.time}"


@pytest.mark.parametrize(("said", "layers"), [("auto", None), ("", None), ("9" * 5000, None), ("99", 99), ("-1", None)])
def test_layers_are_read_from_the_plan_whoever_wrote_it(said: str, layers: int | None) -> None:
    assert model_run(replace(a_plan(), gpu_layers=said, memory=None)).gpu_layers == layers


def test_a_quantisation_is_known_though_the_backend_shortens_the_name() -> None:
    plan = a_plan()
    service = next(one for one in plan.services if one.role == "backend")
    mounts = (replace(service.mounts[0], target="/models/Tiny [v2] Q4_K_M.gguf"), *service.mounts[1:])
    renamed = replace(service, mounts=mounts)
    services = tuple(renamed if one is service else one for one in plan.services)
    run = model_run(replace(plan, model_name="koboldcpp/Tinyv2Q4_K_M", services=services))
    assert run.quantisation == "Q4_K_M"


WELL = container("llamacpp", state="running")
PAGE = container("sillytavern", state="running")
WAITS = container("sillytavern", state="created")
STOPPED = replace(PAGE, state="exited", health="", exit_code=143)


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ((WELL, PAGE), "ready"),
        ((replace(WELL, health="starting"), WAITS), "starting"),
        ((replace(WELL, state="restarting", health=""), WAITS), "failed"),
        ((replace(WELL, health="unhealthy"), PAGE), "failed"),
        ((replace(WELL, state="exited", health="", exit_code=1), PAGE), "failed"),
        ((replace(WELL, state="exited", health="", exit_code=137, oom_killed=True), PAGE), "failed"),
        ((WELL, STOPPED), "partial"),
        ((WELL, replace(PAGE, state="paused")), "partial"),
        ((replace(STOPPED, exit_code=137), STOPPED), "stopped"),
        ((), "stopped"),
    ],
)
def test_a_stack_has_one_state(states: tuple[object, ...], word: StackState) -> None:
    assert stack_state(states) == word  # type: ignore[arg-type]  # the parametrised values are states
