"""The main line on the real engine: SillyTavern 1.19.0, llama.cpp's server, the demo model."""

import hashlib
import json
import os
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import lasting

pytestmark = pytest.mark.engine
Deployed = tuple[Stack, dict[str, Any]]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Deployed]:
    """A stack in a folder that was empty, and what the deploy said."""
    del own_images
    with lasting(tmp_path_factory.mktemp("main") / "t-main", installed) as stack:
        yield stack, stack.deploy()


@pytest.fixture
def main_case(first: Deployed) -> Stack:
    """That stack, for tests that look at it, or leave it as well as they found it."""
    return first[0]


def digests(folder: Path) -> dict[str, str]:
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("stack.toml", "compose.yml", "stack.lock")
    }


def started_at(stack: Stack) -> list[str]:
    return [stack.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")]


def test_one_command_in_an_empty_folder_ends_with_the_sentence(first: Deployed) -> None:
    _, result = first
    assert result["reply"] == SENTENCE
    assert result["model"] == "stackctl-demo.gguf"
    assert result["tokens_per_s"] > 0
    assert httpx.get(f"{result['url']}/version").json()["pkgVersion"] == "1.19.0"


def test_deploying_twice_restarts_nothing_and_writes_the_same_bytes(main_case: Stack) -> None:
    stack = main_case
    before = digests(stack.folder), started_at(stack)
    assert stack.deploy()["reply"] == SENTENCE
    stack.run("render")  # which asks no engine, and knows of the one that was deployed on
    assert (digests(stack.folder), started_at(stack)) == before
    assert stack.run("diff").stdout.splitlines() == ["compose.yml stays as it is", "no container would be touched"]

    key, plan = ((stack.folder / ".stackctl" / name) for name in ("api-key", "plan.json"))
    past = stack.run("history", "--json").stdout
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert key.read_text().strip() not in plan.read_text() + past
    second, first = json.loads(past)["deploys"]
    assert [(one["number"], one["changes"]) for one in (second, first)] == [(2, []), (1, None)]
    assert second["tokens_per_s"] > 0
    assert [one["id"] for one in second["images"]] == [
        stack.inspect(one["service"])["Image"] for one in second["images"]
    ]


def test_a_change_is_shown_by_diff_written_into_stack_toml_and_recreates_the_backend_alone(
    main_case: Stack,
) -> None:
    stack = main_case
    (stack.folder / "stack.toml").write_text("# mine\n" + (stack.folder / "stack.toml").read_text())
    before = started_at(stack)
    found = json.loads(stack.run("diff", "--context", "4096", "--json").stdout)
    assert [(c["service"], c["action"]) for c in found["containers"]] == [("llamacpp", "recreate")]
    assert "command" in found["containers"][0]["reason"]
    assert stack.deploy("--context", "4096")["context"] == 4096
    text = (stack.folder / "stack.toml").read_text()
    assert text.startswith("# mine\n")
    assert "context = 4096" in text
    after = started_at(stack)
    assert (after[0] != before[0], after[1]) == (True, before[1])


def test_the_backend_is_not_published_and_the_page_listens_on_loopback_only(
    first: Deployed,
) -> None:
    stack, result = first
    assert stack.inspect("llamacpp")["HostConfig"]["PortBindings"] in ({}, None)
    assert [n["Internal"] for n in json.loads(stack.docker("network", "inspect", f"{stack.name}_inner"))] == [True]
    assert list(stack.inspect("llamacpp")["NetworkSettings"]["Networks"]) == [f"{stack.name}_inner"]
    port = int(result["url"].rpartition(":")[2])
    bindings = stack.inspect("sillytavern")["HostConfig"]["PortBindings"]["8000/tcp"]
    assert bindings == [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
    gateway = stack.inspect("sillytavern")["NetworkSettings"]["Networks"][f"{stack.name}_edge"]["Gateway"]
    with pytest.raises(OSError, match=r"refused|timed out|unreachable"):
        socket.create_connection((gateway, port), timeout=3)


def test_status_stop_start_restart_logs_and_down_tell_the_truth(first: Deployed) -> None:
    stack, result = first
    url = result["url"]
    now = json.loads(stack.run("status", "--json").stdout)
    assert (now["name"], now["ready"], now["url"], now["unfinished"]) == (stack.name, True, url, None)
    stack.run("stop", "llamacpp")
    stopped = stack.run("status", "--json", check=False)
    assert stopped.returncode == 7
    states = {s["name"]: s["state"] for s in json.loads(stopped.stdout)["services"]}
    assert states == {"llamacpp": "exited", "sillytavern": "running"}
    changes = stack.run("diff").stdout.splitlines()
    assert changes == ["compose.yml stays as it is", "llamacpp: start (it is stopped; its settings stay)"]
    assert "ready: " + url in stack.run("start").stdout
    assert "ready: " + url in stack.run("restart", "llamacpp").stdout
    assert "llama" in stack.run("logs", "llamacpp", "--tail", "20").stdout
    (stack.folder / "sillytavern/data/default-user/chats/note.txt").write_text("keep me")
    stack.run("down")
    assert stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}") == ""
    assert (stack.folder / "sillytavern/data/default-user/chats/note.txt").read_text() == "keep me"
    changes = json.loads(stack.run("diff", "--json").stdout)
    assert changes["diff"] == ""
    assert [(one["action"], one["reason"]) for one in changes["containers"]] == [
        ("create", "it has no container now; its settings stay")
    ] * 2
    assert "ready: " + url in stack.run("restart", "--timeout", "60").stdout
    assert stack.deploy()["reply"] == SENTENCE


def test_containers_have_no_capabilities_and_run_as_the_folders_owner(main_case: Stack) -> None:
    stack = main_case
    owner = stack.folder.stat()
    for service in ("llamacpp", "sillytavern"):
        found = stack.inspect(service)
        assert found["HostConfig"]["CapDrop"] == ["ALL"]
        assert found["HostConfig"]["CapAdd"] is None
        assert found["HostConfig"]["ReadonlyRootfs"]
        assert "no-new-privileges:true" in found["HostConfig"]["SecurityOpt"]
        assert found["Config"]["User"] == f"{owner.st_uid}:{owner.st_gid}"


@pytest.mark.machines
def test_dates_are_those_of_this_machine_s_zone_and_an_older_stack_keeps_its_containers(
    new_stack: Callable[..., Stack],
) -> None:
    stack = new_stack("", TZ="Asia/Tokyo")
    stack.deploy()
    asked = "process.stdout.write(new Date(0).toString())"
    assert "1970 09:00:00 GMT+0900" in stack.docker("exec", stack.container("sillytavern"), "node", "-e", asked)
    assert "TZ=Asia/Tokyo" in stack.inspect("llamacpp")["Config"]["Env"]
    stack.run("down")

    # as one that was deployed before the zone counted
    away = replace(stack, environment={**stack.environment, "TZ": "UTC"})
    (stack.folder / "stack.lock").unlink()
    away.deploy()
    before = {name: away.container(name) for name in ("llamacpp", "sillytavern")}
    assert "TZ=" not in str(away.inspect("sillytavern")["Config"]["Env"])
    stack.deploy()
    assert {name: stack.container(name) for name in before} == before
    stack.deploy("--replan")
    assert "TZ=Asia/Tokyo" in stack.inspect("sillytavern")["Config"]["Env"]


@pytest.mark.chaos
def test_a_folder_reached_by_a_link_is_the_same_folder(stack: Stack, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(stack.folder)
    by_link = replace(stack, folder=link, environment={**stack.environment, "PWD": str(link)})
    by_link.run("deploy", "--images", "own", "--no-proof", "--name", stack.name, "--port", str(free_port()))
    before = started_at(stack)
    stack.run("deploy", "--no-proof")
    by_link.run("deploy", "--no-proof")
    assert started_at(stack) == before
    assert "no container would be touched" in by_link.run("diff").stdout

    by_link.run("down")
    compose = ["docker", "compose", "up", "--detach", "--wait"]
    subprocess.run(compose, cwd=link, env={**os.environ, "PWD": str(link)}, check=True, capture_output=True)
    assert stack.run("status").returncode == 0
    stack.run("down")


@pytest.mark.machines
def test_under_sudo_everything_belongs_to_the_caller(new_stack: Callable[..., Stack]) -> None:
    stack = new_stack(SUDO_UID="4321", SUDO_GID="4322", SUDO_USER="nobody")
    owner = (4321, 4322) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    assert stack.deploy()["reply"] == SENTENCE
    found = {(path.lstat().st_uid, path.lstat().st_gid) for path in stack.folder.rglob("*")}
    assert found == {owner}
    users = {stack.inspect(service)["Config"]["User"] for service in ("llamacpp", "sillytavern")}
    assert users == {f"{owner[0]}:{owner[1]}"}


@pytest.mark.chaos
def test_down_keeps_an_overrides_named_volume_unless_it_is_told_otherwise(stack: Stack) -> None:
    override = {"services": {"sillytavern": {"volumes": ["extra:/extra"]}}, "volumes": {"extra": {}}}
    (stack.folder / "compose.override.yml").write_text(json.dumps(override))
    stack.deploy("--no-proof")
    volume = f"{stack.name}_extra"
    stack.run("down")
    assert stack.docker("volume", "ls", "-q", "--filter", f"name={volume}").split() == [volume]
    stack.run("deploy", "--no-proof")
    asked = stack.run("down", "--volumes", check=False)  # nobody is there to say yes
    assert (asked.returncode, "add --yes" in asked.stderr) == (2, True)
    assert stack.run("status", check=False).returncode == 0
    stack.run("down", "--volumes", "--yes")
    assert stack.docker("volume", "ls", "-q", "--filter", f"name={volume}") == ""
    assert (stack.folder / "sillytavern/data/default-user/settings.json").is_file()


def test_a_dry_run_changes_nothing(stack: Stack) -> None:
    done = stack.run("deploy", "--dry-run", "--model", "demo", "--images", "own")
    assert done.stdout.startswith(f"A deploy would do this in {stack.folder}; this dry run changed nothing.\n")
    assert "To do it: stackctl deploy --model demo --port " in done.stdout.splitlines()[-1]
    assert "services:" in stack.run("deploy", "--dry-run", "--show", "--model", "demo", "--images", "own").stdout
    assert list(stack.folder.iterdir()) == []
    assert stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}") == ""
