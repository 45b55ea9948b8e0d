"""`sudo stackctl` in somebody else's folder: what that user planted there leads root nowhere."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import hint
from tests.hub.server import Repo, running

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
ALICE = 4321
RENDER = ("render", "--model", "demo", "--gpu", "none")
DEPLOY = ("deploy", "--model", "demo", "--gpu", "none", "--images", "own", "--no-proof")


@pytest.fixture
def hers(stack: Stack) -> Stack:
    """A folder of alice's, in which root runs stackctl."""
    os.chown(stack.folder, ALICE, ALICE)
    return stack


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A folder of root's that alice would like to have, and a file in it."""
    folder = tmp_path / "of root"
    folder.mkdir()
    for name in ("lock", "holder", "api-key", "file"):
        (folder / name).write_text("precious")
        (folder / name).chmod(0o600)
    return folder


def plant(link: Path, target: Path) -> None:
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(target)
    for path in (link.parent, link):
        os.chown(path, ALICE, ALICE, follow_symlinks=False)


def as_it_was(folder: Path) -> bool:
    found = {path.name: (path.read_text(), path.stat().st_uid, path.stat().st_mode) for path in folder.iterdir()}
    return found == dict.fromkeys(("lock", "holder", "api-key", "file"), ("precious", 0, 0o100600)) and (
        folder.stat().st_uid,
        folder.stat().st_mode,
    ) == (0, 0o40755)


@pytest.mark.parametrize("name", [".stackctl", ".stackctl/lock", ".stackctl/api-key", "compose.yml", "stack.toml"])
def test_a_link_of_hers_is_refused_by_name_and_its_target_stays(hers: Stack, precious: Path, name: str) -> None:
    plant(hers.folder / name, precious / "file" if "/" in name or "." in name[1:] else precious)
    said = hers.fails(9, *RENDER)
    assert str(hers.folder / name) in said
    assert as_it_was(precious)


@pytest.mark.parametrize("name", ["backend", "sillytavern", "sillytavern/data"])
def test_so_is_one_that_only_a_deploy_meets(hers: Stack, precious: Path, name: str) -> None:
    plant(hers.folder / name, precious)
    said = hers.fails(9, *DEPLOY)
    assert str(hers.folder / name) in said
    assert as_it_was(precious)
    assert hers.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={hers.name}") == ""


def test_a_link_to_what_is_hers_and_one_that_root_made_are_followed(hers: Stack, tmp_path: Path) -> None:
    (tmp_path / "her disk").mkdir()
    os.chown(tmp_path / "her disk", ALICE, ALICE)
    plant(hers.folder / ".stackctl", tmp_path / "her disk")
    (hers.folder / "stack.toml").symlink_to(tmp_path / "of root.toml")
    (tmp_path / "of root.toml").write_text("")
    hers.run(*RENDER)
    assert (tmp_path / "her disk/lock").stat().st_uid == ALICE


@pytest.mark.sample
def test_what_is_no_file_is_not_waited_for(hers: Stack) -> None:
    (hers.folder / ".stackctl").mkdir()
    plants: dict[str, Callable[[Path], None]] = {
        "api-key": os.mkfifo,
        "lock": os.mkfifo,
        "sillytavern.json": lambda path: os.mknod(path, 0o600 | 0o060000, os.makedev(1, 0)),
    }
    for name, planted in plants.items():
        path = hers.folder / ".stackctl" / name
        path.unlink(missing_ok=True)
        planted(path)
        said = hers.fails(9, *(DEPLOY if name == "sillytavern.json" else RENDER))
        assert str(path) in said
        assert "is not a regular file" in said
        assert hint(said).startswith(("Move it away", "Remove it"))
        path.unlink()


@pytest.mark.sample
def test_a_record_of_hers_sends_root_to_no_folder_but_hers(hers: Stack, tmp_path: Path) -> None:
    source = tmp_path / "st"
    (source / "data/default-user/chats").mkdir(parents=True)
    (source / "server.js").touch()
    for folder in (source, *source.rglob("*")):
        os.chown(folder, ALICE, ALICE)
    hers.run("adopt", str(source), "--yes")
    chats = hers.folder / "sillytavern/data/default-user/chats"
    (chats / "cron").mkdir()
    (chats / "cron/job").write_text("* * * * * root id")
    root_s = tmp_path / "etc"
    (root_s / "data/default-user/chats").mkdir(parents=True)
    record = hers.folder / "sillytavern/adopted.json"
    record.write_text(record.read_text().replace(str(source), str(root_s)))
    said = hers.fails(9, "adopt", "--undo", "--yes")
    assert "root reads and writes nothing there for them" in said
    assert not [path for path in root_s.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["", "models/hf", "models/hf/alice/tiny/tiny.gguf.part"])
def test_a_link_in_her_store_leads_no_download_to_root_s_files(hers: Stack, precious: Path, name: str) -> None:
    link = Path(hers.environment["XDG_DATA_HOME"]) / "stackctl" / name
    link.parent.mkdir(parents=True)
    for folder in (link.parent, *link.parent.parents):
        if folder.is_relative_to(precious.parent / "data"):
            os.chown(folder, ALICE, ALICE)
    plant(link, precious / "file" if name.endswith(".part") else precious)
    with running() as hub:
        hub.repos["alice/tiny"] = Repo(files={"tiny.gguf": gguf_bytes()})
        within = replace(hers, environment={**hers.environment, "HF_ENDPOINT": hub.url})
        said = within.fails(9, "models", "pull", "hf:alice/tiny/tiny.gguf")
    assert "link" in said
    assert as_it_was(precious)


@pytest.mark.parametrize("data", ["{}/new/st", "../of root/new", "{}"])
def test_a_data_folder_that_she_names_is_made_and_written_in_her_folders_alone(
    hers: Stack, precious: Path, data: str
) -> None:
    (hers.folder / "stack.toml").write_text(f'[sillytavern]\ndata = "{data.format(precious)}"\n')
    os.chown(hers.folder / "stack.toml", ALICE, ALICE)
    hers.run(*RENDER)
    assert as_it_was(precious)
    said = hers.fails(9, *DEPLOY)
    assert f"is in no folder of user {ALICE}" in said
    assert f"sudo install -d -o {ALICE}" in hint(said)
    assert as_it_was(precious)


def test_a_data_folder_elsewhere_that_is_hers_is_used(hers: Stack, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    os.chown(tmp_path / "disk", ALICE, ALICE)
    (hers.folder / "stack.toml").write_text(f'[sillytavern]\ndata = "{tmp_path}/disk/st"\n')
    hers.run(*RENDER)
    assert (tmp_path / "disk/st/.gitignore").stat().st_uid == ALICE


def test_an_original_of_hers_gives_her_nobody_elses_chats(hers: Stack, tmp_path: Path) -> None:
    theirs, source = tmp_path / "of root/data", tmp_path / "st"
    (theirs / "default-user/chats").mkdir(parents=True)
    (theirs / "default-user/chats/1.jsonl").write_text("of root")
    source.mkdir()
    (source / "server.js").touch()
    (source / "config.yaml").write_text(f"dataRoot: {theirs}\n")
    for path in (source, *source.iterdir()):
        os.chown(path, ALICE, ALICE)
    said = hers.fails(9, "adopt", str(source), "--yes")
    assert f"{theirs} is in no folder of user {ALICE}" in said
    assert not (hers.folder / "sillytavern").exists()
