"""What pyproject.toml asks for is what the code imports, and the lowest versions that it allows are those tried."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES: dict[str, Requirement] = {
    canonicalize_name(one.name): one for one in map(Requirement, PROJECT["dependencies"])
}
LOWEST = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / "tests" / "lowest.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", DEPENDENCIES)
def test_the_lowest_version_that_is_allowed_is_the_one_that_the_tests_are_run_with(name: str) -> None:
    (bound,) = DEPENDENCIES[name].specifier
    assert bound.operator == ">="
    assert Version(LOWEST[name]) == Version(bound.version)


def imported(path: Path) -> Iterator[str]:
    """The top-level modules that a file imports when it runs, wherever in the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in for_types:
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in for_types:
            yield (node.module or "").split(".")[0]


def test_every_package_that_the_code_imports_is_asked_for_by_name() -> None:
    modules = {name for path in (ROOT / "stackctl").rglob("*.py") for name in imported(path)}
    theirs = modules - sys.stdlib_module_names - {"stackctl"}
    packages = packages_distributions()
    assert {canonicalize_name(packages[name][0]) for name in theirs} == DEPENDENCIES.keys()


@pytest.mark.parametrize("path", [*(ROOT / "stackctl").rglob("*.py")], ids=lambda path: str(path.relative_to(ROOT)))
def test_of_others_packages_only_public_names_are_imported(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
        if module.split(".")[0] not in sys.stdlib_module_names | {"stackctl", ""}:
            assert not [part for part in f"{module}.{'.'.join(names)}".split(".") if part.startswith("_")], module


def test_ci_runs_the_unit_tests_with_the_lowest_versions() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert "make lowest" in [step.get("run") for step in workflow["jobs"]["lowest"]["steps"]]
    command = ["make", "--dry-run", "--no-print-directory", "lowest"]
    # `make test` sets variables that make this inner make say which folder it enters and leaves
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    shown = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == ".venv/bin/python tests/run.py lowest"
