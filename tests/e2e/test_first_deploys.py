"""First deploys at the same moment: `auto` sees the same port free for both."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack
from tests.e2e.failing import IDLE, Deploying, override

pytestmark = [pytest.mark.engine, pytest.mark.chaos]


def port(stack: Stack) -> str:
    """The port that the stack's page is really published at."""
    found: str = stack.inspect("sillytavern")["NetworkSettings"]["Ports"]["8000/tcp"][0]["HostPort"]
    return found


@contextlib.contextmanager
def deployed_at_once(*stacks: Stack) -> Iterator[str]:
    """Deploy them side by side; yields what they said."""
    with contextlib.ExitStack() as rest:
        deploys = [rest.enter_context(Deploying(one, "--no-proof", "--port", "auto")) for one in stacks]
        codes = [one.end() for one in deploys]
        said = "\n".join(one.said for one in deploys)
        assert set(codes) == {0}, said
        yield said


@pytest.mark.parametrize("times", [pytest.param(2, marks=pytest.mark.sample), 10])
def test_of_two_first_deploys_at_once_none_fails_and_their_ports_differ(
    new_stack: Callable[..., Stack], times: int
) -> None:
    """With programs that are ready at once: ports are the engine's business."""
    met = 0
    for number in range(times):
        both = [new_stack(f"-{number}{name}") for name in "ab"]
        for one in both:
            override(one, llamacpp=IDLE, sillytavern=IDLE)
        with deployed_at_once(*both) as said:
            met += "choosing another" in said
        assert len({port(one) for one in both}) == 2
        for one in both:
            one.clean()
    assert met or times < 10, "they never met"


def test_both_chat_and_keep_their_ports_afterwards(new_stack: Callable[..., Stack]) -> None:
    both = [new_stack(name) for name in ("-a", "-b")]
    with deployed_at_once(*both):
        ports = [port(one) for one in both]
    for one in both:
        assert one.deploy()["reply"] == SENTENCE
    assert [port(one) for one in both] == ports
    assert len(set(ports)) == 2
