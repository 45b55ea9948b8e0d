"""stackctl is removed by what installed it."""

from pathlib import Path

import pytest

from stackctl.effects.system.installer import removal


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("pipx_metadata.json", ("pipx", "uninstall", "stackctl")),
        ("uv-receipt.toml", ("uv", "tool", "uninstall", "stackctl")),
        ("lib/python3.12/site-packages/pip/__init__.py", ("/p/python", "-m", "pip", "uninstall", "stackctl")),
        ("pyvenv.cfg", ("uv", "pip", "uninstall", "--python", "/p/python", "stackctl")),
    ],
)
def test_an_environment_says_how_it_was_made(tmp_path: Path, file: str, command: tuple[str, ...]) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    assert removal(tmp_path, "/p/python", is_venv=True) == command


def test_without_an_environment_it_is_pip(tmp_path: Path) -> None:
    assert removal(tmp_path, "/usr/bin/python3", is_venv=False)[:3] == ("/usr/bin/python3", "-m", "pip")
