"""Makes a Plan, with nothing left to decide, of Spec (the configuration) and Observed (the machine)."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import PurePosixPath

from stackctl.contracts.service import GpuRequest, Network, Service
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.config.section import LAN
from stackctl.core.config.spec import DEMO, Spec
from stackctl.core.gpu import surroundings
from stackctl.core.hub import store
from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan import (
    engine_features,
    exposure,
    gpu_request,
    host_names,
    images,
    security,
    subnets,
    template_choice,
    time_zone,
)
from stackctl.core.plan.backend_service import own_backend
from stackctl.core.plan.companions import companion_notes, companion_services
from stackctl.core.plan.external_backend import external_backend
from stackctl.core.plan.locked import ANSWERS
from stackctl.core.plan.stack import Plan
from stackctl.core.plan.tavern_service import PROXY_NETWORK, data_folder, port_note, sillytavern
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern.samplers import recommended
from stackctl.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, its decisions, and a hash of the configuration and the observation.

    security: names of its measures in core/plan/security.py.
    """

    plan: Plan
    lock: Lock
    inputs: str
    security: tuple[str, ...]
    engine: EngineSeen | None = None  # the engine that the plan is for


def _finish(service: Service, seen: Observed, recorded: Lock) -> Service:
    """Return the service as this engine takes it, with the image by its recorded digest."""
    adapted = engine_features.adapt(service, seen.engine)
    return replace(adapted, image=images.pinned(adapted.image, recorded.digests))


def plan(spec: Spec, seen: Observed, recorded: Lock) -> Planned:
    """Decide everything; raise ConfigError, EngineError, GpuError or ModelError if the configuration can't be met."""
    decisions = Decisions(recorded)
    _check(spec)
    _keep_found(spec, decisions)
    name = stack_name(spec, seen.folder)
    serving = (external_backend if spec.backend.is_external else own_backend)(spec, seen, decisions)
    networks = subnets.networks(name, spec, seen, decisions, has_inner=serving.service is not None)
    template = template_choice.choose(spec, seen)
    names = host_names.served_names(spec, seen, decisions)
    page = sillytavern(spec, seen, serving, networks, names, decisions)
    companions = companion_services(spec, seen, serving, networks, page, decisions)
    in_zone = time_zone.in_zone((serving.service, page), time_zone.choose_zone(seen, recorded, decisions))
    services = tuple(_finish(one, seen, recorded) for one in (*in_zone, *companions))
    measures = security.measures(services, networks)
    return Planned(
        plan=Plan(
            name=name,
            backend=serving.backend.NAME,
            backend_title=serving.backend.TITLE,
            services=services,
            networks=(*networks, *_proxy_network(spec)),
            files=serving.files,
            key=serving.key,
            hosts=spec.sillytavern.proxy.hosts,
            password=seen.password,
            folders=tuple(f"{data_folder(spec)}/{folder}" for folder in tavern.FOLDERS),
            tavern_type=serving.backend.TAVERN_TYPE,
            backend_url=serving.url,
            model_name=serving.model_name,
            is_demo=seen.model.wanted == DEMO,
            variant=serving.variant,
            program=serving.program,
            context=serving.context,
            gpu_layers=serving.gpu_layers,
            kv_cache=serving.kv_cache,
            extra_args=spec.backend.extra_args,
            memory=serving.choice,
            idle_unload_s=serving.idle_unload_s,
            template=template,
            samplers=recommended(seen.model),
            model_bytes=seen.model.size,
            notes=(
                *port_note(spec, seen, recorded, page),
                *decisions.notes(),
                *_notes(spec, seen, networks),
                *exposure.notes(spec, seen, exposure.exposed_interfaces(spec, seen)),
                *serving.notes,
                *companion_notes(companions),
                *host_names.notes(names, recorded, decisions),
                *security.notes(measures, recorded),
                *template_choice.notes(template, spec, seen),
            ),
            timeout_s=max(300, serving.start_s + 120),
        ),
        lock=decisions.lock(),
        inputs=_inputs(spec, seen, serving.service.gpu if serving.service else None, names),
        security=tuple(measures),
        engine=seen.engine,
    )


