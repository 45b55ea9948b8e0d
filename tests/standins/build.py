"""Builds the two stand-ins for tests (never what a user gets) with the `docker` command of PATH and environment.

Standard library only. By hand: `python tests/standins/build.py DIR`, then what it prints is the program and the image.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
TEXTGEN_TAG: Final = "stackctl-standin/textgen:2026-05"
CADDY_TAG: Final = "stackctl-standin/caddy:debian"
_SHARED: Final = ("llama_child.py", "gguf_header.py")
_LAST_WORDS: Final = 4000


class BuildError(Exception):
    """A stand-in could not be built; the message ends with the engine's last words."""


def koboldcpp_program(out_dir: Path) -> Path:
    """The one-file program, built by the engine and kept in `out_dir` under the hash of what it is made from.

    It runs in a bare localhost/stackctl/base:1 as any user; both base images must be there.
    """
    program = out_dir / f"koboldcpp-{_digest('koboldcpp')}" / "koboldcpp"
    if not program.exists():
        out_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out_dir) as folder:
            exported = Path(folder) / "out"
            _docker_build("koboldcpp", ["--output", f"type=local,dest={exported}"])
            exported.chmod(0o755)
            if not program.exists():  # another run was quicker
                exported.rename(program.parent)
    return program


def textgen_image() -> str:
    """Build the image, which is quick where the engine has its layers; the tag."""
    _docker_build("textgen", ["--tag", TEXTGEN_TAG])
    return TEXTGEN_TAG


def caddy_image() -> str:
    """Build the image of a real reverse proxy, likewise; the tag."""
    _docker_build("caddy", ["--tag", CADDY_TAG])
    return CADDY_TAG


def _digest(name: str) -> str:
    found = hashlib.sha256()
    files = [path for path in (HERE / name).iterdir() if path.is_file()]
    for path in sorted([*files, *(HERE / shared for shared in _SHARED)]):
        found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]


def _docker_build(name: str, options: Sequence[str]) -> None:
    ca = os.environ.get("SSL_CERT_FILE")
    secret = ["--secret", f"id=ca,src={ca}"] if ca else []
    command = ["docker", "build", "--progress", "plain", "--file", str(HERE / name / "Dockerfile")]
    done = subprocess.run(
        [*command, *secret, *options, str(HERE)],
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        words = done.stdout[-_LAST_WORDS:]
        raise BuildError(f"the stand-in for {name} could not be built (exit {done.returncode}):\n{words}")


if __name__ == "__main__":
    print(koboldcpp_program(Path(sys.argv[1]).resolve()))
    print(textgen_image())
