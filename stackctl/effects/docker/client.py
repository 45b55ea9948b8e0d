"""What the modules here need of the engine, and what its SDK raises, in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from stackctl.errors import EngineError


class Client(Protocol):
    """An engine, by its SDK: `client` is a docker.DockerClient."""

    @property
    def client(self) -> Any: ...


@contextmanager
def translate_errors(
    failed: str,
    hint: str = "docker info shows whether the engine is well",
    *,
    silent: str = "the engine stopped answering",
    silent_hint: str = "is it still running? docker info",
) -> Iterator[None]:
    """Turn the SDK's errors into EngineError: `failed` and `hint` for a refusal, the others where no answer came.

    A caller that has a meaning for docker.errors.NotFound catches it within.
    """
    import docker.errors
    import requests

    try:
        yield
    except docker.errors.DockerException as e:
        raise EngineError(f"{failed}: {engine_words(e)}", hint=hint) from e
    except requests.RequestException as e:
        raise EngineError(f"{silent}: {e}", hint=silent_hint) from e


def sdk_errors() -> tuple[type[Exception], ...]:
    """All that a call of the SDK raises: the engine refuses, or does not answer."""
    import docker.errors
    import requests

    return docker.errors.DockerException, requests.RequestException


def engine_words(error: Exception) -> str:
    """What the engine itself said, where an error of the SDK holds that, else the error's text."""
    return str(getattr(error, "explanation", None) or error)
