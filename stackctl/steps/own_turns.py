"""The turns of a model by its own chat template, which is rendered where it can do no harm."""

from dataclasses import replace

from stackctl.core.config.files import DEMO
from stackctl.core.model.model import Header, ModelSeen
from stackctl.core.tavern.cut_talks import Tokens
from stackctl.core.tavern.derived_turns import derive_turns
from stackctl.machine import Machine


def with_turns(model: ModelSeen, machine: Machine) -> ModelSeen:
    """Return the model with the turns of its chat template; unchanged if it has none, and for the demo model."""
    return model if model.wanted == DEMO else replace(model, header=header_with_turns(model.header, machine))


def header_with_turns(header: Header, machine: Machine) -> Header:
    """Return the header with the turns of its chat template, or with the reason why they are unknown."""
    if not header.chat_template:
        return header
    tokens = Tokens(bos=header.bos, eos=header.eos, adds_bos=header.adds_bos)
    turns = derive_turns(header.chat_template, tokens, machine.host.render_template)
    return replace(header, template_fault=turns) if isinstance(turns, str) else replace(header, turns=turns)
