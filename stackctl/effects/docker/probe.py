"""Ask a server over HTTP: from inside a temporary container, or from this machine."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final

from stackctl.contracts.answer import Answer
from stackctl.contracts.request import Request
from stackctl.core.external.backend_url import HOST
from stackctl.core.formats import answer_limit, bounded_json
from stackctl.core.formats.answer_limit import Exceeded, Limit
from stackctl.core.observed import ProbeResult
from stackctl.effects.docker.client import Client, translate_errors
from stackctl.effects.docker.labels import MADE_BY
from stackctl.errors import EngineError
from stackctl.scripts import one_line
from stackctl.secret import Secret

if TYPE_CHECKING:
    import httpx

PATIENCE_S: Final = 5  # for one answer
_WHOLE_S: Final = 30  # for the container, including its start
_LIMIT: Final = 200_000  # bytes of an answer; a chat template may have about ten thousand
_HERE: Final = Limit(seconds=PATIENCE_S, silence_s=PATIENCE_S, size=_LIMIT)
_LOG: Final = {"max-size": "64m"}  # limits the container's output
_MOST_VALUES: Final = 2_000_000  # values in the output's JSON
_JSON: Final = {"content-type": "application/json"}
_NOBODY: Final = 65534
_WISH: Final = "/stackctl-asks.json"


def ask(
    engine: Client,
    image: str,
    network: str,
    urls: tuple[str, ...],
    requests: tuple[Request, ...],
    key: Secret | None,
    *,
    patience_s: float = PATIENCE_S,
) -> tuple[ProbeResult, ...]:
    """Ask every URL from inside a container of an image that has node, in a network of the engine, within 30 s.

    `patience_s`: for one answer.

    The container has no rights, knows the engine's machine as host.docker.internal if a URL names that, and is always
    removed. The key reaches it as a file, because `docker inspect` shows a container's command and environment.
    """
    questions = [{"path": one.path, "body": one.body} for one in requests]
    wish = {"urls": urls, "requests": questions, "patience": int(patience_s * 1000), "limit": _LIMIT}
    wish["key"] = key.reveal() if key else ""
    api = engine.client.api
    with _translate_errors():
        host = api.create_host_config(
            network_mode=network,
            extra_hosts={HOST: _machine(engine, network)} if any(HOST in one for one in urls) else {},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
            # the engine's default log driver may be one that can't be read
            log_config={"Type": "json-file", "Config": _LOG},
        )
        argv = ["node", "-e", one_line("ask_servers"), "--", _WISH]
        made = api.create_container(image, entrypoint=argv, user=str(_NOBODY), host_config=host)
        try:
            api.put_archive(made["Id"], "/", _packed(json.dumps(wish).encode()))
            api.start(made["Id"])
            api.wait(made["Id"], timeout=_WHOLE_S)
            said: bytes = api.logs(made["Id"], stdout=True, stderr=False)
            complaint: bytes = api.logs(made["Id"], stdout=False, stderr=True, tail=3)
        finally:
            api.remove_container(made["Id"], force=True)
    try:
        found = bounded_json.parse(said.decode("utf-8", "replace"), _MOST_VALUES)
        return tuple(_tried(one) for one in found["tried"])
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        words = complaint.decode("utf-8", "replace").strip()
        raise EngineError(
            f"node does not run in {image}",
            hint="Check that sillytavern.image is an image of SillyTavern.",
            evidence=(words,),
            issue="image-lacks-program",
        ) from e


def network(engine: Client, wanted: str) -> str:
    """Return the network to ask from: the wanted one if it exists already, else the engine's default bridge."""
    with _translate_errors():
        return wanted if any(one["Name"] == wanted for one in engine.client.api.networks([wanted])) else "bridge"


@contextmanager
def own_network(engine: Client, name: str) -> Iterator[str]:
    """Make a network as another Compose project would, and give its name; remove one that an earlier run left first."""
    api = engine.client.api
    with _translate_errors():
        for left in api.networks(names=[name], filters={"label": MADE_BY}):
            api.remove_network(left["Id"])
        made = api.create_network(name, driver="bridge", labels={MADE_BY: "inquiry"}, check_duplicate=True)
    try:
        yield name
    finally:
        with _translate_errors():
            api.remove_network(made["Id"])


def gateway(engine: Client) -> str:
    """Return the address of the engine's machine in its default bridge; "" if it has none."""
    with _translate_errors():
        found = [one for one in engine.client.api.networks(["bridge"]) if one["Name"] == "bridge"]
    configs = ((found[0].get("IPAM") or {}).get("Config") or ()) if found else ()
    return next((one["Gateway"] for one in configs if "." in one.get("Gateway", "")), "")


def _machine(engine: Client, network: str) -> str:
    """Return the address of the engine's machine for a container in a network, as `--add-host` takes it."""
    if gateway(engine):
        return "host-gateway"
    api = engine.client.api  # an engine without its default bridge does not know that word
    configs = (api.inspect_network(network).get("IPAM") or {}).get("Config") or ()
    return next((one["Gateway"] for one in configs if "." in one.get("Gateway", "")), "host-gateway")


def ask_here(
    url: str, requests: tuple[Request, ...], key: Secret | None, transport: "httpx.BaseTransport"
) -> ProbeResult:
    """Ask one URL from this machine. `transport`: one that keeps each request's limit (answer_limit.EXTENSION)."""
    import httpx

    answers: dict[str, Answer] = {}
    head = {"authorization": f"Bearer {key.reveal()}"} if key else {}
    with httpx.Client(base_url=url, headers=head, transport=transport, trust_env=False) as client:
        for one in requests:
            method, content, kind = ("POST", one.body, _JSON) if one.body else ("GET", None, {})
            wish = {answer_limit.EXTENSION: _HERE}
            try:
                found = client.request(method, one.path, content=content, headers=kind, extensions=wish)
            except (httpx.HTTPError, Exceeded) as e:
                if not answers:
                    return ProbeResult(url=url, failure=str(e) or type(e).__name__)
                continue
            answers[one.path] = Answer(status=found.status_code, body=found.content.decode("utf-8", "replace"))
    return ProbeResult(url=url, answers=answers)


def _translate_errors() -> AbstractContextManager[None]:
    return translate_errors(
        "no container could ask the backend",
        "Run `docker info`.",
        silent="the container that asks the backend did not end in time",
        silent_hint="Run `docker info`.",
    )


def _packed(content: bytes) -> bytes:
    """Return a file for the container's user only, as the archive that the engine takes."""
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        member = tarfile.TarInfo(_WISH.lstrip("/"))
        member.size, member.mode, member.uid, member.gid = len(content), 0o400, _NOBODY, _NOBODY
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _tried(one: Mapping[str, Any]) -> ProbeResult:
    answers = {path: Answer(status=said["status"], body=said["body"]) for path, said in one["answers"].items()}
    return ProbeResult(url=one["url"], failure=one["failure"], answers=answers)
