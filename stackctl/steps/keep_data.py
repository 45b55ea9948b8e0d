"""A copy of SillyTavern's data, made before another version of SillyTavern may change it for good."""

from pathlib import Path

from stackctl.core.adoption import layout as adoption
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern import container as tavern
from stackctl.machine import Machine
from stackctl.ports.disk import Tree
from stackctl.steps.former_stack import note_copies
from stackctl.steps.recorded_deploys import recorded_deploys
from stackctl.steps.tavern_folder import data_path

_ROOM = "Free some space, or keep sillytavern.image as it is: another image may change the data for good."


def needs_copy(plan: Plan, machine: Machine) -> bool:
    """Whether SillyTavern's image is another than the one that ran on the data that is here."""
    page = machine.orchestrator.states(plan.name).get(tavern.NAME)
    ran = page.image_id if page else _recorded_image(machine)
    is_same = ran == machine.docker.images.id(plan.sillytavern.image)
    return bool(ran) and not is_same and (machine.path / data_path(plan)).is_dir()


def keep_data(plan: Plan, machine: Machine) -> Path | None:
    """Copy SillyTavern's data if its image is not the one that ran on it; return the copy's path, None without a copy.

    The copy shares its blocks with the original if the file system can do that. SillyTavern is stopped meanwhile, so
    that no file changes. Raises DoesNotFit, before anything is stopped, if there is no room.
    """
    if not needs_copy(plan, machine):
        return None
    page, data = machine.orchestrator.states(plan.name).get(tavern.NAME), machine.path / data_path(plan)
    tree, owner = machine.storage.trees, plan.sillytavern.user or machine.folder.owner
    reach = tree.reach(owner, closed=data)

    def looked_at() -> list[Tree]:
        return [
            tree.walk(data / one, one, within=data, reach=reach, skip=adoption.is_made_anew) for one in tree.names(data)
        ]

    if not tree.can_clone(data.parent):
        tree.refuse_full(data.parent, sum(leaf.size for one in looked_at() for leaf in one.files), _ROOM)
    machine.ui.step("Copying SillyTavern's data first, because its image changes")
    if page and page.state == "running":
        machine.docker.stop(page.container, plan.sillytavern.grace_s)
    staged, kept = data.with_name(f".{data.name}.copying"), tree.free_name(data)
    tree.remove(staged)  # an interrupted deploy may have left it
    note_copies(machine, staged, kept)
    tree.copy(looked_at(), staged, owner, machine.ui.progress)
    tree.put(staged, kept, None)
    machine.ui.note(f"the copy is {kept}: delete it once you are satisfied with the new SillyTavern")
    return kept


def _recorded_image(machine: Machine) -> str:
    """Return the id of the image that ran in the last successful deploy; "" if none is recorded."""
    last = next(recorded_deploys(machine), None)
    return next((one.id for one in last[1].images if one.service == tavern.NAME), "") if last else ""
