"""The action for others' workflows: GitHub takes it, and its shell does what it says, in a job's environment."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.docs.prose import ROOT, calls, wrong

FOLDER = ROOT / ".github" / "actions" / "smoke"
ACTION: dict[str, Any] = yaml.safe_load((FOLDER / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
# stands in for the installed program: it writes down how it was called and ends as it is told
RECORDER = """\
#!/usr/bin/env python3
import json, os, sys
json.dump(sys.argv[1:], sys.stdout)
sys.exit(int(os.environ.get("CODE", "0")))
"""


def environment(folder: Path, step: dict[str, Any], **inputs: str) -> dict[str, str]:
    """A job's environment, with what the step's env makes of the inputs."""
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()} | inputs
    own = {
        key: re.sub(r"\$\{\{ inputs\.(\w+) }}", lambda found: given[found[1]], value)
        for key, value in step.get("env", {}).items()
    }
    assert not [value for value in own.values() if "${{" in value]
    job = {name: str(folder / name.lower()) for name in ("RUNNER_TEMP", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    Path(job["RUNNER_TEMP"]).mkdir(exist_ok=True)
    return {**os.environ, **job, "GITHUB_ACTION_PATH": str(FOLDER), **own}


def run(step: dict[str, Any], folder: Path, around: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """A step as a runner does it."""
    assert step["shell"] == "bash"
    argv = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
    return subprocess.run(argv, cwd=folder, env=around, capture_output=True, text=True, check=False)


def called(folder: Path, code: int = 0, **inputs: str) -> list[str]:
    """The words with which stackctl is called."""
    around = environment(folder, STEPS[1], **inputs) | {"CODE": str(code)}
    program = Path(around["RUNNER_TEMP"]) / "stackctl" / "bin" / "stackctl"
    program.parent.mkdir(parents=True)
    program.write_text(RECORDER)
    program.chmod(0o755)
    done = run(STEPS[1], folder, around)
    assert done.returncode == code, done.stderr
    outputs = dict(line.split("=", 1) for line in Path(around["GITHUB_OUTPUT"]).read_text().splitlines())
    assert set(outputs) == set(ACTION["outputs"])
    words: list[str] = json.loads(Path(outputs["result"]).read_text())
    assert outputs["junit"] in words
    assert words[words.index("--summary") + 1] == around["GITHUB_STEP_SUMMARY"]
    return words


def test_github_takes_it() -> None:
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-actions"]
    done = subprocess.run([*argv, str(FOLDER / "action.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_calls_stackctl_with_options_that_exist(tmp_path: Path) -> None:
    words = called(tmp_path)
    assert not wrong(words)
    assert words[:2] == ["smoke", "--up"]
    assert "--name" not in words


def test_inputs_are_words_and_never_run(tmp_path: Path) -> None:
    nasty = "a b; touch '$HOME/x' $(touch y) `touch z` *"
    words = called(tmp_path, model=nasty, name="n", args="--restart  --only reply")
    assert words[words.index("--model") + 1] == nasty
    assert words[words.index("--name") + 1] == "n"
    assert words[-3:] == ["--restart", "--only", "reply"]
    assert not [path for path in tmp_path.iterdir() if path.name in "xyz"]
    for step in STEPS:
        assert "${{" not in step.get("run", "")


def test_a_failure_is_the_steps_own_and_every_input_is_used(tmp_path: Path) -> None:
    called(tmp_path, 10)
    text = (FOLDER / "action.yml").read_text(encoding="utf-8")
    for name in ACTION["inputs"]:
        assert f"${{{{ inputs.{name} }}}}" in text
        assert ACTION["inputs"][name]["description"]


def test_the_evidence_is_uploaded_on_failure_alone_from_where_it_is_written(tmp_path: Path) -> None:
    upload = STEPS[2]
    assert upload["if"] == "failure()"
    assert re.fullmatch(r"actions/upload-artifact@v\d+", upload["uses"])
    kept = upload["with"]["path"].replace("${{ runner.temp }}", str(tmp_path / "runner_temp"))
    words = called(tmp_path)
    assert Path(words[words.index("--artefacts") + 1]).is_relative_to(kept)
    assert Path(words[words.index("--junit") + 1]).is_relative_to(kept)


def test_it_installs_its_own_version(tmp_path: Path) -> None:
    # all but stackctl itself is taken from the environment of the tests, so that no index is asked
    installed = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    around = environment(tmp_path, STEPS[0]) | {"PYTHONPATH": installed}
    around |= {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    around["PATH"] = f"{Path(sys.executable).parent}:{around['PATH']}"
    done = run(STEPS[0], tmp_path, around)
    assert done.returncode == 0, done.stdout + done.stderr
    program = Path(around["RUNNER_TEMP"]) / "stackctl" / "bin" / "stackctl"
    said = subprocess.run([str(program), "smoke", "--help"], env=around, capture_output=True, text=True, check=True)
    assert "--annotate" in said.stdout


def test_the_docs_show_it_with_inputs_that_exist() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "actions/smoke" in block]
    assert blocks
    for block in blocks:
        for step in yaml.safe_load(block):
            assert set(step.get("with", {})) <= set(ACTION["inputs"])
            for line in step.get("run", "").splitlines():
                assert not [words for words in calls(line) if wrong(words)]
