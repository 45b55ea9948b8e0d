"""The workflows are valid, careful, and call only what exists."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackctl import __version__
from stackctl.backends import BACKENDS
from stackctl.contracts.host import Cpu
from stackctl.core.plan.images import OWN
from tests.docs.prose import ROOT, calls, wrong

GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORM = GITHUB / "ISSUE_TEMPLATE" / "bug.yml"
NAMES = [path.name for path in WORKFLOWS]
RELEASE = GITHUB / "workflows" / "release.yml"
CHECKS = [path for path in WORKFLOWS if path != RELEASE]  # which can only read


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
        entries = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
        for runner in {job["runs-on"].replace("${{ matrix.runner }}", entry.get("runner", "")) for entry in entries}:
            assert re.fullmatch(r"ubuntu-\d\d\.\d\d(-arm)?", runner)
    assert all("uses" in step or "run" in step for step in steps(path))


@pytest.mark.parametrize("path", CHECKS, ids=[path.name for path in CHECKS])
def test_what_can_only_read_uses_githubs_own_actions_and_takes_their_fixes(path: Path) -> None:
    assert not [name for name, job in read(path)["jobs"].items() if "permissions" in job]
    for step in steps(path):
        assert re.fullmatch(r"actions/[\w-]+@v\d+|\./\.github/actions/smoke", step.get("uses", "actions/checkout@v0"))


def test_what_can_publish_pins_each_action_by_its_commit_and_gives_a_job_what_it_needs() -> None:
    text = RELEASE.read_text(encoding="utf-8")
    for line in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+(; .*)?", line), line
    jobs = read(RELEASE)["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "build": {"contents": "read", "id-token": "write", "attestations": "write"},
        "pypi": {"id-token": "write"},
        "images": {"contents": "read", "packages": "write"},
        "manifests": {"packages": "write", "id-token": "write", "attestations": "write"},
    }
    publish = {name: job for name, job in jobs.items() if name != "build"}
    assert {job["environment"] for job in publish.values()} == {"release"}  # a person agrees to what is published
    assert all(job["needs"] for job in publish.values())
    assert "secrets." not in text


def test_a_release_is_a_tag_that_is_the_version_and_says_that_it_has_not_run() -> None:
    head = RELEASE.read_text(encoding="utf-8").partition("name: release")[0]
    assert "NOT RUN YET" in head
    assert read(RELEASE)[True] == {"push": {"tags": ["v*"]}}
    check = next(step for step in steps(RELEASE) if step.get("name", "").startswith("The tag is the version"))
    for tag, code in ((f"v{__version__}", 0), (__version__, 1), (f"v{__version__}.1", 1)):
        argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", check["run"]]
        around = {**os.environ, "GITHUB_REF_NAME": tag}
        done = subprocess.run(argv, cwd=ROOT, env=around, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr


def test_a_release_has_an_image_for_each_architecture() -> None:
    matrix = read(RELEASE)["jobs"]["images"]["strategy"]["matrix"]["include"]
    assert {one["arch"] for one in matrix} == {"amd64", "arm64"}
    published = set(re.findall(r"for name in (.*); do", RELEASE.read_text(encoding="utf-8")))
    assert published == {" ".join(name for name in OWN.values() if name != "base")}


def test_every_python_that_pyproject_allows_is_tried_with_the_newest_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    allowed = [
        one.rpartition(" ")[2]
        for one in project["classifiers"]
        if one.startswith("Programming Language :: Python :: 3.")
    ]
    assert project["requires-python"] == f">={allowed[0]}"
    job = read(GITHUB / "workflows" / "ci.yml")["jobs"]["pythons"]
    assert [one["python"] for one in job["strategy"]["matrix"]["include"]] == allowed
    assert job["steps"][-1]["run"] == "make newest"


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
        "docs/reliability.md": "`.github/workflows/official-images.yml`, but neither",
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
