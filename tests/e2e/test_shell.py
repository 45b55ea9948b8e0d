"""The installed command in a shell: completion, and what starts a folder without an engine."""

import json
import os
import shutil
import subprocess
import tomllib

import pytest

from stackctl.core.config.stack_toml import parse
from tests.e2e.conftest import Stack
from tests.e2e.failing import IDLE, override

pytestmark = pytest.mark.engine


def completed(stack: Stack, line: str) -> list[str]:
    """What bash offers at the end of a line, after `eval "$(stackctl completion bash)"`."""
    script = (
        'eval "$(stackctl completion bash)"; complete -p stackctl >/dev/null || exit 9\n'
        'read -ra COMP_WORDS <<< "$1"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n'
        '_stackctl_completion stackctl; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{stack.program.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script, "-", line], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_bash_completes_commands_options_and_values(stack: Stack) -> None:
    assert completed(stack, "stackctl dep") == ["deploy"]
    assert completed(stack, "stackctl deploy --back") == ["--backend"]
    assert {"koboldcpp"} == set(completed(stack, "stackctl deploy --backend kob"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_of_its_own(stack: Stack, shell: str) -> None:
    text = stack.run("completion", shell).stdout
    assert f"_STACKCTL_COMPLETE={shell}_complete" in text
    if program := shutil.which(shell):
        subprocess.run([program, "-n", "/dev/stdin"], input=text, text=True, check=True)


def test_init_writes_the_commented_file_once_with_what_was_asked_for(stack: Stack) -> None:
    stack.run("init", "--context", "4096", "--backend", "koboldcpp")
    text = (stack.folder / "stack.toml").read_text()
    assert sorted(path.name for path in stack.folder.iterdir()) == [".gitignore", "stack.toml"]
    assert (parse(text).backend.context, parse(text).backend.kind) == (4096, "koboldcpp")
    assert text.count("\n# ") > 30
    assert "already exists" in stack.fails(3, "init", "--context", "8192")
    assert (stack.folder / "stack.toml").read_text() == text
    assert tomllib.loads(text)["sillytavern"]["port"] == "auto"
    assert json.loads(stack.run("schema").stdout)["properties"].keys() >= {"model", "backend", "sillytavern"}


def test_verbose_shows_every_command_that_is_run(stack: Stack) -> None:
    override(stack, llamacpp=IDLE, sillytavern=IDLE)
    stack.run("deploy", "--images", "own", "--no-proof")
    assert f" -p {stack.name} stop\n" in stack.run("-v", "stop").stderr
    assert f" -p {stack.name} -f compose.yml -f compose.override.yml up " in stack.run("-v", "start").stderr
    assert " -p " not in stack.run("stop").stderr
