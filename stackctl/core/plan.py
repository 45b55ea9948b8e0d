"""Spec (what is wanted) and Seen (what is there) become a Plan with nothing left to decide."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_address
from pathlib import PurePosixPath
from typing import Literal

from stackctl import backends
from stackctl.backends.contract import Backend, Image, Run, Variant
from stackctl.core import network, tavern
from stackctl.core.lock import Decision, Decisions, Lock
from stackctl.core.seen import EngineSeen, Owner, Seen
from stackctl.core.spec import DEMO, Spec, memory_mib
from stackctl.core.stack import GpuRequest, Health, Mount, Network, Plan, Publish, Service, Tmpfs
from stackctl.errors import ConfigError, EngineError, GpuError, ModelError

DEFAULT_CONTEXT = 8192
DEFAULT_PORT = 8000
READ_ONE = "DAC_READ_SEARCH"  # read any file, write none
_SLOW_DISK_MIB_S = 80  # a hard disk; assumed where nothing was measured
_START_INTERVAL_ENGINE, _START_INTERVAL_COMPOSE = (25,), (2, 21)
ImageState = Literal["tried", "unverified", "own"]


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
    gpu = _gpu(spec, seen, decisions)
    variant: Variant = "cpu" if gpu is None else "cuda"
    networks = _networks(name, spec, seen, decisions)
    start_s = _start_period(seen, decisions)
    run = _run(spec, seen, backend, variant, decisions)
    launch = backend.launch(run)
    files = {f"backend/{PurePosixPath(inside).name}": text for inside, text in launch.files.items()}
    generated = tuple(Mount(source=f"./backend/{PurePosixPath(inside).name}", target=inside) for inside in launch.files)
    image, image_is = _backend_image(spec, backend, variant, decisions)
    service = Service(
        name=backend.NAME,
        image=image,
        image_is=image_is,
        entrypoint=launch.entrypoint,
        command=launch.command,
        environment=launch.environment,
        user=None if backend.RUNS_AS_ROOT else _reader(seen),
        capabilities=(READ_ONE,) if backend.RUNS_AS_ROOT else (),
        read_only_root=backend.READ_ONLY_ROOT,
        mounts=(*_program_mount(seen, variant, launch.entrypoint), *_model_mounts(seen, backend), *generated),
        tmpfs=_scratch(backend, variant),
        networks=("inner",),
        health=_health(backend.health(), start_s, seen.engine),
        grace_s=backend.GRACE_S,
        memory_mib=memory_mib(spec.limits.backend_memory),
        cpus=_cpus(spec.limits.backend_cpus, seen.engine),
        gpu=gpu,
        fingerprint=_fingerprint(seen, files),
    )
    url = f"http://{backend.NAME}:{backend.PORT}"
    return Planned(
        plan=Plan(
            name=name,
            backend=backend.NAME,
            backend_title=backend.TITLE,
            backend_service=service,
            sillytavern=_sillytavern(spec, seen, backend, networks, start_s, decisions),
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
            notes=_notes(spec, seen, run),
            timeout_s=max(300, start_s + 120),
        ),
        lock=Lock(decisions=decisions.taken, digests=recorded.digests, rendered=recorded.rendered),
        inputs=_inputs(spec, seen),
    )


def _inputs(spec: Spec, seen: Seen) -> str:
    """What a rendered file depends on apart from recorded decisions and the version of stackctl."""
    engine = seen.engine and (seen.engine.version[:1], seen.engine.compose[:2], seen.engine.has_cpu_quota)
    content = spec.model_dump_json(exclude_defaults=True), seen.owner, seen.model.files, seen.gpus and 1, engine
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def stack_name(spec: Spec, folder: PurePosixPath) -> str:
    """The Compose project's name: as written, or made from the folder's name as Compose itself does."""
    if spec.name != "auto":
        return spec.name
    made = re.sub(r"[^a-z0-9_-]", "", folder.name.lower()).lstrip("_-")[:63]
    return made or "stack"


def data_folder(spec: Spec) -> str:
    """SillyTavern's data folder as a mount source: absolute, or relative with a leading ./"""
    data = PurePosixPath(spec.sillytavern.data)
    return str(data) if data.is_absolute() else f"./{data}"


def use_own(recorded: Lock, service: str, image: str, source: Mapping[str, object]) -> Lock:
    """The lock after a failed pull: that service's image is our own from now on."""
    key = f"{service}.image"
    decision = Decision(value=image, inputs=dict(source))
    return Lock(
        decisions={**recorded.decisions, key: decision},
        digests=recorded.digests,
        rendered=recorded.rendered,
    )


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


