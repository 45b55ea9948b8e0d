"""The processor."""

import os
from pathlib import Path

from stackctl.contracts.host import Cpu


def cpu(table: Path = Path("/proc/cpuinfo")) -> Cpu:
    """The processor here, whose kernel a container shares; taken for a recent one where nobody says."""
    architecture = os.uname().machine
    try:
        lines = table.read_text(errors="replace").splitlines()
    except OSError:  # no Linux here, so the engine runs elsewhere
        lines = []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    if flags is None:
        return Cpu(architecture=architecture)
    return Cpu(architecture=architecture, avx="avx" in flags, avx2="avx2" in flags)
