"""The proof: a reply that travelled through SillyTavern, with the connection found in its own settings."""

import time
from dataclasses import dataclass, replace

from stackctl.core import demo_model, tavern, tavern_secrets, tavern_settings
from stackctl.core.ready import ServiceState
from stackctl.core.stack import Plan
from stackctl.effects.tavern_http import Reply, Tavern, inside
from stackctl.errors import NotReady
from stackctl.machine import Machine

_PROMPT = "Hello! Please introduce yourself in one sentence."
_TOKENS = 48
_SHOWN = 5  # lines of SillyTavern's log in an error
_SETTLE_S = 0.3  # so long without a new line: it has said what it had to say
_FAILED = "stackctl status; stackctl logs"
_FRAME = "    at "  # of node's stack traces


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What SillyTavern answered."""

    model: str
    reply: Reply


def prove(plan: Plan, machine: Machine) -> Proof:
    """Ask as SillyTavern's page would; raise NotReady if what it is set to does not lead to an answer."""
    state = machine.engine.states(plan.name)[tavern.NAME]
    transport = None if machine.engine.is_local else inside(machine.engine, state.container)
    # what SillyTavern writes from now on is the evidence; another machine's clock may differ, so there it is all
    since = replace(state, started_at=time.time()) if machine.engine.is_local else state
    try:
        with Tavern(plan.url, transport) as page:
            return _asked(page, plan)
    except NotReady as error:
        error.evidence = (*error.evidence, *_words(since, machine))
        raise


def _words(since: ServiceState, machine: Machine) -> list[str]:
    """The first lines of SillyTavern's log since then, which come through the engine a moment after its answer."""
    written: tuple[str, ...] = ()
    for _ in range(10):
        time.sleep(_SETTLE_S)
        now = machine.engine.tail(since)
        if now == written:
            break
        written = now
    return [line for line in written if line.strip() and not line.startswith(_FRAME)][:_SHOWN]


def _asked(page: Tavern, plan: Plan) -> Proof:
    kind, url = tavern_settings.connection(page.settings())
    here = f"in SillyTavern: API Connections, Text Completion, {plan.tavern_type}, {plan.backend_url}"
    if not kind or not url:
        raise NotReady("SillyTavern's settings name no text completion server: its page will not connect", hint=here)
    is_ours = url.rstrip("/") == plan.backend_url
    try:
        model = page.model(kind, url, hint=_FAILED if is_ours else here)
        reply = page.generate(kind, url, _PROMPT, _TOKENS)
    except NotReady as error:
        raise (_other_key(page, plan, error) if is_ours else None) or error from None
    if not reply.text:
        raise NotReady(f"{plan.backend_title} answered with an empty text", hint=_FAILED)
    if plan.is_demo:
        _check_sentence(reply)
    return Proof(model=model, reply=reply)


def _other_key(page: Tavern, plan: Plan, failed: NotReady) -> NotReady | None:
    """The error, if SillyTavern does not send the key that its backend wants."""
    used = page.key_in_use(plan.tavern_type)
    if plan.key is None or (used and tavern_secrets.is_ours(used)):
        return None
    sends = f"another key than this stack's ({used.get('label')})" if used else "no key"
    return NotReady(
        f"SillyTavern sends {plan.backend_title} {sends}, and gets no answer with it",
        hint=f"in SillyTavern: API Connections, Text Completion, {plan.tavern_type}, and there choose the key that is "
        f'called "{tavern_secrets.ID}"; where it is missing, stackctl deploy adds it',
        evidence=(failed.message, *failed.evidence),
    )


def _check_sentence(reply: Reply) -> None:
    if reply.text != demo_model.SENTENCE:
        raise NotReady(
            f"the demo model answered {reply.text!r}, and not its sentence",
            hint="something between SillyTavern and the model changes text; please report it",
        )
