"""stackctl is killed at random moments while chats are written: no chat is lost, and the next plain deploy is ready."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting, wish
from tests.e2e.killing import Chatting, assert_explained, assert_ready, kill_at, moments, seconds, sums

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
TOML = '[model]\nuse = "one"\n[models.one]\npath = "one.gguf"\n[models.two]\npath = "two.gguf"\ncontext = 4096\n'
# commands, tried in turn
CHANGES = {
    "repeat": (("deploy",),),
    "change": (("deploy", "--context", "2048"), ("deploy", "--context", "1024")),
    "use": (("use", "two"), ("use", "one")),
    "down": (("down",),),
    "up": (("start",),),
}


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


@pytest.mark.parametrize("change", ["repeat", "change", pytest.param("use", marks=pytest.mark.sample), "down", "up"])
def test_a_kill_at_any_moment_costs_no_chat_and_the_next_plain_deploy_is_ready(
    lasting_stack: tuple[Stack, Chatting], change: str
) -> None:
    stack, chatting = lasting_stack
    ways = CHANGES[change]
    if change == "up":
        stack.run("down")
    takes_s = seconds(stack, *ways[0])
    assert_ready(stack)
    for number, moment in enumerate(moments(change, takes_s), 1):
        before = sums(stack)
        if change == "up":
            stack.run("down")
        kill_at(moment, stack, *ways[number % len(ways)])
        if number % 2 == 0 and len(ways) == 2:
            stack.run("start")  # goes back, where a deploy goes on
        assert_ready(stack)
        assert_explained(before, sums(stack))
        chatting.assert_kept()
    assert chatting.taken > 0
