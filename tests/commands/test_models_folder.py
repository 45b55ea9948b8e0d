"""`models recommend --folder`: the models of a folder or of another program's cache, and why there are none."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from stackctl.commands.models.recommend import Asked, recommend
from stackctl.errors import ModelError
from stackctl.report.recommend import recommended
from tests.commands.machines import quiet
from tests.shapes.tiny import MODEL, PROJECTOR


def lm_studio(folder: Path) -> int:
    """Two models of different owners, one with its projector; return their number."""
    files = [folder / "one" / "A-GGUF" / "A-Q4_K_M.gguf", folder / "two" / "B-GGUF" / "B-Q8_0.gguf"]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes(MODEL)
    (files[0].parent / "mmproj-A-F16.gguf").write_bytes(PROJECTOR)
    return len(files)


def hub_cache(folder: Path) -> int:
    """Two repositories of one file each, which are links to blobs."""
    for name in ("models--o--A", "models--o--B"):
        blobs, snapshot = folder / name / "blobs", folder / name / "snapshots" / "c0ffee"
        blobs.mkdir(parents=True)
        snapshot.mkdir(parents=True)
        (blobs / "5eed").write_bytes(MODEL)
        (snapshot / f"{name[-1]}-Q4_K_M.gguf").symlink_to("../../blobs/5eed")
    return 2


def ollama(folder: Path) -> int:
    digest = sha256(MODEL).hexdigest()
    (folder / "blobs").mkdir(parents=True)
    (folder / "blobs" / f"sha256-{digest}").write_bytes(MODEL)
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}", "size": len(MODEL)}
    found = [folder / "manifests" / "registry.ollama.ai" / "library" / name / "7b" for name in ("mistral", "other")]
    for manifest in found:
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"schemaVersion": 2, "config": {}, "layers": [layer]}))
    return len(found)


@pytest.mark.parametrize("make", [lm_studio, hub_cache, ollama])
def test_the_models_of_a_cache_are_compared_and_each_can_be_named(tmp_path: Path, make: Callable[[Path], int]) -> None:
    machine = quiet(tmp_path).machine
    count = make(tmp_path / "cache")
    found = recommend(machine, Asked(folder=tmp_path / "cache"))
    assert {found.best.name, *(one.name for one in found.others)} == set(found.paths)
    assert len(found.paths) == count
    for name, path in found.paths.items():
        assert machine.model(str(path)).name == name
    assert f"{found.best.name} at {found.best.name}" not in recommended(found, machine.ui)[0]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "no model found in"),
        ({"M-Q4_K_M-00001-of-00002.gguf": MODEL}, "is one of 2 parts, and 1 is missing"),
        ({"M.gguf.part1of2": MODEL[:5000], "M.gguf.part2of2": MODEL[5000:]}, "holds M.gguf in 2 pieces"),
        ({"M.gguf": MODEL[:5000]}, "is cut short"),
        ({"M.gguf": MODEL[:5000], "N.gguf": b""}, "holds no GGUF of a model"),
    ],
)
def test_a_folder_without_a_usable_model_says_what_is_wrong_and_nothing_of_memory(
    tmp_path: Path, files: dict[str, bytes], says: str
) -> None:
    folder = tmp_path / "m"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=says):
        recommend(quiet(tmp_path).machine, Asked(folder=folder))
