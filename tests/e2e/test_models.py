"""Several models on the real engine: swapped by one word, SillyTavern untouched."""

import json

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.engine


def test_use_recreates_the_backend_alone_and_proves_the_other_model(stack: Stack) -> None:
    for name in ("one", "two"):
        (stack.folder / f"{name}.gguf").write_bytes(gguf_bytes())
    (stack.folder / "stack.toml").write_text(
        '[model]\nuse = "one"\n[models.one]\npath = "one.gguf"\n[models.two]\npath = "two.gguf"\ncontext = 4096\n'
    )
    assert stack.deploy()["model"] == "one.gguf"
    before = {service: stack.inspect(service)["Id"] for service in ("llamacpp", "sillytavern")}
    tavern_started = stack.inspect("sillytavern")["State"]["StartedAt"]
    chat = stack.folder / "sillytavern/data/default-user/chats/note.txt"
    chat.write_text("keep me")

    done = stack.run("use", "two", "--json")
    result = json.loads(done.stdout)
    assert (result["model"], result["context"], result["reply"]) == ("two.gguf", 4096, SENTENCE)
    assert "open tabs reconnect by themselves" in done.stderr
    after = {service: stack.inspect(service)["Id"] for service in ("llamacpp", "sillytavern")}
    assert after["sillytavern"] == before["sillytavern"]
    assert after["llamacpp"] != before["llamacpp"]
    assert stack.inspect("sillytavern")["State"]["StartedAt"] == tavern_started
    settings = json.loads((stack.folder / "sillytavern/data/default-user/settings.json").read_text())
    assert settings["max_context"] == 4096
    assert chat.read_text() == "keep me"

    assert [(m["name"], m["used"]) for m in json.loads(stack.run("use", "--json").stdout)["models"]] == [
        ("one", False), ("two", True),
    ]  # fmt: skip
    said = stack.fails(3, "use", "three")
    assert "its models are one, two" in said
    assert stack.inspect("llamacpp")["Id"] == after["llamacpp"]
