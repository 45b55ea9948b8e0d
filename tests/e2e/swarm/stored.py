"""Images that an engine has, for another one on the same file system, without a copy: its layers are linked.

Layers never change: a container writes into a folder of its own above them. Only for the overlay2 driver, and before
the other engine starts.
"""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

_STORE: Final = Path("image", "overlay2")
# dockerd mounts its folder over itself, and no link leads from one mount to another
_LINK: Final = """
mountpoint -q "$1" && umount --lazy "$1"
shift
while [ $# -gt 0 ]; do cp -al "$1" "$2"; shift 2; done
"""


def link_images(source: Path, target: Path, images: tuple[str, ...]) -> None:
    """Give the engine with the data root `target` these images of the one with the data root `source`."""
    names: dict[str, dict[str, str]] = json.loads((source / _STORE / "repositories.json").read_text())["Repositories"]
    given: dict[str, dict[str, str]] = {}
    folders: dict[Path, None] = {}
    for image in images:
        repository = image.rpartition(":")[0]
        identity = names[repository][image]
        given.setdefault(repository, {})[image] = identity
        content = _STORE / "imagedb" / "content" / identity.replace(":", "/")
        (target / content).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / content, target / content)
        for chain in _chains(json.loads((source / content).read_text())["rootfs"]["diff_ids"]):
            entry = _STORE / "layerdb" / chain.replace(":", "/")
            shutil.copytree(source / entry, target / entry, dirs_exist_ok=True)
            folders[Path("overlay2", (source / entry / "cache-id").read_text())] = None
    (target / _STORE / "repositories.json").write_text(json.dumps({"Repositories": given}))
    _link_layers(source, target, list(folders))


def _chains(layers: list[str]) -> list[str]:
    """Return the name of each layer together with all below it."""
    chains = layers[:1]
    for layer in layers[1:]:
        chains.append(f"sha256:{hashlib.sha256(f'{chains[-1]} {layer}'.encode()).hexdigest()}")
    return chains


def _link_layers(source: Path, target: Path, folders: list[Path]) -> None:
    (target / "overlay2" / "l").mkdir(parents=True)
    pairs = [str(root / folder) for folder in folders for root in (source, target)]
    words = ("unshare", "--mount", "--propagation", "private", "sh", "-ec", _LINK, "sh", str(source))
    done = subprocess.run([*words, *pairs], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-2000:]
    for folder in folders:
        short = Path("overlay2", "l", (target / folder / "link").read_text())
        (target / short).symlink_to(f"../{folder.name}/diff")
