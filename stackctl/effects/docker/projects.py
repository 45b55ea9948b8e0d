"""The stacks that an engine has, by Compose or Swarm, and the folders that they were started in."""

import os
from pathlib import PurePosixPath
from typing import Final, Protocol

from stackctl.core.observed import ContainerSeen
from stackctl.effects.docker.client import Informed, translate_errors
from stackctl.effects.docker.labels import PROJECT, STACK, WORKING_DIR, folder_of
from stackctl.effects.docker.swarm_stacks import services
from stackctl.errors import ConfigError

# the keys in ORCHESTRATORS, by the label of what they make
_BY_LABEL: Final = {PROJECT: "compose", STACK: "swarm"}


class Lists(Informed, Protocol):
    """An engine that lists the containers of a Compose project."""

    def containers(self, project: str) -> tuple[ContainerSeen, ...]: ...


def stack_folders(engine: Informed) -> frozenset[tuple[str, str]]:
    """Return (name, folder) of every project that has containers, running or not; links in the path are resolved.

    A stack in Swarm is among them if its folder is on this machine.
    """
    with translate_errors("docker ps failed"):
        found = engine.client.api.containers(all=True, filters={"label": [PROJECT, WORKING_DIR]})
    labels = [one["Labels"] for one in found]
    composed = {(one[PROJECT], folder_of(one[WORKING_DIR])) for one in labels}
    return frozenset(composed | {(one.stack, one.folder) for one in services(engine) if one.has_data})


def run_by(engine: Lists, project: str) -> tuple[str, ...]:
    """Return the orchestrators that have made something of a stack; more than one while it moves."""
    found = {PROJECT: engine.containers(project), STACK: services(engine, project)}
    return tuple(_BY_LABEL[label] for label, made in found.items() if made)


def refuse_foreign(engine: Lists, project: str, folder: PurePosixPath) -> None:
    """Raise ConfigError if a Compose project or a stack of this name belongs to another folder."""
    composed = [one.folder for one in engine.containers(project)]
    for other in (*composed, *(one.folder for one in services(engine, project))):
        if other and os.path.realpath(other) != str(folder):  # Compose by hand may have used a link to this folder
            raise ConfigError(
                f"the name {project!r} belongs to the stack in {other}; a second one would replace its containers",
                hint='Give this one another name: name = "..." in stack.toml, or `stackctl deploy --name NAME`.',
                issue="name-taken",
            )
