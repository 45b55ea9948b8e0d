"""What a deploy says about a template that is not exact, and about thoughts that have no switch."""

from dataclasses import replace

import pytest

from stackctl.core.plan import template_choice
from stackctl.core.tavern.prompt_templates import Template
from tests.core.samples import seen, wanted

OWN = Template(instruct="tiny", context="tiny", reasoning="Think XML", source="its own chat template")


def said(template: Template, thinking: str = "auto") -> str:
    return "; ".join(template_choice.notes(template, wanted(sillytavern={"thinking": thinking}), seen()))


def test_a_template_that_cannot_be_followed_says_why() -> None:
    guess = Template(instruct="Alpaca", context="Alpaca", lack="it takes longer than 2 seconds")
    assert "(its chat template can't be followed: it takes longer than 2 seconds), so Alpaca is used" in said(guess)
    near = replace(OWN, is_near=True, lack="a longer talk differs")
    assert said(near) == "SillyTavern can't follow all of the model's own chat template: a longer talk differs"
    assert said(OWN) == ""


@pytest.mark.parametrize(
    ("thinking", "wanted_", "is_said"),
    [
        ("off", "auto", False), ("off", "off", False), ("on", "on", False),
        ("always", "on", False), ("always", "off", True), ("", "off", True), ("", "on", True), ("off", "on", True),
    ],
)  # fmt: skip
def test_a_wish_that_the_template_has_no_switch_for_is_said(thinking: str, wanted_: str, *, is_said: bool) -> None:
    one = replace(OWN, thinking=thinking)  # type: ignore[arg-type]  # one of the four
    in_vain = f"sillytavern.thinking = {wanted_} has no effect: the model's chat template has no switch for it"
    assert said(one, wanted_) == (in_vain if is_said else "")


def test_a_model_that_never_thinks_needs_no_switch() -> None:
    assert said(replace(OWN, reasoning=""), "off") == ""
