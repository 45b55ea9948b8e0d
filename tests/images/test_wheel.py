"""What a user gets who installs the wheel."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from stackctl import __version__
from stackctl.core.plan.images import OWN

ROOT = Path(__file__).resolve().parents[2]
DATA = "stackctl/_data/"
INFO = f"stackctl-{__version__}.dist-info/"
IN_INFO = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT))
    (built,) = place.glob("*.whl")
    return built


def run(*argv: str, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_has_the_program_the_templates_and_the_folder_of_every_image_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())
    program = (path for path in (ROOT / "stackctl").rglob("*") if "__pycache__" not in path.parts)
    data = (
        path
        for folder in (ROOT / "compose-templates", *(ROOT / "images" / name for name in OWN.values()))
        for path in folder.rglob("*")
    )
    assert held == {
        *(str(path.relative_to(ROOT)) for path in program if path.is_file()),
        *(f"{DATA}{path.relative_to(ROOT)}" for path in data if path.is_file()),
        *(f"{INFO}{name}" for name in IN_INFO),
    }


def test_neither_the_private_engine_nor_a_test_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        held = opened.namelist()
    folders = {
        name.removeprefix(f"{DATA}images/").partition("/")[0] for name in held if name.startswith(f"{DATA}images/")
    }
    assert folders == {"base", "llamacpp", "sillytavern", "stackctl"}
    assert {name.partition("/")[0] for name in held} == {"stackctl", INFO.rstrip("/")}
    assert not [name for name in held if ("engine.py" in name and "images" in name) or "test" in Path(name).name]


def test_the_wheel_asks_for_no_development_dependency(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        metadata = opened.read(f"{INFO}METADATA").decode()
    assert f"\nVersion: {__version__}\n" in metadata
    assert "Provides-Extra" not in metadata
    assert "pytest" not in [line.partition(" ")[2].partition(">")[0] for line in metadata.splitlines()]


@pytest.mark.machines
@pytest.mark.parametrize("installer", ["uv", "pipx"])
def test_a_user_installs_it_by_the_readmes_commands(wheel: Path, installer: str, tmp_path: Path) -> None:
    """Installer and dependencies come from the package index, as they do for a user."""
    tools = tmp_path / "tools"
    venv.create(tools, with_pip=True)
    run(str(tools / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", installer)
    home, found = tmp_path / "home", tmp_path / "bin"
    home.mkdir()
    environment = {
        "PATH": f"{tools / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(home),
        "UV_TOOL_BIN_DIR": str(found),
        "UV_PYTHON": sys.executable,
        "PIPX_BIN_DIR": str(found),
        "PIPX_DEFAULT_PYTHON": sys.executable,
        **{key: value for key, value in os.environ.items() if key.startswith(("PIP_", "UV_", "SSL_"))},
    }
    words = ("uv", "tool", "install") if installer == "uv" else ("pipx", "install")
    run(str(tools / "bin" / words[0]), *words[1:], str(wheel), environment=environment)
    program = str(found / "stackctl")
    assert run(program, "--version", environment=environment) == f"stackctl {__version__}\n"
    folder = tmp_path / "stack"
    folder.mkdir()
    run(program, "render", "--model", "demo", "--gpu", "none", cwd=folder, environment=environment)
    assert "sillytavern" in (folder / "compose.yml").read_text()
