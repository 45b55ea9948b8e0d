"""What the engine's SDK raises, in our words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import docker.errors
import pytest
import requests

from stackctl.effects.docker import attachments, cleanup, own_container, probe, projects
from stackctl.effects.docker.client import translate_errors
from stackctl.errors import EngineError

REFUSED = docker.errors.APIError("500 Server Error for http+docker://localhost", explanation="the disk is full")
SILENT = requests.ConnectionError("Connection aborted")
ASKED: dict[str, Callable[[Any], object]] = {
    "attached": lambda engine: attachments.attached(engine, "a"),
    "existing": lambda engine: attachments.existing(engine, "a"),
    "remove": lambda engine: cleanup.remove(engine, "a"),
    "remove_cut_off": lambda engine: cleanup.remove_cut_off(engine, "a"),
    "stack_folders": projects.stack_folders,
    "network": lambda engine: probe.network(engine, "a"),
    "gateway": probe.gateway,
    "mounting_containers": lambda engine: own_container.mounting_containers(engine, Path("/")),
}


class Broken:
    """An engine whose every answer is an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Self:
        return self

    def __call__(self, *_: object, **__: object) -> None:
        raise self._error


@pytest.mark.parametrize("error", [REFUSED, SILENT, docker.errors.DockerException("no"), requests.ReadTimeout("slow")])
@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_whoever_asks_gets_our_error_for_the_sdks(ask: Callable[[Any], object], error: Exception) -> None:
    with pytest.raises(EngineError) as caught:
        ask(Broken(error))
    assert caught.value.message.endswith((f": {error}", ": the disk is full"))
    assert caught.value.hint


def test_a_refusal_is_told_in_the_engines_own_words() -> None:
    with pytest.raises(EngineError, match=r"^x failed: the disk is full$"), translate_errors("x failed"):
        raise REFUSED


def test_an_engine_that_breaks_off_is_said_to_have_stopped_answering() -> None:
    words = r"^the engine stopped answering: Connection aborted$"
    with pytest.raises(EngineError, match=words), translate_errors("docker ps failed"):
        raise SILENT


def test_a_network_that_does_not_exist_is_no_error() -> None:
    assert attachments.existing(Broken(docker.errors.NotFound("no such network")), "a") is None
