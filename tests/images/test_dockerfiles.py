"""What can be said of our images without building them."""

import json
import re
from pathlib import Path

import pytest

IMAGES = Path(__file__).resolve().parents[2] / "images"
DOCKERFILES = sorted(IMAGES.glob("*/Dockerfile"))


def test_every_image_says_in_the_readme_why_it_exists() -> None:
    text = (IMAGES / "README.md").read_text()
    for path in IMAGES.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            assert f"`{path.name}/`" in text


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_every_image_is_labelled(path: Path) -> None:
    for name in ("title", "description", "licenses", "version"):
        assert f"org.opencontainers.image.{name}=" in path.read_text()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_packages_are_added_in_the_one_way_that_leaves_nothing_behind(path: Path) -> None:
    assert "apt-get " not in path.read_text()


def test_sillytaverns_lock_has_hashes_and_no_addresses() -> None:
    text = (IMAGES / "sillytavern" / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert "resolved" not in text
    unpinned = [n for n, p in packages.items() if n and "integrity" not in p and not p.get("inBundle")]
    assert unpinned == []


def test_the_lock_the_manifest_and_the_label_agree_on_sillytaverns_version() -> None:
    folder = IMAGES / "sillytavern"
    wanted = json.loads((folder / "package.json").read_text())["dependencies"]["sillytavern"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]["node_modules/sillytavern"]["version"]
    labelled = re.search(r'image\.version="([^"]+)"', (folder / "Dockerfile").read_text())
    assert labelled is not None
    assert wanted == locked == labelled[1]