def _gpu(spec: Spec, seen: Seen, decisions: Decisions) -> GpuRequest | None:
    mode: str = spec.gpu.mode
    if mode == "auto":
        engine = seen.engine
        inputs = {
            "gpus": [gpu.uuid for gpu in seen.gpus],
            "nvidia_runtime": bool(engine and engine.nvidia_runtime),
            "cdi_devices": list(engine.cdi_devices) if engine else [],
        }
        mode = decisions.decide("gpu.mode", inputs, lambda: _gpu_mode(seen))
    if mode == "none":
        return None
    chosen = spec.gpu.devices
    if mode == "nvidia":
        return GpuRequest(driver="nvidia", devices=() if chosen == ("all",) else chosen)
    wanted = tuple(one if "=" in one else f"nvidia.com/gpu={one}" for one in chosen)
    offered = seen.engine.cdi_devices if seen.engine else ()
    missing = [one for one in wanted if offered and one not in offered]
    if missing or (seen.engine and not offered):
        raise GpuError(
            f"the engine knows no CDI device {', '.join(missing or wanted)}",
            hint="make the device files: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml, then restart "
            "the engine" + (f"; it offers: {', '.join(offered)}" if offered else ""),
        )
    return GpuRequest(driver="cdi", devices=wanted)


def _gpu_mode(seen: Seen) -> str:
    """The toolkit's driver where the engine has its runtime, else CDI where it has devices.

    With a GPU and neither, still nvidia: a start that fails with the fix beats a CPU used in silence.
    """
    engine = seen.engine
    if not seen.gpus:
        return "none"
    if engine and not engine.nvidia_runtime and any("nvidia.com/gpu" in d for d in engine.cdi_devices):
        return "cdi"
    return "nvidia"


def _networks(name: str, spec: Spec, seen: Seen, decisions: Decisions) -> tuple[Network, Network]:
    subnets: dict[str, str] = {}
    for purpose, wanted in (("inner", spec.network.inner), ("edge", spec.network.edge)):
        taken = (*seen.taken_subnets, *(IPv4Network(other) for other in subnets.values()))
        subnet = wanted
        if wanted == "auto":
            inputs = {"name": name}
            subnet = decisions.decide(
                f"network.{purpose}",
                inputs,
                lambda purpose=purpose, taken=taken: network.free_subnet(name, purpose, taken),  # type: ignore[misc]
            )
        if other := network.colliding(subnet, taken):
            raise EngineError(
                f"network.{purpose} {subnet} overlaps with {other}, which this machine already uses",
                hint="stackctl deploy --replan chooses another, or set network."
                f"{purpose} in stack.toml; `ip route` and `docker network ls` show what is in use",
            )
        subnets[purpose] = subnet
    inner, edge = subnets["inner"], subnets["edge"]
    return (
        Network(name="inner", subnet=inner, gateway=network.gateway(inner), internal=True),
        Network(name="edge", subnet=edge, gateway=network.gateway(edge), internal=False),
    )


def _start_period(seen: Seen, decisions: Decisions) -> int:
    """Seconds that loading may take: twice the time to read the model from its disk, and some."""
    inputs = {"model": seen.model.name, "bytes": seen.model.size}

    def compute() -> int:
        rate = seen.model.read_mib_s or _SLOW_DISK_MIB_S
        return math.ceil((60 + 2 * seen.model.size / 2**20 / rate) / 10) * 10

    return decisions.decide("backend.start_period", inputs, compute)


def _run(spec: Spec, seen: Seen, backend: Backend, variant: Variant, decisions: Decisions) -> Run:
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
        variant=variant,
        gpus=0 if variant == "cpu" else max(1, len(seen.gpus)),
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


def image_inputs(spec: Spec, service: str, variant: str) -> dict[str, str]:
    """What the choice of a service's image depends on."""
    return {"service": service, "variant": variant, "images": spec.images}


def _backend_image(spec: Spec, backend: Backend, variant: Variant, decisions: Decisions) -> tuple[str, ImageState]:
    own, official = backend.OWN_IMAGES.get(variant), backend.IMAGES[variant]
    if spec.backend.image != "auto":
        return spec.backend.image, _state(spec.backend.image, official, own)
    if spec.images == "own" and own is None:
        raise ConfigError(
            f'images = "own": stackctl has no image of its own for {backend.TITLE} ({variant})',
            hint='set images = "auto", or name one yourself with backend.image',
        )
    inputs = image_inputs(spec, backend.NAME, variant)
    image = decisions.decide(
        f"{backend.NAME}.image", inputs, lambda: own if own and spec.images == "own" else official.name
    )
    return image, _state(image, official, own)


def _state(image: str, official: Image, own: str | None) -> ImageState:
    if image == own:
        return "own"
    return "tried" if image == official.name and official.seen else "unverified"


