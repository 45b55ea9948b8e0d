"""`stackctl free`: the model is unloaded by the backend's own means, or its container is stopped, and comes back."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.free import Freed, free, load_again
from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.contracts.request import Request
from stackctl.core.formats.answer_limit import Limit
from stackctl.core.observed import ReadSeen
from stackctl.errors import ConfigError, NotReady
from stackctl.report.free import freed
from stackctl.secret import Secret
from tests.commands.engines import Stage, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeGpus, FakeImages, FakeTavern

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
MIB = 1 << 20


@dataclass
class Kobold(FakeTavern):
    """KoboldCpp with its router, as SillyTavern's container sees it: the model it has, and what it is asked."""

    name: str = "koboldcpp/stackctl-demo"
    obeys: bool = True
    on_change: Callable[[], None] = lambda: None
    keys: list[Secret | None] = field(default_factory=list)

    def ask_backend(self, container: str, url: str, request: Request, limit: Limit, key: Secret | None = None) -> str:
        super().ask_backend(container, url, request, limit, key)
        self.keys.append(key)
        if request.path == "/api/admin/reload_config":
            self.name = "inactive" if self.obeys else self.name
            self.on_change()
            return '{"success": true}'
        if request.path == "/v1/completions":
            self.name = "koboldcpp/stackctl-demo"
            return '{"choices":[]}'
        return f'{{"data":[{{"id":"{self.name}"}}]}}'


def deployed(folder: Path, kind: str = "koboldcpp", idle: str = "20 min") -> tuple[Quiet, Stage, Kobold]:
    text = f'name = "mine"\n[model]\npath = "demo"\n[backend]\nkind = "{kind}"\nidle_unload = "{idle}"\n'
    if kind == "koboldcpp":
        (folder / "kobold").write_bytes(b"\x7fELF")
        (folder / "kobold").chmod(0o755)
        text += 'program = "kobold"\n'
    (folder / "stack.toml").write_text(text)
    stage = Stage(images=FakeImages(published={**IMAGES, "koboldai/koboldcpp:latest": "sha256:2"}))
    here = quiet_stage(folder, stage)
    deploy(here.machine, {}, QUICK)
    here.machine.tavern = tavern = Kobold()
    here.orchestrator.asked.clear()
    return here, stage, tavern


def text_of(done: Freed) -> str:
    return freed(done)[0]


def test_koboldcpp_unloads_by_its_admins_request_with_the_stacks_key(tmp_path: Path) -> None:
    here, stage, tavern = deployed(tmp_path)
    container = stage.states_["koboldcpp"]
    stage.states_["koboldcpp"] = replace(container, pid=7)

    def gpu(free_mib: int, held: int) -> tuple[GpuReading, ...]:
        holders = (GpuHolder(pid=7, name="koboldcpp", mib=held),) if held else ()
        return (GpuReading(uuid="GPU-1", name="A", total_mib=8192, free_mib=free_mib, holders=holders),)

    here.host.started_by = {7: (7,)}
    here.machine.gpus = gpus = FakeGpus(readings=gpu(2000, 6144))
    stage.reads = iter((ReadSeen(used=900 * MIB), ReadSeen(used=100 * MIB)))
    tavern.on_change = lambda: setattr(gpus, "readings", gpu(8144, 0))
    done = free(here.machine, sleep=lambda _: None)
    assert (done.state, done.changed, done.vram_mib, done.ram_mib) == ("asleep", True, 6144, 800)
    assert tavern.asked[1] == (
        'http://koboldcpp:5001/api/admin/reload_config {"filename":"unload_model"} inside id-sillytavern'
    )
    assert {key.reveal() for key in tavern.keys if key} == {(tmp_path / ".stackctl" / "api-key").read_text().strip()}
    assert here.orchestrator.asked == []
    assert text_of(done) == (
        "KoboldCpp has unloaded its model\nfreed 6.0 GiB of VRAM and 800 MiB of RAM\n"
        "The next message, or `stackctl free --wake`, loads it again."
    )
    again = free(here.machine)
    assert (again.state, again.changed, text_of(again)) == (
        "asleep", False, "koboldcpp is asleep already; nothing was changed",
    )  # fmt: skip
    woken = load_again(here.machine, timeout_s=None)
    assert (woken.state, woken.changed, tavern.name) == ("loaded", True, "koboldcpp/stackctl-demo")
    assert '"model":"initial_model"' in tavern.asked[-1]
    assert load_again(here.machine, timeout_s=None).changed is False


def test_one_that_does_not_obey_is_an_error_that_names_the_way_out(tmp_path: Path) -> None:
    here, _, tavern = deployed(tmp_path)
    tavern.obeys = False
    waits: list[float] = []
    with pytest.raises(NotReady, match="KoboldCpp did not unload its model") as raised:
        free(here.machine, sleep=waits.append)
    assert "`stackctl stop koboldcpp`" in raised.value.hint
    assert sum(waits) == 60


@pytest.mark.parametrize(("kind", "idle"), [("llamacpp", "20 min"), ("llamacpp", "off"), ("koboldcpp", "off")])
def test_one_that_can_not_unload_on_request_is_stopped_and_started_again(tmp_path: Path, kind: str, idle: str) -> None:
    here, stage, _ = deployed(tmp_path, kind, idle)
    stage.reads = iter([ReadSeen(used=900 * MIB)] * 2)
    done = free(here.machine)
    assert here.orchestrator.asked == [("stop", "mine", kind)]
    assert (done.state, done.changed, done.vram_mib) == ("stopped", True, None)
    assert "can't unload its model on request, so" in text_of(done)
    assert "SillyTavern has no backend until you run `stackctl free --wake`." in text_of(done)
    stage.states_[kind] = replace(stage.states_[kind], state="exited", health="")
    assert (free(here.machine).changed, len(here.orchestrator.asked)) == (False, 1)
    woken = load_again(here.machine, timeout_s=20)
    assert (woken.state, woken.changed) == ("loaded", True)


def test_a_backend_elsewhere_is_not_this_stacks_to_unload(tmp_path: Path) -> None:
    here, _, _ = deployed(tmp_path)
    plan_json = tmp_path / ".stackctl" / "plan.json"
    text = plan_json.read_text().replace('"role": "backend"', '"role": "companion"')
    plan_json.write_text(text)
    with pytest.raises(ConfigError, match="runs elsewhere, at http://koboldcpp:5001") as raised:
        free(here.machine)
    assert raised.value.hint == "Free its memory where it runs."
    with pytest.raises(ConfigError, match="this stack runs no backend"):
        load_again(here.machine, timeout_s=None)
