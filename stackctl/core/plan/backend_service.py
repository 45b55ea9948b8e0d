"""The backend as a service of the stack."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath

from stackctl import backends
from stackctl.backends.contract import Backend, Run
from stackctl.contracts.service import CPU, GpuRequest, ImageState, Mount, Service, Tmpfs, Variant
from stackctl.core.config.lock import Decisions, is_number, one_of
from stackctl.core.config.spec import AUTO, EXTERNAL, Spec
from stackctl.core.config.values import either, memory_mib, seconds
from stackctl.core.fit.choice import CONTEXT as DEFAULT_CONTEXT
from stackctl.core.fit.choice import Choice
from stackctl.core.model.not_chat import refuse_for_chat
from stackctl.core.observed import Observed
from stackctl.core.plan import arguments, gpu_request, memory_plan, mounts
from stackctl.core.plan.arguments import Overridden
from stackctl.core.plan.cpu_threads import choose_threads
from stackctl.core.plan.engine_features import cpus, health, patience, start_period
from stackctl.core.plan.external_backend import unused_settings
from stackctl.core.plan.gpu_fit import Hardware, check_code
from stackctl.core.plan.images import backend_image, newer_build
from stackctl.core.plan.serving import Serving
from stackctl.errors import ConfigError, ModelError
from stackctl.gpus import GPUS

FOLDER = "backend"  # next to compose.yml: files that only the backend may read
READ_ONE = "DAC_READ_SEARCH"  # read any file, write none
# The number of threads depends on the processors: llama-server has one per processor for requests (tools/server:
# hardware concurrency - 1) and one per core for computing, KoboldCpp about 20 for requests, PyTorch in
# text-generation-webui about three per processor. Two sockets of 192 cores, 768 processors, need about 2300; 19 were
# measured on two. The limit stops a program that forks without end.
_PIDS = 4096
_QUANTISED = "Use a .gguf of the same model: its page at Hugging Face lists them under Quantizations."


def own_backend(spec: Spec, seen: Observed, decisions: Decisions) -> Serving:
    """Return the backend that this stack runs; raise the error if its image, model or GPU does not allow it."""
    backend, header = backends.find_backend(spec.backend.kind), seen.model.header
    _check(spec, seen, backend)
    warnings = arguments.refuse_contradictions(spec, backend, header.format, seen.ran_with)
    blocks = len(seen.model.shape.layers) if seen.model.shape else 0
    insisted = arguments.overridden(spec, backend, header.format, blocks)
    serving = _serving(insisted, seen, backend, decisions)
    return replace(serving, notes=(*warnings, *insisted.notes, *serving.notes))


def _serving(insisted: Overridden, seen: Observed, backend: Backend, decisions: Decisions) -> Serving:
    spec = insisted.spec
    gpu = gpu_request.request_gpu(spec, seen, decisions)
    start_s = start_period(seen.model, spec.model.use, decisions)
    patience_s = patience(seen.model, spec.model.use, start_s, seen, decisions)
    runs = _runs(spec, seen, backend, gpu, decisions)
    program, reserves = runs.program, backend.reserves(backend.build_of(runs.image, runs.program))
    choice = memory_plan.choose_memory(insisted, seen, backend, reserves, gpu, decisions)
    run = _run(spec, seen, backend, gpu, choice, decisions)
    backend.check(run)
    launch = backend.launch(run)
    files = {f"{FOLDER}/{PurePosixPath(inside).name}": text for inside, text in launch.files.items()}
    generated = tuple(Mount(source=f"./{name}", target=at) for name, at in zip(files, launch.files, strict=True))
    scratch = _scratch(backend, program)
    service = Service(
        name=backend.NAME,
        role="backend",
        image=runs.image,
        image_is=runs.image_is,
        entrypoint=launch.entrypoint,
        entrypoint_is="mounted" if backend.PROGRAMS else "",
        command=launch.command,
        environment={**launch.environment, **(gpu.environment if gpu else {})},
        user=None if backend.RUNS_AS_ROOT else mounts.reader(seen),
        capabilities=(READ_ONE,) if backend.RUNS_AS_ROOT else (),
        read_only_root=backend.READ_ONLY_ROOT,
        mounts=(
            *mounts.program_mount(seen, program, launch.entrypoint),
            *mounts.model_mounts(seen, backend),
            *generated,
        ),
        tmpfs=scratch,
        networks=("inner",),
        health=health(_probe(backend, run, gpu), patience_s, seen.engine),
        grace_s=backend.GRACE_S,
        memory_mib=memory_mib(spec.limits.backend_memory) or _limit(choice, scratch),
        cpus=cpus(spec.limits.backend_cpus, seen.engine),
        pids=_PIDS,
        gpu=gpu,
        fingerprint=mounts.fingerprint(seen, files),
    )
    return Serving(
        backend=backend,
        url=f"http://{backend.NAME}:{backend.PORT}",
        model_name=backend.model_id(seen.model.name),
        context=run.context // insisted.slots,
        start_s=patience_s,
        # as long as the slowest model may take, so that a change of model does not recreate SillyTavern's container
        wait_s=max(start_s, *(start_period(one, name, decisions) for name, one in seen.models.items()), 0),
        service=service,
        files=files,
        key=seen.key,
        variant=run.variant,
        program=program,
        gpu_layers="0" if run.variant == CPU else "auto" if run.gpu_layers is None else str(run.gpu_layers),
        kv_cache=run.kv_cache,
        choice=choice,
        idle_unload_s=run.idle_unload_s,
        notes=(*_notes(spec, seen, run, gpu, choice), *runs.notes, *backend.remarks(run), *_remark(backend, program)),
    )


def _probe(backend: Backend, run: Run, gpu: GpuRequest | None) -> tuple[str, ...]:
    return backend.health(GPUS[gpu.make].NODES if gpu else (), sleeps=run.idle_unload_s > 0)


def _check(spec: Spec, seen: Observed, backend: Backend) -> None:
    packing = seen.model.header.packing
    if seen.model.header.format not in backend.FORMATS:
        others = (one for one in backends.BACKENDS.values() if seen.model.header.format in one.FORMATS)
        able = ", ".join(one.NAME for one in others if not one.refuses(packing))
        packed = f", packed as {packing.upper()}" if packing else ""
        raise ModelError(
            f"{backend.TITLE} can't load {seen.model.header.format} models ({seen.model.name}{packed})",
            hint=f"Use a .gguf file, or set `backend.kind` to {able}." if able else _QUANTISED,
            issue="model-format-unsupported",
        )
    refuse_for_chat(seen.model.name, seen.model.header.purpose)
    if backend.RUNS_AS_ROOT and seen.engine and seen.engine.is_rootless:
        mounts.reader(seen)  # raises: root in its containers is only the engine's user
    if seen.model.header.format == "safetensors" and (why := backend.refuses(packing)):
        raise ModelError(
            f"{backend.TITLE} can't load {seen.model.name}, which is packed as {packing.upper()}: {why}",
            hint=_QUANTISED,
            issue="model-format-unsupported",
        )
    if not backend.PROGRAMS and spec.backend.program != "auto":
        raise ConfigError(
            f"backend.program: the image of {backend.TITLE} already contains the program",
            hint=f'Remove `backend.program`, or set `backend.kind = "{either(*backends.with_programs())}"`.',
        )
    if spec.backend.kv_cache not in {AUTO, *backend.KV_TYPES}:
        raise ConfigError(
            f"backend.kv_cache: {backend.TITLE} has no KV cache of type {spec.backend.kv_cache}",
            hint=f"Set it to one of {', '.join(backend.KV_TYPES)}.",
        )


def _notes(spec: Spec, seen: Observed, run: Run, gpu: GpuRequest | None, choice: Choice | None) -> Iterator[str]:
    yield from gpu_request.notes(spec, gpu, seen)
    trained = seen.model.header.trained_context
    if trained and run.context > trained:
        more = f"context {run.context} is more than the {trained} tokens the model was trained for"
        yield f"{more}: the model may lose the thread"
    if keys := unused_settings(spec):
        yield f"used with kind = {EXTERNAL!r} only: {', '.join(keys)}"
    if choice:
        yield from memory_plan.limit_notes(spec, choice)


def _limit(choice: Choice | None, scratch: tuple[Tmpfs, ...]) -> int | None:
    # what a program unpacks into an executable one is a part of the choice
    more = sum(one.size_mib for one in scratch if not one.executable)
    return memory_plan.limit_mib(choice, more) if choice else None


def _run(
    spec: Spec, seen: Observed, backend: Backend, gpu: GpuRequest | None, choice: Choice | None, decisions: Decisions
) -> Run:
    wanted, trained = spec.backend, seen.model.header.trained_context
    layers = None if wanted.gpu_layers == "auto" else wanted.gpu_layers
    experts, context = 0, wanted.context
    split: tuple[float, ...] = ()
    kv_cache: str = wanted.kv_cache
    if choice:
        context, kv_cache = choice.settings.context, choice.settings.kv_type
        layers, experts = choice.fit.gpu_layers, choice.settings.cpu_experts
        split = choice.settings.split if layers and len(choice.settings.split) > 1 else ()
    if context == "auto":
        inputs = {"trained_context": trained}
        context = decisions.decide(
            "backend.context", inputs, lambda: min(DEFAULT_CONTEXT, trained or DEFAULT_CONTEXT), known=is_number
        )
    if kv_cache == "auto":
        kv_cache = decisions.decide("backend.kv_cache", {}, lambda: "f16", known=one_of(backend.KV_TYPES))
    if kv_cache != "f16" and wanted.flash_attention == "off":
        raise ConfigError(
            f"backend.kv_cache = {kv_cache!r} needs flash attention, which backend.flash_attention turns off",
            hint='Set `backend.flash_attention = "auto"`, or `backend.kv_cache = "f16"`.',
        )
    first = seen.model.name if seen.model.is_folder else seen.model.files[0].name
    return Run(
        model=backend.MODEL_DIR / first,
        format=seen.model.header.format,
        variant=GPUS[gpu.make].VARIANT if gpu else CPU,
        gpus=gpu_request.gpu_count(gpu, seen) if gpu else 0,
        main_gpu=gpu.main if gpu else 0,
        cpu=seen.cpu,
        context=context,
        gpu_layers=layers,
        cpu_experts=experts,
        split=split,
        kv_cache=kv_cache,
        flash_attention=(
            (True if kv_cache != "f16" else None)
            if wanted.flash_attention == "auto"
            else wanted.flash_attention == "on"
        ),
        threads=choose_threads(spec, seen, gpu, decisions),
        batch=None if wanted.batch == "auto" else wanted.batch,
        idle_unload_s=seconds(wanted.idle_unload),
        extra_args=(*wanted.extra_args, *wanted.override_args),
        key=seen.key,
    )


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """What the container runs."""

    image: str
    image_is: ImageState
    program: str  # the key in the backend's PROGRAMS; "" if the image contains it or the user provides one
    notes: tuple[str, ...]


def _runs(spec: Spec, seen: Observed, backend: Backend, gpu: GpuRequest | None, decisions: Decisions) -> _Runs:
    variant = GPUS[gpu.make].VARIANT if gpu else CPU
    cuda = gpu_request.driver_cuda(gpu, seen) if gpu else ()
    image, image_is = backend_image(spec, backend, variant, cuda, decisions)
    newer = newer_build(spec, backend, variant, cuda, image)
    program = _program(spec, seen, backend, variant, cuda, decisions)
    gpus, format_ = gpu_request.requested_gpus(gpu, seen) if gpu else (), seen.model.header.format
    on = Hardware(variant=variant, gpus=gpus, cuda=cuda, cpu=seen.cpu, format=format_)
    notes = (*filter(None, (newer,)), *check_code(backend, image, program, on))
    return _Runs(image=image, image_is=image_is, program=program, notes=notes)


def _program(
    spec: Spec, seen: Observed, backend: Backend, variant: Variant, cuda: tuple[int, ...], decisions: Decisions
) -> str:
    """Return which of the backend's programs runs; "" if its image contains it or the user provides one."""
    if not backend.PROGRAMS or spec.backend.program != "auto":
        return ""
    chosen: str = decisions.decide(
        f"{backend.NAME}.program",
        {"variant": variant, "cpu": asdict(seen.cpu), "cuda": cuda},
        lambda: backend.program(variant, seen.cpu, cuda),
        known=decisions.of_newer(one_of(backend.PROGRAMS)),  # an older stackctl's choice may no longer exist
        holds=one_of(backend.PROGRAMS),
    )
    return chosen


def _remark(backend: Backend, program: str) -> tuple[str, ...]:
    remark = backend.PROGRAMS[program].remark if program else ""
    return (remark,) if remark else ()


def _scratch(backend: Backend, program: str) -> tuple[Tmpfs, ...]:
    if not backend.PROGRAMS:
        return (Tmpfs(target="/tmp", size_mib=256),)  # noqa: S108 - inside its container
    known = [backend.PROGRAMS[program]] if program else backend.PROGRAMS.values()
    return (Tmpfs(target="/tmp", size_mib=max(one.unpacked_mib for one in known), executable=True),)  # noqa: S108 - inside its container
