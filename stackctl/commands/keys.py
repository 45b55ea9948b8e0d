"""The API key of this stack's backend: made once, kept in one file, hidden from all that is printed.

Its place is .stackctl/, not the backend's own file: that one may belong to another user, has another form with every
backend, and would be left behind by a change of the backend.
"""

from stackctl.core.secret import Secret, api_key
from stackctl.effects.files import STATE
from stackctl.machine import Machine

FILE = f"{STATE}/api-key"


def key(machine: Machine) -> Secret:
    """The key of this stack, or a new one, which keep() writes down. Raises ConfigError where its file holds none."""
    text = machine.folder.read(FILE)
    found = machine.new_key() if text is None else api_key(text, str(machine.path / FILE))
    machine.ui.hide(found)
    return found


def keep(machine: Machine, made: Secret) -> None:
    """Write the key down, readable for the folder's owner alone."""
    machine.folder.write(FILE, f"{made.reveal()}\n", mode=0o600)
    machine.folder.write(f"{STATE}/.gitignore", "*\n")  # the user's own .gitignore may not know of it


def hide(machine: Machine) -> None:
    """From here on the key, whatever its form, is *** in all that is printed: for commands that show logs."""
    if text := (machine.folder.read(FILE) or "").strip():
        machine.ui.hide(Secret(text))
