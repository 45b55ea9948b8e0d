"""Make what Compose needs apart from compose.yml: folders, key and settings, without a start; name what is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stackctl.core.plan.images import OWN
from stackctl.core.plan.stack import Plan
from stackctl.core.tavern.profiles import ModelProfile
from stackctl.errors import DataError, EngineError, NoAnswer
from stackctl.machine import Machine
from stackctl.steps import seed_tavern
from stackctl.steps.tavern_folder import settings_file
from stackctl.steps.tavern_key import give_key
from stackctl.terminal import command_line

_DEPLOY: Final = "stackctl deploy"


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What keeps Compose from starting a stack that is connected, and the hint that says how to get it."""

    what: str
    hint: str
    is_image: bool = False  # another machine may have the image all the same


def prepare_folder(
    plan: Plan, profiles: tuple[ModelProfile, ...], machine: Machine, *, has_run: bool, again: str
) -> Missing | None:
    """Make the folders, and SillyTavern's key and first settings if its image is here; return what is missing then.

    In a folder where SillyTavern has run nothing is changed: a deploy brings such a folder up to date. `again`: the
    command that called this.
    """
    here = _images_here(plan, machine)
    if not has_run:
        try:
            _prepare(plan, profiles, machine, has_image=plan.sillytavern.image in here)
        except DataError as error:
            return Missing(what=f"SillyTavern's folders ({error.message})", hint=error.hint)
    return next(_missing(plan, machine, here, again), None)


def _prepare(plan: Plan, profiles: tuple[ModelProfile, ...], machine: Machine, *, has_image: bool) -> None:
    if not has_image:
        seed_tavern.seed_tavern(plan, None, machine)
        return
    want = seed_tavern.wanted_settings(plan, profiles, machine)
    seed_tavern.seed_tavern(plan, want and seed_tavern.as_rendered(want), machine)
    give_key(plan, machine)


def _missing(plan: Plan, machine: Machine, here: frozenset[str], again: str) -> Iterator[Missing]:
    """Give what is missing, the most important first. `here`: the images that the engine has."""
    for service in plan.services:
        for mount in service.mounts:
            if not (machine.path / mount.source).exists():
                yield Missing(what=mount.source, hint=f"Run `{_DEPLOY}`.")
    if not (machine.path / settings_file(plan)).exists():
        image = plan.sillytavern.image
        what = f"SillyTavern's settings, which are made from its image ({image})"
        yield Missing(what=what, hint=f"Run `{_bring(image)} && {again}`.")
    for image in dict.fromkeys(service.image for service in plan.services):
        if image in OWN and image not in here:
            hint = f"Run `{_bring(image)}`."
            yield Missing(what=f"the image {image}, which no registry has", hint=hint, is_image=True)


def _bring(image: str) -> str:
    return (
        command_line("stackctl", "images", "build", OWN[image])
        if image in OWN
        else command_line("docker", "pull", image)
    )


def _images_here(plan: Plan, machine: Machine) -> frozenset[str]:
    """Return the plan's images that an engine has; none if no engine answers, with a note if that took a while."""
    names = {service.image for service in plan.services}
    try:
        return frozenset(name for name in names if machine.docker.images.digest(name) is not None)
    except NoAnswer as error:
        machine.ui.warn(f"{error.message}; the folder is prepared without it")
    except EngineError:
        pass  # rendering needs no engine
    return frozenset()
