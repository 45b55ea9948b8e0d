"""The engine's SDK, as the modules here need it, and the translation of its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from stackctl.errors import EngineError


class Client(Protocol):
    """An engine, by its SDK: `client` is a docker.DockerClient."""

    @property
    def client(self) -> Any: ...


class Informed(Client, Protocol):
    """An engine that also knows what it said of itself: `docker info`."""

    @property
    def info(self) -> dict[str, Any]: ...


@contextmanager
def translate_errors(
    failed: str,
    hint: str = "Run `docker info` to see whether the engine is well.",
    *,
    silent: str = "the engine stopped answering",
    silent_hint: str = "Check whether it is still running: `docker info`.",
) -> Iterator[None]:
    """Turn the SDK's errors into EngineError: `failed` and `hint` for a refusal, `silent` and its hint for no answer.

    A caller that handles docker.errors.NotFound catches it inside.
    """
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.DockerException as e:
        raise EngineError(f"{failed}: {engine_words(e)}", hint=hint) from e
    except requests.RequestException as e:
        raise EngineError(f"{silent}: {e}", hint=silent_hint, issue="engine-no-answer") from e


def sdk_errors() -> tuple[type[Exception], ...]:
    """Return the errors that a call of the SDK raises: the engine refuses, or does not answer."""
    import docker.errors
    import requests

    return docker.errors.DockerException, requests.RequestException


def broken() -> tuple[type[Exception], ...]:
    """Return the errors that a stream of the SDK raises when it breaks off, or when we close it while it is read."""
    import urllib3.exceptions

    return *sdk_errors(), urllib3.exceptions.HTTPError, EngineError, OSError, ValueError, AttributeError


def no_answer() -> type[Exception]:
    """Return the error that a call of the SDK raises if the engine does not answer in time."""
    import requests

    return requests.RequestException


def engine_words(error: Exception) -> str:
    """Return the engine's own message if an error of the SDK holds it, else the error's text."""
    return str(getattr(error, "explanation", None) or error)
