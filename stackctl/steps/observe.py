"""Look at the machine: engine, model, GPUs, ports, networks. Changes nothing."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from pathlib import PurePosixPath

from stackctl import backends
from stackctl.contracts.host import Gpu
from stackctl.core.config.lock import Lock
from stackctl.core.config.section import NONE
from stackctl.core.config.spec import AUTO, DEMO, Model, OneModel, Spec
from stackctl.core.container_paths import refuse_elsewhere
from stackctl.core.model.model import ModelSeen
from stackctl.core.observed import EngineSeen, Observed, ServiceState
from stackctl.core.plan import exposure, external_backend, plan_json
from stackctl.core.plan.companions import companion_ports
from stackctl.core.plan.plan import stack_name
from stackctl.core.plan.subnets import network_name, own_subnets
from stackctl.errors import ConfigError, ModelError, StackctlError
from stackctl.machine import Machine
from stackctl.steps import api_key, tavern_password
from stackctl.steps.backend_program import program_paths
from stackctl.steps.config_request import read_lock
from stackctl.steps.deployed_arguments import deployed_arguments
from stackctl.steps.external_backend import observed_external
from stackctl.steps.has_run import has_run
from stackctl.steps.models.known_model import with_catalogue
from stackctl.steps.other_target import all_states, former_subnets
from stackctl.steps.own_name import is_gone, refuse_foreign
from stackctl.steps.own_turns import with_turns
from stackctl.steps.stack_model import model_path
from stackctl.terminal import command_line


def observe(spec: Spec, machine: Machine, found: Lock | None = None, coming: ModelSeen | None = None) -> Observed:
    """Return everything that plan() needs, the engine included.

    `found`: the record, if not stack.lock's. `coming`: the model, if it is not here yet.
    """
    found = found or read_lock(machine)
    with machine.docker.loading():
        compose_argv, compose_version = machine.orchestrator.observe()
    engine = machine.docker.look(compose_argv, compose_version)
    name = stack_name(spec, machine.place)
    refuse_elsewhere("this folder", machine.place, machine.docker.own_binds, is_folder=True)
    refuse_foreign(name, machine)
    _refuse_second(spec, machine, engine)
    seen = Observed(
        folder=machine.place,
        owner=machine.folder.owner,
        key=api_key.stack_key(machine, spec),
        password=tavern_password.tavern_password(machine, spec),
        interfaces=machine.host.interfaces() if spec.sillytavern.has_password else {},
        bridges=machine.host.bridges(),
        names=machine.host.names() if engine.is_local else None,
        time_zone=machine.host.time_zone() if engine.is_local else "",
        model=external_backend.external_model(None),
        engine=engine,
        proxy=_proxy(spec, machine),
    )
    seen = observe_again(seen, spec, machine)
    if spec.backend.is_external:
        return observed_external(spec, seen, found, machine)
    for program in program_paths(spec, machine).values():
        refuse_elsewhere("the backend's program", program, machine.docker.own_binds)
    return _with_own_backend(seen, coming or _model(spec, machine, found), spec, machine, found)


def observe_again(seen: Observed, spec: Spec, machine: Machine) -> Observed:
    """Return `seen` with the ports and subnets that others hold now, and with the present state of this stack."""
    engine, name = seen.engine, stack_name(spec, machine.place)
    assert engine is not None  # noqa: S101 - observe() has asked one
    states = all_states(name, machine)
    backend = _backend_state(spec, states)
    theirs, own = machine.orchestrator.addresses(name)
    moving = {spec.network.inner, spec.network.edge} & former_subnets(name, machine)
    theirs = tuple(net for net in theirs if str(net) not in moving)
    routes = tuple(net for net in machine.host.routes() if net not in (*own, *theirs)) if engine.is_local else ()
    return replace(
        seen,
        is_new=not states,
        backend_runs=backend is not None and backend.state == "running",
        has_run=has_run(machine, states),
        taken_subnets=theirs,
        gateway=machine.orchestrator.gateway(),
        routes=routes,
        taken_ports=_ports(spec, machine, engine, name),
        publish_conflicts=_publish_conflicts(spec, machine, engine, name),
    )


def observe_without_engine(spec: Spec, machine: Machine, recorded: Lock) -> Observed:
    """Return what is known without asking an engine: enough to render.

    The engine's features are those seen at this folder's last deploy, so that rendering gives the file that runs.
    """
    own = own_subnets(spec, recorded)
    engine = _recorded_engine(machine)
    is_here = spec.sillytavern.has_password or (engine is not None and engine.is_local)
    seen = Observed(
        folder=machine.place,
        owner=machine.folder.owner,
        key=api_key.stack_key(machine, spec),
        password=tavern_password.tavern_password(machine, spec),
        interfaces=machine.host.interfaces() if spec.sillytavern.has_password else {},
        bridges=machine.host.bridges(),
        names=machine.host.names() if is_here else None,  # else the stack may be for another machine
        time_zone=machine.host.time_zone(),
        model=external_backend.external_model(None),
        gateway=machine.orchestrator.recorded_gateway(),
        routes=tuple(net for net in machine.host.routes() if net not in own),
        has_run=has_run(machine, {}),
    )
    if not spec.backend.is_external:
        model = machine.model(model_at(spec.model, machine, recorded))
        seen = _with_own_backend(seen, model, spec, machine, recorded)
    return replace(seen, engine=engine)


def _recorded_engine(machine: Machine) -> EngineSeen | None:
    """Return the engine that this folder's stack was deployed on; None if none is recorded."""
    with suppress(StackctlError):
        return plan_json.engine(machine.folder.read(plan_json.FILE, errors="replace") or "", machine.place)
    return None


