"""Checks through SillyTavern: its page, its way to the backend, and the answers that come back."""

from collections.abc import Iterator, Mapping

from stackctl.commands.smoke.site import Site
from stackctl.core.smoke.result import NotApplicable
from stackctl.core.tavern import page as tavern_page
from stackctl.core.tavern import replies
from stackctl.core.tavern.context import contexts
from stackctl.errors import ConfigError, ModelError, NotReady
from stackctl.steps.check_reply import check_characters, check_reply
from stackctl.steps.measure_speed import measure_speed

_SCRIPT, _STYLE = "javascript", "css"
_OURS = "stackctl deploy brings the plan about, unless compose.override.yml says otherwise"


def page(site: Site) -> str:
    """The page is SillyTavern's, and every script and style sheet that it names comes."""
    status, _, html = site.page.file("/")
    if status != 200 or not tavern_page.is_page(html):
        raise NotReady(
            f"what is served at {site.page.url} is not SillyTavern's page ({status})",
            hint="docker ps shows what else is published there; stackctl logs sillytavern",
        )
    scripts, styles = tavern_page.parts(html)
    bad: list[str] = []
    imported: dict[str, None] = {}
    named = _served(site, dict.fromkeys(scripts, _SCRIPT), bad)
    for (path, is_module), script in zip(scripts.items(), named, strict=True):
        if is_module:
            imported |= dict.fromkeys(tavern_page.imports(script, path))
    others = [path for path in imported if path not in scripts]
    list(_served(site, dict.fromkeys(others, _SCRIPT) | dict.fromkeys(styles, _STYLE), bad))
    if bad:
        raise NotReady(
            f"{len(bad)} of the page's files are not served, or not as what they are",
            hint="stackctl logs sillytavern; a start that ran out of disk or memory leaves such a page",
            evidence=tuple(bad[:5]),
        )
    return f"{len(scripts) + len(others)} scripts and {len(styles)} style sheets served"


def wiring(site: Site) -> str:
    """SillyTavern's own settings name the planned backend, and it answers there."""
    plan, (kind, url) = site.plan, site.connection
    if (kind, url.rstrip("/")) != (plan.tavern_type, plan.backend_url):
        here = f"in SillyTavern: API Connections, Text Completion, {plan.tavern_type}, {plan.backend_url}"
        says = f"{kind} at {url}" if kind and url else "no text completion server"
        raise NotReady(f"SillyTavern's settings name {says}, and not the stack's backend", hint=here)
    return f"{kind} at {url} answers with {site.model}"


def model(site: Site) -> str:
    """The model that SillyTavern is told of is the planned one; a backend elsewhere may have another by now."""
    if not site.plan.model_name:
        raise NotApplicable("the plan names no model")
    if site.plan.backend_service and site.model != site.plan.model_name:
        raise ModelError(f"the backend runs {site.model}, and not {site.plan.model_name} as planned", hint=_OURS)
    return site.model


def context(site: Site) -> str:
    """The backend has the planned context, or one elsewhere its own, and SillyTavern fills no larger one."""
    has = site.page.context(*site.connection)
    fills = site.page.settings().get("max_context")
    found = contexts(site.plan.context, has, fills, is_own=bool(site.plan.backend_service))
    if found.difference:
        raise ConfigError(found.difference, hint=_OURS)
    if found.overflow:
        raise ConfigError(found.overflow, hint=found.mending)
    if not has:
        return f"SillyTavern fills at most {fills} tokens; {site.plan.backend_title} does not tell its own context"
    return f"{has} tokens, of which SillyTavern fills at most {fills}"


def reply(site: Site) -> str:
    """An answer in one piece: the demo model's sentence, or a plausible text."""
    text = site.answer.text
    check_reply(text, site.plan, site.machine)
    return repr(text.strip())


def streaming(site: Site) -> str:
    """The streamed answer has a proper end, and comes while it is written; its speed is the backend's own figure.

    Only of one that took long enough can be seen whether something holds it back: what KoboldCpp writes within 0.35 s
    is one piece anyway.
    """
    first = site.streamed.reply
    if not first.is_whole:
        raise replies.cut_off(first.pieces)
    rate = measure_speed(first, site.plan, site.machine, site.streamed.asked_at)
    site.measures |= {"first_token_s": round(first.first_s, 3)} | ({"tokens_per_s": round(rate, 1)} if rate else {})
    pace = replies.describe_pace(first.first_s, rate, title=site.plan.backend_title)
    found = site.long_reply(first)
    if found.flow == "at the end":  # or only a busy machine that stood still
        found = site.long_reply(site.asked_again())
    if not found.is_whole:
        raise replies.cut_off(found.pieces)
    if found.flow == "at the end":
        raise NotReady(
            f"nothing of the streamed answer came for {found.first_s:.1f} s, and all of it by {found.total_s:.1f} s",
            hint="switch off the buffering of what lies between SillyTavern and the backend, a proxy for instance",
        )
    if found.flow == "too fast":
        whole = f"to its proper end within {found.total_s:.2f} s, too fast to see whether something holds streams back"
        return f"{whole}; {pace}"
    return f"{found.pieces} pieces over {found.total_s - found.first_s:.1f} s; {pace}"


def encoding(site: Site) -> str:
    """The streamed answer's characters are those that the model wrote."""
    text = site.streamed.reply.text
    if site.plan.is_demo:
        replies.check_sentence(text)
        return "the sentence to the character"
    if check_characters(text, site.plan, site.machine):
        return f"{len(text)} characters, and some that are no text: the model itself writes such ones"
    return f"{len(text)} characters, none damaged"


def _served(site: Site, kinds: Mapping[str, str], bad: list[str]) -> Iterator[str]:
    """The text of each file (path -> what kind it must be of); one that does not come so is told in `bad`."""
    found = site.page.files([f"/{path}" for path in kinds])
    for (path, kind), (status, content_type, text) in zip(kinds.items(), found, strict=True):
        site.left_s()
        if status != 200 or kind not in content_type or not text.strip():
            bad.append(f"/{path}: {status}, {content_type or 'no type'}, {len(text)} characters")
        yield text
