"""The doctor on the real engine: a healthy stack, one in trouble, and an engine that can't be used."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.doctor.faults import Seen, argv, doctor

pytestmark = pytest.mark.engine
OURS = ("engine", "images", "stack", "containers")
# one that waited for what hangs would need minutes; it ends within three seconds on a machine that is idle, and where
# other tests keep its own start waiting, it waits for the checks as much longer
SOON_S = 30.0


def of(seen: Seen, *areas: str) -> list[str]:
    """The checks of these areas that found something."""
    checks = (one for one in seen.values["checks"] if one["area"] in areas)
    return [one["name"] for one in checks if one["state"] in {"warned", "failed"}]


@contextlib.contextmanager
def silent(path: Path) -> Iterator[str]:
    """An engine that takes every connection and never answers: a queue that nobody empties."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(100)
        yield f"unix://{path}"


@contextlib.contextmanager
def hanging(folder: Path, *names: str) -> Iterator[str]:
    """A PATH on which these programs never end, whatever they are asked, and start another one that does not."""
    folder.mkdir()
    for name in names:
        (folder / name).write_text("#!/bin/sh\ntrap '' TERM INT HUP\nsleep 300 &\nwhile :; do sleep 300; done\n")
        (folder / name).chmod(0o755)
    yield f"{folder}:{os.environ['PATH']}"


def test_nothing_is_wrong_with_a_healthy_engine_and_stack(stack: Stack) -> None:
    stack.deploy("--no-proof")
    seen = doctor(stack.folder, "--deep")
    assert of(seen, *OURS) == []
    assert [seen.state(one) for one in ("engine", "images", "settings", "services")] == ["passed"] * 4
    assert seen.state("folder in a container") == "passed"
    assert stack.docker("ps", "-aq", "--filter", "label=stackctl.made-by").split() == []


def test_a_folder_without_a_stack_is_no_fault(tmp_path: Path) -> None:
    seen = doctor(tmp_path)
    assert of(seen, *OURS) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.machines
def test_each_fault_of_a_stack_is_named(stack: Stack) -> None:
    stack.deploy("--no-proof")
    stack.docker("stop", stack.container("sillytavern"))
    seen = doctor(stack.folder)
    assert seen.failures[-1] == "services-stopped"
    assert seen.finding("services-stopped")["context"] == "sillytavern"
    stack.run("start")

    # the engine starts one again that the kernel killed, and leaves one stopped that a person did: 137 is that, too
    stack.docker("kill", stack.container("llamacpp"))
    seen = doctor(stack.folder)
    assert seen.finding("services-stopped")["context"] == "llamacpp"
    stack.run("start")

    settings = stack.folder / "stack.toml"
    before = settings.read_text()
    settings.write_text(before + "\n[model]\n[model]\n")
    seen = doctor(stack.folder)
    assert "settings-wrong" in seen.failures
    assert seen.state("services") == "passed"
    settings.write_text(before)

    stack.run("stop")
    seen = doctor(stack.folder)
    assert "services-stopped" in seen.issues
    assert "services-stopped" not in seen.failures


def test_an_engine_that_takes_connections_and_never_answers_is_the_first_of_all(tmp_path: Path) -> None:
    with silent(tmp_path / "d.sock") as address:
        seen = doctor(tmp_path, environment={"DOCKER_HOST": address})
    assert (seen.first, seen.code) == ("engine-no-answer", 4)
    assert seen.state("images") == "not_tried"
    assert seen.seconds < SOON_S


def test_programs_that_never_end_hold_nothing_up_and_are_ended(tmp_path: Path) -> None:
    names = ("docker", "docker-compose", "systemctl", "nvidia-smi", "sudo", "dockerd", "journalctl", "iptables", "nft")
    with hanging(tmp_path / "bin", *names) as path:
        seen = doctor(tmp_path, environment={"PATH": path})
        left = [one for one in Path("/proc").iterdir() if one.name.isdigit() and str(tmp_path / "bin") in command(one)]
    assert seen.state("compose") == "not_tried"
    assert seen.seconds < SOON_S
    assert left == []


def command(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_text().replace("\0", " ")
    return ""


def test_an_engine_that_was_named_and_is_not_there_is_the_first_of_all(tmp_path: Path) -> None:
    seen = doctor(tmp_path, environment={"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert (seen.first, seen.code) == ("engine-unreachable", 4)


def test_a_context_that_is_damaged_is_the_first_of_all(tmp_path: Path) -> None:
    seen = doctor(tmp_path, environment={"DOCKER_HOST": "", "DOCKER_CONTEXT": "none-such"})
    assert seen.first == "engine-context-unreadable"


def test_a_user_whom_the_socket_refuses_is_told(tmp_path: Path) -> None:
    if os.geteuid():
        pytest.fail("this test runs as root, to become another user", pytrace=False)
    path = tmp_path / "d.sock"
    with silent(path) as address:
        path.chmod(0o600)
        for folder in (tmp_path, *tmp_path.parents):
            if folder.owner() == "root" and folder != Path("/"):
                folder.chmod(folder.stat().st_mode | 0o055)
        seen = doctor(tmp_path, user="nobody", environment={"DOCKER_HOST": address, "HOME": str(tmp_path)})
    assert seen.first == "engine-permission"


@pytest.mark.machines
def test_a_folder_of_a_stack_that_does_not_answer_is_said(tmp_path: Path) -> None:
    behind, at = tmp_path / "behind", tmp_path / "share"
    behind.mkdir()
    at.mkdir()
    share = subprocess.Popen(["bindfs", "-f", str(behind), str(at)])
    try:
        deadline = time.monotonic() + 20
        while not os.path.ismount(at):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        share.send_signal(signal.SIGSTOP)
        done = subprocess.run(
            argv("-C", str(at), "doctor"), capture_output=True, text=True, check=False, timeout=SOON_S + 20
        )
    finally:
        share.send_signal(signal.SIGCONT)
        subprocess.run(["umount", "-l", str(at)], check=False)
        share.wait()
    assert done.returncode == 9
    assert f"the folder {at} does not answer" in done.stderr
