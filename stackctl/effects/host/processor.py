"""The processor."""

import os
from pathlib import Path

from stackctl.contracts.host import Cpu


def cpu(table: Path = Path("/proc/cpuinfo")) -> Cpu:
    """Return this machine's processor, which containers share; a recent one is assumed if the kernel does not tell."""
    architecture = os.uname().machine
    try:
        lines = table.read_text(errors="replace").splitlines()
    except OSError:  # not Linux, so the engine runs elsewhere
        lines = []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    if flags is None:
        return Cpu(architecture=architecture)
    return Cpu(architecture=architecture, avx="avx" in flags, avx2="avx2" in flags)
