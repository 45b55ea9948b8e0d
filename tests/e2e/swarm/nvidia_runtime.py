"""A stand-in for NVIDIA's container runtime, as a node's default one.

As the real one does it, it looks at what Swarm says in the environment of a task, and gives the container the device
files and `nvidia-smi`: here harmless ones (those of /dev/null), and a script. `calls` keeps what it was asked.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

MEMORY_MIB: Final = 24576
_SMI: Final = """#!/bin/sh
# a stand-in: one GPU
case "$*" in
  *--query-gpu=*) : ;;
  *) echo "GPU 0: NVIDIA GeForce RTX 3090 (UUID: {gpu})"; exit ;;
esac
for word; do case "$word" in --query-gpu=*) fields=${{word#--query-gpu=}};; *nounits*) bare=1;; esac; done
line=
for one in $(echo "$fields" | tr , ' '); do
  case $one in
    index) value=0;; name|gpu_name) value="NVIDIA GeForce RTX 3090";; uuid|gpu_uuid) value={gpu};;
    memory.total) value={total};; memory.free) value={free};; memory.used) value={used};;
    driver_version) value=570.133.07;; compute_cap) value=8.6;; *) value="[N/A]";;
  esac
  case $one in memory.*) [ "$bare" ] || value="$value MiB";; esac
  line="${{line:+$line, }}$value"
done
echo "$line"
"""
_RUNTIME: Final = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
if "create" in words and "--bundle" in words:
    file = pathlib.Path(words[words.index("--bundle") + 1]) / "config.json"
    config = json.loads(file.read_text())
    asked = [one for one in config["process"]["env"] if one.startswith(("NVIDIA_", "DOCKER_RESOURCE_"))]
    with (here / "calls").open("a") as calls:
        calls.write(json.dumps(asked) + "\\n")
    if any(one.startswith("NVIDIA_VISIBLE_DEVICES=") and one[23:] not in ("", "none", "void") for one in asked):
        smi = {{"destination": "/usr/bin/nvidia-smi", "type": "bind", "source": str(here / "nvidia-smi")}}
        config["mounts"].append(smi | {{"options": ["rbind", "ro"]}})
        for name in ("nvidiactl", "nvidia0"):
            node = {{"path": f"/dev/{{name}}", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666}}
            config["linux"].setdefault("devices", []).append(node | {{"uid": 0, "gid": 0}})
        file.write_text(json.dumps(config))
os.execvp({runc!r}, [{runc!r}, *words])
"""


def write(folder: Path, gpu: str) -> Path:
    """Write it into a folder; return the runtime's path. gpu: the UUID of the one GPU that it gives."""
    folder.mkdir(exist_ok=True)
    (folder / "nvidia-smi").write_text(_SMI.format(gpu=gpu, total=MEMORY_MIB, free=MEMORY_MIB - 500, used=500))
    runtime = folder / "nvidia-container-runtime"
    runtime.write_text(_RUNTIME.format(python=sys.executable, runc="runc"))
    for path in (runtime, folder / "nvidia-smi"):
        path.chmod(0o755)
    return runtime


def calls(folder: Path) -> list[list[str]]:
    """Return what it was asked, container by container: the variables that concern it."""
    found: list[Any] = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    return found
