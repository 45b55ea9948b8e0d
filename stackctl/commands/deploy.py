"""`stackctl deploy`: from what is wanted to a stack that answers."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace

from stackctl.core.config.spec import AUTO, DEMO, Model
from stackctl.core.fit.reconcile import difference
from stackctl.core.plan import memory_plan
from stackctl.core.plan.plan import forget_decisions
from stackctl.core.plan.stack import Plan
from stackctl.core.start.docker_errors import names_place
from stackctl.core.tavern import profiles as tavern_profiles
from stackctl.core.tavern.profiles import Profile
from stackctl.errors import Taken
from stackctl.machine import Machine
from stackctl.orchestrators.compose import render
from stackctl.steps import api_key, seed_tavern, stack_model, tavern_password
from stackctl.steps.backend_program import fetch_program
from stackctl.steps.config_request import ConfigRequest, read_lock, write_config
from stackctl.steps.deploy_history import record_deploy
from stackctl.steps.external_backend import wait_for_external
from stackctl.steps.fetch_images import fetch_images, with_digests
from stackctl.steps.first_model import request_to_deploy
from stackctl.steps.observe import observe, observe_again
from stackctl.steps.private_folders import keep_out_of_git
from stackctl.steps.prove import Proof, prove
from stackctl.steps.situation import Situation
from stackctl.steps.stack_model import PendingModel
from stackctl.steps.start import start
from stackctl.steps.tavern_key import give_key
from stackctl.steps.write_stack import write_stack

_TRIES = 10  # at least one of those who start at the same moment goes on each time


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to deploy. timeout_s None: from the model's size."""

    dry_run: bool = False
    replan: bool = False
    prove: bool = True
    timeout_s: int | None = None
    trust_first_download: bool = False
    force: bool = False  # even what does not fit


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What was deployed. With a dry run, `text` is what would be written."""

    plan: Plan
    text: str
    ready_s: float | None = None
    proof: Proof | None = None


def deploy(machine: Machine, flags: Mapping[str, object], options: Options) -> Deployed:
    """Look, plan, fetch, write, start, wait, prove. The running stack is not touched until every check has passed."""
    with nullcontext() if options.dry_run else machine.folder.locked(machine.ui.note):
        machine.ui.step("Looking at the machine and the model")
        now, coming = _look(request_to_deploy(machine, flags), machine, options)
        planned = now.plan()
        text = render.render(planned.plan, machine.storage.template)
        _say(planned.plan, machine)
        _refuse_too_large(planned.plan, options)
        machine.orchestrator.check(planned.plan.name, text)
        if options.dry_run:
            return Deployed(plan=planned.plan, text=text)
        write_config(machine, now.wanted)
        keep_out_of_git(machine, now.wanted.spec, planned.plan)
        api_key.keep_key(machine, now.seen.key)
        if coming:
            now = _with_its_model(coming, now, machine, options)
        up = _up(now, machine, options)
        if options.prove:
            machine.ui.step("Asking through SillyTavern")
            up = replace(up, proof=prove(up.plan, machine))
        record_deploy(up.plan, now.seen, machine, ready_s=up.ready_s, proof=up.proof)
        return up


def _look(wanted: ConfigRequest, machine: Machine, options: Options) -> tuple[Situation, PendingModel | None]:
    """What is wanted, seen and recorded; and the model, if it has yet to be fetched."""
    lock = read_lock(machine)
    coming = stack_model.pending_model(wanted.spec, machine, lock)
    seen = observe(wanted.spec, machine, lock, coming.model if coming else None)
    if options.replan:
        lock = forget_decisions(lock)
    if not options.dry_run:
        seen, lock = wait_for_external(wanted.spec, seen, lock, machine, timeout_s=options.timeout_s)
    return Situation(wanted=wanted, seen=seen, lock=lock), coming


def _with_its_model(coming: PendingModel, now: Situation, machine: Machine, options: Options) -> Situation:
    """Pull the model, and look again: it is here then. A new stack serves the demo model until it is whole."""
    lock = now.lock
    if now.seen.is_new:
        up = _up(_with_demo(now, machine), machine, options)
        machine.ui.note(f"chat with the demo model meanwhile: {up.plan.url}")
        lock = read_lock(machine)
    machine.ui.step("Fetching the model")
    lock = stack_model.download(coming, machine, lock)
    return Situation(wanted=now.wanted, seen=observe(now.wanted.spec, machine, lock), lock=lock)


def _up(now: Situation, machine: Machine, options: Options) -> Deployed:
    """Fetch what is missing, and start; as long as others take what was free a moment ago, with something else."""
    machine.ui.step("Fetching what is missing")
    now = _with_images(now, machine, options)
    for _ in range(_TRIES):
        try:
            return _start(now, machine, options)
        except Taken as error:
            now = _choose_again(error, now, machine)
    return _start(now, machine, options)


def _start(now: Situation, machine: Machine, options: Options) -> Deployed:
    """Write, seed, start and wait."""
    planned = now.plan()
    settings = seed_tavern.wanted_settings(planned.plan, _profiles(now, planned.plan), machine)
    text = write_stack(planned, machine, replan=options.replan)
    backend = f"{planned.plan.backend_title} and " if planned.plan.backend_service else ""
    machine.ui.step(f"Starting {backend}SillyTavern")
    seed_tavern.seed_tavern(planned.plan, settings, machine)
    give_key(planned.plan, machine)
    started = start(planned.plan, machine, timeout_s=options.timeout_s or planned.plan.timeout_s)
    if planned.plan.memory and (said := difference(planned.plan.memory.fit, started.buffers)):
        machine.ui.note(f"note: {said}")
    tavern_password.take_password_back(planned.plan, machine)
    return Deployed(plan=planned.plan, text=text, ready_s=started.ready_s)


def _choose_again(error: Taken, now: Situation, machine: Machine) -> Situation:
    """What is seen now that a start met somebody else. Raises who holds it where nothing may be chosen again.

    The engine knows of a port that is taken before anybody can see who holds it.
    """
    before = now.plan()
    seen, page = observe_again(now.seen, now.wanted.spec, machine), before.plan.sillytavern
    met_at = next((one.port for one in page.publish if names_place(error.evidence, one.place)), None)
    if met_at is not None:
        unseen = {met_at: "somebody else (docker ps and sudo ss -ltnp may show who)"}
        seen = replace(seen, taken_ports={**unseen, **seen.taken_ports})
    again = replace(now, seen=seen)
    if again.plan().lock.decisions == before.lock.decisions:
        raise error
    machine.ui.note(f"{error.message}: choosing another")
    return again


def _with_demo(now: Situation, machine: Machine) -> Situation:
    """The same stack with the demo model, for which nothing of the other's settings counts."""
    spec = now.wanted.spec
    own = spec.backend.model_copy(update={"context": AUTO, "gpu_layers": AUTO, "kv_cache": AUTO})
    demo = spec.model_copy(update={"model": Model(path=DEMO), "backend": own})
    seen = replace(now.seen, model=machine.model(DEMO))
    return replace(now, wanted=replace(now.wanted, spec=demo), seen=seen)


