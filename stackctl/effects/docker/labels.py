"""The labels that containers, networks and volumes carry: those that Compose writes, and one of ours."""

import os
from typing import Final

PROJECT: Final = "com.docker.compose.project"
SERVICE: Final = "com.docker.compose.service"
NETWORK: Final = "com.docker.compose.network"
WORKING_DIR: Final = "com.docker.compose.project.working_dir"
HASH: Final = "com.docker.compose.config-hash"
MADE_BY: Final = "stackctl.made-by"  # of temporary containers and networks
_LONGEST: Final = 4096  # characters of a path: PATH_MAX on Linux


def folder_of(label: str) -> str:
    """Return the folder that a label of Compose names, with its links resolved.

    Whoever starts a container writes its labels: one that is no path of this machine is returned as it is, but cut.
    """
    label = label[:_LONGEST]
    return os.path.realpath(label) if label.startswith("/") and "\0" not in label else label
