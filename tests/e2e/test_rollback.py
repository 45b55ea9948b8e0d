"""A `use` or deploy that fails where a stack works, on the real engine: that runs again, and no chat is touched."""

import contextlib
import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import Deploying, gguf_without_a_tensor, hint, lasting, wish

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
TOML = '[model]\nuse = "good"\n[models.good]\npath = "good.gguf"\n[models.bad]\npath = "bad.gguf"\n'
LOG = ".stackctl/failed.log"


class Working:
    """A stack that works, with a chat that is written to while it is tried."""

    def __init__(self, stack: Stack, *words: str, toml: str = TOML) -> None:
        self.stack = stack
        (stack.folder / "good.gguf").write_bytes(gguf_bytes())
        (stack.folder / "bad.gguf").write_bytes(gguf_without_a_tensor())
        wish(stack, toml)
        assert stack.deploy(*words)["reply"] == SENTENCE
        self.chats = stack.folder / "sillytavern/data/default-user/chats"
        (self.chats / "Ann").mkdir(parents=True)
        (self.chats / "Ann/one.jsonl").write_text('{"user_name":"Bo"}\n{"mes":"hello"}\n')
        self.before, self.tavern, self.model = self.content(), self.tavern_now(), self.backend()["Image"]

    def content(self) -> dict[str, str]:
        """sha256 of all that lies there, but for SillyTavern's own logs and caches, and what tells of a failure."""
        changing = {"lock", "failed.log", "content.log", "access.log"}
        found = (
            path
            for path in self.stack.folder.rglob("*")
            if path.is_file() and path.name not in changing and not {"_webpack", "_cache"} & set(path.parts)
        )
        names = {str(path.relative_to(self.stack.folder)): path for path in found}
        return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in names.items()}

    def tavern_now(self) -> tuple[str, str]:
        found = self.stack.inspect("sillytavern")
        return found["Id"], found["State"]["StartedAt"]

    def backend(self) -> dict[str, Any]:
        return self.stack.inspect("llamacpp")

    def fails(self, code: int, *words: str) -> str:
        """Run a command, which must end with this code, and say as JSON that what ran before runs again."""
        done = self.stack.run(*words, "--json", check=False)
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert "Traceback" not in said, said
        values = json.loads(done.stdout)
        assert (values["error"]["rolled_back"], values["error"]["exit_code"]) == (True, code), said
        assert "Rolled back: llama.cpp with good.gguf runs again, as before" in hint(done.stderr)
        return said

    def assert_works(self) -> None:
        """What worked works, its files are as they were, and SillyTavern never stopped."""
        assert self.content() == self.before
        assert self.tavern_now() == self.tavern
        self.assert_runs()

    def assert_runs(self) -> None:
        found = self.backend()
        assert found["State"]["Health"]["Status"] == "healthy"
        assert found["Image"] == self.model
        assert any(mount["Source"].endswith("/good.gguf") for mount in found["Mounts"])
        assert json.loads(self.stack.run("deploy", "--json").stdout)["reply"] == SENTENCE
        self.before = self.content()  # with one more record of a deploy

    @contextlib.contextmanager
    def wishing(self, text: str) -> Iterator[None]:
        """With these lines at the end of stack.toml, as the user writes them."""
        file = self.stack.folder / "stack.toml"
        was = file.read_text()
        file.write_text(was + text)
        yield
        assert file.read_text() == was + text
        file.write_text(was)


@pytest.fixture(scope="module")
def works(installed: Path, own_images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Working]:
    """One that every test here leaves as it found it."""
    del own_images
    with lasting(tmp_path_factory.mktemp("rollback") / "t-rollback", installed) as stack:
        yield Working(stack)


@pytest.mark.sample
def test_a_model_that_cannot_be_loaded_leaves_what_worked_with_every_file_as_it_was(works: Working) -> None:
    said = works.fails(8, "use", "bad")
    assert "lacks a tensor that this version of the backend needs" in said
    assert "'blk.0.ffn_down.weight' not found" in (works.stack.folder / LOG).read_text()
    works.assert_works()


def test_a_program_that_exits_does_so_too_and_what_the_user_wrote_into_stack_toml_stays(works: Working) -> None:
    with works.wishing('[backend]\nimage = "localhost/stackctl/base:1"\n'):
        said = works.fails(3, "deploy")
    assert "has no program that runs on this machine" in said
    assert "stack.toml stays as you wrote it" in said
    works.assert_works()


def test_a_time_that_is_over_does_so_too(works: Working) -> None:
    said = works.fails(7, "deploy", "--context", "1024", "--timeout", "1")
    assert "not ready after 1 s" in said
    assert "Give it longer with `--timeout SECONDS`" in hint(said)
    works.assert_works()


def test_ctrl_c_before_it_is_ready_does_so_too(works: Working) -> None:
    with Deploying(works.stack, "--context", "1024") as deploy:
        deploy.until("Starting llama.cpp")
        deploy.until("llamacpp")
        deploy.interrupt()
        assert deploy.end() == 130, deploy.said
    assert "Rolled back: llama.cpp with good.gguf runs again, as before" in hint(deploy.said)
    works.assert_works()


def test_a_gpu_that_the_engine_does_not_give_changes_nothing(works: Working) -> None:
    image = works.backend()["Config"]["Image"]
    ran = works.backend()["Id"]
    with works.wishing(f'[backend]\nimage = "{image}"\n'):
        works.fails(5, "deploy", "--gpu", "nvidia")
    assert works.backend()["Id"] == ran
    works.assert_works()


