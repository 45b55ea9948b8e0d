"""The workflows are valid, careful, and call only what exists."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackctl.backends import BACKENDS
from stackctl.contracts.host import Cpu
from tests.docs.prose import ROOT, calls, wrong

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORM = GITHUB / "ISSUE_TEMPLATE" / "bug.yml"
NAMES = [path.name for path in WORKFLOWS]


def read(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in read(path)["jobs"].values():
        yield from job["steps"]


def lines(path: Path) -> Iterator[str]:
    """Every shell line of a workflow, continued lines joined, once for each entry of the matrix."""
    for job in read(path)["jobs"].values():
        for entry in job.get("strategy", {}).get("matrix", {}).get("include", [{}]):
            for step in job["steps"]:
                script = re.sub(r"\\\n\s*", "", step.get("run", ""))
                for key, value in entry.items():
                    script = script.replace(f"${{{{ matrix.{key} }}}}", value)
                yield from script.splitlines()


@pytest.mark.parametrize(
    ("schema", "path"),
    [*(("github-workflows", path) for path in WORKFLOWS), ("dependabot", GITHUB / "dependabot.yml")],
    ids=[*NAMES, "dependabot.yml"],
)
def test_a_file_is_what_github_takes(schema: str, path: Path) -> None:
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_a_workflow_can_only_read_ends_in_time_and_does_not_pile_up(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["defaults"]["run"]["shell"] == "bash"  # only where it is named does it have pipefail
    assert "group" in workflow["concurrency"]
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])
    for step in steps(path):
        assert "uses" in step or "run" in step
        assert re.fullmatch(r"actions/[\w-]+@v\d+|\./\.github/actions/smoke", step.get("uses", "actions/checkout@v0"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=NAMES)
def test_a_workflow_calls_only_commands_options_and_targets_that_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in lines(path):
        for words in calls(line):
            assert not wrong(words), line
        if line.split()[:1] == ["make"]:
            assert set(line.split()[1:]) <= targets, line


def test_our_own_workflows_use_the_action_as_others_do() -> None:
    inputs = set(read(GITHUB / "actions" / "smoke" / "action.yml")["inputs"])
    for name in ("ci.yml", "official-images.yml"):
        found = [step for step in steps(GITHUB / "workflows" / name) if step.get("uses") == "./.github/actions/smoke"]
        assert len(found) == 1, name
        assert set(found[0]["with"]) <= inputs


def test_ci_runs_the_tests_of_the_readme_on_every_push_and_pull_request() -> None:
    path = GITHUB / "workflows" / "ci.yml"
    assert set(read(path)[True]) == {"push", "pull_request"}  # YAML 1.1 reads the key `on` as true
    assert {"make test", "make lowest", "make coverage"} <= set(lines(path))
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    kept = next(step["with"] for step in steps(path) if "upload-artifact" in step.get("uses", ""))
    assert kept["path"] == ".artefacts"
    assert kept["include-hidden-files"]  # else a name that begins with a dot is left out


def test_what_ci_runs_a_sample_of_runs_whole_every_night() -> None:
    path = GITHUB / "workflows" / "nightly.yml"
    assert set(read(path)[True]) == {"schedule", "workflow_dispatch"}
    assert {line for line in lines(path) if line.startswith("make ")} == {"make machines", "make chaos"}


def test_the_weekly_run_has_every_backend_with_its_official_image() -> None:
    path = GITHUB / "workflows" / "official-images.yml"
    assert set(read(path)[True]) == {"schedule", "workflow_dispatch"}
    matrix = read(path)["jobs"]["deploy"]["strategy"]["matrix"]["include"]
    assert {one["backend"] for one in matrix} == set(BACKENDS)
    for one in matrix:
        trusts = "--trust-first-download" in one["options"]
        backend = BACKENDS[one["backend"]]
        program = backend.PROGRAMS.get(backend.program("cpu", Cpu(), ()))
        assert trusts == bool(program and not program.sha256)
    deploys = [words for line in lines(path) for words in calls(line) if "deploy" in words]
    assert len(deploys) == len(BACKENDS)
    assert {words[words.index("--images") + 1] for words in deploys} == {"official"}


def test_the_readmes_say_that_the_weekly_run_has_not_run_yet() -> None:
    known = {
        "README.md": "The weekly run with the official images has not run yet",
        "README.ja.md": "公式イメージを使う週次の実行も、まだ行っていません",
        "docs/reliability.md": "`.github/workflows/official-images.yml`, but neither it nor",
    }
    for name, words in known.items():
        assert words in (ROOT / name).read_text(encoding="utf-8")


def test_the_bug_report_asks_for_what_we_need() -> None:
    form = read(FORM)
    assert {"name", "description", "body"} <= form.keys()
    fields = [one for one in form["body"] if one["type"] != "markdown"]
    assert len({one["id"] for one in fields}) == len(fields)
    asked = " ".join(f"{one['attributes']['label']} {one['attributes'].get('description', '')}" for one in fields)
    for wanted in ("stackctl --version", "stackctl status --json", "compose.yml"):
        assert wanted in asked
    for line in re.findall(r"`([^`]+)`", FORM.read_text(encoding="utf-8")):
        for words in calls(line):
            assert not wrong(words), line
