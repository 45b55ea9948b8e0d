"""The API key of this stack's backend: created once, kept in one file, hidden from all that is printed.

It lies in .stackctl/, not in the backend's own file: that file may belong to another user, has another form with every
backend, and would be left behind by a change of the backend.
"""

from contextlib import suppress

from stackctl.core.config.files import API_KEY
from stackctl.core.config.spec import Spec
from stackctl.core.plan.tavern_service import data_folder
from stackctl.core.tavern import data_json
from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.errors import StackctlError
from stackctl.machine import Machine
from stackctl.secret import Secret, api_key
from stackctl.steps.tavern_folder import shared_folder

FILE = API_KEY


def stack_key(machine: Machine, spec: Spec) -> Secret:
    """Return the stack's key, or a new one, which keep_key() writes down; raise ConfigError for a file without one."""
    hide_sent_keys(machine, spec)
    text = machine.folder.read(FILE, errors="replace")
    found = machine.host.new_key() if text is None else api_key(text, str(machine.path / FILE))
    machine.ui.hide(found)
    return found


def keep_key(machine: Machine, made: Secret) -> None:
    """Write the key to its file, which only the folder's owner may read."""
    machine.folder.write(FILE, f"{made.reveal()}\n", mode=0o600)


def hide_sent_keys(machine: Machine, spec: Spec) -> None:
    """Print *** from now on instead of the key that SillyTavern still sends; for commands that show logs.

    A running backend's log holds that key until a deploy replaces it with the folder's own, which the machine hides.
    """
    hide_keys_in(machine, data_folder(spec))


def hide_keys_in(machine: Machine, data: str) -> None:
    """Do the same for the SillyTavern data folder at a path."""
    with suppress(StackctlError):  # another user's, or not a file: we did not write it, and give_key() reports it
        text = shared_folder(machine, data).read_bytes(f"{data}/{tavern_secrets.FILE}")
        for sent in tavern_secrets.own_keys(data_json.parse(text) or {}):
            machine.ui.hide(sent)