def test_a_backend_whose_container_is_gone_is_made_again(works: Working) -> None:
    works.stack.docker("rm", "-f", works.stack.container("llamacpp"))
    works.fails(8, "use", "bad")
    works.assert_works()


def test_a_kill_midway_is_taken_back_by_start_and_gone_on_with_by_deploy(works: Working) -> None:
    for words in (("start",), ("deploy",)):
        with Deploying(works.stack, "--context", "1024", "--model", str(works.stack.folder / "bad.gguf")) as deploy:
            deploy.until("Starting llama.cpp")
            deploy.until("llamacpp")
            deploy.kill()
        assert works.content() != works.before
        if words == ("start",):
            assert "going back to what ran before" in works.stack.run(*words).stderr
        else:
            works.fails(8, *words)
        works.assert_works()


def test_no_rollback_leaves_the_wreck_and_start_takes_it_back(works: Working) -> None:
    said = works.stack.fails(8, "use", "bad", "--no-rollback")
    assert "Run `stackctl start` to go back to what ran before" in said
    assert works.backend()["State"]["Status"] == "exited"
    works.stack.run("start")
    works.assert_works()


def build(image: str, own: str) -> None:
    """An image of its own id, which does as another one does."""
    argv = ["docker", "build", "-q", "-t", image, "-"]
    dockerfile = f"FROM {own}\nLABEL of={image}\n"
    subprocess.run(argv, input=dockerfile, text=True, check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def built(stack: Stack, own: str) -> Iterator[str]:
    """Such an image, for one stack."""
    image = f"localhost/{stack.name}:1"
    build(image, own)
    try:
        yield image
    finally:
        stack.clean()
        subprocess.run(["docker", "rmi", image], check=False, capture_output=True)


def test_an_image_that_is_gone_is_exit_7_and_start_is_enough_once_it_is_back(stack: Stack) -> None:
    own = "localhost/stackctl/llamacpp:debian"
    with built(stack, own) as image:
        works = Working(stack, toml=TOML + f'[backend]\nimage = "{image}"\n')
        toml = (stack.folder / "stack.toml").read_text()
        wish(stack, toml.replace(image, "localhost/stackctl/base:1"))
        with Deploying(stack) as deploy:
            deploy.until("Starting llama.cpp")
            while works.stack.docker("ps", "-aq", "--filter", f"ancestor={image}").strip():
                time.sleep(0.05)
            stack.docker("rmi", image)
            assert deploy.end() == 7, deploy.said
        assert "going back to what ran before failed, too" in deploy.said
        assert "sillytavern: healthy)" in deploy.said
        assert "Run `stackctl start` then, to go back to what ran before" in hint(deploy.said)
        wish(stack, toml)
        build(image, own)
        stack.run("start")
        works.model = works.backend()["Image"]
        works.assert_works()


def test_another_sillytavern_gets_the_data_once_a_copy_of_it_lies_beside(stack: Stack) -> None:
    works, chat = Working(stack), "data/default-user/chats/Ann/one.jsonl"
    former, own = stack.inspect("sillytavern")["Image"], stack.inspect("sillytavern")["Config"]["Image"]
    toml = (stack.folder / "stack.toml").read_text()
    with built(stack, own) as image:
        newer = toml.replace("[sillytavern]\n", f'[sillytavern]\nimage = "{image}"\n', 1)
        wish(stack, newer.replace('use = "good"', 'use = "bad"'))
        works.fails(8, "deploy")
        assert stack.inspect("sillytavern")["Image"] == former
        assert not list(stack.folder.glob("sillytavern.kept-*"))
        assert hashlib.sha256((works.chats / "Ann/one.jsonl").read_bytes()).hexdigest() in works.before.values()

        wish(stack, newer)
        said = stack.run("deploy").stderr
        assert stack.inspect("sillytavern")["Image"] != former
        kept, now = (stack.folder / name / chat for name in ("sillytavern.kept-1", "sillytavern"))
        assert kept.read_bytes() == now.read_bytes()
        assert kept.stat().st_ino != now.stat().st_ino
        assert "delete it once you are satisfied with the new SillyTavern" in said


@contextlib.contextmanager
def few_files(stack: Stack) -> Iterator[None]:
    """The stack's folder as a file system of its own in memory, whose files can be counted."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600m", "none", str(stack.folder)], check=True)
    try:
        yield
    finally:
        stack.clean()
        subprocess.run(["umount", str(stack.folder)], check=True)


def test_a_disk_that_is_full_at_any_moment_leaves_what_worked(stack: Stack) -> None:
    with few_files(stack):
        works = Working(stack)
        for room in range(1, 12):
            used = os.statvfs(stack.folder)
            limit = used.f_files - used.f_ffree + room
            subprocess.run(["mount", "-o", f"remount,nr_inodes={limit}", str(stack.folder)], check=True)
            done = stack.run("use", "bad", "--json", check=False)
            said = done.stdout + done.stderr
            assert done.returncode in {8, 9}, said
            assert "Traceback" not in said, said
            assert works.content() == works.before, said
            assert works.tavern_now() == works.tavern
            assert works.backend()["State"]["Health"]["Status"] == "healthy", said
        subprocess.run(["mount", "-o", "remount,nr_inodes=0", str(stack.folder)], check=True)
        works.assert_works()
