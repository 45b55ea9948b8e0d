"""A request that hangs on a machine without power ends in the page, soon after the model is ready on another one."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import FILE_NAME, SENTENCE
from stackctl.core.tavern import container as facts
from tests.e2e.browser.chromium import chromium
from tests.e2e.browser.page import Tavern
from tests.e2e.swarm.cluster import GPU1, GPU2, NAS
from tests.e2e.swarm.relay import relay
from tests.e2e.swarm.stack import SwarmStack

pytestmark = [pytest.mark.engine, pytest.mark.machines]
_AFTER_S = 5.0  # how soon after the new task is healthy
_MAY_SEND = "document.querySelector('#send_but').offsetParent !== null"
_STOPPED = "getComputedStyle(document.querySelector('#mes_stop')).display === 'none'"


def test_an_answer_that_hung_on_a_dead_node_ends_soon_after_the_model_is_ready_elsewhere(
    new_stack: Callable[[str], SwarmStack], tmp_path: Path
) -> None:
    stack = new_stack("hung")
    stack.wish()
    stack.deploy()
    password = (stack.folder / ".stackctl/sillytavern-password").read_text().strip()
    with relay(stack.cluster, NAS, stack.port) as port, chromium() as browser:
        login = {"username": facts.USER, "password": password}
        context = browser.new_context(http_credentials=login)  # type: ignore[arg-type]  # playwright's own dict
        page = Tavern(context.new_page(), f"http://127.0.0.1:{port}", tmp_path)
        page.connected(FILE_NAME)
        page.page.evaluate("SillyTavern.getContext().selectCharacterById(0)")
        page.until(lambda: len(page.messages) == 1, "the greeting of SillyTavern's own character", 30)
        assert page.say("Before")[-1] == SENTENCE

        lost = stack.node_of("llamacpp")
        stack.cluster.cut(lost)  # from now on nothing comes from there, not even a refusal
        page.page.locator("#send_textarea").fill("Meanwhile")
        page.page.locator("#send_but").click()
        page.until(lambda: not page.page.evaluate(_STOPPED), "a running answer", 20)
        stack.cluster.kill(lost)
        ended, healthy = _moments(page, stack, {GPU1: GPU2, GPU2: GPU1}[lost])
        print(f"the answer ended {ended - healthy:.1f} s after the new task was healthy")
        assert ended - healthy < _AFTER_S
        assert "backend" in page.toasts  # that it went away, or that it is waited for
        page.until(lambda: bool(page.page.evaluate(_MAY_SEND)), "the button to send", 30)
        print(f"the next message may be sent {time.monotonic() - healthy:.1f} s after the new task was healthy")
        assert page.say("Again")[-1] == SENTENCE


def _moments(page: Tavern, stack: SwarmStack, node: str) -> tuple[float, float]:
    """Wait; return when the answer had ended, and when the new task was healthy."""
    seen: dict[str, float] = {}

    def look() -> bool:
        states = stack.cluster.docker(
            node, "ps", "--filter", f"name={stack.docker_name('llamacpp')}", "--format", "{{.Status}}"
        )
        if "(healthy)" in states:
            seen.setdefault("healthy", time.monotonic())
        if page.page.evaluate(_STOPPED):
            seen.setdefault("ended", time.monotonic())
        return len(seen) == 2

    page.until(look, "a healthy task on another node, and the end of the answer", 90)
    return seen["ended"], seen["healthy"]
