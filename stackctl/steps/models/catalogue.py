"""The catalogue of models in use: the newer one of that which this version ships and that which an update stored."""

from stackctl.core.catalogue import age, stored
from stackctl.core.catalogue.entry import Catalogue
from stackctl.core.catalogue.parse import parse
from stackctl.errors import DataError, StackctlError
from stackctl.machine import Machine


def catalogue_in_use(machine: Machine) -> Catalogue:
    """Return the catalogue in use; a note names one that is old, and a stored one that can't be used."""
    found = newest(machine)
    has_source = machine.storage.update_source().is_set
    if remark := age.remark(found.date, machine.storage.library.today(), has_source=has_source):
        machine.ui.note(remark)
    return found


def newest(machine: Machine) -> Catalogue:
    """Return the newer catalogue; a note says why a stored one is not used."""
    shipped = machine.storage.catalogue()
    try:
        raw = machine.storage.stored_catalogue()
        kept = stored.parse(raw) if raw is not None else None
        if kept and kept.date > stored.date_of(shipped):
            found = parse(kept.text)
            if found.date == kept.date:
                return found
            raise DataError(
                "the date of the stored catalogue is not that in its first line",
                hint="Run `stackctl models update` again.",
                issue="catalogue-refused",
            )
    except StackctlError as e:
        machine.ui.note(f"the stored catalogue of models is not used: {e.message}. {e.hint}")
    return parse(shipped)
