"""An external backend as the server of the stack."""

from collections.abc import Iterator
from typing import Final

from stackctl import backends
from stackctl.backends.contract import ServerInfo
from stackctl.core.config.lock import Decisions, is_text, one_of
from stackctl.core.config.spec import Spec
from stackctl.core.external import backend_url
from stackctl.core.external.detection import DetectedServer, detected_servers
from stackctl.core.external.diagnosis import diagnose
from stackctl.core.model.model import Header, ModelSeen
from stackctl.core.observed import Observed, ServerSeen
from stackctl.core.plan.serving import Serving

URL: Final = "backend.url"  # the decision: its URL as SillyTavern's container reaches it
KIND: Final = "backend.server"  # the decision: the kind of server
ASSUMED_CONTEXT: Final = 8192  # tokens, if the server does not report its context
START_S: Final = 60  # SillyTavern's container waits this long for it, and then starts without it
# settings that only a backend of the stack uses
_OWN_KEYS: Final = (
    "model.path", "model.source", "model.use", "backend.image", "backend.build", "backend.program",
    "backend.gpu_layers", "backend.kv_cache", "backend.flash_attention", "backend.threads", "backend.batch",
    "backend.idle_unload", "backend.extra_args", "backend.override_args", "backend.publish",
    "gpu.mode", "gpu.devices", "gpu.reserve", "network.inner",
    "limits.backend_memory", "limits.backend_cpus",
)  # fmt: skip


def external_backend(spec: Spec, seen: Observed, decisions: Decisions) -> Serving:
    """Return the backend at backend.url; raise the diagnosis if no known server answers and none is recorded."""
    found = _chosen(spec, seen.server, decisions)
    told, wanted = found.served.context, spec.backend.context
    return Serving(
        backend=found.backend,
        url=found.url,
        model_name=found.served.model,
        context=(told or ASSUMED_CONTEXT) if wanted == "auto" else wanted,
        start_s=START_S,
        wait_s=START_S,
        key=seen.server.key if seen.server else None,
        is_on_host=backend_url.host(found.url) == backend_url.HOST,
        notes=tuple(_notes(spec, seen, found)),
    )


def external_model(server: ServerSeen | None) -> ModelSeen:
    """Return the model that the server reports; it has no files on this machine."""
    served = found[0].served if (found := detected_servers(server)) else ServerInfo()
    header = Header(format="", chat_template=served.chat_template)
    return ModelSeen(wanted="", name=served.model, is_folder=False, files=(), header=header)


def told_context(server: ServerSeen, url: str) -> int:
    """Return the context in tokens that the server at this URL reports; 0 if it reports none."""
    return next((one.served.context for one in detected_servers(server) if one.url == url), 0)


def unused_settings(spec: Spec) -> tuple[str, ...]:
    """Return the keys of stack.toml that have a value, but no effect with this kind of backend."""
    keys = _OWN_KEYS if spec.backend.is_external else ("backend.url", "backend.key_file", "backend.wake")
    fresh = Spec()

    def of(whole: Spec, dotted: str) -> object:
        section, key = dotted.split(".")
        return getattr(getattr(whole, section), key)

    return tuple(key for key in keys if of(spec, key) != of(fresh, key))


def _chosen(spec: Spec, server: ServerSeen | None, decisions: Decisions) -> DetectedServer:
    """Return the server to use: the recorded one while it answers, or while no server answers at all."""
    inputs, answering = {"url": spec.backend.url}, detected_servers(server)
    found = {one.url: one for one in answering}
    is_url, is_kind = decisions.of_newer(is_text), decisions.of_newer(one_of(backends.BACKENDS))

    def fail() -> str:
        lack = diagnose(spec, server)
        assert lack is not None  # noqa: S101 - no known server answers
        raise lack.error

    if not found:
        url = decisions.decide(URL, inputs, fail, known=is_url, holds=is_text)
        kind = decisions.decide(KIND, inputs, fail, known=is_kind, holds=one_of(backends.BACKENDS))
        return DetectedServer(backend=backends.find_backend(kind), url=url, served=ServerInfo())
    url = decisions.decide(URL, inputs, lambda: answering[0].url, known=is_url, holds=one_of(found))
    name = found[url].backend.NAME
    decisions.decide(KIND, inputs, lambda: name, known=is_kind, holds=lambda recorded: recorded == name)
    return found[url]


def _notes(spec: Spec, seen: Observed, found: DetectedServer) -> Iterator[str]:
    wanted, told = spec.backend, found.served.context
    if found.url != backend_url.origin(wanted.url):
        whose = "this machine" if seen.engine is None or seen.engine.is_local else "the engine's machine"
        yield f"{backend_url.origin(wanted.url)} means {whose}, which a container reaches at {found.url}"
    if rest := backend_url.path(wanted.url):
        yield f"{rest} of backend.url is left out: SillyTavern adds its own path"
    if seen.server and not told and wanted.context == "auto":
        yield (
            f"{found.backend.TITLE} does not report its context, so {ASSUMED_CONTEXT} is assumed; "
            "set `backend.context` to the value that it was started with"
        )
    if told and wanted.context != "auto" and wanted.context > told:
        yield f"context {wanted.context} is more than the {told} tokens that {found.backend.TITLE} was started with"
    if keys := unused_settings(spec):
        yield f"not used with an external backend: {', '.join(keys)}"
