"""The prompt template of the stack's model, and the notes about it."""

from stackctl.core.config.files import DEMO
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.core.tavern.prompt_templates import AUTO, Template, choose_template


def choose(spec: Spec, seen: Observed) -> Template | None:
    """Return the template by stack.toml and the model; None if SillyTavern's templates are not changed."""
    page, model = spec.sillytavern, seen.model
    return choose_template(page.template, model.header, model.name, thinking=page.thinking)


def notes(template: Template | None, spec: Spec, seen: Observed) -> tuple[str, ...]:
    """Return notes about a template that is not exact, and a setting in vain.

    There are none for the demo model, whose answer is the same with any template.
    """
    if template is None or seen.model.wanted == DEMO:
        return ()
    return (*_of_template(template, seen), *_of_thinking(template, spec.sillytavern.thinking))


def _of_template(template: Template, seen: Observed) -> tuple[str, ...]:
    choose = "choose another with --template NAME"
    if template.is_guess:
        has = "its chat template is of no known kind" if seen.model.header.chat_template else "it has no chat template"
        has = f"its chat template can't be followed: {template.lack}" if template.lack else has
        return (f"the model's prompt template is unknown ({has}), so {template.instruct} is used; {choose}",)
    if template.is_near and template.lack:
        return (f"SillyTavern can't follow all of the model's own chat template: {template.lack}",)
    if template.is_near:
        return (f"SillyTavern lacks the exact prompt template, so the similar {template.instruct} is used; {choose}",)
    return ()


def _of_thinking(template: Template, wanted: str) -> tuple[str, ...]:
    """Return a note about thoughts that can't be turned off or on."""
    is_so = template.thinking in {wanted, "always"} if wanted == "on" else template.thinking == wanted
    never_thinks = wanted == "off" and not template.reasoning
    if wanted == AUTO or is_so or never_thinks or template.source == "stack.toml":
        return ()
    return (f"sillytavern.thinking = {wanted} has no effect: the model's chat template has no switch for it",)
