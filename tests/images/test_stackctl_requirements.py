"""What images/stackctl installs: pyproject's dependencies, pinned as the tests' are, with hashes and no addresses."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def pinned(path: Path) -> dict[str, str]:
    """Name -> version of a requirements file."""
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", path.read_text(), re.MULTILINE))


def test_the_image_has_every_dependency_of_the_package_in_a_version_that_suits() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    image = pinned(ROOT / "images" / "stackctl" / "requirements.txt")
    unmet = [str(r) for r in map(Requirement, wanted) if image.get(r.name, "0") not in r.specifier]
    assert unmet == []


def test_the_image_is_pinned_to_what_the_tests_ran_with() -> None:
    tested = pinned(ROOT / "tests" / "requirements.txt")
    image = pinned(ROOT / "images" / "stackctl" / "requirements.txt")
    assert image.items() - tested.items() == set()


@pytest.mark.parametrize(
    "name", ["images/stackctl/requirements.txt", "tests/bench/requirements.txt", "tests/lowest.txt"]
)
def test_pins_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "--index" not in text
    assert all("--hash=sha256:" in part for part in re.split(r"\n(?=[a-z])", text))
