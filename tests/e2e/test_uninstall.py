"""`stackctl uninstall` on an engine that only it uses: what is ours goes, what others use and all chats stay."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack, free_port
from tests.e2e.own_engine import IMAGES, OwnEngine, own_engine

# on the main engine it would remove what other tests use
pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]

CHAT = "sillytavern/data/default-user/chats/Anna/one.jsonl"


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory, own_images: None) -> Iterator[OwnEngine]:
    del own_images
    with own_engine(tmp_path_factory.mktemp("own") / "engine") as found:
        yield found


def state(engine: OwnEngine, *folders: Path) -> tuple[str, ...]:
    """All that a dry run must leave as it is."""
    listed: tuple[str, ...] = (engine.docker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.State}}"),)
    listed += (engine.docker("images", "-a", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"),)
    listed += (engine.docker("network", "ls", "--no-trunc", "--format", "{{.ID}}"),)
    kept = {path: path.read_bytes() for folder in folders for path in folder.rglob("*.*") if path.is_file()}
    return (*listed, str(sorted((str(path), hash(raw)) for path, raw in kept.items() if "/cache" not in str(path))))


def things(stack: Stack, *words: str) -> dict[tuple[str, str], str]:
    done = stack.run("uninstall", "--json", *words)
    return {(one["kind"], one["name"]): one["action"] for one in json.loads(done.stdout)["things"]}


def typed(stack: Stack, answer: str, *words: str) -> tuple[int, str]:
    """The exit code and what was said on a terminal on which this was typed."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    done = subprocess.run(
        [str(stack.program), *words],
        cwd=stack.folder.parent, env={**os.environ, **stack.environment}, stdin=theirs, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.sample
def test_a_dry_run_lists_the_stack_and_leaves_it(stack: Stack) -> None:
    stack.deploy("--no-proof")
    containers = [stack.container(one) for one in ("llamacpp", "sillytavern")]
    started = stack.docker("inspect", "--format", "{{.State.StartedAt}}", *containers)
    name = stack.folder.name
    found = things(stack, "--dry-run")
    assert (found["stacks", name], found["chats", name]) == ("removed", "kept")
    assert ("images", IMAGES[0]) in found
    assert stack.docker("inspect", "--format", "{{.State.StartedAt}}", *containers) == started
    assert stack.docker("inspect", "--format", "{{.State.Status}}", *containers).split() == ["running"] * 2


def test_two_stacks_go_with_their_images_and_chats_and_what_others_use_stay(
    own: OwnEngine, tmp_path: Path, installed: Path
) -> None:
    around = {**own.environment, "XDG_DATA_HOME": str(tmp_path / "data"), "TMPDIR": str(tmp_path)}
    stacks = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        stacks.append(Stack(folder=tmp_path / name, program=installed, environment=around))
        stacks[-1].deploy("--no-proof", "--name", name, "--port", str(free_port()))
        (tmp_path / name / CHAT).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name / CHAT).write_text("a chat")
    one, two = stacks
    theirs = own.docker("run", "-d", "--name", "theirs", "--entrypoint", "sleep", IMAGES[1], "600").strip()
    before = state(own, one.folder, two.folder)

    found = things(one, "--dry-run")
    assert {name for kind, name in found if kind == "stacks"} == {"one", "two"}
    assert (found["images", IMAGES[0]], found["images", IMAGES[1]]) == ("removed", "kept")
    assert found["chats", "one"] == found["chats", "two"] == "kept"
    assert state(own, one.folder, two.folder) == before

    code, said = typed(one, "wrong", "uninstall", "--yes", "--chats", "one")
    assert (code, "nothing was changed" in said) == (3, True), said
    assert state(own, one.folder, two.folder) == before

    done = things(one, "--yes")
    assert (done["stacks", "one"], done["images", IMAGES[1]], done["chats", "one"]) == ("removed", "kept", "kept")
    assert own.docker("ps", "-aq", "--no-trunc").split() == [theirs]
    images = own.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    assert (IMAGES[0] in images, IMAGES[1] in images) == (False, True)
    for stack in stacks:
        assert (stack.folder / CHAT).read_text() == "a chat"
        assert (stack.folder / "stack.toml").exists()
    assert own.docker("network", "ls", "-q", "--filter", "label=com.docker.compose.project") == ""

    (one.folder / "notes.txt").write_text("mine")
    code, said = typed(one, "one", "-C", "one", "uninstall", "--yes", "--chats", "one")
    assert code == 0, said
    assert [path.name for path in one.folder.iterdir()] == ["notes.txt"]
    assert (two.folder / CHAT).read_text() == "a chat"
    own.docker("rm", "-f", theirs)
    assert things(two, "--yes")["images", IMAGES[1]] == "removed"
