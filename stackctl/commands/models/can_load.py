"""`stackctl models can-load`: whether a backend loads a model, by the build that a new stack takes."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl import backends
from stackctl.commands.models.inspect import inspect
from stackctl.core.advice import can_load as advice
from stackctl.core.advice.inspection import About
from stackctl.core.model.not_chat import refuse_for_chat
from stackctl.errors import ModelError
from stackctl.machine import Machine


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A model, and by a backend's name its build ("" if unknown). asked: the backend in question, "" for any."""

    about: About
    builds: Mapping[str, str]
    asked: str

    @property
    def loads(self) -> bool:
        """Return whether the backend in question loads the model, or at least one of all."""
        return not all(why for name, why in self.about.backends.items() if self.asked in {"", name})


def can_load(machine: Machine, model: str, kind: str = "") -> Judged:
    """Judge a model by its headers, here or at its source. kind: a backend's name or alias; "" for any.

    Raise ModelError for what is no whole model.
    """
    builds = {one.NAME: advice.chosen_build(one) for one in backends.BACKENDS.values()}
    asked = backends.find_backend(kind).NAME if kind else ""
    return Judged(about=inspect(machine, model, force=False), builds=builds, asked=asked)


def refuse(judged: Judged) -> None:
    """Raise ModelError, with what to do instead, for a model that is not loaded."""
    if judged.loads:
        return
    about = judged.about
    refuse_for_chat(about.name, about.purpose)
    backend = backends.BACKENDS[judged.asked or backends.DEFAULT]
    advice.refuse_doubtful(about.header, about.name, backend)
    raise ModelError(
        f"{backend.TITLE} can't load {about.name}: {about.backends[backend.NAME]}",
        hint="Choose a GGUF of the same model: its page at Hugging Face lists them under Quantizations.",
        issue="model-too-new",
    )
