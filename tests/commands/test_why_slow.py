"""`stackctl why-slow`: what it looks at, what it says, and that it changes nothing."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stackctl.commands.why_slow import WhySlow, why_slow
from stackctl.contracts.system import DiskUse
from stackctl.errors import ConfigError, NotReady
from stackctl.report.why_slow import why_slow as report
from stackctl.steps.slow.counters import read_moment, read_place
from tests.commands.json_scenes import Place, _slow, _stopped
from tests.core.slow.test_counters import ONE, STAT, STATUS, TWO
from tests.fakes import FakeSystem


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
    mounts = "30 22 8:17 / /mnt/models rw - ext4 /dev/sdb1 rw\n"
    disk = DiskUse(total_mib=1, free_mib=1, inodes=0, free_inodes=0, file_system="ext4", mount_point="/mnt/models")
    system = FakeSystem(
        texts={"/proc/self/mountinfo": mounts, f"/sys/dev/block/8:17/{file}": f"{says}\n"}, disks={"/mnt": disk}
    )
    found = read_place(PurePosixPath("/mnt/models/a.gguf"), system)
    assert (found.file_system, found.has_platters, found.is_network) == ("ext4", platters, False)
    assert read_place(PurePosixPath("/srv/a.gguf"), system).file_system == ""
