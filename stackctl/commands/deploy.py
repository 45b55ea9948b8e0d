"""`stackctl deploy`: from what is wanted to a stack that answers."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace

from stackctl import __version__
from stackctl.commands import keys, login, model_place, seed
from stackctl.commands.elsewhere import met
from stackctl.commands.fetch import fetch_images, with_digests
from stackctl.commands.first_model import wish_to_deploy
from stackctl.commands.look import look, look_again
from stackctl.commands.model_place import Coming
from stackctl.commands.private_folders import keep_out_of_git
from stackctl.commands.program import provide
from stackctl.commands.prove import Proof, prove
from stackctl.commands.situation import Situation
from stackctl.commands.start import start
from stackctl.commands.tavern_key import give_key
from stackctl.commands.wish import Wish, recorded, write
from stackctl.core import render
from stackctl.core.config import lock as lock_file
from stackctl.core.config.lock import differ
from stackctl.core.config.spec import AUTO, DEMO, Model
from stackctl.core.fit.reconcile import difference
from stackctl.core.model import demo_model
from stackctl.core.plan import memory_plan, security
from stackctl.core.plan.plan import Planned, forget_decisions
from stackctl.core.plan.stack import Plan
from stackctl.core.start.docker_errors import names_place
from stackctl.core.tavern import profiles as tavern_profiles
from stackctl.core.tavern.profiles import Profile
from stackctl.effects.files import Folder
from stackctl.errors import Taken
from stackctl.machine import Machine

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
        now, coming = _look(wish_to_deploy(machine, flags), machine, options)
        planned = now.plan()
        text = render.render(planned.plan, machine.template)
        _say(planned.plan, machine)
        _refuse_too_large(planned.plan, options)
        machine.compose.check(planned.plan.name, text)
        if options.dry_run:
            return Deployed(plan=planned.plan, text=text)
        write(machine, now.wanted)
        keep_out_of_git(machine, now.wanted.spec, planned.plan)
        keys.keep(machine, now.seen.key)
        if coming:
            now = _with_its_model(coming, now, machine, options)
        up = _up(now, machine, options)
        if not options.prove:
            return up
        machine.ui.step("Asking through SillyTavern")
        return replace(up, proof=prove(up.plan, machine))


def _look(wanted: Wish, machine: Machine, options: Options) -> tuple[Situation, Coming | None]:
    """What is wanted, seen and recorded; and the model, if it has yet to be fetched."""
    lock = recorded(machine)
    coming = model_place.coming(wanted.spec, machine, lock)
    seen = look(wanted.spec, machine, lock, coming.model if coming else None)
    if options.replan:
        lock = forget_decisions(lock)
    if not options.dry_run:
        seen, lock = met(wanted.spec, seen, lock, machine, timeout_s=options.timeout_s)
    return Situation(wanted=wanted, seen=seen, lock=lock), coming


def _with_its_model(coming: Coming, now: Situation, machine: Machine, options: Options) -> Situation:
    """Pull the model, and look again: it is here then. A new stack serves the demo model until it is whole."""
    lock = now.lock
    if now.seen.is_new:
        up = _up(_with_demo(now, machine), machine, options)
        machine.ui.note(f"chat with the demo model meanwhile: {up.plan.url}")
        lock = recorded(machine)
    machine.ui.step("Fetching the model")
    lock = model_place.provide(coming, machine, lock)
    return Situation(wanted=now.wanted, seen=look(now.wanted.spec, machine, lock), lock=lock)


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
    settings = seed.wanted(planned.plan, _profiles(now, planned.plan), machine)
    text = write_stack(planned, machine, replan=options.replan)
    backend = f"{planned.plan.backend_title} and " if planned.plan.backend_service else ""
    machine.ui.step(f"Starting {backend}SillyTavern")
    seed.seed(planned.plan, settings, machine)
    give_key(planned.plan, machine)
    started = start(planned.plan, machine, timeout_s=options.timeout_s or planned.plan.timeout_s)
    if planned.plan.memory and (said := difference(planned.plan.memory.fit, started.buffers)):
        machine.ui.note(f"note: {said}")
    login.take_back(planned.plan, machine)
    return Deployed(plan=planned.plan, text=text, ready_s=started.ready_s)


def _choose_again(error: Taken, now: Situation, machine: Machine) -> Situation:
    """What is seen now that a start met somebody else. Raises who holds it where nothing may be chosen again.

    The engine knows of a port that is taken before anybody can see who holds it.
    """
    before = now.plan()
    seen, page = look_again(now.seen, now.wanted.spec, machine), before.plan.sillytavern
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


def write_stack(planned: Planned, machine: Machine, *, replan: bool = False, absolute: bool = False) -> str:
    """Write compose.yml, its generated files and stack.lock, and return compose.yml's text.

    A file that is not as we wrote it is kept aside. One that another version of stackctl wrote from the same inputs
    and decisions stays as it is: a newer stackctl changes nothing that runs.
    """
    folder, was = machine.folder, recorded(machine)
    before = was.rendered
    text = render.render(planned.plan, machine.template, folder=machine.place if absolute else None)
    current = folder.read(render.FILE)
    is_ours = current is None or folder.sha256(render.FILE) == before.get("sha256")
    is_same = before.get("inputs") == planned.inputs and not differ(was, planned.lock)
    if current and is_ours and not replan and is_same and before["by"] != __version__:
        machine.ui.note(
            f"kept {render.FILE} as stackctl {before['by']} wrote it; `stackctl diff` shows what this version "
            "would change, `stackctl deploy --replan` takes it"
        )
        return current
    if not is_ours and current != text and (kept := folder.set_aside(render.FILE)):
        machine.ui.note(f"{render.FILE} was not as stackctl wrote it: kept as {kept.name}")
    if planned.plan.is_demo:
        folder.write(demo_model.FILE_NAME, demo_model.gguf_bytes())
    _write_backend_files(planned.plan, folder)
    login.give(planned.plan, machine)
    if folder.write(render.FILE, text):
        machine.ui.note(f"wrote {render.FILE}")
    written = {"by": __version__, "inputs": planned.inputs, "sha256": folder.sha256(render.FILE)}
    written[security.RECORD] = " ".join(planned.security)
    folder.write(lock_file.FILE, lock_file.dump(replace(planned.lock, rendered=written)))
    return text


def _write_backend_files(plan: Plan, folder: Folder) -> None:
    """Write what only the backend may read: its key is in there."""
    reader = (plan.backend_service and plan.backend_service.user) or folder.owner
    for name, text in plan.files.items():
        folder.write_secret(name, text, reader=reader)


def _with_images(now: Situation, machine: Machine, options: Options) -> Situation:
    """Bring program and images; what is recorded then has the images that had to stand in, and every digest."""
    planned, spec = now.plan(), now.wanted.spec
    provide(planned.plan, spec, machine, trust_first_download=options.trust_first_download)
    now = replace(now, lock=fetch_images(planned.plan, spec, planned.lock, machine))
    planned = now.plan()
    service = planned.plan.backend_service
    if service and service.gpu:
        machine.engine.try_gpu(service.image, service.gpu)
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