def _refuse_second(spec: Spec, machine: Machine, engine: EngineSeen) -> None:
    """Raise ConfigError while this folder's stack is on the engine under another name.

    Two SillyTaverns on the same chats would corrupt them.
    """
    name, before = stack_name(spec, machine.place), network_name(read_lock(machine))
    for other, folder in sorted(machine.docker.stack_folders()):
        is_seen = engine.is_local and machine.docker.own_binds is None  # a container may just not mount the old folder
        is_moved = other == before and is_seen and is_gone(folder)
        if other != name and (folder == str(machine.path) or is_moved):
            takes_away = f"Remove it with `{command_line('docker', 'compose', '-p', other, 'down')}` (chats stay)"
            keeps = f'keep its name: name = "{other}" in stack.toml'
            started = f" (started in {folder})" if is_moved else ""
            raise ConfigError(
                f"this folder already runs as stack {other!r}{started}; starting a second one on the same chats would "
                "corrupt them",
                hint="Run `stackctl deploy` to take it over under its name."
                if is_moved and spec.name == AUTO
                else f"{takes_away}, or {keeps}.",
                issue="stack-renamed",
            )


def _with_own_backend(seen: Observed, model: ModelSeen, spec: Spec, machine: Machine, found: Lock) -> Observed:
    """Return `seen` with everything that a backend run by this stack needs from this machine."""
    is_here = seen.engine is None or seen.engine.is_local
    own, known = _backend_process(spec, seen, machine), with_catalogue(model, spec.model.source, machine)
    return replace(
        seen,
        model=with_turns(known, machine) if spec.sillytavern.template == AUTO else known,
        models={name: with_turns(one, machine) for name, one in _models(spec, machine, found).items()},
        gpus=_gpus(spec, machine, own) if is_here else (),
        cdi=machine.docker.cdi() if seen.engine and spec.gpu.mode != NONE else None,
        ram=machine.host.ram(own) if is_here else None,
        read_speed=machine.host.read_speed() if is_here and model.shape and not spec.model.is_demo else None,
        is_wsl=machine.host.is_wsl(),
        view=machine.docker.view if seen.engine else "",
        container=machine.host.container_kind() if is_here else "",
        hypervisor=machine.host.hypervisor() if is_here else "",
        gpu_variables=machine.host.gpu_variables() if is_here else {},
        cpu=machine.host.cpu(),
        programs=program_paths(spec, machine),
        ran_with=deployed_arguments(machine, spec.backend.extra_args, found),
    )


