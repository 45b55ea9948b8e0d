"""Smoke's checks of model and context: held against what was deployed, and of a backend elsewhere against itself."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands.smoke import talk
from stackctl.commands.smoke.site import Site
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, ModelError
from tests.commands.machines import quiet
from tests.core.samples import a_plan

OURS = a_plan()
THEIRS = replace(OURS, services=(OURS.sillytavern,))


@dataclass
class Page:
    """SillyTavern's page with a backend of this context, of which it fills so much."""

    has: int
    fills: int

    def context(self, *_: object) -> int:
        return self.has

    def settings(self) -> dict[str, Any]:
        return {"max_context": self.fills}


def site(folder: Path, plan: Plan, *, runs: str = OURS.model_name, has: int = 8192, fills: int = 8192) -> Site:
    made = Site(plan, quiet(folder).machine, until=float("inf"))
    made.__dict__ |= {"page": Page(has, fills), "connection": ("llamacpp", "http://llamacpp:8080"), "model": runs}
    return made


def test_a_stacks_own_backend_has_the_model_and_the_context_that_it_was_deployed_with(tmp_path: Path) -> None:
    assert talk.model(site(tmp_path, OURS)) == OURS.model_name
    assert talk.context(site(tmp_path, OURS)).startswith("8192 tokens")
    with pytest.raises(ModelError, match=f"the backend runs b.gguf, and not {OURS.model_name} as planned") as wrong:
        talk.model(site(tmp_path, OURS, runs="b.gguf"))
    assert (
        wrong.value.hint
        == "Run `stackctl deploy` to apply the plan, and check whether compose.override.yml overrides it."
    )
    with pytest.raises(ConfigError, match="a context of 4096 tokens, and not 8192 as planned"):
        talk.context(site(tmp_path, OURS, has=4096))


def test_a_backend_elsewhere_may_have_another_model_and_context_by_now_but_not_less_than_is_filled(
    tmp_path: Path,
) -> None:
    assert talk.model(site(tmp_path, THEIRS, runs="b.gguf")) == "b.gguf"
    assert talk.context(site(tmp_path, THEIRS, has=32_768)).startswith("32768 tokens")
    assert talk.context(site(tmp_path, THEIRS, has=4096, fills=4096)).startswith("4096 tokens")
    with pytest.raises(ConfigError, match="SillyTavern fills 8192 tokens, and the backend has only 4096"):
        talk.context(site(tmp_path, THEIRS, has=4096))
