"""Which Compose is taken, of those on the PATH (scripts that say a version and nothing else)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stackctl.effects.storage import Folder, owner_of
from stackctl.errors import EngineError
from stackctl.orchestrators.compose.run import Compose

PLUGIN, ALONE = ("docker", "compose"), ("docker-compose",)


def script(folder: Path, name: str, says: str | None) -> None:
    """A program that answers `version --short`, or (None) knows no such command."""
    answer = f"echo '{says}'" if says is not None else "echo 'unknown flag: --short' >&2; exit 125"
    path = folder / name
    path.write_text(f"#!/bin/sh\n{answer}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("docker", "alone", "expected"),
    [
        ("2.40.3-3", "2.26.1-4", (PLUGIN, (2, 40, 3))),
        ("v2.40.3-3", None, (PLUGIN, (2, 40, 3))),
        ("5.0.1", None, (PLUGIN, (5, 0, 1))),
        ("2.20.0", "1.29.2", (PLUGIN, (2, 20, 0))),
        ("2.9.0", "v2.20.2", (ALONE, (2, 20, 2))),  # a NAS: an old plugin, a newer program beside it
        ("1.29.2", "10.2", (ALONE, (10, 2, 0))),
    ],
)
def test_the_first_that_is_new_enough_is_taken(
    docker: str,
    alone: str | None,
    expected: tuple[tuple[str, ...], tuple[int, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script(tmp_path, "docker", docker)
    script(tmp_path, "docker-compose", alone)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Compose(Folder(tmp_path, owner_of(tmp_path)), print).look() == expected


def test_compose_alone_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, "docker-compose", "v2.26.1")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Compose(Folder(tmp_path, owner_of(tmp_path)), print).look() == (ALONE, (2, 26, 1))


@pytest.mark.parametrize(("says", "words"), [(None, "not installed"), ("dev", "not installed"), ("2.9.0", "too old")])
def test_no_compose_that_can_be_used_is_an_error(
    says: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "docker", says)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=words) as caught:
        Compose(Folder(tmp_path, owner_of(tmp_path)), print).look()
    assert "docs.docker.com/compose/install" in caught.value.hint


@pytest.mark.parametrize(
    ("last", "words"),
    [
        (
            "echo 'fatal error: failed to reserve page summary memory' >&2; exit 2",
            "fatal error: failed to reserve page",
        ),
        ("echo 'runtime/cgo: pthread_create failed: x' >&2; exit 2", "pthread_create failed"),
        ("kill -9 $$", "ended by SIGKILL"),
    ],
)
def test_a_program_that_dies_is_not_called_missing(
    last: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\n{last}\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="Docker Compose can't run: ") as caught:
        Compose(Folder(tmp_path, owner_of(tmp_path)), print).look()
    assert words in caught.value.message


@pytest.mark.parametrize(("limit", "says"), [("-v 1000000", "976 MiB of address space"), ("-n 9", "open files")])
def test_within_a_low_limit_it_is_the_limit_that_is_named(limit: str, says: str, tmp_path: Path) -> None:
    script(tmp_path, "docker", None)  # as docker itself says it, whose plugin died by the limit
    program = "from stackctl.__main__ import main; main()"
    argv = [sys.executable, "-c", program, "deploy", "--dry-run", "--model", "demo"]
    done = subprocess.run(
        ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *argv],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {4, 6}
    assert says in done.stderr
    assert f"ulimit {limit[:2]}" in done.stderr
    assert "Traceback" not in done.stderr
    assert "not installed" not in done.stderr
