"""A stand-in for the hook of NVIDIA's toolkit, which the engine starts before a container that reserves a GPU runs.

It makes harmless device files (those of /dev/null) in the container, as its files say: `nodes` names them, `says` has
the words with which it fails instead; with neither it grants and gives nothing. `calls` keeps what it was asked.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

HOOK: Final = "nvidia-container-runtime-hook"
NODES: Final = ("nvidiactl", "nvidia0")
# what runc hands to a hook names the container's bundle, where the environment of its process and its root are
_PROGRAM: Final = f"""#!{sys.executable}
import json, pathlib, subprocess, sys
here = pathlib.Path(__file__).parent
state = json.load(sys.stdin)
config = json.loads((pathlib.Path(state["bundle"]) / "config.json").read_text())
asked = [one for one in config["process"]["env"] if one.startswith("NVIDIA_")]
with (here / "calls").open("a") as calls:
    calls.write(json.dumps({{"id": state["id"], "words": sys.argv[1:], "asked": asked}}) + "\\n")
if (here / "says").exists():
    sys.exit((here / "says").read_text())
devices = pathlib.Path(state["bundle"]) / config["root"]["path"] / "dev"
for name in (here / "nodes").read_text().split() if (here / "nodes").exists() else ():
    make = ["mknod", "--mode=666", str(devices / name), "c", "1", "3"]
    subprocess.run(["nsenter", "--target", str(state["pid"]), "--mount", *make], check=True)
"""


def write_hook(folder: Path) -> None:
    """Write it into a folder that is on an engine's PATH; the engine looks for it when it starts."""
    (folder / HOOK).write_text(_PROGRAM)
    (folder / HOOK).chmod(0o755)


def steer(folder: Path, *, nodes: tuple[str, ...] = NODES, says: str = "") -> None:
    """Say what it does from now on."""
    (folder / "nodes").write_text(" ".join(nodes))
    (folder / "says").unlink(missing_ok=True)
    if says:
        (folder / "says").write_text(says)


def calls(folder: Path) -> list[dict[str, Any]]:
    """Return what it was asked, call by call."""
    return [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
