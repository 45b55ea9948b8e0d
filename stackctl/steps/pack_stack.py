"""Pack the folder of a rendered stack into one archive, which starts on any machine."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from stackctl.core.config import lock as lock_file
from stackctl.core.config import stack_toml
from stackctl.core.config.files import API_KEY, STATE
from stackctl.core.formats import gitignore
from stackctl.core.model import demo_model
from stackctl.core.observed import Observed
from stackctl.core.plan.images import OWN
from stackctl.core.plan.plan import Planned
from stackctl.core.plan.portable import portable
from stackctl.errors import EngineError
from stackctl.machine import Machine
from stackctl.steps import has_run
from stackctl.steps.config_request import load_config
from stackctl.steps.prepare_folder import Missing
from stackctl.steps.seed_tavern import RECORD
from stackctl.steps.tavern_folder import data_path
from stackctl.steps.write_stack import lock_text
from stackctl.terminal import command_line

# the files of .stackctl/ that go into the archive: the others hold for this machine only, or are made again
_STATE: Final = frozenset({STATE, API_KEY, RECORD, has_run.RECORD, f"{STATE}/{gitignore.FILE}"})


def pack_stack(planned: Planned, seen: Observed, target: Path, missing: Missing | None, machine: Machine) -> None:
    """Write the archive: all that the stack mounts, with paths below its folder, and the files that stackctl needs.

    The archive holds the chats, so the caller makes sure that nothing writes them. Raises EngineError for what is
    `missing`.
    """
    if missing and not missing.is_image:
        raise EngineError(f"the archive would lack {missing.what}", hint=missing.hint, issue="image-missing")
    plan, carried = portable(planned.plan, machine.place)
    file = machine.orchestrator.file
    text = machine.orchestrator.files(plan)[file]
    texts = {
        file: text,
        lock_file.FILE: lock_text(replace(planned, plan=plan), text),
        stack_toml.FILE: _config(seen, {source: place for place, source in carried.items()}, machine),
    }
    data = data_path(plan)
    trees, closed = machine.storage.trees, machine.path / data
    own = machine.storage.trees.reach(machine.folder.owner, closed=closed)
    names = (gitignore.FILE, STATE, demo_model.FILE_NAME, *machine.orchestrator.additions())
    parts = {name: machine.path / name for name in (*names, *{str(Path(one).parent) for one in plan.files}, data)}
    if not plan.is_demo:
        parts.pop(demo_model.FILE_NAME)
        parts |= {place: machine.path / place for place in _models(seen, machine)}
    parts |= {place: Path(source) for place, source in carried.items()}
    walked = [
        trees.walk(
            source,
            name,
            within=source.parent if name in carried else machine.path,
            reach=own,
            skip=lambda place: place.startswith(f"{STATE}/") and place not in _STATE,
        )
        for name, source in parts.items()
    ]
    for tree in walked:
        for left in (*tree.lost, *tree.links):
            machine.ui.note(f"not in the archive: {left} is a link, or is not a regular file")
    trees.pack(target, plan.name, walked, texts, machine.folder.owner)
    unpack = f"`sudo {command_line('tar', '-xf', target.name)}`"
    machine.ui.note(f"wrote {target}; on another machine run {unpack}, then `docker compose up -d` in {plan.name}/")
    if brought := [service.image for service in plan.services if service.image in OWN]:
        machine.ui.note(f"take its images there, too: `{command_line('docker', 'save', *brought)} | docker load`")


def _models(seen: Observed, machine: Machine) -> list[str]:
    """Return the paths, relative to the stack's folder, of the model's files that lie in it."""
    hosts = [PurePosixPath(file.host) for file in seen.model.files]
    return [str(one.relative_to(machine.place)) for one in hosts if one.is_relative_to(machine.place)]


def _config(seen: Observed, places: dict[PurePosixPath, str], machine: Machine) -> str:
    """Return stack.toml with the model's path in the archive, under the name that stack.toml gives the model."""
    flags: dict[str, object] = {}
    written = load_config(machine, {}).written
    for name in sorted(written.models.keys() - {written.model.use}):
        machine.ui.note(f"the model {name!r} of stack.toml is not in the archive: {written.models[name].path}")
    with suppress(IndexError):  # an external backend has no files here
        host = PurePosixPath(seen.model.files[0].host)
        inside = str(host.relative_to(machine.place)) if host.is_relative_to(machine.place) else places.get(host)
        if inside and inside != demo_model.FILE_NAME:
            place = PurePosixPath(inside)
            entry = f"models.{written.model.use}" if written.model.use else "model"
            path = f"./{place.parent if seen.model.is_folder else place}"
            flags = {f"{entry}.path": path, f"{entry}.source": ""}
    return load_config(machine, flags).text or machine.folder.read(stack_toml.FILE) or ""
