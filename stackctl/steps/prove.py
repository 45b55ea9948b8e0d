"""The proof: a reply that came through SillyTavern, by the connection in its own settings."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import replies
from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.context import Contexts, contexts
from stackctl.core.tavern.replies import Reply
from stackctl.errors import NotReady
from stackctl.machine import Machine
from stackctl.ports.page import Page
from stackctl.steps.check_reply import PROMPT, TOKENS, check_reply
from stackctl.steps.measure_speed import measure_speed
from stackctl.steps.sleep import wake
from stackctl.steps.tavern_session import log_lines, tavern_session


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What SillyTavern answered. `tokens_per_s`: as the backend counts them; None if it does not say."""

    model: str
    reply: Reply
    contexts: Contexts
    tokens_per_s: float | None = None


def prove(plan: Plan, machine: Machine, *, sleep: Callable[[float], None] = time.sleep) -> Proof:
    """Ask as SillyTavern's page would; raise NotReady if its settings do not lead to an answer."""
    wake(plan, machine)
    began = time.time()
    try:
        with tavern_session(plan, machine) as page:
            model, reply = _asked(page, plan, machine)
            room = _contexts(page, plan)
    except NotReady as error:
        error.evidence = (*error.evidence, *log_lines(plan, machine, began, sleep=sleep))
        raise
    rate = measure_speed(reply, plan, machine, began, sleep=sleep)
    return Proof(model=model, reply=reply, contexts=room, tokens_per_s=rate)


def _asked(page: Page, plan: Plan, machine: Machine) -> tuple[str, Reply]:
    """Return (the model's name, its answer)."""
    kind, url = tavern_settings.connection(page.settings())
    here = f"Choose in SillyTavern: API Connections, Text Completion, {plan.tavern_type}, {plan.backend_url}"
    if not kind or not url:
        raise NotReady(
            "SillyTavern's settings name no text completion server: its page will not connect",
            hint=here,
            issue="sillytavern-connection",
        )
    is_ours = url.rstrip("/") == plan.backend_url
    try:
        model = page.model(kind, url, hint=replies.LOOK if is_ours else here)
        reply = page.generate(kind, url, PROMPT, TOKENS)
    except NotReady as error:
        if is_ours and (other := wrong_key(page, plan)):
            other.evidence = (error.message, *error.evidence)
            raise other from None
        raise
    if not reply.is_whole:
        raise replies.cut_off(reply.pieces)
    check_reply(reply.text, plan, machine)
    return model, reply


def _contexts(page: Page, plan: Plan) -> Contexts:
    """Return the context for a chat, as the server in SillyTavern's settings states it; a failure is ignored."""
    settings = page.settings()
    kind, url = tavern_settings.connection(settings)
    told = 0
    with suppress(NotReady):
        told = page.context(kind, url)
    is_own = plan.backend_service is not None and url.rstrip("/") == plan.backend_url
    return contexts(plan.context, told, settings.get("max_context"), is_own=is_own)


def wrong_key(page: Page, plan: Plan) -> NotReady | None:
    """Return the error if SillyTavern does not send the key that its backend wants; None if it does."""
    used = page.key_in_use(plan.tavern_type)
    if plan.key is None or (used and tavern_secrets.is_ours(used)):
        return None
    sends = f"another key than this stack's ({used.get('label')})" if used else "no key"
    return NotReady(
        f"SillyTavern sends {plan.backend_title} {sends}, and gets no answer",
        hint=f"Choose in SillyTavern, under API Connections, Text Completion, {plan.tavern_type}, the key named "
        f'"{tavern_secrets.ID}". If it is missing, run `stackctl deploy` to add it.',
        issue="sillytavern-connection",
    )