def model_at(model: Model | OneModel, machine: Machine, found: Lock) -> str:
    """Return the model as machine.model() takes it; raise ModelError if it has yet to be pulled."""
    if model.is_demo:
        return DEMO
    if model.path != AUTO:
        return model.path
    path = model_path(model, machine, found.decisions)
    if path is None or not path.exists():
        raise ModelError(
            f"{model.source} is not here yet", hint="Run `stackctl deploy` to download it.", issue="model-missing"
        )
    return str(path)


def _model(spec: Spec, machine: Machine, found: Lock) -> ModelSeen:
    """Return the model; raise an error if the engine would not find its files at the paths that we see."""
    wanted = model_at(spec.model, machine, found)
    if wanted != DEMO:
        path = machine.storage.model_path(wanted, machine.path).resolve()
        refuse_elsewhere("the model", PurePosixPath(path), machine.docker.own_binds)
    model = machine.model(wanted)
    for file in model.files:
        refuse_elsewhere("the model", file.host, machine.docker.own_binds)
    return model


def _models(spec: Spec, machine: Machine, found: Lock) -> dict[str, ModelSeen]:
    """Return the models that `stackctl use` can choose. A missing model is skipped: deploying it reports the error."""
    here: dict[str, ModelSeen] = {}
    for name, entry in sorted(spec.models.items()):
        with suppress(ModelError):
            here[name] = with_catalogue(machine.model(model_at(entry, machine, found)), entry.source, machine)
    return here


def _backend_process(spec: Spec, seen: Observed, machine: Machine) -> int | None:
    """Return the id of this stack's backend process: the memory it holds is free again once a deploy replaces it."""
    if seen.engine is None or seen.is_new or not seen.engine.is_local:
        return None
    state = _backend_state(spec, all_states(stack_name(spec, machine.place), machine))
    return state.pid if state and state.pid else None


def _backend_state(spec: Spec, states: Mapping[str, ServiceState]) -> ServiceState | None:
    """Return the state of the stack's own backend; None if there is none."""
    return None if spec.backend.is_external else states.get(backends.find_backend(spec.backend.kind).NAME)


def _gpus(spec: Spec, machine: Machine, own: int | None) -> tuple[Gpu, ...]:
    if spec.gpu.mode == "none":
        return ()
    found = machine.gpus.list()
    held = machine.gpus.held(own) if found and own else {}
    return tuple(replace(gpu, own_mib=held.get(gpu.uuid, 0)) for gpu in found)


def _ports(spec: Spec, machine: Machine, engine: EngineSeen, name: str) -> dict[int, str]:
    theirs, own = machine.docker.published(name)
    listening: dict[int, str] = {}
    if engine.is_local:
        wanted = spec.sillytavern.expose
        here = machine.host.interfaces() if wanted != NONE else {}
        others = exposure.matching_interfaces(wanted, here, machine.host.bridges())
        for address in (ip_address(spec.sillytavern.bind), *(one.ip for one in others)):
            listening |= machine.host.listening(str(address))
    return {port: who for port, who in {**listening, **theirs}.items() if port not in own}


def _publish_conflicts(spec: Spec, machine: Machine, engine: EngineSeen, name: str) -> dict[str, str]:
    """Return "address:port" -> who holds that port, for each port that a companion will open and that is taken."""
    found = {}
    for wanted in companion_ports(spec):
        theirs, own = machine.docker.published(name)
        listening = machine.host.listening(wanted.address) if engine.is_local else {}
        if wanted.port not in own and (holder := {**listening, **theirs}.get(wanted.port)):
            found[wanted.place] = holder
    return found


def _proxy(spec: Spec, machine: Machine) -> str | None:
    """Return the proxy's address in its network; raise ConfigError if the network or the proxy is missing."""
    wanted = spec.sillytavern.proxy
    if not wanted.is_wanted:
        return None
    found = machine.docker.addresses(wanted.network)
    if wanted.container not in found:
        raise ConfigError(
            f"sillytavern.proxy: there is no running container {wanted.container} in the network {wanted.network}",
            hint=f"Start the proxy first. The containers in that network are: {', '.join(sorted(found)) or 'none'}.",
            issue="proxy-missing",
        )
    return found[wanted.container]
