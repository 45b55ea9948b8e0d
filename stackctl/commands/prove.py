"""The proof: a reply that travelled through SillyTavern, with the connection found in its own settings."""

from dataclasses import dataclass

from stackctl.core import demo_model, tavern
from stackctl.core.stack import Plan
from stackctl.effects.tavern_http import Reply, Tavern, inside
from stackctl.errors import NotReady
from stackctl.machine import Machine

_PROMPT = "Hello! Please introduce yourself in one sentence."
_TOKENS = 48


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What SillyTavern answered."""

    model: str
    reply: Reply


def prove(plan: Plan, machine: Machine) -> Proof:
    """Ask as SillyTavern's page would; raise NotReady if what it is set to does not lead to an answer."""
    state = machine.engine.states(plan.name)[tavern.NAME]
    transport = None if machine.engine.is_local else inside(machine.engine, state.container)
    with Tavern(plan.url, transport) as page:
        kind, url = tavern.connection(page.settings())
        if not kind or not url:
            raise NotReady(
                "SillyTavern's settings name no text completion server, so its page will not connect",
                hint=f"in SillyTavern: API Connections, Text Completion, {plan.tavern_type}, {plan.backend_url}",
            )
        model = page.model(kind, url)
        reply = page.generate(kind, url, _PROMPT, _TOKENS)
    if not reply.text:
        raise NotReady(f"{plan.backend_title} answered with an empty text", hint=f"stackctl logs {plan.backend}")
    if plan.is_demo:
        _check_sentence(reply)
    return Proof(model=model, reply=reply)


def _check_sentence(reply: Reply) -> None:
    if reply.text != demo_model.SENTENCE:
        raise NotReady(
            f"the demo model answered {reply.text!r}, and not its sentence",
            hint="something between SillyTavern and the model changes text; please report it",
        )
