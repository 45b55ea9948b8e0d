"""Builds the stand-in for NVIDIA's management library, and says what it answers."""

import os
import shutil
import subprocess
from pathlib import Path

LIBRARY = "libnvidia-ml.so.1"


def build(folder: Path) -> Path:
    """Compile libnvidia-ml.so.1 into a folder, for LD_LIBRARY_PATH."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    assert compiler, (
        "these tests compile a small C library: install gcc (Debian, Ubuntu: apt-get install gcc libc6-dev)"
    )
    source, target = Path(__file__).with_name("libnvidia_ml.c"), folder / LIBRARY
    argv = [compiler, "-shared", "-fPIC", "-O1", f"-Wl,-soname,{LIBRARY}", "-o", str(target), str(source), "-ldl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stderr}"
    return folder


def answer(folder: Path, *lines: str) -> None:
    """Have the library in `folder` answer as these lines of "key = value" say, from now on."""
    (folder / "answers").write_text("".join(f"{line}\n" for line in lines))
