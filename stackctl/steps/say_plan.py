"""Say what a deploy will run, and what its proof showed of the context."""

from stackctl.core.observed import Observed
from stackctl.core.plan import external_backend, memory_plan
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import prompt_templates, samplers
from stackctl.core.tavern.context import Contexts
from stackctl.machine import Machine


def say_contexts(room: Contexts | None, machine: Machine) -> None:
    """Note a context other than planned, and a SillyTavern that the user has set to fill more than the context."""
    if room and room.difference:
        hint = "Check `backend.extra_args` in stack.toml, and compose.override.yml."
        machine.ui.warn(f"{room.difference}. {hint}")
    if room and room.overflow:
        machine.ui.warn(f"{room.overflow}. {room.mending}")


def say_plan(decided: Plan, observed: Observed, machine: Machine) -> None:
    """Say what a deploy of this plan runs, where, and what it takes."""
    context = f"context {decided.context}"
    if observed.server and not external_backend.told_context(observed.server, decided.backend_url):
        context = f"context unknown ({decided.context} assumed)"
    what = f"{decided.backend_title} with {decided.model_name or 'its model'}, {context}"
    where = f"KV cache {decided.kv_cache}, {'on the CPU' if decided.variant == 'cpu' else 'on the GPU'}"
    if not decided.backend_service:
        where = f"at {decided.backend_url}"
    machine.ui.note(f"{what}, {where}; SillyTavern at {decided.url}")
    if decided.memory:
        machine.ui.note(memory_plan.describe(decided.memory))
    if decided.memory and not decided.is_demo:  # it is so small that other things than the memory decide
        machine.ui.note(memory_plan.describe_context(decided.memory))
        machine.ui.note(memory_plan.describe_speed(decided.memory))
    template = decided.template
    if template and template.source:
        machine.ui.note(prompt_templates.describe_template(template))
    if decided.samplers:
        machine.ui.note(samplers.describe(decided.samplers))
    for note in decided.notes:
        machine.ui.warn(note)