def _reader(seen: Seen) -> Owner:
    """The model's owner, who must be able to read every file of it."""
    owner = seen.model.files[0].owner
    for file in seen.model.files:
        bit = 0o400 if file.owner.uid == owner.uid else 0o040 if file.owner.gid == owner.gid else 0o004
        if not file.mode & bit and owner.uid:
            raise ModelError(
                f"{file.name} can't be read by user {owner.uid}, its model's owner, who runs the backend",
                hint=f"chmod u+r,g+r {file.host}",
            )
    return owner


def _model_mounts(seen: Seen, backend: Backend) -> tuple[Mount, ...]:
    above = backend.MODEL_DIR / seen.model.name if seen.model.is_folder else backend.MODEL_DIR
    return tuple(Mount(source=str(file.host), target=str(above / file.name)) for file in seen.model.files)


def _program_mount(seen: Seen, variant: Variant, entrypoint: tuple[str, ...]) -> tuple[Mount, ...]:
    program = seen.programs.get(variant)
    return (Mount(source=str(program), target=entrypoint[0]),) if program else ()


def _fingerprint(seen: Seen, files: Mapping[str, str]) -> str:
    content = [(file.name, file.size) for file in seen.model.files], sorted(files.items())
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def _scratch(backend: Backend, variant: Variant) -> tuple[Tmpfs, ...]:
    program = backend.PROGRAMS.get(variant)
    if program:
        return (Tmpfs(target="/tmp", size_mib=program.unpacked_mib, executable=True),)  # noqa: S108
    return (Tmpfs(target="/tmp", size_mib=256),)  # noqa: S108


def _health(test: tuple[str, ...], start_period_s: int, engine: EngineSeen | None) -> Health:
    knows = (
        engine is not None and engine.version >= _START_INTERVAL_ENGINE and engine.compose >= _START_INTERVAL_COMPOSE
    )
    return Health(
        test=test,
        start_period_s=start_period_s,
        interval_s=10 if knows else 5,
        start_interval_s=1 if knows else None,
    )


def _cpus(wanted: float | Literal["auto"], engine: EngineSeen | None) -> float | None:
    if wanted == "auto" or (engine and not engine.has_cpu_quota):
        return None
    return float(wanted)


def _sillytavern(
    spec: Spec,
    seen: Seen,
    backend: Backend,
    networks: tuple[Network, Network],
    backend_start_s: int,
    decisions: Decisions,
) -> Service:
    wanted = spec.sillytavern
    owner = Owner(
        uid=seen.owner.uid if wanted.uid == "auto" else wanted.uid,
        gid=seen.owner.gid if wanted.gid == "auto" else wanted.gid,
    )
    image: str = wanted.image
    official = Image(name=tavern.IMAGE, seen=True)
    if image == "auto":
        image = decisions.decide(
            f"{tavern.NAME}.image",
            image_inputs(spec, tavern.NAME, "any"),
            lambda: tavern.OWN_IMAGE if spec.images == "own" else tavern.IMAGE,
        )
    ready_url = f"http://{backend.NAME}:{backend.PORT}{backend.READY.path}"
    return Service(
        name=tavern.NAME,
        image=image,
        image_is=_state(image, official, tavern.OWN_IMAGE),
        entrypoint=tavern.entrypoint(ready_url, backend.READY.body, backend_start_s),
        environment=tavern.environment(networks[1].gateway),
        user=owner,
        mounts=tuple(
            Mount(source=f"{data_folder(spec)}/{folder}", target=target, read_only=False)
            for folder, target in tavern.FOLDERS.items()
        ),
        tmpfs=(
            Tmpfs(target="/tmp", size_mib=256, owner=owner),  # noqa: S108
            Tmpfs(target=tavern.BACKUPS, size_mib=64, owner=owner),
        ),
        networks=("inner", "edge"),
        publish=Publish(address=wanted.bind, port=_port(wanted.port, seen, decisions), target=tavern.PORT),
        waits_for=(backend.NAME,),
        health=_health(tavern.HEALTH, backend_start_s + tavern.START_S, seen.engine),
        memory_mib=memory_mib(spec.limits.sillytavern_memory),
        cpus=_cpus(spec.limits.sillytavern_cpus, seen.engine),
    )


def _port(wanted: int | Literal["auto"], seen: Seen, decisions: Decisions) -> int:
    taken = seen.taken_ports
    port = wanted
    if port == "auto":
        port = decisions.decide(
            "sillytavern.port", {}, lambda: next(p for p in range(DEFAULT_PORT, 65536) if p not in taken)
        )
    if port in taken:
        free = next(p for p in range(DEFAULT_PORT, 65536) if p not in taken)
        raise EngineError(
            f"port {port} is taken by {taken[port]}",
            hint=f"stop that, or choose another: stackctl deploy --port {free}",
        )
    return port


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
