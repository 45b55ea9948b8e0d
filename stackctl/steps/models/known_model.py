"""What the catalogue knows of a model that is here, or will be."""

from contextlib import suppress
from dataclasses import replace

from stackctl.core.config.files import DEMO
from stackctl.core.hub import source as sources
from stackctl.core.model.model import ModelSeen
from stackctl.errors import ConfigError
from stackctl.machine import Machine


def with_catalogue(model: ModelSeen, source: str, machine: Machine) -> ModelSeen:
    """Return the model with what the catalogue says of it. source: where it comes from; "" if unknown.

    No model needs that, so that a damaged catalogue, which other commands report, is as good as none here.
    """
    if model.wanted == DEMO or not model.header.format:
        return model
    from stackctl.core.catalogue.known import entry_of
    from stackctl.steps.models.catalogue import newest

    with suppress(ConfigError):
        found = sources.parse(source)
        entry = entry_of(newest(machine), model.header, found.repo if found else "")
        if entry:
            return replace(model, good_context=entry.good, catalogue_samplers=entry.samplers)
    return model
