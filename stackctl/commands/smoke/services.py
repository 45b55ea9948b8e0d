"""Check the containers: they run, and the backend survives a restart."""

from stackctl.commands.smoke.site import Site
from stackctl.core.observed import ServiceState
from stackctl.core.plan import gpu_request
from stackctl.core.smoke.result import NotApplicable
from stackctl.core.start import readiness
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import replies
from stackctl.errors import NotReady, StackctlError
from stackctl.steps.check_reply import check_reply
from stackctl.steps.start import start
from stackctl.terminal import command_line


def services(site: Site) -> str:
    """Check that every planned service has a container that runs and is healthy."""
    states, words, troubles = site.states, [], []
    for service in site.plan.services:
        state = states.get(service.name)
        if trouble := _trouble(service.name, state, site):
            troubles.append(trouble)
        elif state:
            words.append(f"{service.name} {state.health}")
    if troubles:
        error = troubles[0]
        error.message = "; ".join(one.message for one in troubles)
        raise error
    return ", ".join(words)


def restart(site: Site) -> str:
    """Restart only the backend, and check that the same SillyTavern gets an answer again."""
    plan, machine = site.plan, site.machine
    if plan.backend_service is None:
        raise NotApplicable("the backend runs elsewhere")
    before = site.states[tavern.NAME]
    with machine.folder.locked(machine.ui.note):
        name = plan.backend_service.name
        seconds = start(plan, machine, timeout_s=max(1, int(site.left_s())), action="restart", only=name).ready_s
    after = site.states[tavern.NAME]
    if (after.container, after.started_at) != (before.container, before.started_at):
        raise NotReady(
            "SillyTavern was restarted with its backend",
            hint="Run `stackctl logs sillytavern`.",
            issue="sillytavern-failed",
        )
    reply = site.asked_again()
    if not reply.is_whole:
        raise replies.cut_off(reply.pieces)
    check_reply(reply.text, plan, machine)
    return f"{name} was ready again after {seconds:.1f} s, and answered through the same SillyTavern"


def _trouble(name: str, state: ServiceState | None, site: Site) -> StackctlError | None:
    if state is None:
        return NotReady(f"{name} has no container", hint="Run `stackctl deploy`.", issue="services-stopped")
    if lost := gpu_request.lost_gpu(state, site.plan):
        return lost
    if found := readiness.trouble(state, site.machine.docker.tail(state)):
        return found
    if state.is_ready:
        return None
    looks = f"`stackctl status --watch` and `{command_line('stackctl', 'logs', name)}`"
    return NotReady(f"{name} is still starting", hint=f"Run {looks} to follow it.")
