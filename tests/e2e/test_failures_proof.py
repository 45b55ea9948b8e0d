"""Everything runs and is healthy, and yet nobody could chat: the proof says so, and why."""

import json
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import evidence, hint

pytestmark = pytest.mark.engine


@pytest.fixture
def settings(stack: Stack) -> Path:
    """settings.json of a stack that was deployed and answers."""
    assert stack.deploy("--port", str(free_port()))["reply"] == SENTENCE
    return stack.folder / "sillytavern" / "data" / "default-user" / "settings.json"


def test_settings_that_lead_nowhere_or_can_not_be_read_fail_the_proof(stack: Stack, settings: Path) -> None:
    good = settings.read_text()
    url = json.loads(good)["textgenerationwebui_settings"]["server_urls"]["llamacpp"]
    deploy = ("deploy", "--images", "own")

    settings.write_text(good.replace(url, "http://llamacpp:8081"))
    said = stack.fails(7, *deploy)
    assert "SillyTavern's settings name llamacpp at http://llamacpp:8081, and it gets no answer there" in said
    assert any("ECONNREFUSED" in line for line in evidence(said))
    assert f"API Connections, Text Completion, llamacpp, {url}" in hint(said)

    settings.write_text(good.replace('"main_api": "textgenerationwebui"', '"main_api": "openai"'))
    said = stack.fails(7, *deploy)
    assert "SillyTavern's settings name no text completion server: its page will not connect" in said
    assert f"API Connections, Text Completion, llamacpp, {url}" in hint(said)

    settings.write_text(good)  # a damaged one would be kept aside and made anew: test_templates.py
    settings.chmod(0)  # SillyTavern has no capability to read it all the same, whoever it runs as
    said = stack.fails(7, *deploy)
    assert "SillyTavern can't read its own settings.json (500)" in said
    assert "Make it belong to the user that SillyTavern runs as" in hint(said)

    settings.unlink()
    assert stack.deploy()["reply"] == SENTENCE
