"""What a stack begins with is killed at random moments: a first deploy, an adoption and its undoing, a pull."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.commands import folders
from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting
from tests.e2e.killing import MOMENTS, USER, assert_ready, kill_at, left_beside, moments, seconds, sums
from tests.hub.server import running

pytestmark = [pytest.mark.engine, pytest.mark.chaos]


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
def native(new_stack: Callable[..., Stack], tmp_path: Path) -> tuple[Stack, Path]:
    """A SillyTavern of somebody's own, and a folder for the stack that adopts it."""
    stack, source = new_stack(), folders.native(tmp_path / "native")
    shutil.rmtree(source / "data/_storage")  # of no real SillyTavern
    return stack, source


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
    content = gguf_bytes() + bytes(64 << 20)
    with running() as hub:
        hub.add("owner/tiny", {f"Tiny-{number}.gguf": content + bytes([number]) for number in range(MOMENTS + 1)})
        stack.environment["HF_ENDPOINT"] = hub.url
        takes_s = seconds(stack, "models", "pull", "hf:owner/tiny/Tiny-0.gguf")
        for number, moment in enumerate(moments("pull", takes_s), 1):
            pull = ("models", "pull", f"hf:owner/tiny/Tiny-{number}.gguf")
            kill_at(moment, stack, *pull)
            stack.run(*pull)
        stack.run("models", "verify")
