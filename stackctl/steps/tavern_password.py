"""The password that SillyTavern asks for where others than this machine may come in.

It is kept in .stackctl/ beside the API key, and given to SillyTavern by its own config.yaml: an environment variable
would stand in `docker inspect`.
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
    """The kept password, or a new one, which give_password() writes down; None where the stack is not exposed."""
    kept = _kept(machine)
    if not spec.sillytavern.has_password:
        return None
    found = kept or machine.host.new_password()
    machine.ui.hide(found)
    return found


def give_password(plan: Plan, machine: Machine) -> None:
    """Write the password down, and into SillyTavern's configuration, before anything is published."""
    if plan.password is None:
        return
    folder, config = _config(plan, machine)
    # a file that is new has the login alone: SillyTavern adds every other key at its start
    text = folder.read(config, most=tavern_config.MOST_BYTES) or ""
    folder.write(config, tavern_config.with_login(text, tavern.USER, plan.password), mode=0o600)
    machine.folder.write(FILE, f"{plan.password.reveal()}\n", mode=0o600)


def take_password_back(plan: Plan, machine: Machine) -> None:
    """Once nothing is exposed any more, both go: SillyTavern's stock login comes back, which it does not ask for.

    Not before: a container that still is exposed would ask for that one, which everybody knows, at its next start.
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
    """Where SillyTavern's config.yaml is: the folder, as SillyTavern's user has it, and the path in it."""
    return tavern_folder(plan, machine), f"{data_path(plan)}/{tavern.CONFIG}"


def _kept(machine: Machine) -> Secret | None:
    text = machine.folder.read(FILE, errors="replace")
    if text is None:
        return None
    return typed_password(text, str(machine.path / FILE))
