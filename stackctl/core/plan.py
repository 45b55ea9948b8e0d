"""Spec (what is wanted) and Seen (what is there) become a Plan with nothing left to decide."""

import hashlib
import re
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import PurePosixPath

from stackctl import backends
from stackctl.backends.contract import Backend, Run, Variant
from stackctl.core import mounts, network, passthrough, tavern
from stackctl.core.abilities import cpus, health, start_period
from stackctl.core.images import backend_image
from stackctl.core.lock import Decisions, Lock
from stackctl.core.seen import Seen
from stackctl.core.spec import DEMO, Spec
from stackctl.core.stack import GpuRequest, Mount, Plan, Service, Tmpfs
from stackctl.core.tavern_service import data_folder, sillytavern
from stackctl.core.values import memory_mib
from stackctl.errors import ConfigError, ModelError

DEFAULT_CONTEXT = 8192
READ_ONE = "DAC_READ_SEARCH"  # read any file, write none


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
    variant = _variant(gpu)
    networks = network.networks(name, spec, seen, decisions)
    start_s = start_period(seen, decisions)
    run = _run(spec, seen, backend, gpu, decisions)
    launch = backend.launch(run)
    files = {f"backend/{PurePosixPath(inside).name}": text for inside, text in launch.files.items()}
    generated = tuple(Mount(source=f"./backend/{PurePosixPath(inside).name}", target=inside) for inside in launch.files)
    image, image_is = backend_image(spec, backend, variant, decisions)
    service = Service(
        name=backend.NAME,
        image=image,
        image_is=image_is,
        entrypoint=launch.entrypoint,
        command=launch.command,
        environment=launch.environment,
        user=None if backend.RUNS_AS_ROOT else mounts.reader(seen),
        capabilities=(READ_ONE,) if backend.RUNS_AS_ROOT else (),
        read_only_root=backend.READ_ONLY_ROOT,
        mounts=(
            *mounts.program_mount(seen, variant, launch.entrypoint),
            *mounts.model_mounts(seen, backend),
            *generated,
        ),
        tmpfs=_scratch(backend, variant),
        networks=("inner",),
        health=health(backend.health(), start_s, seen.engine),
        grace_s=backend.GRACE_S,
        memory_mib=memory_mib(spec.limits.backend_memory),
        cpus=cpus(spec.limits.backend_cpus, seen.engine),
        gpu=gpu,
        fingerprint=mounts.fingerprint(seen, files),
    )
    url = f"http://{backend.NAME}:{backend.PORT}"
    return Planned(
        plan=Plan(
            name=name,
            backend=backend.NAME,
            backend_title=backend.TITLE,
            backend_service=service,
            sillytavern=sillytavern(spec, seen, backend, networks, start_s, decisions),
            networks=networks,
            files=files,
            folders=tuple(f"{data_folder(spec)}/{folder}" for folder in tavern.FOLDERS),
            tavern_type=backend.TAVERN_TYPE,
            backend_url=url,
            model_name=backend.model_id(seen.model.name),
            is_demo=seen.model.wanted == DEMO,
            variant=variant,
            context=run.context,
            gpu_layers="0" if variant == "cpu" else str(spec.backend.gpu_layers),
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


def _variant(gpu: GpuRequest | None) -> Variant:
    return "cuda" if gpu else "cpu"


def _run(spec: Spec, seen: Seen, backend: Backend, gpu: GpuRequest | None, decisions: Decisions) -> Run:
    wanted, trained = spec.backend, seen.model.header.trained_context
    context = wanted.context
    if context == "auto":
        inputs = {"trained_context": trained}
        context = decisions.decide("backend.context", inputs, lambda: min(DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT))
    kv_cache: str = wanted.kv_cache
    if kv_cache == "auto":
        kv_cache = decisions.decide("backend.kv_cache", {}, lambda: "f16")
    if kv_cache != "f16" and wanted.flash_attention == "off":
        raise ConfigError(
            f"backend.kv_cache = {kv_cache!r} needs flash attention, which backend.flash_attention turns off",
            hint='set flash_attention = "auto", or kv_cache = "f16"',
        )
    first = seen.model.name if seen.model.is_folder else seen.model.files[0].name
    return Run(
        model=backend.MODEL_DIR / first,
        format=seen.model.header.format,
        variant=_variant(gpu),
        gpus=passthrough.count(gpu, seen) if gpu else 0,
        context=context,
        gpu_layers=None if wanted.gpu_layers == "auto" else wanted.gpu_layers,
        kv_cache=kv_cache,
        flash_attention=(
            (True if kv_cache != "f16" else None)
            if wanted.flash_attention == "auto"
            else wanted.flash_attention == "on"
        ),
        threads=None if wanted.threads == "auto" else wanted.threads,
        batch=None if wanted.batch == "auto" else wanted.batch,
        extra_args=wanted.extra_args,
    )


def _scratch(backend: Backend, variant: Variant) -> tuple[Tmpfs, ...]:
    program = backend.PROGRAMS.get(variant)
    if program:
        return (Tmpfs(target="/tmp", size_mib=program.unpacked_mib, executable=True),)  # noqa: S108
    return (Tmpfs(target="/tmp", size_mib=256),)  # noqa: S108


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