def _profiles(now: Situation, plan: Plan) -> tuple[Profile, ...]:
    return tavern_profiles.of_models(now.wanted.written, now.seen, server_type=plan.tavern_type, url=plan.backend_url)


def _with_images(now: Situation, machine: Machine, options: Options) -> Situation:
    """Bring program and images; what is recorded then has the images that had to stand in, and every digest."""
    planned, spec = now.plan(), now.wanted.spec
    fetch_program(planned.plan, spec, machine, trust_first_download=options.trust_first_download)
    now = replace(now, lock=fetch_images(planned.plan, spec, planned.lock, machine))
    planned = now.plan()
    service = planned.plan.backend_service
    if service and service.gpu:
        machine.docker.try_gpu(service.image, service.gpu)
    return replace(now, lock=with_digests(planned.plan, planned.lock, machine))


def _refuse_too_large(decided: Plan, options: Options) -> None:
    """Raise DoesNotFit for a model that takes more than is free now, unless the user insists."""
    if decided.memory and not decided.memory.fits and not options.force:
        raise memory_plan.refusal(decided.memory, decided.model_name)


def _say(decided: Plan, machine: Machine) -> None:
    what = f"{decided.backend_title} with {decided.model_name or 'its model'}, context {decided.context}"
    where = f"KV cache {decided.kv_cache}, {'on the CPU' if decided.variant == 'cpu' else 'GPU by NVIDIA'}"
    if not decided.backend_service:
        where = f"at {decided.backend_url}"
    machine.ui.note(f"{what}, {where}; SillyTavern at {decided.url}")
    if decided.memory:
        machine.ui.note(memory_plan.describe(decided.memory))
    template = decided.template
    if template and template.source:
        machine.ui.note(f"prompt template {template.instruct}, by {template.source}")
    for note in decided.notes:
        machine.ui.note(f"note: {note}")
