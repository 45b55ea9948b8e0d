"""The age of a catalogue. Models improve within months, so an old one is named as such. Dates are YYYY-MM-DD."""

from typing import Final

OLD: Final = 6  # months


def months(date: str, today: str) -> int:
    """Return the whole months from a date to today; 0 if the machine's clock says that the date is yet to come."""
    (year, month, day), (now_year, now_month, now_day) = _parts(date), _parts(today)
    passed = (now_year - year) * 12 + now_month - month - (now_day < day)
    return max(0, passed)


def remark(date: str, today: str, *, has_source: bool) -> str:
    """Return a line about a catalogue that is older than six months, with what can be done; "" for a newer one."""
    if (age := months(date, today)) < OLD:
        return ""
    does = (
        "`stackctl models update` fetches a newer one"
        if has_source
        else "`stackctl models search` finds newer models, and a newer stackctl has a newer catalogue"
    )
    return f"the catalogue of models is {age} months old: {does}"


def _parts(date: str) -> tuple[int, int, int]:
    year, month, day = map(int, date.split("-"))
    return year, month, day
