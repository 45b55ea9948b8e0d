"""stackctl is killed at random moments while chats are written: no chat is lost, and the next plain deploy is ready.

STACKCTL_MOMENTS: how many moments of each command are tried; STACKCTL_SEED: which. `make chaos` tries 30.
"""

import json
import os
import random
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.commands import folders
from tests.e2e.conftest import Stack
from tests.e2e.failing import ids, lasting, wish
from tests.hub.server import running

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
MOMENTS = int(os.environ.get("STACKCTL_MOMENTS", "1"))
SEED = os.environ.get("STACKCTL_SEED", str(time.time_ns()))
TOML = '[model]\nuse = "one"\n[models.one]\npath = "one.gguf"\n[models.two]\npath = "two.gguf"\ncontext = 4096\n'
USER = "sillytavern/data/default-user"
# what else than chats may change below sillytavern/, and who changes it
EXPLAINED = {
    r"data/default-user/(settings|secrets)\.json": "a deploy, where it is stackctl's own",
    r"extensions/stackctl/.*|data/default-user/extensions/stackctl/.*": "a deploy: our extension, and its stamp",
    r"data/(_cache|_webpack|_storage)/.*|data/default-user/(backups|thumbnails)/.*": "SillyTavern: made again",
    r"data/default-user/chats/.*": "who chats: held against what SillyTavern took",
    r"data/default-user/(stats|content)\.(json|log)|data/(content|access|cookie-secret).*": "SillyTavern's own records",
    r"config/config\.yaml": "SillyTavern: keys that it adds at its start",
}


class Chatting:
    """Somebody who chats all the while, as SillyTavern's page saves a chat: the whole of it, after each message."""

    def __init__(self, stack: Stack, url: str) -> None:
        self._file = stack.folder / USER / "chats/Seraphina/killed.jsonl"
        self._url, self._over = url, threading.Event()
        self._thread = threading.Thread(target=self._chat, daemon=True)
        self.taken = self.sent = 0  # messages that SillyTavern took; that were sent at all

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join(30)

    def assert_kept(self) -> None:
        """Every message that SillyTavern took is in the file, and nothing else."""
        taken = self.taken
        lines = self._file.read_text().splitlines() if taken else []
        messages = [json.loads(line).get("mes") for line in lines[1:]]
        assert len(messages) >= taken
        assert messages == [f"message {number}" for number in range(1, len(messages) + 1)]
        assert len(messages) <= self.sent

    def _chat(self) -> None:
        while not self._over.is_set():
            try:
                with httpx.Client(base_url=self._url, timeout=5, trust_env=False) as client:
                    client.headers["X-CSRF-Token"] = client.get("/csrf-token").json()["token"]
                    while not self._over.wait(0.1):
                        self._say(client)
            except (httpx.HTTPError, ValueError, KeyError):  # it is away for a moment
                self._over.wait(0.2)

    def _say(self, client: httpx.Client) -> None:
        self.sent = self.taken + 1
        chat: list[dict[str, Any]] = [{"user_name": "Bo", "character_name": "Seraphina", "chat_metadata": {}}]
        chat += [{"name": "Bo", "is_user": True, "mes": f"message {number}"} for number in range(1, self.sent + 1)]
        body = {
            "avatar_url": "Seraphina.png",
            "ch_name": "Seraphina",
            "file_name": "killed",
            "chat": chat,
            "force": True,
        }
        client.post("/api/chats/save", json=body).raise_for_status()
        self.taken = self.sent


def sums(stack: Stack) -> dict[str, str]:
    """sha256 of all of SillyTavern's folder."""
    return folders.sums(stack.folder / "sillytavern")


def assert_explained(before: dict[str, str], after: dict[str, str]) -> None:
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert [name for name in sorted(changed) if not any(re.fullmatch(one, name) for one in EXPLAINED)] == []


def left_beside(folder: Path) -> list[str]:
    """Files that were being written, and never got their name."""
    return [str(path) for path in folder.rglob(".*.new")]


