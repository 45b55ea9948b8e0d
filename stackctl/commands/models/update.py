"""`stackctl models update`: fetch a newer catalogue of models, which changes nothing but what is recommended."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

from stackctl.core.catalogue import signature, stored, update_source
from stackctl.core.catalogue.entry import Catalogue
from stackctl.core.catalogue.parse import parse
from stackctl.core.catalogue.signature import GIVE_KEY
from stackctl.errors import ConfigError, ModelError
from stackctl.machine import Machine
from stackctl.steps.models.catalogue import newest

_LONGEST_KEY = 4 << 10  # bytes


@dataclass(frozen=True, kw_only=True)
class Updated:
    """The catalogue in use after the update, and the date of that before; the dates are equal if it was the newest."""

    catalogue: Catalogue
    former_date: str
    where: str  # the address, as it may be shown

    @property
    def is_new(self) -> bool:
        return self.catalogue.date != self.former_date


def update(machine: Machine, *, url: str = "", key: str = "") -> Updated:
    """Fetch, verify and store the catalogue of a source: `url` and `key`, or what the environment sets.

    Raises ConfigError without a source and for a wrong one; ModelError if the catalogue can't be fetched, is not signed
    by the key, is older than that in use or can't be used; DataError if it can't be stored. Whatever is raised, the
    catalogue in use stays.
    """
    usual = machine.storage.update_source()
    source = replace(usual, url=url or usual.url, key=key or usual.key)
    update_source.refuse_unset(source)
    update_source.refuse_address(source.url)
    public_key = signature.public_key(_key_text(machine, source.key))
    former = newest(machine)
    where = update_source.shown(source.url)
    content = _read(machine, source.url, update_source.MOST_BYTES)
    signature.verify(
        content, _read(machine, source.signature_url, update_source.MOST_SIGNATURE_BYTES), public_key, where
    )
    found = _parsed(content, where)
    refuse_misdated(found, former, machine.storage.library.today(), where)
    done = Updated(catalogue=found, former_date=former.date, where=where)
    if done.is_new:
        machine.storage.store_catalogue(stored.dump(content, found.date))
    return done


def refuse_misdated(found: Catalogue, former: Catalogue, today: str, where: str) -> None:
    """Raise ModelError for a catalogue that is older than that in use, or of a day that is yet to come."""
    if found.date < former.date:
        raise ModelError(
            f"the catalogue at {where} is of {found.date}, older than that in use, of {former.date}",
            hint="Check the address. The catalogue in use stays.",
            issue="catalogue-refused",
        )
    tomorrow = (date.fromisoformat(today) + timedelta(days=1)).isoformat()  # as time zones differ
    if found.date > max(tomorrow, former.date):
        raise ModelError(
            f"the catalogue at {where} is of {found.date}, but this machine's clock says {today}",
            hint="Check this machine's date with `date`. The catalogue in use stays.",
            issue="catalogue-refused",
        )


def _key_text(machine: Machine, key: str) -> str:
    """Return the text of a key that is given itself or by the path of its file."""
    if signature.is_key(key):
        return key
    path = machine.storage.locate(key, Path())
    text = machine.storage.folder(path.parent).read(path.name, most=_LONGEST_KEY, errors="replace")
    if text is None:
        raise ConfigError(f"the key {key[:80]!r} is neither an Ed25519 public key nor a file", hint=GIVE_KEY)
    return text


def _read(machine: Machine, url: str, most: int) -> bytes:
    return machine.hub.read_whole(url, most=most, may_follow=update_source.is_allowed)


def _parsed(content: bytes, where: str) -> Catalogue:
    try:
        return parse(content.decode())
    except UnicodeDecodeError as e:
        raise ModelError(
            f"the catalogue at {where} is not UTF-8 text",
            hint="Report it to whoever signed it. The catalogue in use stays.",
            issue="catalogue-refused",
        ) from e
    except ConfigError as e:
        raise ModelError(
            f"the catalogue at {where} can't be used: {e.message}",
            hint=f"{e.hint} The catalogue in use stays.",
            issue="catalogue-refused",
        ) from e
