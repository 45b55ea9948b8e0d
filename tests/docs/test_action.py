"""The action for others' workflows: GitHub takes it, and its shell does what it says, in a job's environment."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackctl.core.config.lock import Lock, dump
from stackctl.core.tavern import container as tavern
from tests.core.samples import decided
from tests.docs.prose import ROOT, calls, wrong

FOLDER = ROOT / ".github" / "actions" / "smoke"
ACTION: dict[str, Any] = yaml.safe_load((FOLDER / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
INSTALL, LOOK, FETCH, LOAD, SMOKE, KEEP, UPLOAD = STEPS
# stands in for the installed program: it writes down how it was called and ends as it is told
RECORDER = """\
#!/usr/bin/env python3
import json, os, sys
json.dump(sys.argv[1:], sys.stdout)
if "TOKEN_FILE" in os.environ:
    with open(os.environ["TOKEN_FILE"], "w") as file:
        print(os.environ.get("HF_TOKEN"), *(["TOKEN"] if "TOKEN" in os.environ else []), file=file)
sys.exit(int(os.environ.get("CODE", "0")))
"""


def environment(folder: Path, step: dict[str, Any], **inputs: str) -> dict[str, str]:
    """A job's environment, with what the step's env makes of the inputs."""
    given = {name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()} | inputs
    own = {
        key: re.sub(r"\$\{\{ inputs\.(\w+) }}", lambda found: given[found[1]], value)
        .replace("${{ github.server_url }}", "https://github.com")
        .replace("${{ github.action_repository || github.repository }}", "owner/stackctl")
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
    around = environment(folder, SMOKE, **inputs) | {"CODE": str(code)}
    program = Path(around["RUNNER_TEMP"]) / "stackctl" / "bin" / "stackctl"
    program.parent.mkdir(parents=True)
    program.write_text(RECORDER)
    program.chmod(0o755)
    done = run(SMOKE, folder, around)
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
    upload = UPLOAD
    assert upload["if"] == "failure()"
    assert re.fullmatch(r"actions/upload-artifact@v\d+", upload["uses"])
    kept = upload["with"]["path"].replace("${{ runner.temp }}", str(tmp_path / "runner_temp"))
    words = called(tmp_path)
    assert Path(words[words.index("--artefacts") + 1]).is_relative_to(kept)
    assert Path(words[words.index("--junit") + 1]).is_relative_to(kept)


def test_it_installs_its_own_version(tmp_path: Path) -> None:
    # all but stackctl itself is taken from the environment of the tests, so that no index is asked
    installed = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    around = environment(tmp_path, INSTALL) | {"PYTHONPATH": installed}
    around |= {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    around["PATH"] = f"{Path(sys.executable).parent}:{around['PATH']}"
    done = run(INSTALL, tmp_path, around)
    assert done.returncode == 0, done.stdout + done.stderr
    program = Path(around["RUNNER_TEMP"]) / "stackctl" / "bin" / "stackctl"
    said = subprocess.run([str(program), "smoke", "--help"], env=around, capture_output=True, text=True, check=True)
    assert "--annotate" in said.stdout


def recorded_python(folder: Path) -> dict[str, str]:
    """A PATH on which python3 makes an environment whose pip writes down what it is to install."""
    tools = folder / "tools"
    tools.mkdir()
    (tools / "python3").write_text(
        "#!/bin/sh\n"
        'mkdir -p "$3/bin"\n'
        'printf \'#!/bin/sh\\necho "$3" > "%s"\\n\' "$WANTED" > "$3/bin/pip"\n'
        'chmod 755 "$3/bin/pip"\n'
    )
    (tools / "python3").chmod(0o755)
    return {"PATH": f"{tools}:{os.environ['PATH']}", "WANTED": str(folder / "wanted")}


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("v0.1.0", "git+https://github.com/owner/stackctl@v0.1.0"),
        ("0123456789abcdef0123456789abcdef01234567", "git+https://github.com/owner/stackctl@0123456789abcdef"),
        ("own/copy", "/own/copy"),
        ("", f"{FOLDER}/../../.."),
    ],
)
def test_another_version_is_a_ref_of_the_actions_repository_or_a_path(
    version: str, wanted: str, tmp_path: Path
) -> None:
    (tmp_path / "own" / "copy").mkdir(parents=True)
    around = environment(tmp_path, INSTALL, version=version) | recorded_python(tmp_path)
    done = run(INSTALL, tmp_path, around)
    assert done.returncode == 0, done.stderr
    assert wanted in (tmp_path / "wanted").read_text()


def outputs(folder: Path) -> dict[str, str]:
    file = folder / "github_output"
    return dict(line.split("=", 1) for line in file.read_text().splitlines()) if file.exists() else {}


def looked(folder: Path, lock: Path) -> list[str]:
    """The images that the step finds in a stack.lock."""
    around = environment(folder, LOOK, locked=str(lock))
    done = run(LOOK, folder, around)
    assert done.returncode == 0, done.stderr
    return (Path(around["RUNNER_TEMP"]) / "stackctl-images.txt").read_text().split()


def test_a_stack_lock_reaches_smoke_and_its_images_make_the_key_of_what_is_kept(tmp_path: Path) -> None:
    digests = {"koboldai/koboldcpp:latest": "sha256:2", "localhost:5000/x/y:1": "sha256:1"}
    lock = tmp_path / "a b.lock"
    lock.write_text(dump(Lock(digests=digests)))
    words = called(tmp_path, locked=str(lock))
    assert not wrong(words)
    assert words[words.index("--locked") + 1] == str(lock)
    assert looked(tmp_path, lock) == ["koboldai/koboldcpp@sha256:2", "localhost:5000/x/y@sha256:1"]
    key = outputs(tmp_path)["key"]
    assert re.fullmatch("[0-9a-f]{32}", key)
    lock.write_text(dump(Lock(digests=digests, rendered={"by": "another"})))
    looked(tmp_path, lock)
    assert outputs(tmp_path)["key"] == key
    lock.write_text(dump(Lock(digests=digests | {"koboldai/koboldcpp:latest": "sha256:3"})))
    looked(tmp_path, lock)
    assert outputs(tmp_path)["key"] != key


def test_an_image_that_is_named_with_its_digest_is_kept_too(tmp_path: Path) -> None:
    lock, decisions = tmp_path / "stack.lock", decided().lock.decisions
    lock.write_text(dump(Lock(decisions=decisions, digests={tavern.IMAGE: "sha256:1"})))
    name, _, digest = str(decisions["llamacpp.image"].value).partition("@")
    page = tavern.IMAGE.rpartition(":")[0]
    assert looked(tmp_path, lock) == [f"{name.rpartition(':')[0]}@{digest}", f"{page}@sha256:1"]


@pytest.mark.parametrize("content", [None, "", "[]", "{", '{"digests": []}', dump(Lock())])
def test_of_a_stack_lock_without_images_none_is_kept_and_stackctl_says_what_is_wrong(
    content: str | None, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "stack.lock").write_text(content)
    assert looked(tmp_path, tmp_path / "stack.lock") == []
    assert "key" not in outputs(tmp_path)


def test_images_are_kept_by_their_digests_and_only_where_no_earlier_run_kept_them(tmp_path: Path) -> None:
    assert re.fullmatch(r"actions/cache@v\d+", FETCH["uses"])
    assert "${{ steps.images.outputs.key }}" in FETCH["with"]["key"]
    assert "runner.arch" in FETCH["with"]["key"]
    assert LOAD["if"] == "steps.cache.outputs.cache-hit == 'true'"
    assert "steps.cache.outputs.cache-hit != 'true'" in KEEP["if"]
    tools = tmp_path / "tools"
    tools.mkdir()
    # an engine that has one image of two
    (tools / "docker").write_text(
        '#!/bin/sh\ncase "$1 $3" in "image a@sha256:1") ;; image*) exit 1 ;; *) echo "$@" >> "$SAID" ;; esac\n'
    )
    (tools / "docker").chmod(0o755)
    around = environment(tmp_path, KEEP) | {"SAID": str(tmp_path / "said")}
    around["PATH"] = f"{tools}:{around['PATH']}"
    (Path(around["RUNNER_TEMP"]) / "stackctl-images.txt").write_text("a@sha256:1\nb@sha256:2\n")
    for step in (KEEP, LOAD):
        done = run(step, tmp_path, around)
        assert done.returncode == 0, done.stderr
    kept = f"{around['RUNNER_TEMP']}/stackctl-images.tar"
    assert FETCH["with"]["path"] == "${{ runner.temp }}/stackctl-images.tar"
    assert (tmp_path / "said").read_text().splitlines() == [
        f"save --output {kept} a@sha256:1",
        f"load --quiet --input {kept}",
    ]


def test_the_token_is_in_the_environment_and_never_among_the_arguments(tmp_path: Path) -> None:
    file = tmp_path / "token"
    around = environment(tmp_path, SMOKE, hf_token="hf_of_the_input")
    around |= {"TOKEN_FILE": str(file), "HF_TOKEN": "hf_of_the_job"}
    program = Path(around["RUNNER_TEMP"]) / "stackctl" / "bin" / "stackctl"
    program.parent.mkdir(parents=True)
    program.write_text(RECORDER)
    program.chmod(0o755)
    done = run(SMOKE, tmp_path, around)
    assert done.returncode == 0, done.stderr
    assert file.read_text() == "hf_of_the_input\n"
    assert "hf_of" not in (Path(around["RUNNER_TEMP"]) / "stackctl-results" / "smoke.json").read_text()
    assert run(SMOKE, tmp_path, around | {"TOKEN": ""}).returncode == 0
    assert file.read_text() == "hf_of_the_job\n"


def test_the_docs_show_it_with_inputs_that_exist() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "actions/smoke" in block]
    assert blocks
    for block in blocks:
        for step in yaml.safe_load(block):
            assert set(step.get("with", {})) <= set(ACTION["inputs"])
            for line in step.get("run", "").splitlines():
                assert not [words for words in calls(line) if wrong(words)]
