"""A SillyTavern that was there before, of both layouts: adopted, served by the real program, and given back."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.commands import folders
from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting

pytestmark = pytest.mark.engine
OLD_CHAT = "2024-1-1 @10h 00m 00s.jsonl"


@contextmanager
def page(url: str) -> Iterator[httpx.Client]:
    """A session as SillyTavern's page has one."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        client.headers["X-CSRF-Token"] = client.get("/csrf-token").json()["token"]
        yield client


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """A stack that runs, in whose folder the real SillyTavern has made what it makes on its first start."""
    del own_images
    with lasting(tmp_path_factory.mktemp("adopt") / "t-before", installed) as stack:
        stack.deploy("--no-proof")
        yield stack


def first_run(stack: Stack) -> Path:
    """The user's folder as the real SillyTavern has made it on its first start, with a chat."""
    stack.run("down")
    user = stack.folder / "sillytavern/data/default-user"
    folders.write(user, {f"chats/Seraphina/{OLD_CHAT}": folders.CHAT})
    shutil.copy(user / "characters/default_Seraphina.png", user / "characters/Alice.png")
    folders.write(user, {"chats/Alice/a.jsonl": folders.CHAT, "settings.json": folders.settings("1.19.0")})
    return user


def native(user: Path, folder: Path) -> Path:
    """A native install of today around a user's folder."""
    folders.write(folder, {"server.js": "", "config.yaml": folders.CONFIG, "node_modules/x/index.js": ""})
    folders.write(folder, {"public/scripts/extensions/third-party/Global/manifest.json": '{"display_name":"Global"}'})
    shutil.copytree(user, folder / "data/default-user")
    return folder


def from_before_1_12(user: Path, folder: Path) -> Path:
    """The same user's files as they lay before 1.12 (src/users.js, migrateUserData)."""
    folders.write(folder, {"server.js": "", "config.yaml": "port: 8000\nlisten: false\n", "secrets.json": "{}"})
    names = ("backgrounds", "characters", "chats", "group chats", "groups", "worlds", "themes", "User Avatars")
    for name in (*names, "instruct", "context", "TextGen Settings", "user", "QuickReplies"):
        shutil.copytree(user / name, folder / "public" / name)
    shutil.copy(user / "settings.json", folder / "public/settings.json")
    return folder


def test_a_running_sillytavern_is_not_adopted_and_scripts_must_say_yes(before: Stack, stack: Stack) -> None:
    before.deploy("--no-proof")
    assert "docker stop" in stack.fails(3, "adopt", str(before.folder), "--yes")
    before.run("stop")
    asked = stack.run("adopt", str(before.folder), check=False)
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert list(stack.folder.iterdir()) == []
    shown = json.loads(stack.run("adopt", str(before.folder), "--dry-run", "--json").stdout)
    assert {row["what"] for row in shown["rows"]} >= {"characters", "settings", "config.yaml"}
    assert list(stack.folder.iterdir()) == []


@pytest.mark.parametrize("make", [native, pytest.param(from_before_1_12, marks=pytest.mark.machines)])
def test_an_adopted_sillytavern_serves_its_characters_and_chats_and_gives_new_ones_back(
    before: Stack, stack: Stack, tmp_path: Path, make: Callable[[Path, Path], Path]
) -> None:
    source = make(first_run(before), tmp_path / "st")
    there = source / ("data/default-user" if make is native else "public")
    was = folders.sums(source)

    said = stack.run("adopt", str(source), "--yes")
    assert "chats" in said.stderr
    assert folders.sums(source) == was
    deployed = stack.deploy()
    assert deployed["reply"] == SENTENCE
    user = stack.folder / "sillytavern/data/default-user"
    for name, digest in folders.sums(there).items():
        if name.startswith(("chats/", "characters/", "worlds/", "User Avatars/")):
            assert folders.sums(user)[name] == digest, name
    settings = json.loads((user / "settings.json").read_text())
    assert (settings["username"], settings["max_context"]) == ("Zoë", 4096)
    # the profile for a server on this machine has a copy, whose name the container knows
    look_up = "require('dns').lookup('host.docker.internal',e=>{if(e)throw e})"
    stack.docker("exec", stack.container("sillytavern"), "node", "-e", look_up)

    with page(deployed["url"]) as client:
        characters = {one["avatar"] for one in client.post("/api/characters/all", json={}).json()}
        assert "Alice.png" in characters
        chat = client.post("/api/chats/get", json={"avatar_url": "Seraphina.png", "file_name": OLD_CHAT[:-6]}).json()
        assert chat[1]["mes"] == "Hello, café"
        new = {"avatar_url": "Alice.png", "file_name": "new", "chat": [{"user_name": "Zoë", "chat_metadata": {}}]}
        assert client.post("/api/chats/save", json=new).status_code == 200

    assert "stackctl stop" in stack.fails(3, "adopt", "--undo", "--yes")
    stack.run("stop")
    undone = json.loads(stack.run("adopt", "--undo", "--yes", "--json").stdout)
    assert "data/default-user/chats/Alice/new.jsonl" in {one["file"] for one in undone["returns"]}
    after = folders.sums(source)
    assert {name: after[name] for name in was} == was
    assert json.loads((there / "chats/Alice/new.jsonl").read_text().splitlines()[0])["user_name"] == "Zoë"
