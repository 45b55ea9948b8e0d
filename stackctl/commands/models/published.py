"""Where a proposed model really is: the catalogue was made on a day, and its repositories are others'."""

from dataclasses import replace

from stackctl.commands.models.recommend import Recommended, recommend
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.hub.repository import choose_quantisation
from stackctl.core.hub.source import Source
from stackctl.errors import ModelError
from stackctl.machine import Machine


def published_source(machine: Machine, done: Recommended, chosen: Suggestion) -> Source:
    """Return the source of a proposed model, or of another quantisation where its repository lacks the proposed one.

    That is the best one of those that are there, which a note names. Raise ModelError if the repository is gone, or if
    none of them fits.
    """
    source = chosen.source
    repo = machine.hub.repository(source)
    try:
        choose_quantisation(repo, source)
    except ModelError as e:
        found = recommend(machine, replace(done.asked, repo=f"hf:{source.repo}")).best
        machine.ui.note(f"{e.message}: {found.form} is taken instead")
        return found.source
    return source
