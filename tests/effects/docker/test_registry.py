"""The size of an image before it is pulled, as `docker buildx` tells it (a script that answers like it)."""

import json
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.plan.images import repository
from stackctl.effects.docker.registry import packed_bytes

MANIFEST = {"schemaVersion": 2, "layers": [{"digest": "sha256:a", "size": 30}, {"digest": "sha256:b", "size": 12}]}
INDEX = {
    "schemaVersion": 2,
    "manifests": [
        {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
        {"digest": "sha256:win", "platform": {"os": "windows", "architecture": "amd64"}},
        {"digest": "sha256:amd", "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": "sha256:sig", "platform": {"os": "unknown", "architecture": "unknown"}},
    ],
}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Image -> what a registry has of it, filled by the test before it asks."""
    has: dict[str, Any] = {}
    script = tmp_path / "docker"
    script.write_text(
        "#!/usr/bin/env python3\nimport json, sys\n"
        f"has = json.load(open({str(tmp_path / 'has.json')!r}))\n"
        "assert sys.argv[1:5] == ['buildx', 'imagetools', 'inspect', '--raw']\n"
        "sys.exit(1) if sys.argv[5] not in has else print(json.dumps(has[sys.argv[5]]))\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    has["file"] = str(tmp_path / "has.json")
    return has


def asked(published: dict[str, Any], name: str, architecture: str = "x86_64") -> int | None:
    Path(published["file"]).write_text(json.dumps(published))
    return packed_bytes(name, architecture)


def test_it_is_the_sum_of_the_layers(published: dict[str, Any]) -> None:
    published["ghcr.io/x/y:1"] = MANIFEST
    assert asked(published, "ghcr.io/x/y:1") == 42


def test_of_several_platforms_the_engines_counts(published: dict[str, Any]) -> None:
    published["localhost:5000/y:1"] = INDEX
    published["localhost:5000/y@sha256:amd"] = MANIFEST
    published["localhost:5000/y@sha256:arm"] = {"layers": [{"size": 7}]}
    assert asked(published, "localhost:5000/y:1") == 42
    assert asked(published, "localhost:5000/y:1", "aarch64") == 7
    assert asked(published, "localhost:5000/y:1", "riscv64") is None


@pytest.mark.parametrize("answer", [{}, [], {"layers": []}, {"layers": [{"size": "7"}]}, {"fsLayers": [{}]}])
def test_an_answer_without_sizes_tells_nothing(published: dict[str, Any], answer: object) -> None:
    published["x:1"] = answer
    assert asked(published, "x:1") is None


def test_without_buildx_or_a_registry_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert packed_bytes("x:1", "x86_64") is None


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("x", "x"),
        ("x:1", "x"),
        ("ghcr.io/o/x:1", "ghcr.io/o/x"),
        ("localhost:5000/x", "localhost:5000/x"),
        ("localhost:5000/x:1@sha256:ab", "localhost:5000/x"),
    ],
)
def test_a_repository_is_the_name_without_tag_and_digest(name: str, plain: str) -> None:
    assert repository(name) == plain
