"""Checks through SillyTavern: its page, its connection to the backend, and the answers that come back."""

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
_OURS = "Run `stackctl deploy` to apply the plan, and check whether compose.override.yml overrides it."


def page(site: Site) -> str:
    """Check that the page is SillyTavern's, and that every script and style sheet that it names is served."""
    status, _, html = site.page.file("/")
    if status != 200 or not tavern_page.is_page(html):
        raise NotReady(
            f"what is served at {site.page.url} is not SillyTavern's page ({status})",
            hint="Run `docker ps` to see what else is published there, and `stackctl logs sillytavern`.",
            issue="not-sillytavern",
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
            f"{len(bad)} of the page's files are not served, or not with their type",
            hint="Run `stackctl logs sillytavern`: a start that ran out of disk or memory leaves such a page.",
            evidence=tuple(bad[:5]),
            issue="not-sillytavern",
        )
    return f"{len(scripts) + len(others)} scripts and {len(styles)} style sheets served"


def wiring(site: Site) -> str:
    """Check that SillyTavern's own settings name the planned backend, and that it answers there."""
    plan, (kind, url) = site.plan, site.connection
    if (kind, url.rstrip("/")) != (plan.tavern_type, plan.backend_url):
        here = f"Choose in SillyTavern: API Connections, Text Completion, {plan.tavern_type}, {plan.backend_url}"
        says = f"{kind} at {url}" if kind and url else "no text completion server"
        raise NotReady(
            f"SillyTavern's settings name {says}, and not the stack's backend",
            hint=here,
            issue="sillytavern-connection",
        )
    return f"{kind} at {url} answers with {site.model}"


def model(site: Site) -> str:
    """Check that SillyTavern gets the planned model's name; an external backend may have another model by now."""
    if not site.plan.model_name:
        raise NotApplicable("the plan names no model")
    if site.plan.backend_service and site.model != site.plan.model_name:
        raise ModelError(f"the backend runs {site.model}, and not {site.plan.model_name} as planned", hint=_OURS)
    return site.model


def context(site: Site) -> str:
    """Check that the backend has the planned context, and that SillyTavern does not fill more than it has."""
    has = site.page.context(*site.connection)
    fills = site.page.settings().get("max_context")
    found = contexts(site.plan.context, has, fills, is_own=bool(site.plan.backend_service))
    if found.difference:
        raise ConfigError(found.difference, hint=_OURS, issue="sillytavern-connection")
    if found.overflow:
        raise ConfigError(found.overflow, hint=found.mending, issue="context-exceeded")
    if not has:
        return f"SillyTavern fills at most {fills} tokens; {site.plan.backend_title} does not report its context"
    return f"{has} tokens, of which SillyTavern fills at most {fills}"


def reply(site: Site) -> str:
    """Check an answer in one piece: the demo model's sentence, or a plausible text."""
    text = site.answer.text
    check_reply(text, site.plan, site.machine)
    return repr(text.strip())


def streaming(site: Site) -> str:
    """Check that the streamed answer is complete and arrives while it is written; its speed is the backend's figure.

    Only an answer that takes long enough shows whether something holds it back: KoboldCpp sends what it writes within
    0.35 s as one piece anyway.
    """
    first = site.streamed.reply
    if not first.is_whole:
        raise replies.cut_off(first.pieces)
    rate = measure_speed(first, site.plan, site.machine, site.streamed.asked_at)
    site.measures |= {"first_token_s": round(first.first_s, 3)} | ({"tokens_per_s": round(rate, 1)} if rate else {})
    pace = replies.describe_pace(first.first_s, rate, title=site.plan.backend_title)
    found = site.long_reply(first)
    if found.flow == "at the end":  # or a busy machine only paused
        found = site.long_reply(site.asked_again())
    if not found.is_whole:
        raise replies.cut_off(found.pieces)
    if found.flow == "at the end":
        raise NotReady(
            f"the streamed answer came at once: nothing for {found.first_s:.1f} s, all of it by {found.total_s:.1f} s",
            hint="Switch off buffering between SillyTavern and the backend, for instance in a proxy.",
            issue="reply-damaged",
        )
    if found.flow == "too fast":
        whole = f"complete within {found.total_s:.2f} s, too fast to see whether something holds streams back"
        return f"{whole}; {pace}"
    return f"{found.pieces} pieces over {found.total_s - found.first_s:.1f} s; {pace}"


def encoding(site: Site) -> str:
    """Check that the streamed answer has the characters that the model wrote."""
    text = site.streamed.reply.text
    if site.plan.is_demo:
        replies.check_sentence(text)
        return "the known sentence, exactly"
    if check_characters(text, site.plan, site.machine):
        return f"{len(text)} characters, some of them control or damaged characters, which the model itself writes"
    return f"{len(text)} characters, none damaged"


def _served(site: Site, kinds: Mapping[str, str], bad: list[str]) -> Iterator[str]:
    """Give the text of each file (path -> its kind); add a line to `bad` for each that is not served as that kind."""
    found = site.page.files([f"/{path}" for path in kinds])
    for (path, kind), (status, content_type, text) in zip(kinds.items(), found, strict=True):
        site.left_s()
        if status != 200 or kind not in content_type or not text.strip():
            bad.append(f"/{path}: {status}, {content_type or 'no type'}, {len(text)} characters")
        yield text
