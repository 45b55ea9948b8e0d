"""The labels that containers, networks, volumes and services carry: those of Compose and Swarm, and ours."""

import os
from typing import Final

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
NETWORK: Final = "com.docker.compose.network"
WORKING_DIR: Final = "com.docker.compose.project.working_dir"
HASH: Final = "com.docker.compose.config-hash"
STACK: Final = "com.docker.stack.namespace"  # of Swarm's services, containers, networks, secrets and configs
FOLDER: Final = "stackctl.folder"  # of Swarm's services and containers: the folder of the stack that made them
STACK_SERVICE: Final = "stackctl.service"  # of the same: the service's name in the stack
MADE_BY: Final = "stackctl.made-by"  # of temporary containers and networks
_LONGEST: Final = 4096  # characters of a path: PATH_MAX on Linux


def folder_of(label: str) -> str:
    """Return the folder that a label of Compose names, with its links resolved.

    Whoever starts a container writes its labels: one that is no path of this machine is returned as it is, but cut.
    """
    label = label[:_LONGEST]
    return os.path.realpath(label) if label.startswith("/") and "\0" not in label else label


def data_label(stack: str) -> str:
    """Return the label of the node that has the data of a stack in Swarm."""
    return f"stackctl.{stack}.data"
