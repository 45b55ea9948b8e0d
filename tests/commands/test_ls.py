"""`stackctl ls`: every stack of this machine, and what each holds, whatever its labels say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.commands.ls import StackSeen, list_stacks
from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.contracts.service import Publish
from stackctl.core.config.files import API_KEY
from stackctl.core.observed import ReadSeen, ServiceState
from stackctl.core.plan import plan_json
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.core.start.docker_errors import no_engine
from stackctl.errors import GpuError
from stackctl.report.ls import stacks as report
from stackctl.terminal import cells
from tests.commands.engines import container
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan
from tests.fakes import FakeDocker, FakeGpus


@dataclass
class Several(FakeDocker):
    """An engine with several Compose projects. `read`: what a container uses, in MiB, by its id."""

    of: dict[str, dict[str, ServiceState]] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)

    def states(self, project: str) -> dict[str, ServiceState]:
        return self.of.get(project, {})

    def read_so_far(self, container: str) -> ReadSeen | None:
        return ReadSeen(used=self.read[container] << 20) if container in self.read else None

    def attached(self, container: str) -> ContainerNetworking:
        return self.attachments.get(container, ContainerNetworking())


def machine(folder: Path) -> tuple[Quiet, Several]:
    """A machine with several projects on its engine, none at first."""
    here, docker = quiet(folder), Several()
    here.machine.docker = here.orchestrator.docker = docker
    return here, docker


def add(docker: Several, name: str, folder: Path | str, pid: int = 0, **changes: Any) -> None:
    """A stack with a plan in its folder, if that is a path, and both containers."""
    if isinstance(folder, Path):
        (folder / ".stackctl").mkdir(parents=True)
        plan = replace(a_plan(), name=name, model_name=f"{name}-Q4_K_M.gguf")
        (folder / plan_json.FILE).write_text(plan_json.dump(plan, PurePosixPath(folder), key="none", password="none"))
    docker.projects |= {(name, str(folder))}
    states = {
        "llamacpp": container("llamacpp", state="running"),
        "sillytavern": container("sillytavern", state="running"),
    }
    states = {key: replace(one, container=f"{name}-{key}") for key, one in states.items()}
    states["llamacpp"] = replace(states["llamacpp"], pid=pid, **changes)
    docker.of[name] = states
    docker.read |= {f"{name}-llamacpp": 1200, f"{name}-sillytavern": 180}


def listed(here: Quiet) -> Mapping[str, StackSeen]:
    return {one.name: one for one in list_stacks(here.machine).stacks}


def test_each_stack_is_named_with_what_it_holds(tmp_path: Path) -> None:
    here, docker = machine(tmp_path)
    add(docker, "small", tmp_path / "b", pid=20, health="starting")
    add(docker, "large", tmp_path / "a", pid=10)
    docker.attachments["large-sillytavern"] = ContainerNetworking(
        published=(Publish(address="127.0.0.1", port=8000, target=8000),)
    )
    here.host.started_by = {11: (11, 10, 1), 21: (21, 20, 1), 31: (31, 1)}
    held = {11: 8000, 21: 500, 31: 700}
    card = GpuReading(
        uuid="GPU-1", total_mib=24576, free_mib=9000,
        holders=tuple(GpuHolder(pid=pid, name="llama-server", mib=mib) for pid, mib in held.items()),
    )  # fmt: skip
    here.machine.gpus = gpus = FakeGpus(readings=(card, replace(card, uuid="GPU-2", holders=())))
    text, values = report(list_stacks(here.machine), here.machine.ui)
    assert text.splitlines() == [
        "NAME   STATE     VRAM     RAM      ADDRESS",
        "large  ready     7.8 GiB  1.3 GiB  http://127.0.0.1:8000",
        "  llamacpp, large-Q4_K_M.gguf, context 8192",
        f"  {tmp_path}/a",
        "small  starting  500 MiB  1.3 GiB  -",
        "  llamacpp, small-Q4_K_M.gguf, context 8192",
        f"  {tmp_path}/b",
    ]
    assert [(one["name"], one["vram_mib"], one["ram_mib"]) for one in values["stacks"]] == [
        ("large", 8000, 1380), ("small", 500, 1380),
    ]  # fmt: skip
    assert gpus.woken == [False]


def test_a_stack_is_listed_though_its_folder_is_gone_or_may_not_be_read_and_other_projects_are_not(
    tmp_path: Path,
) -> None:
    here, docker = machine(tmp_path)
    add(docker, "gone", str(tmp_path / "gone"))
    add(docker, "stopped", tmp_path / "s")
    docker.of["stopped"] = {
        key: replace(one, state="exited", health="", exit_code=143) for key, one in docker.of["stopped"].items()
    }
    add(docker, "secret", tmp_path / "c")
    (tmp_path / "c" / plan_json.FILE).unlink()
    (tmp_path / "c" / plan_json.FILE).mkdir()  # it can't be read, as another user's
    (tmp_path / "harbor").mkdir()
    docker.projects |= {("harbor", str(tmp_path / "harbor")), ("ghost", str(tmp_path / "s")), ("db", "/nowhere/db")}
    docker.of |= {"harbor": docker.of["gone"], "db": {"postgres": container("postgres", state="running")}}
    found = listed(here)
    assert {name: (one.state, one.is_gone, one.run is not None) for name, one in found.items()} == {
        "gone": ("ready", True, False),
        "stopped": ("stopped", False, True),
        "secret": ("ready", False, False),
    }


@pytest.mark.parametrize(
    "label",
    [
        "\x1b[2J\x07",
        "a\nb ready",
        "relative",
        "/a\0b",
        "/" + "x" * 5000,
        "/" + "x/" * 2047,
        "C:\\stacks",
        "",
        "\ud800",
    ],
    ids=["controls", "lines", "relative", "zero", "long name", "long path", "windows", "empty", "surrogate"],
)
def test_labels_are_text_that_anyone_may_have_written(tmp_path: Path, label: str) -> None:
    here, docker = machine(tmp_path)
    add(docker, "x" * 900 + label, label)
    text, values = report(list_stacks(here.machine), here.machine.ui)
    assert "\x1b" not in text
    assert len(values["stacks"]) == 1
    assert len(json.dumps(values)) < 50_000
    assert all(cells(line) < 1500 for line in text.splitlines())


@pytest.mark.parametrize(
    "content", ["[]", "{", '{"version": 1}', '{"version": 1, "folder": "FOLDER", "plan": {}}', "[" * 100_000]
)
def test_another_users_plan_is_text_that_anyone_may_have_written(tmp_path: Path, content: str) -> None:
    here, docker = machine(tmp_path)
    add(docker, "x", tmp_path / "x")
    (tmp_path / "x" / plan_json.FILE).write_text(content.replace("FOLDER", str(tmp_path / "x")))
    assert [(one.name, one.run, one.backend) for one in list_stacks(here.machine).stacks] == [("x", None, "llamacpp")]


def test_a_plan_without_a_page_or_with_wrong_values_ends_nothing(tmp_path: Path) -> None:
    here, docker = machine(tmp_path)
    add(docker, "x", tmp_path / "x")
    path = tmp_path / "x" / plan_json.FILE
    content = json.loads(path.read_text())
    for key, value in (
        ("services", []),
        ("gpu_layers", "9" * 5000),
        ("context", "many"),
        ("hosts", [1]),
        ("memory", 7),
    ):
        path.write_text(json.dumps({**content, "plan": {**content["plan"], key: value}}))
        assert report(list_stacks(here.machine), here.machine.ui)


def test_a_backend_that_sleeps_is_asked_with_its_own_key_and_no_other_secret_is_read(tmp_path: Path) -> None:
    here, docker = machine(tmp_path)
    add(docker, "x", tmp_path / "x")
    path = tmp_path / "x" / plan_json.FILE
    plan = json.loads(path.read_text())
    for key_file, key in ((API_KEY, "k" * 32), ("../secret", "")):
        plan["plan"] |= {"idle_unload_s": 60, "key": {"file": key_file}, "files": {"y": {"file": "../secret"}}}
        (tmp_path / "x" / API_KEY).write_text("k" * 32)
        (tmp_path / "secret").write_text("another's")
        path.write_text(json.dumps(plan))
        here.tavern.at_backend = {"/props": '{"is_sleeping": true}'}
        here.tavern.keys.clear()
        assert list_stacks(here.machine).stacks[0].state == "asleep"
        assert [one.reveal() if one else None for one in here.tavern.keys] == [key]


def test_no_stack_is_said_with_the_next_command(tmp_path: Path) -> None:
    here, _ = machine(tmp_path)
    text, values = report(list_stacks(here.machine), here.machine.ui)
    assert text == "no stack has containers on this engine\nnext: Run `stackctl deploy` in a new folder to make one."
    assert values["stacks"] == []


def test_a_driver_that_does_not_answer_is_named_below_the_stacks(tmp_path: Path) -> None:
    class Hung(FakeGpus):
        def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
            del wakes
            raise GpuError("the NVIDIA driver does not answer", hint="Reboot.")

    here, docker = machine(tmp_path)
    add(docker, "x", tmp_path / "x")
    here.machine.gpus = Hung()
    text, values = report(list_stacks(here.machine), here.machine.ui)
    assert text.endswith(
        "\n\nthe NVIDIA driver does not answer\nhint: Reboot.\nmore: `stackctl explain gpu-unavailable`"
    )
    assert values["stacks"][0]["vram_mib"] is None


def test_without_an_engine_the_exit_code_is_4(tmp_path: Path) -> None:
    class Away(FakeDocker):
        def stack_folders(self) -> frozenset[tuple[str, str]]:
            raise no_engine("connection refused", "unix:///none")

    here, _ = machine(tmp_path)
    here.machine.docker = Away()
    done = CliRunner().invoke(main, ["-C", str(tmp_path), "ls"], obj=lambda _, ui: replace(here.machine, ui=ui))
    assert done.exit_code == 4
    assert "error: the container engine is not running" in done.stderr


def test_of_a_stack_whose_backend_runs_on_another_machine_no_memory_is_claimed(tmp_path: Path) -> None:
    here, docker = machine(tmp_path)
    add(docker, "far", tmp_path / "f", machine="gpu1")
    here.machine.gpus = FakeGpus(readings=(GpuReading(uuid="GPU-1", total_mib=24576, free_mib=9000),))
    found = listed(here)["far"]
    assert (found.vram_mib, found.ram_mib) == (None, None)


def test_a_port_on_all_addresses_is_opened_at_this_machines_own(tmp_path: Path) -> None:
    here, docker = machine(tmp_path)
    add(docker, "far", tmp_path / "f")
    everywhere = (Publish(address="0.0.0.0", port=8000, target=8000),)  # noqa: S104
    docker.attachments["far-sillytavern"] = ContainerNetworking(published=everywhere)
    assert listed(here)["far"].url == "http://127.0.0.1:8000"