def begin(stack: Stack, *words: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [str(stack.program), *stack.words(*words)],
        cwd=stack.folder,
        env={**os.environ, **stack.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def kill_at(moment: float, stack: Stack, *words: str) -> None:
    """Run a command, and kill it after so many seconds, if it takes that long."""
    with begin(stack, *words) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def moments(of: str, takes_s: float) -> Iterator[float]:
    """Moments of something that takes so long, the same for the same seed; each is named if a test fails there."""
    chosen = random.Random(f"{SEED} {of}")  # noqa: S311 - no secret
    for _ in range(MOMENTS):
        moment = chosen.uniform(0, takes_s)
        print(f"killed after {moment:.3f} s of {takes_s:.1f} (STACKCTL_SEED={SEED})")
        yield moment


def seconds(stack: Stack, *words: str) -> float:
    began = time.monotonic()
    stack.run(*words)
    return time.monotonic() - began


def assert_ready(stack: Stack) -> None:
    """The next plain deploy is ready, and leaves nothing of what was killed."""
    assert json.loads(stack.run("deploy", "--json").stdout)["reply"] == SENTENCE
    assert left_beside(stack.folder) == []
    assert not list((stack.folder / ".stackctl/before").glob("*"))
    assert len(ids(stack)) == 2


@pytest.fixture(scope="module")
def lasting_stack(
    installed: Path, own_images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, Chatting]]:
    """A stack of two models, and somebody who chats with it all the while."""
    del own_images
    with lasting(tmp_path_factory.mktemp("killed") / "t-killed", installed) as stack:
        for name in ("one", "two"):
            (stack.folder / f"{name}.gguf").write_bytes(gguf_bytes())
        wish(stack, TOML)
        with Chatting(stack, stack.deploy()["url"]) as chatting:
            yield stack, chatting


CHANGES = {
    "repeat": (("deploy",), ("deploy",)),
    "change": (("deploy", "--context", "2048"), ("deploy", "--context", "1024")),
    "use": (("use", "two"), ("use", "one")),
    "down": (("down",), ("down",)),
    "up": (("down",), ("start",)),
}


@pytest.mark.parametrize("change", ["repeat", "change", pytest.param("use", marks=pytest.mark.sample), "down", "up"])
def test_a_kill_at_any_moment_costs_no_chat_and_the_next_plain_deploy_is_ready(
    lasting_stack: tuple[Stack, Chatting], change: str
) -> None:
    stack, chatting = lasting_stack
    ways = CHANGES[change]
    takes_s = max(seconds(stack, *words) for words in ways)
    assert_ready(stack)
    for number, moment in enumerate(moments(change, takes_s)):
        before = sums(stack)
        if change == "up":
            stack.run("down")
        kill_at(moment, stack, *ways[1 if change == "up" else number % 2])
        if number % 2 and change in {"change", "use"}:
            stack.run("start")  # goes back, where a deploy goes on
        assert_ready(stack)
        assert_explained(before, sums(stack))
        chatting.assert_kept()


def test_a_first_deploy_that_was_killed_at_any_moment_is_ready_at_the_next(
    installed: Path, own_images: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    del own_images
    with lasting(tmp_path_factory.mktemp("first") / "t-first-timed", installed) as stack:
        takes_s = seconds(stack, "deploy", "--images", "own")
    for number, moment in enumerate(moments("first", takes_s)):
        with lasting(tmp_path_factory.mktemp("first") / f"t-first-{number}", installed) as stack:
            kill_at(moment, stack, "deploy", "--images", "own")
            stack.deploy()
            assert_ready(stack)


@pytest.fixture
def native(new_stack: Any, tmp_path: Path) -> tuple[Stack, Path]:
    """A SillyTavern of somebody's own, and a folder for the stack that adopts it."""
    stack: Stack = new_stack()
    return stack, folders.native(tmp_path / "native")


def chats(files: dict[str, str]) -> dict[str, str]:
    return {name.rpartition("chats/")[2]: digest for name, digest in files.items() if "chats/" in name}


def test_an_adoption_that_was_killed_at_any_moment_is_whole_after_the_next_and_so_is_its_undoing(
    native: tuple[Stack, Path],
) -> None:
    stack, source = native
    original = folders.sums(source)
    adopts, undoes = ("adopt", str(source), "--yes"), ("adopt", "--undo", "--yes")
    takes_s = seconds(stack, *adopts)
    undo_s = seconds(stack, *undoes)
    for number, (moment, other) in enumerate(zip(moments("adopt", takes_s), moments("undo", undo_s), strict=True)):
        kill_at(moment, stack, *adopts)
        assert folders.sums(source) == original
        if not (stack.folder / "sillytavern/adopted.json").exists():
            stack.run(*adopts, check=False)
        assert chats(sums(stack)).items() >= chats(original).items()
        new = stack.folder / USER / f"chats/Alice/new {number}.jsonl"
        new.write_text(folders.CHAT)
        kill_at(other, stack, *undoes)
        stack.run(*undoes, check=False)  # refused where the first one came to its end
        assert left_beside(source) == left_beside(stack.folder) == []
        original = folders.sums(source)
        assert f"Alice/new {number}.jsonl" in chats(original)
    stack.run(*adopts)
    assert stack.deploy()["reply"] == SENTENCE
    assert chats(sums(stack)).items() >= chats(original).items()


def test_a_pull_that_was_killed_at_any_moment_goes_on_and_ends_whole(stack: Stack) -> None:
    content = gguf_bytes()
    with running() as hub:
        hub.add("owner/tiny", {f"Tiny-{number}.gguf": content + bytes([number]) for number in range(MOMENTS + 1)})
        stack.environment["HF_ENDPOINT"] = hub.url
        takes_s = seconds(stack, "models", "pull", "hf:owner/tiny/Tiny-0.gguf")
        for number, moment in enumerate(moments("pull", takes_s), 1):
            pull = ("models", "pull", f"hf:owner/tiny/Tiny-{number}.gguf")
            kill_at(moment, stack, *pull)
            stack.run(*pull)
        stack.run("models", "verify")
