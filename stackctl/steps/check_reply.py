"""Judge an answer that came through SillyTavern; where it has characters that no text has, ask the backend itself."""

import json

from stackctl.contracts.request import COMPLETION, Request
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import replies, stream
from stackctl.errors import EngineError
from stackctl.machine import Machine

PROMPT = "Hello! Please introduce yourself in one sentence."
TOKENS = 48
_PATIENCE_S = 20.0


def check_reply(text: str, plan: Plan, machine: Machine) -> None:
    """Raise NotReady for an answer that is empty, not the demo model's sentence, or changed on its way."""
    replies.check(text, is_demo=plan.is_demo, title=plan.backend_title)
    check_characters(text, plan, machine)


def check_characters(text: str, plan: Plan, machine: Machine) -> bool:
    """Raise NotReady where characters were damaged on the way; return whether the model itself wrote such ones."""
    if replies.strange_at(text) is None:
        return False
    own = None if plan.is_demo else own_answer(plan, machine)  # the demo model writes none
    replies.check_origin(text, own, title=plan.backend_title)
    return True


def own_answer(plan: Plan, machine: Machine) -> str | None:
    """Return what the backend answers to the same question without SillyTavern; None if no answer comes."""
    request = Request(path=COMPLETION.path, body=json.dumps({"prompt": PROMPT, "max_tokens": TOKENS, "temperature": 0}))
    network = f"{plan.name}_{'inner' if plan.backend_service else 'edge'}"
    urls = (plan.backend_url,)
    try:
        (found,) = machine.docker.ask(
            plan.sillytavern.image, network, urls, (request,), plan.key, patience_s=_PATIENCE_S
        )
    except EngineError:
        return None
    answer = found.answers.get(request.path)
    return stream.text(dict(answer.table)) if answer and answer.status == 200 else None
