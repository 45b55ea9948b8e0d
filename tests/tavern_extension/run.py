"""Run a piece of JavaScript with one of the extension's modules, in the node that playwright brings."""

import subprocess
from pathlib import Path

import playwright

from stackctl.effects.storage import package_root

_NODE = str(Path(playwright.__file__).parent / "driver" / "node")
_HERE = Path(__file__).parent


def run(played: str, script: str) -> None:
    """Run the script after what the file `played` beside this one makes; what it asserts must hold."""
    text = (
        (_HERE / played)
        .read_text(encoding="utf-8")
        .replace("EXTENSION", (package_root() / "tavern_extension").as_uri())
    )
    argv = [_NODE, "--input-type=module", "--eval", f"{text}\n{script}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
