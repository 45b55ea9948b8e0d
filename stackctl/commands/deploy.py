"""`stackctl deploy`: plan, write and start a stack, and wait until it answers."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Literal

from stackctl.core.config.spec import AUTO, DEMO, Model
from stackctl.core.gpu.offload import Offload
from stackctl.core.observed import Observed
from stackctl.core.plan import memory_plan
from stackctl.core.plan.preview import Preview
from stackctl.core.plan.stack import Plan
from stackctl.core.start.docker_errors import names_place
from stackctl.core.tavern import profiles as tavern_profiles
from stackctl.core.tavern.profiles import ModelProfile
from stackctl.errors import StackctlError, Taken
from stackctl.machine import Machine
from stackctl.steps import api_key, seed_tavern, stack_model, tavern_password
from stackctl.steps.backend_program import fetch_program
from stackctl.steps.config_request import ConfigRequest, read_lock, write_config
from stackctl.steps.deploy_history import record_deploy
from stackctl.steps.disks import record_disk, refuse_full, refuse_lost_disk, refuse_without_permissions
from stackctl.steps.external_backend import wait_for_external
from stackctl.steps.fetch_images import fetch_images, forget_built, with_digests
from stackctl.steps.first_model import request_to_deploy
from stackctl.steps.former_stack import forget_former, keep_former
from stackctl.steps.gpu_layers import refuse_lacking_gpu
from stackctl.steps.keep_data import keep_data
from stackctl.steps.loadable import refuse_unloadable
from stackctl.steps.locked import refuse_unlocked, refuse_without_lock, with_model
from stackctl.steps.move import Move, look_for_move, say_move, start_moved, take_down_former
from stackctl.steps.new_images import say_new_images, to_decide_again
from stackctl.steps.observe import observe, observe_again
from stackctl.steps.offer_gpu import with_refusal
from stackctl.steps.offload import say_offload
from stackctl.steps.open_to_others import with_answer
from stackctl.steps.own_name import claimed, keep_name
from stackctl.steps.preview import preview
from stackctl.steps.private_folders import keep_out_of_git
from stackctl.steps.prove import Proof, prove
from stackctl.steps.rollback import after_failure
from stackctl.steps.say_plan import say_contexts, say_plan
from stackctl.steps.situation import Phase, Situation, plan_phase, with_lock
from stackctl.steps.start import start
from stackctl.steps.survey import surveyed
from stackctl.steps.tavern_folder import data_path, tavern_folder
from stackctl.steps.tavern_key import give_key
from stackctl.steps.write_stack import write_stack

Locked = Literal["", "all", "stack"]
_TRIES = 10  # of several deploys that start at the same moment, each try lets at least one continue


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to deploy. timeout_s None: computed from the model's size."""

    dry_run: bool = False
    replan: bool = False
    new_images: bool = False
    prove: bool = True
    timeout_s: int | None = None
    trust_first_download: bool = False
    force: bool = False  # deploy even a model that does not fit, or that the backend does not know
    rollback: bool = True  # go back to what ran before if this deploy fails
    locked: Locked = ""  # whether anything may differ from stack.lock; "stack": only the stack's place may
    opened: bool | None = None  # the user's answer about opening it to other devices; None if not asked
    leaves_gpu: bool = False  # the user was asked about a GPU of another make, and leaves it unused

    @property
    def is_anew(self) -> bool:
        """Return whether a file that another version of stackctl wrote is written again."""
        return self.replan or self.new_images


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What was deployed. A dry run has in `text` and `preview` what would be done, and `ready_s` None."""

    plan: Plan
    text: str
    ready_s: float | None = None
    observed: Observed | None = None  # the input of its plan
    proof: Proof | None = None
    offload: Offload | None = None  # what the start showed of the GPUs; None if it started no backend there
    preview: Preview | None = None


def deploy(machine: Machine, flags: Mapping[str, object], options: Options) -> Deployed:
    """Look, plan, fetch, write, start, wait, prove. The running stack is not touched until every check has passed.

    If a step fails before the new stack is ready, what worked before runs again; a failed proof changes nothing.
    """
    if options.locked:
        refuse_without_lock(machine)
    with nullcontext() if options.dry_run else machine.folder.locked(machine.ui.note):
        machine.ui.step("Looking at the machine and the model")
        wanted = request_to_deploy(machine, keep_name(machine, flags))
        machine = machine.run_by(wanted.spec.target, wanted.spec)
        final = _look(wanted, machine, options)
        if options.locked:
            refuse_unlocked(final, machine, places=options.locked == "all")
        say_plan(final.plan, final.now.observed, machine)
        if move := look_for_move(final.plan, machine):
            say_move(move, final.plan, machine)
        now = final.now
        refuse_unloadable(final.plan, now.wanted.spec, now.observed.model, machine, force=options.force)
        _refuse_too_large(final.plan, options)
        if not final.now.observed.has_run:
            refuse_full(final.plan, machine)
        machine.orchestrator.check(final.plan.name, final.text)
        up = Deployed(plan=final.plan, text=final.text)
        if options.dry_run:
            return replace(up, preview=preview(final, _profiles(final), machine, replan=options.is_anew))
        refuse_lost_disk(final.plan, machine)
        data = tavern_folder(final.plan, machine)
        refuse_without_permissions(machine.path / data_path(final.plan), data.owner, machine)
        keep_former(machine, final.plan, final.now.wanted, seed_tavern.RECORD)
        try:
            up = _change(final, up, machine, options, move)
            up = _proven(up, machine, options) if move else up
        except (StackctlError, KeyboardInterrupt) as error:
            raise after_failure(error, machine, is_wanted=options.rollback) from error.__cause__
        if move:
            take_down_former(move, machine)
        forget_former(machine)
        record_disk(up.plan, machine)
        up = up if move else _proven(up, machine, options)
        seen = up.observed or final.now.observed
        record_deploy(up.plan, seen, machine, ready_s=up.ready_s, proof=up.proof, offload=up.offload)
        return up


def _proven(up: Deployed, machine: Machine, options: Options) -> Deployed:
    """Ask through SillyTavern, unless the user does not want a proof."""
    if not options.prove:
        return up
    machine.ui.step("Asking through SillyTavern")
    proof = prove(up.plan, machine)
    say_contexts(proof.contexts, machine)
    return replace(up, proof=proof)


def _change(final: Phase, up: Deployed, machine: Machine, options: Options, move: Move | None) -> Deployed:
    """Write, fetch and start. Nothing was changed before this; the caller restores what worked if this fails."""
    write_config(machine, final.now.wanted)
    keep_out_of_git(machine, final.now.wanted.spec, final.plan)
    api_key.keep_key(machine, final.now.observed.key)
    for phase in _phases(final, machine):
        up = _bring_up(_with_its_model(phase, up, machine), machine, options, move)
    return up


def _look(wanted: ConfigRequest, machine: Machine, options: Options) -> Phase:
    """Observe and plan what is wanted; include the model that has yet to be fetched, if there is one."""
    lock = read_lock(machine)
    if options.opened is not None:
        lock = with_answer(lock, is_open=options.opened)
    if options.leaves_gpu:
        lock = with_refusal(lock)
    coming = stack_model.pending_model(wanted.spec, machine, lock)
    observed = observe(wanted.spec, machine, lock, coming.model if coming else None)
    observed = replace(observed, patience_s=options.timeout_s or 0)
    recorded = lock
    lock = to_decide_again(lock, machine, replan=options.replan, new_images=options.new_images)
    if not options.dry_run:
        observed, lock = wait_for_external(wanted.spec, observed, lock, machine, timeout_s=options.timeout_s)
    lock = with_model(lock, observed.model, coming, machine)
    phase = plan_phase(Situation(wanted=wanted, observed=observed, lock=lock), machine, coming)
    phase = phase if options.dry_run else surveyed(phase, machine)
    if options.new_images:
        say_new_images(phase.planned, recorded, machine)
    return phase


def _phases(final: Phase, machine: Machine) -> tuple[Phase, ...]:
    """Return the stacks to start, in order: a new stack serves the demo model until its own model is here."""
    if final.pending and final.pending.is_away and final.now.observed.is_new:
        return plan_phase(_with_demo(final.now, machine), machine), final
    return (final,)


def _with_its_model(phase: Phase, before: Deployed, machine: Machine) -> Phase:
    """Return the phase once its model is pulled and observed. `before`: the stack that was started so far."""
    if phase.pending is None:
        return phase
    lock = phase.now.lock
    if before.ready_s is not None:
        machine.ui.note(f"chat with the demo model meanwhile: {before.plan.url}")
        lock = read_lock(machine)
    if phase.pending.is_away:
        machine.ui.step("Fetching the model")
    lock = stack_model.download(phase.pending, machine, lock)
    wanted = phase.now.wanted
    observed = replace(observe(wanted.spec, machine, lock), patience_s=phase.now.observed.patience_s)
    lock = with_model(lock, observed.model, None, machine)
    return surveyed(plan_phase(Situation(wanted=wanted, observed=observed, lock=lock), machine), machine)


def _bring_up(phase: Phase, machine: Machine, options: Options, move: Move | None) -> Deployed:
    """Fetch what is missing, and start; choose again while other programs take ports that were free a moment ago."""
    machine.ui.step("Fetching what is missing")
    phase = _with_images(phase, machine, options)
    with claimed(phase.plan.name, machine):
        for _ in range(_TRIES):
            try:
                return _start(phase, machine, options, move)
            except Taken as error:
                phase = _choose_again(error, phase, machine)
        return _start(phase, machine, options, move)


def _start(phase: Phase, machine: Machine, options: Options, move: Move | None) -> Deployed:
    """Keep the data that another SillyTavern could change, then write, seed, start and wait."""
    plan = phase.plan
    keep_data(plan, move.former if move and move.stands else machine)
    settings = seed_tavern.wanted_settings(plan, _profiles(phase), machine)
    text = write_stack(phase.planned, phase.text, machine, replan=options.is_anew)
    backend = f"{plan.backend_title} and " if plan.backend_service else ""
    machine.ui.step(f"Starting {backend}SillyTavern")
    seed_tavern.seed_tavern(plan, settings, machine)
    give_key(plan, machine)
    timeout_s = options.timeout_s
    started = (
        start_moved(move, plan, machine, timeout_s=timeout_s) if move else start(plan, machine, timeout_s=timeout_s)
    )
    say_offload(plan, started.offload, started.buffers, machine)
    tavern_password.take_password_back(plan, machine)
    return Deployed(plan=plan, text=text, ready_s=started.ready_s, observed=phase.now.observed, offload=started.offload)


def _choose_again(error: Taken, phase: Phase, machine: Machine) -> Phase:
    """Plan the phase again after a start met a taken port. Raises the error if nothing else may be chosen.

    The engine notices a taken port before it can be seen who holds it.
    """
    now, page = phase.now, phase.plan.sillytavern
    observed = observe_again(now.observed, now.wanted.spec, machine)
    met_at = next((one.port for one in page.publish if names_place(error.evidence, one.place)), None)
    if met_at is not None:
        unseen = {met_at: "another program (`docker ps` and `sudo ss -ltnp` may show which)"}
        observed = replace(observed, taken_ports={**unseen, **observed.taken_ports})
    again = plan_phase(replace(now, observed=observed), machine)
    if again.planned.lock.decisions == phase.planned.lock.decisions:
        raise error
    machine.ui.note(f"{error.message}: choosing another")
    return again


def _with_demo(now: Situation, machine: Machine) -> Situation:
    """Return the same stack with the demo model, without the settings for the wanted model."""
    spec = now.wanted.spec
    own = spec.backend.model_copy(update={"context": AUTO, "gpu_layers": AUTO, "kv_cache": AUTO})
    demo = spec.model_copy(update={"model": Model(path=DEMO), "backend": own})
    observed = replace(now.observed, model=machine.model(DEMO))
    return replace(now, wanted=replace(now.wanted, spec=demo), observed=observed)


def _profiles(phase: Phase) -> tuple[ModelProfile, ...]:
    plan, now = phase.plan, phase.now
    return tavern_profiles.of_models(
        now.wanted.written, now.observed, server_type=plan.tavern_type, url=plan.backend_url
    )


def _with_images(phase: Phase, machine: Machine, options: Options) -> Phase:
    """Fetch program and images; the phase's lock then has our images that replace official ones, and every digest."""
    spec = phase.now.wanted.spec
    fetch_program(phase.plan, spec, machine, trust_first_download=options.trust_first_download)
    phase = with_lock(phase, forget_built(phase.plan, phase.planned.lock, machine), machine)
    phase = with_lock(phase, fetch_images(phase.plan, spec, phase.planned.lock, machine), machine)
    refuse_lacking_gpu(phase.plan, spec, phase.now.observed, machine)
    return with_lock(phase, with_digests(phase.plan, phase.planned.lock, machine), machine)


def _refuse_too_large(decided: Plan, options: Options) -> None:
    """Raise DoesNotFit for a model that takes more memory than is free now, unless the user forces it."""
    if decided.memory and not decided.memory.fits and not options.force:
        raise memory_plan.refusal(decided.memory, decided.model_name)
