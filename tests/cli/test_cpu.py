"""--cpu is --gpu none, wherever a stack's settings are options."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from tests.cli.tree import parse, tree

SETTINGS = {"--gpu", "--gpu-layers"}  # `stackctl gpu --gpu cdi` has no more of them than the way to try
WITH_GPU = [
    path for path, one in tree().items() if {opt for param in one.command.params for opt in param.opts} >= SETTINGS
]


def test_there_are_commands_with_a_gpu() -> None:
    assert {"stackctl deploy", "stackctl render"} <= set(WITH_GPU)


@pytest.mark.parametrize("path", WITH_GPU)
def test_every_command_with_gpu_has_cpu(path: str) -> None:
    assert parse(f"{path} --cpu").params["cpu"] is True


def rendered(folder: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["-C", str(folder), "render", "--model", "demo", "--stdout", *words])
    return done.exit_code, done.stdout if done.exit_code == 0 else done.stderr


def test_cpu_renders_what_gpu_none_does(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text('[gpu]\nmode = "nvidia"\n')
    for words in ((), ("--cpu",), ("--gpu", "none"), ("--cpu", "--gpu", "none")):
        code, text = rendered(tmp_path, *words)
        assert code == 0
        assert ('driver: "nvidia"' in text) == (not words)


@pytest.mark.parametrize("mode", ["auto", "nvidia", "cdi"])
def test_cpu_contradicts_every_other_mode(tmp_path: Path, mode: str) -> None:
    code, said = rendered(tmp_path, "--cpu", "--gpu", mode)
    assert code == 2
    assert f"--cpu and --gpu {mode} exclude each other" in said
