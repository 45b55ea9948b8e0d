"""A SillyTavern whose compose file keeps its chats in a named volume: adopted, and given new chats back."""

import json
from pathlib import Path

import pytest

from tests.commands import folders
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.engine, pytest.mark.machines, pytest.mark.sample]
TEXT = """
services:
  tavern:
    image: localhost/stackctl/sillytavern:1.19.0
    entrypoint: ["sleep", "600"]
    network_mode: none
    stop_grace_period: 0s
    volumes:
      - ${HERE}/cfg:/home/node/app/config
      - st-data:/home/node/app/data
volumes: {st-data: {}}
"""
CHATS = "default-user/chats/Alice"


def test_chats_in_a_named_volume_are_adopted_and_new_ones_go_back_into_it(
    stack: Stack, tmp_path: Path, own_images: None
) -> None:
    del own_images
    theirs = tmp_path / f"{stack.name}-theirs"
    folders.write(theirs, {"compose.yaml": TEXT, ".env": f"HERE={theirs}\n", "cfg/config.yaml": folders.CONFIG})
    folders.write(tmp_path / "data", folders.user("default-user/"))
    compose = ("compose", "--project-directory", str(theirs))
    try:
        stack.docker(*compose, "up", "-d")
        container = f"{theirs.name}-tavern-1"
        stack.docker("cp", f"{tmp_path}/data/.", f"{container}:/home/node/app/data")
        assert f"docker stop {container}" in stack.fails(3, "adopt", str(theirs), "--yes")
        stack.docker("stop", container)
        done = json.loads(stack.run("adopt", str(theirs), "--yes", "--json").stdout)
        assert done["from"] == str(theirs)
        chats = stack.folder / "sillytavern/data" / CHATS
        assert (chats / "Branch #1.jsonl").read_text() == folders.CHAT * 2
        assert "port: 8000" in (stack.folder / "sillytavern/config/config.yaml").read_text()
        (chats / "new.jsonl").write_text("new")
        stack.run("adopt", "--undo", "--yes")
        stack.docker("cp", f"{container}:/home/node/app/data/{CHATS}", str(tmp_path / "after"))
        assert {path.name for path in (tmp_path / "after").iterdir()} >= {"new.jsonl", "Branch #1.jsonl"}
        stack.docker(*compose, "down")
        without_container = json.loads(stack.run("adopt", str(theirs), "--dry-run", "--json").stdout)["rows"]
        assert {row["what"]: row["files"] for row in without_container}["chats"] == 3
    finally:
        stack.docker(*compose, "down", "--volumes")
