"""Ways to kill stackctl at random moments while somebody chats, and what must hold afterwards.

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

from stackctl.core.model.demo_model import SENTENCE
from tests.commands import folders
from tests.e2e.conftest import Stack
from tests.e2e.failing import ids

MOMENTS = int(os.environ.get("STACKCTL_MOMENTS", "1"))
SEED = os.environ.get("STACKCTL_SEED", str(time.time_ns()))
USER = "sillytavern/data/default-user"
# what else than chats may change below sillytavern/, and who changes it
EXPLAINED = {
    r"data/default-user/(settings|secrets)\.json": "a deploy, where it is stackctl's own",
    r"extensions/stackctl/.*|data/default-user/extensions/stackctl/.*": "a deploy: our extension, and its stamp",
    r"data/(_cache|_webpack|_storage)/.*|data/default-user/(backups|thumbnails)/.*": "SillyTavern: made again",
    r"data/default-user/chats/Seraphina/killed\.jsonl": "who chats: held against what SillyTavern took",
    r"data/default-user/chats/Seraphina/killed\.jsonl\.[0-9]+": "SillyTavern: the same while it is being written",
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
    unexplained = [name for name in sorted(changed) if not any(re.fullmatch(one, name) for one in EXPLAINED)]
    assert not unexplained, unexplained


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
