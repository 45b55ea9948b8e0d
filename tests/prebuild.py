"""Builds what the tests on a real engine run on, so that none of them waits for it: `make test` does it beside the
tests that need no engine. What is built already is found in the engine's cache.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.browser import chromium
from tests.e2e.engines import contained
from tests.standins import build

ROOT = Path(__file__).parents[1]


def call(*words: str) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)


def koboldcpp() -> None:
    with tempfile.TemporaryDirectory() as folder:
        build.koboldcpp_program(Path(folder))


def main() -> None:
    """In the order in which one needs the other, and the longest first."""
    steps: dict[str, Callable[[], object]] = {
        "the base image": lambda: call("images/engine/engine.py", "import-base"),
        "stackctl's images": lambda: call("-m", "stackctl", "images", "build", "base", "llamacpp", "sillytavern"),
        "a browser": chromium.build,
        "a stand-in for KoboldCpp": koboldcpp,
        "a stand-in for text-generation-webui": build.textgen_image,
        "a reverse proxy": build.caddy_image,
        "Podman and a rootless Docker": contained.build,
    }
    for name, step in steps.items():
        began = time.monotonic()
        step()
        print(f"  {name}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