def _keep_found(spec: Spec, decisions: Decisions) -> None:
    """Keep the recorded places of models that stack.toml names by a source, and the user's answers."""
    for answer in ANSWERS:
        decisions.keep(answer)
    for source in (spec.model.source, *(one.source for one in spec.models.values())):
        decisions.keep(store.key(source))


def forget_decisions(recorded: Lock) -> Lock:
    """Return the lock without its decisions, so that plan() makes them all again.

    The images stay, which images.forget_images() forgets, and so do the places of models and the user's answers, which
    are no decisions.
    """
    found = {
        key: one
        for key, one in recorded.decisions.items()
        if store.is_key(key) or key in ANSWERS or images.is_image(key, one.value)
    }
    return replace(recorded, decisions=found)


def _inputs(spec: Spec, seen: Observed, gpu: GpuRequest | None, names: tuple[str, ...]) -> str:
    """Return the inputs of a rendered file, without recorded decisions and the version of stackctl.

    Of the changes of a version, only measures of security count.
    """
    engine = seen.engine and (
        *(seen.engine.version[:1], seen.engine.compose[:2], seen.engine.has_cpu_quota),
        *engine_features.distinctions(seen.engine),
    )
    asked = gpu and (gpu.driver, gpu.devices, gpu_request.gpu_count(gpu, seen), *filter(None, (gpu.files, gpu.groups)))
    key = seen.key.reveal()  # a 64-bit hash can't be reversed to the key
    open_to = exposure.exposed_interfaces(spec, seen), seen.password and seen.password.reveal()
    content = (
        *(security.NAMES, names),
        *(spec.model_dump_json(exclude_defaults=True), seen.owner, seen.model.files, asked, engine, seen.cpu, key),
        *(
            (*open_to, seen.proxy, exposure.matching_interfaces(LAN, seen.interfaces, seen.bridges))
            if spec.sillytavern.has_password
            else ()
        ),
    )
    return hashlib.sha256(repr(content).encode()).hexdigest()[:16]


def stack_name(spec: Spec, folder: PurePosixPath) -> str:
    """Return the Compose project's name: as written, or made from the folder's name as Compose does."""
    if spec.name != "auto":
        return spec.name
    made = re.sub(r"[^a-z0-9_-]", "", folder.name.lower()).lstrip("_-")[:63]
    return made or "stack"


def _proxy_network(spec: Spec) -> tuple[Network, ...]:
    name = spec.sillytavern.proxy.network
    return (Network(name=PROXY_NETWORK, subnet="", gateway="", internal=False, existing=name),) if name else ()


def _check(spec: Spec) -> None:
    if spec.sillytavern.data.startswith("~"):
        raise ConfigError(
            f"sillytavern.data = {spec.sillytavern.data!r}: Compose would create a folder with the name ~",
            hint="Write the whole path, or a path relative to this folder.",
        )
    bind = ip_address(spec.sillytavern.bind)
    if not bind.is_loopback:
        itself = "" if bind.is_unspecified else f', or `expose = "{bind}"`'
        raise ConfigError(
            f"sillytavern.bind = {spec.sillytavern.bind!r} is no loopback address",
            hint='Set `bind = "127.0.0.1"`; to open it to others, write `expose = "lan"` for the private networks '
            f"of this machine{itself}.",
            issue="exposure-refused",
        )


def _notes(spec: Spec, seen: Observed, networks: tuple[Network, ...]) -> Iterator[str]:
    limits = (spec.limits.backend_cpus, spec.limits.sillytavern_cpus)
    if seen.engine and not seen.engine.has_cpu_quota and any(limit != "auto" for limit in limits):
        yield "this kernel has no CPU quota: the limits on CPUs are left out"
    if not spec.backend.is_external and (said := surroundings.slow_cpu(seen.cpu, seen.hypervisor)):
        yield said
    yield from subnets.notes(networks, seen)
    yield from engine_features.notes(seen.engine)
