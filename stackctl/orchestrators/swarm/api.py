"""The part of the Engine's API that Swarm takes, by the docker SDK's connection, which has no calls for all of it."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Protocol

from stackctl.core.observed import ServiceState
from stackctl.effects.docker.client import Client, sdk_errors, translate_errors

Kind = Literal["services", "tasks", "nodes", "networks", "secrets", "configs", "volumes"]
_HINT: Final = "Run `docker node ls` to see whether the swarm is well."


class Connected(Client, Protocol):
    """An engine, by its SDK, that can inspect the containers of its machine."""

    @property
    def info(self) -> dict[str, Any]: ...
    def state(self, container_id: str) -> ServiceState | None: ...


class Stream(Iterator[bytes], Protocol):
    """The pieces of an answer, as they come, until it ends or is closed."""

    def close(self) -> None: ...


class Api:
    """Requests with plain values. Raises EngineError for a refusal, with the engine's words, and for no answer."""

    def __init__(self, engine: Connected) -> None:
        self._engine = engine

    @property
    def info(self) -> Mapping[str, Any]:
        """Return what the engine says of itself; `Swarm` is its part in a swarm."""
        return self._engine.info

    def container(self, container_id: str) -> ServiceState | None:
        """Return the state of a container on this machine; None if it is on another one."""
        return self._engine.state(container_id)

    def list(self, kind: Kind, **filters: str) -> "list[dict[str, Any]]":
        """Return everything of a kind that meets all filters, such as label="a=b"."""
        api = self._engine.client.api
        params = {"filters": json.dumps({name: [value] for name, value in filters.items()})} if filters else {}
        with translate_errors(f"docker {kind} can't be listed", _HINT):
            found: list[dict[str, Any]] = api._result(api._get(api._url(f"/{kind}"), params=params), json=True)
        return found

    def one(self, kind: Kind, name: str) -> dict[str, Any] | None:
        """Return one by its id or name; None if there is none."""
        import docker.errors

        api = self._engine.client.api
        with translate_errors(f"docker {kind} {name} can't be inspected", _HINT):
            try:
                found: dict[str, Any] = api._result(api._get(api._url("/{0}/{1}", kind, name)), json=True)
            except docker.errors.NotFound:
                return None
        return found

    def create(self, kind: Kind, body: Mapping[str, Any]) -> str:
        """Create one, and return its id."""
        api = self._engine.client.api
        with translate_errors(f"docker {kind}: {body.get('Name', '')} can't be created", _HINT):
            done = api._result(api._post_json(api._url(f"/{kind}/create"), data=dict(body)), json=True)
        return str(done.get("Id") or done.get("ID", ""))

    def update(self, kind: Kind, name: str, version: int, spec: Mapping[str, Any], **params: str) -> None:
        """Replace the spec of a service or node. version: its index when the spec was read."""
        api = self._engine.client.api
        url = api._url("/{0}/{1}/update", kind, name)
        with translate_errors(f"docker {kind} {name} can't be updated", _HINT):
            api._raise_for_status(api._post_json(url, data=dict(spec), params={"version": version, **params}))

    def remove(self, kind: Kind, name: str) -> bool:
        """Remove one; return whether it was there. Raises EngineError while something uses it."""
        import docker.errors

        api = self._engine.client.api
        with translate_errors(f"docker {kind}: {name} can't be removed", _HINT):
            try:
                api._raise_for_status(api._delete(api._url("/{0}/{1}", kind, name)))
            except docker.errors.NotFound:
                return False
        return True

    def log(self, kind: Literal["services", "tasks"], name: str, *, tail: str = "all", since: float = 0) -> bytes:
        """Return the last lines of the log of a service's tasks, or of one task, as bytes; b"" if it is gone."""
        try:
            return b"".join(self.follow_log(kind, name, tail=tail, since=since, follow=False))
        except sdk_errors():
            return b""

    def follow_log(
        self,
        kind: Literal["services", "tasks"],
        name: str,
        *,
        tail: str = "all",
        since: float = 0,
        follow: bool = True,
        details: bool = False,
    ) -> Stream:
        """Return a stream of the log's pieces; with `details` each line begins with its task's id and the like."""
        api = self._engine.client.api
        params = {"stdout": 1, "stderr": 1, "follow": int(follow), "tail": tail, "since": int(since)}
        answer = api._get(
            api._url("/{0}/{1}/logs", kind, name), params={**params, "details": int(details)}, stream=True
        )
        from docker.types import CancellableStream  # its close() shuts the socket down, and so wakes whoever reads

        stream: Stream = CancellableStream(api._multiplexed_response_stream_helper(answer), answer)
        return stream
