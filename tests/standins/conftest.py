"""What the stand-ins' own tests need: the two stand-ins and a folder of models, good and bad."""

from __future__ import annotations

from pathlib import Path

import pytest
from filelock import FileLock

from stackctl.core.model.demo_model import gguf_bytes
from tests.standins import build

ANY_USER = "4321:4321"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a backend has mounted, read-only, readable by any user."""
    folder = tmp_path_factory.mktemp("models")
    folder.chmod(0o755)
    good = gguf_bytes()
    files = {
        "tiny.gguf": good,
        "Tiny Test [v2] Q4_K_M.gguf": good,
        "truncated.gguf": good[: len(good) * 2 // 3],
        "cut-header.gguf": good[:2000],
        "garbage.gguf": b"not a model" * 999,
    }
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
        (folder / name).chmod(0o644)
    return folder


@pytest.fixture(scope="session")
def koboldcpp_options(models: Path, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`docker run` options for the program as it is meant to run: any user, no capability, nothing to write to."""
    cache = getattr(pytestconfig, "cache", None)
    folder = Path(cache.mkdir("standins")) if cache else tmp_path_factory.mktemp("standins")
    with FileLock(folder / "building.lock"):
        program = build.koboldcpp_program(folder)
    return [
        *("--volume", f"{program}:/opt/koboldcpp/koboldcpp:ro", "--volume", f"{models}:/models:ro"),
        *("--user", ANY_USER, "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"),
        *("--entrypoint", "/opt/koboldcpp/koboldcpp"),
    ]


@pytest.fixture(scope="session")
def textgen() -> str:
    return build.textgen_image()


@pytest.fixture(scope="session")
def textgen_options(models: Path) -> list[str]:
    return ["--volume", f"{models}:/app/user_data/models:ro"]
