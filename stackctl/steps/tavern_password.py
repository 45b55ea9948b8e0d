"""The password that SillyTavern asks for if other devices may open it.

It is kept in .stackctl/ next to the API key, and SillyTavern reads it from its config.yaml: `docker inspect` would
show an environment variable.
"""

from stackctl.core.config.files import PASSWORD
from stackctl.core.config.spec import Spec
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import config_yaml as tavern_config
from stackctl.core.tavern import container as tavern
from stackctl.machine import Machine
from stackctl.ports.disk import Folder
from stackctl.secret import Secret, typed_password
from stackctl.steps.tavern_folder import data_path, tavern_folder

FILE = PASSWORD


def tavern_password(machine: Machine, spec: Spec) -> Secret | None:
    """Return the kept password, or a new one, which give_password() writes; None if the stack is not exposed."""
    kept = _kept(machine)
    if not spec.sillytavern.has_password:
        return None
    found = kept or machine.host.new_password()
    machine.ui.hide(found)
    return found


def give_password(plan: Plan, machine: Machine) -> None:
    """Write the password to its file and to SillyTavern's configuration, before anything is published."""
    if plan.password is None:
        return
    folder, config = _config(plan, machine)
    # a new file holds only the login: SillyTavern adds every other key when it starts
    text = folder.read(config, most=tavern_config.MOST_BYTES) or ""
    folder.write(config, tavern_config.with_login(text, tavern.USER, plan.password), mode=0o600)
    machine.folder.write(FILE, f"{plan.password.reveal()}\n", mode=0o600)


def take_password_back(plan: Plan, machine: Machine) -> None:
    """Remove the password once nothing is exposed any more, and restore SillyTavern's default login.

    Not earlier: a container that is still exposed would accept that login, which everybody knows, at its next start.
    """
    kept = _kept(machine)
    if plan.password is not None or kept is None:
        return
    folder, config = _config(plan, machine)
    text = folder.read(config, most=tavern_config.MOST_BYTES)
    if text is not None and tavern_config.login(text) == (tavern.USER, kept.reveal()):
        folder.write(config, tavern_config.with_login(text, *tavern_config.STOCK), mode=0o600)
    machine.folder.remove(FILE)


def _config(plan: Plan, machine: Machine) -> tuple[Folder, str]:
    """Return the folder, as SillyTavern's user owns it, and the path of SillyTavern's config.yaml in it."""
    return tavern_folder(plan, machine), f"{data_path(plan)}/{tavern.CONFIG}"


def _kept(machine: Machine) -> Secret | None:
    text = machine.folder.read(FILE, errors="replace")
    if text is None:
        return None
    return typed_password(text, str(machine.path / FILE))
