"""What stack.lock records of the model, and holding a deploy to stack.lock."""

from dataclasses import replace
from pathlib import PurePosixPath

from stackctl.core.config import lock as lock_file
from stackctl.core.config.lock import Lock
from stackctl.core.model.model import ModelSeen
from stackctl.core.plan.locked import differences, model_record, refuse_differences
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.config_request import read_lock
from stackctl.steps.deploy_history import pulled_model
from stackctl.steps.situation import Phase
from stackctl.steps.stack_model import PendingModel


def with_model(lock: Lock, model: ModelSeen, coming: PendingModel | None, machine: Machine) -> Lock:
    """Return the lock with what is known of the model's files. `coming`: the model that has yet to be pulled.

    No checksum is computed here: it is known of what stackctl pulled, or of what a hub states.
    """
    if coming:
        pulled, revision, is_folder = coming.offer.files, coming.offer.commit, coming.offer.is_folder
        files = {_name(file.name, is_folder=is_folder): (file.size, file.sha256) for file in pulled}
        return replace(lock, model=model_record(files, revision))
    kept = pulled_model(model, machine)
    here = {file.name: (file.size, "") for file in model.files}
    pulled = kept.files if kept else ()
    known = {_name(file.name, is_folder=model.is_folder): (file.size, file.sha256) for file in pulled}
    same = {name: one for name, one in known.items() if here.get(name, one)[0] == one[0]}
    return replace(lock, model=model_record(here | same, kept.commit if kept else ""))


def _name(name: str, *, is_folder: bool) -> str:
    """A file's name as the backend sees it: a repository may keep a single file in a folder."""
    return name if is_folder else PurePosixPath(name).name


def refuse_without_lock(machine: Machine) -> None:
    """Raise ConfigError where there is no stack.lock."""
    if machine.folder.read(lock_file.FILE) is None:
        raise ConfigError(
            f"--locked: there is no {lock_file.FILE} in {machine.path}",
            hint=f"Run `stackctl deploy` without `--locked` once, and commit the {lock_file.FILE} that it writes.",
            issue="lock-differs",
        )


def refuse_unlocked(phase: Phase, machine: Machine, *, places: bool) -> None:
    """Raise ConfigError where the phase is not what stack.lock records. `places`: see `differences`."""
    images = [service.image for service in phase.plan.services]
    refuse_differences(differences(read_lock(machine), phase.planned.lock, images, places=places))
