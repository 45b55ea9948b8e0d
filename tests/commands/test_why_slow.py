"""`stackctl why-slow`: what it looks at, what it says, and that it changes nothing."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stackctl.commands.deploy import deploy
from stackctl.commands.why_slow import WhySlow, why_slow
from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.contracts.system import DiskUse
from stackctl.errors import ConfigError, GpuError, NotReady
from stackctl.report.why_slow import why_slow as report
from stackctl.steps.deployed import written_plan
from stackctl.steps.slow.counters import read_moment, read_place
from tests.commands.engines import container
from tests.commands.json_scenes import CARD, CARD_NOW, QUICK, Place, _card, _llama, _slow, _stopped
from tests.commands.pages import FakePage
from tests.core.slow.test_counters import ONE, STAT, STATUS, TWO
from tests.fakes import FakeGpus, FakeImages, FakeSystem


def here(folder: Path) -> Place:
    return Place(folder / "chat", folder / "around")


def asked(place: Place, **options: Any) -> WhySlow:
    return why_slow(place.machine, sleep=lambda _: None, **options)


def test_a_prompt_that_is_read_again_is_named_first_in_seconds_and_nothing_is_asked_or_changed(tmp_path: Path) -> None:
    place = here(tmp_path)
    _slow(place)
    before = {one: one.read_bytes() for one in place.folder.rglob("*") if one.is_file()}
    place.here.tavern.asked.clear()
    text, values = report(asked(place), place.machine.ui)
    assert "the last reply took 13.9 s" in text
    assert "reading 2996 tokens again that were read before" in text
    assert "1. 8.9 s of it (64 %, measured): the beginning of the prompt is another one each time" in text
    assert (values["verdict"], values["causes"][0]["issue"]) == ("explained", "prompt-reprocessed")
    assert place.here.tavern.asked == []
    assert {one: one.read_bytes() for one in place.folder.rglob("*") if one.is_file()} == before


def test_a_log_without_replies_says_how_to_get_one(tmp_path: Path) -> None:
    place = here(tmp_path).deployed()
    text, values = report(asked(place), place.machine.ui)
    assert "shows no reply since its start" in text
    assert "`stackctl why-slow --measure`" in text
    assert (values["verdict"], values["reply"]) == ("no_replies", None)


def test_measuring_asks_for_one_reply_between_the_two_looks(tmp_path: Path) -> None:
    place = here(tmp_path).deployed()
    place.here.tavern.asked.clear()
    asked(place, measures=True)
    assert place.here.tavern.asked


def test_a_reply_with_damaged_text_is_measured_all_the_same(tmp_path: Path) -> None:
    place = here(tmp_path).deployed()
    page = place.here.tavern.page
    assert isinstance(page, FakePage)
    page.replies = [replace(page.replies[0], text="not the sentence\x0f")]
    asked(place, measures=True)
    page.kind = ""
    with pytest.raises(NotReady):
        asked(place, measures=True)


def test_a_stack_that_does_not_run_is_refused(tmp_path: Path) -> None:
    place = here(tmp_path)
    with pytest.raises(ConfigError, match="there is no stack"):
        asked(place)
    _stopped(place)
    with pytest.raises(NotReady, match="does not run") as failure:
        asked(place)
    assert failure.value.issue == "services-stopped"


def test_a_model_that_still_loads_is_waited_for(tmp_path: Path) -> None:
    place = here(tmp_path).deployed()
    states = place.stage.states_
    states["llamacpp"] = replace(states["llamacpp"], health="starting")
    with pytest.raises(NotReady, match="still loads its model"):
        asked(place)


def test_of_an_engine_elsewhere_only_the_log_counts_and_that_is_said(tmp_path: Path) -> None:
    place = here(tmp_path)
    _slow(place)
    place.stage.is_local = False
    done = asked(place)
    assert (done.seen.now, done.found.verdict) == (None, "explained")
    assert "not looked at: the engine runs on another machine" in report(done, place.machine.ui)[0]


@pytest.mark.parametrize(
    ("cgroup", "folder", "texts"),
    [("4:memory:/x\n2:cpuacct:/x\n1:cpu:/x\n", "", ONE), ("0::/x\n", "x", TWO)],
)
def test_a_container_s_counters_are_read_in_both_versions(cgroup: str, folder: str, texts: dict[str, str]) -> None:
    places = {"cpu": "cpu/x", "cpuacct": "cpuacct/x", "memory": "memory/x"}
    group = {f"/sys/fs/cgroup/{folder or places[name.partition('.')[0]]}/{name}": text for name, text in texts.items()}
    procs = f"/sys/fs/cgroup/{folder or 'cpu/x'}/cgroup.procs"
    system = FakeSystem(
        texts={
            **group,
            procs: "42\n43\n",
            "/proc/42/cgroup": cgroup,
            "/proc/42/status": STATUS,
            "/proc/43/status": STATUS,
            "/proc/43/stat": STAT.format(faults=5),
            "/proc/stat": "cpu  100 50 50 700 100 0 0 0 0 0\n",
            "/proc/loadavg": "1.50 0.80 0.40 5/512 12345\n",
            "/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "7\n",
        }
    )
    found = read_moment(42, system)
    assert (found.group.cpus, found.group.held_back, found.group.limit_mib) == (0.5, 568, 350)
    assert (found.processes.resident_mib, found.processes.faults) == (700, 5)
    assert (found.running, found.heat, found.times and found.times.busy_s) == (5, 7, 2.0)
    assert read_moment(0, FakeSystem()).group.cpus is None


@pytest.mark.parametrize(
    ("file", "says", "platters"),
    [("queue/rotational", "1", True), ("../queue/rotational", "0", False), ("none", "1", None)],
)
def test_the_disk_below_a_model_is_found_by_its_mount(file: str, says: str, platters: bool | None) -> None:
    disk = DiskUse(
        total_mib=1, free_mib=1, inodes=0, free_inodes=0, file_system="ext4", mount_point="/mnt/models", device="8:17"
    )
    system = FakeSystem(texts={f"/sys/dev/block/8:17/{file}": f"{says}\n"}, disks={"/mnt": disk})
    found = read_place(PurePosixPath("/mnt/models/a.gguf"), system)
    assert (found.file_system, found.has_platters, found.is_network) == ("ext4", platters, False)
    assert read_place(PurePosixPath("/srv/a.gguf"), system).file_system == ""


LAYERS = "load_tensors: offloaded 14/33 layers to GPU"


def on_a_small_card(place: Place, *, others_mib: int = 6_500) -> None:
    """A model of 8B in Q8_0 on a card of 12 GiB, of which a browser holds a part; its context is 16384 tokens."""
    _llama(place)
    _card(place)
    free = CARD.total_mib - others_mib
    place.here.gpus.found = (replace(CARD, free_mib=free),)
    place.stage.logs["llamacpp"] = (LAYERS,)
    flags = {"model.path": str(place.around / "Llama-3.1-8B-Q8_0.gguf"), "name": "chat", "backend.context": 16384}
    plan = deploy(place.machine, flags, replace(QUICK, dry_run=True)).plan
    images = {one.image: one.image.partition("@")[2] or "sha256:1" for one in plan.services}
    place.stage.images = FakeImages(published=images, here=images)
    place.stage.ends["llamacpp"] = replace(container("llamacpp", state="running"), gpu_drivers=("nvidia",))
    deploy(place.machine, flags, QUICK)
    states = place.stage.states_
    states["llamacpp"] = replace(states["llamacpp"], pid=4242)
    place.here.host.started_by = {4300: (4300, 4242, 1), 77: (77, 1)}
    holders = (
        GpuHolder(pid=4300, name="llama-server", mib=free - 800),
        GpuHolder(pid=77, name="firefox", mib=others_mib),
    )
    place.here.gpus.readings = (replace(CARD_NOW, free_mib=800, holders=holders, throttled=()),)


def replies(tokens_per_s: float) -> tuple[str, ...]:
    return (
        "slot operator(): id 0 | task 1 | new prompt, n_ctx_slot = 16384, n_keep = 0, task.n_tokens = 500",
        "slot operator(): id 0 | task 1 | cached n_tokens = 450, memory_seq_rm [450, end)",
        "prompt eval time = 500.00 ms / 50 tokens (10 ms per token, 100 tokens per second)",
        f"       eval time = {100_000 / tokens_per_s:.2f} ms / 100 tokens (50 ms per token, 20 tokens per second)",
    )


def test_layers_in_ram_are_named_with_what_each_change_brings_by_the_sum_of_a_deploy(tmp_path: Path) -> None:
    place = here(tmp_path)
    on_a_small_card(place)
    plan = written_plan(place.machine)
    assert plan
    assert plan.memory
    now = plan.memory
    assert 0 < now.fit.gpu_layers < 33
    place.stage.logs["llamacpp"] = (LAYERS, *replies(now.tokens_per_s))
    done = asked(place)
    text, values = report(done, place.machine.ui)
    issues = [one["issue"] for one in values["causes"]]
    assert set(issues) == {"gpu-layers-in-ram", "gpu-shared"}
    assert f"{33 - now.fit.gpu_layers} of 33 layers are in RAM" in text
    assert "firefox (process 77, 6500 MiB)" in text
    # what a deploy with half of the context plans, on the same card
    half = deploy(place.machine, {"backend.context": 8192}, replace(QUICK, dry_run=True)).plan.memory
    assert half
    gain = next(one for one in values["changes"] if one["change"] == "context 16384 -> 8192")
    assert gain["effect"] == f"{half.fit.gpu_layers - now.fit.gpu_layers} more layers on the GPU"
    assert gain["times"] > 1.1


def test_a_model_file_that_is_gone_leaves_what_the_log_tells(tmp_path: Path) -> None:
    place = here(tmp_path)
    on_a_small_card(place)
    (place.around / "Llama-3.1-8B-Q8_0.gguf").unlink()
    place.stage.logs["llamacpp"] = (LAYERS, *replies(1.0))
    done = asked(place)
    assert (done.found.verdict, done.found.gains) == ("slower", ())


def test_a_driver_that_does_not_answer_is_said(tmp_path: Path) -> None:
    class Broken(FakeGpus):
        def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
            del wakes
            raise GpuError("the NVIDIA driver does not answer", hint="Reboot.")

    place = here(tmp_path)
    _slow(place)
    place.machine.gpus = Broken()
    done = asked(place)
    assert done.seen.unseen == ("the GPU can't be read: the NVIDIA driver does not answer",)


def test_each_cause_names_its_page_and_a_line_of_a_narrow_terminal_stands_below_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = here(tmp_path)
    _slow(place)
    monkeypatch.setenv("COLUMNS", "60")
    lines = report(asked(place), place.machine.ui)[0].splitlines()
    assert "   more: `stackctl explain prompt-reprocessed`" in lines
    first = next(at for at, line in enumerate(lines) if line.startswith("1. "))
    assert lines[first + 1].startswith("   ")
    assert all(len(line) <= 60 for line in lines if "`" not in line)


def test_a_reply_of_less_than_a_second_is_told_to_the_millisecond(tmp_path: Path) -> None:
    place = here(tmp_path).deployed()
    place.stage.logs["llamacpp"] = (
        "slot operator(): id 0 | task 1 | new prompt, n_ctx_slot = 16384, n_keep = 0, task.n_tokens = 62",
        "slot operator(): id 0 | task 1 | cached n_tokens = 61, memory_seq_rm [61, end)",
        "prompt eval time = 4.00 ms / 1 tokens (4 ms per token, 250 tokens per second)",
        "       eval time = 8.00 ms / 26 tokens (0.3 ms per token, 3250 tokens per second)",
    )
    text = report(asked(place), place.machine.ui)[0]
    assert "the last reply took 0.012 s" in text
    assert "reading 1 new token of a prompt of 62" in text
