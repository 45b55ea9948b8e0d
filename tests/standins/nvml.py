"""Builds the stand-in for NVIDIA's management library."""

import os
import shutil
import subprocess
from pathlib import Path


def build(folder: Path) -> Path:
    """Compile libnvidia-ml.so.1 into a folder, for LD_LIBRARY_PATH."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    assert compiler, (
        "these tests compile a small C library: install gcc (Debian, Ubuntu: apt-get install gcc libc6-dev)"
    )
    source = Path(__file__).with_name("libnvidia_ml.c")
    argv = [compiler, "-shared", "-fPIC", "-O1", "-o", str(folder / "libnvidia-ml.so.1"), str(source)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr}"
    return folder
