"""Spec (what is wanted) and Seen (what is there) become a Plan with nothing left to decide."""

import hashlib
import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath

from stackctl import backends
from stackctl.backends.contract import Backend, Run
from stackctl.core import network, passthrough, tavern
from stackctl.core.abilities import start_period
from stackctl.core.backend_service import backend_service
from stackctl.core.lock import Decisions, Lock
from stackctl.core.seen import Seen
from stackctl.core.spec import DEMO, Spec
from stackctl.core.stack import GpuRequest, Plan
from stackctl.core.tavern_service import data_folder, sillytavern
from stackctl.errors import ConfigError, ModelError


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, the decisions behind it, and a fingerprint of what was wanted and seen."""

    plan: Plan
    lock: Lock
    inputs: str


def plan(spec: Spec, seen: Seen, recorded: Lock, *, replan: bool = False) -> Planned:
    """Decide everything; raise ConfigError, EngineError, GpuError or ModelError where the wish can't be met."""
    decisions = Decisions(recorded, replan=replan)
    backend = backends.named(spec.backend.kind)
    _check(spec, seen, backend)
    name = stack_name(spec, seen.folder)
    gpu = passthrough.gpu(spec, seen, decisions)
    networks = network.networks(name, spec, seen, decisions)
    start_s = start_period(seen.model, spec.model.use, decisions)
    # SillyTavern waits as long as the slowest model may take, so that a change of model leaves its container alone
    longest_s = max(start_s, *(start_period(one, name, decisions) for name, one in seen.models.items()), 0)
    service, run, files = backend_service(spec, seen, backend, gpu, start_s, decisions)
    return Planned(
        plan=Plan(
            name=name,
            backend=backend.NAME,
            backend_title=backend.TITLE,
            backend_service=service,
            sillytavern=sillytavern(spec, seen, backend, networks, longest_s, decisions),
            networks=networks,
            files=files,
            folders=tuple(f"{data_folder(spec)}/{folder}" for folder in tavern.FOLDERS),
            tavern_type=backend.TAVERN_TYPE,
            backend_url=f"http://{backend.NAME}:{backend.PORT}",
            model_name=backend.model_id(seen.model.name),
            is_demo=seen.model.wanted == DEMO,
            variant=run.variant,
            context=run.context,
            gpu_layers="0" if run.variant == "cpu" else str(spec.backend.gpu_layers),
            kv_cache=run.kv_cache,
            notes=(*_notes(spec, seen, run), *backend.remarks(run)),
            timeout_s=max(300, start_s + 120),
        ),
        lock=Lock(decisions=decisions.taken, digests=recorded.digests, rendered=recorded.rendered),
        inputs=_inputs(spec, seen, gpu),
    )


def _inputs(spec: Spec, seen: Seen, gpu: GpuRequest | None) -> str:
    """What a rendered file depends on apart from recorded decisions and the version of stackctl."""
    engine = seen.engine and (seen.engine.version[:1], seen.engine.compose[:2], seen.engine.has_cpu_quota)
    asked = gpu and (gpu.driver, gpu.devices, passthrough.count(gpu, seen))
    content = spec.model_dump_json(exclude_defaults=True), seen.owner, seen.model.files, asked, engine
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def stack_name(spec: Spec, folder: PurePosixPath) -> str:
    """The Compose project's name: as written, or made from the folder's name as Compose itself does."""
    if spec.name != "auto":
        return spec.name
    made = re.sub(r"[^a-z0-9_-]", "", folder.name.lower()).lstrip("_-")[:63]
    return made or "stack"


def _check(spec: Spec, seen: Seen, backend: Backend) -> None:
    if not ip_address(spec.sillytavern.bind).is_loopback:
        raise ConfigError(
            f"sillytavern.bind = {spec.sillytavern.bind!r}: only loopback addresses are supported",
            hint='keep bind = "127.0.0.1" and open it from elsewhere with: ssh -L 8000:127.0.0.1:8000 THIS-HOST',
        )
    if seen.model.header.format not in backend.FORMATS:
        able = ", ".join(b.NAME for b in backends.BACKENDS.values() if seen.model.header.format in b.FORMATS)
        raise ModelError(
            f"{backend.TITLE} can't load {seen.model.header.format} models ({seen.model.name})",
            hint=f"take a .gguf file, or backend.kind = {able}",
        )
    if not backend.PROGRAMS and spec.backend.program != "auto":
        raise ConfigError(
            f"backend.program: the image of {backend.TITLE} carries its own program",
            hint='remove backend.program, or set backend.kind = "koboldcpp"',
        )


def _notes(spec: Spec, seen: Seen, run: Run) -> tuple[str, ...]:
    notes: list[str] = []
    trained = seen.model.header.trained_context
    if trained and run.context > trained:
        notes.append(
            f"context {run.context} is more than the {trained} tokens the model was trained for: "
            "expect it to lose the thread"
        )
    limits = (spec.limits.backend_cpus, spec.limits.sillytavern_cpus)
    if seen.engine and not seen.engine.has_cpu_quota and any(limit != "auto" for limit in limits):
        notes.append("this kernel has no CPU quota: the limits on CPUs are left out")
    return tuple(notes)
