"""A menu: one key chooses on a terminal, or a line that a script has piped."""

import re
import sys
from typing import Final

import click

from stackctl.cli.root import waiting_line
from stackctl.errors import Interrupted
from stackctl.ui import Ui

QUIT: Final = 0
_QUITS: Final = frozenset({"q", "quit", "n", "no", "\x1b"})  # the last one: Esc
_AGREES: Final = frozenset({"", "y", "yes"})  # "": Enter
_END: Final = re.compile("[\r\n]")
_NARROW: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full-width to ASCII, as Unicode lists them


def chosen_number(count: int, ui: Ui, *, explanation: str, later: str, takes_enter: bool) -> int | None:
    """Return which one of a menu was chosen, counted from 1; QUIT if none was; None if no answer can come.

    Keys are 1 and so on, and q; n, Esc, Ctrl-D and a terminal that is gone mean the same as q. Any other key is asked
    for again; any other line of a script means q. What was typed before the question does not count: it was no answer
    to it. takes_enter: whether Enter and y mean 1. explanation: what a key does, for a terminal. Raise Interrupted at
    Ctrl-C. later: the hint of that error. Who wants JSON, or does not see the menu, is not asked on a terminal.
    """
    if not sys.stdin.isatty():
        line = waiting_line()
        return (number_of(line, count, takes_enter=takes_enter) or QUIT) if line else None
    if ui.as_json or not sys.stderr.isatty():
        return None
    ui.menu([explanation])
    try:
        return _pressed(count, ui, takes_enter=takes_enter)
    except KeyboardInterrupt:
        ui.told("\n")
        raise Interrupted("interrupted; nothing was changed", hint=later) from None


def _pressed(count: int, ui: Ui, *, takes_enter: bool) -> int:
    keys = ", ".join(map(str, range(1, count + 1)))
    found = None
    while found is None:
        ui.told(f"Press {keys} or q{' (Enter: 1)' if takes_enter else ''}: ")
        try:
            typed = click.getchar()
        except (EOFError, OSError):
            typed = ""
        found = number_of(typed, count, takes_enter=takes_enter) if typed else QUIT
        ui.told(f"{'' if found is None else found or 'q'}\n")
    return found


def number_of(typed: str, count: int, *, takes_enter: bool) -> int | None:
    """Return what a key or a line means; None if it means nothing. A full-width digit is a digit."""
    word = _END.split(typed)[0].translate(_NARROW).strip(" ").lower()
    if word in _QUITS:
        return QUIT
    if takes_enter and word in _AGREES:
        return 1
    return next((number for number in range(1, count + 1) if word == str(number)), None)
