"""The device files of GPUs that a container must be able to open, and what it means that it can't."""

import re
from typing import Final

from stackctl.backends.contract import NOT_OPENED
from stackctl.contracts.cause import Cause
from stackctl.gpus import GPUS

_NOT_OPENED: Final = re.compile(rf"{re.escape(NOT_OPENED)} (/dev/[\w/.-]{{1,64}})")


def lost_gpu(output: str) -> Cause | None:
    """Return the cause if a health check's output says that a make's device file can't be opened, else None."""
    for path in (one.rstrip(":") for one in _NOT_OPENED.findall(output)):
        if make := next((one for one in GPUS.values() if path in one.NODES), None):
            return make.lost(path)
    return None
