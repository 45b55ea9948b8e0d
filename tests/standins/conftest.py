"""What the stand-ins' own tests need: the two stand-ins and a folder of models, good and bad."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from stackctl.core.model.demo_model import gguf_bytes
from tests.standins import build

ANY_USER = "4321:4321"
FOLDERS: Mapping[str, dict[str, Any]] = {
    "new-kind": {"model_type": "nosuch"},
    "no-tokenizer": {"model_type": "llama"},
    "other-config": {"model_type": "llama", "vocab_size": 9},
}


def safetensors(folder: Path, **config: Any) -> None:
    """A folder with a tensor of 8 times 4 numbers and this config.json, and no tokenizer."""
    folder.mkdir()
    tensor = {"dtype": "F16", "shape": [8, 4], "data_offsets": [0, 64]}
    header = json.dumps({"model.embed_tokens.weight": tensor}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(64))
    (folder / "config.json").write_text(json.dumps({"vocab_size": 8, "hidden_size": 4, **config}))


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
        "new-kind.gguf": good.replace(b"llama", b"llamz"),
    }
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
        (folder / name).chmod(0o644)
    for name, config in FOLDERS.items():
        safetensors(folder / name, **config)
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
