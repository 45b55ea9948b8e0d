"""A file that another program has fetched is taken from its cache, verified, and not downloaded again."""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.commands.models import stored
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.config.stack_toml import parse
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.steps.models.pull import offered_download, parse_source, pull
from stackctl.steps.stack_model import download, pending_model
from stackctl.terminal import shell_word
from tests.commands.machines import Quiet, quiet
from tests.fakes import hub_at
from tests.hub.server import Hub as Server
from tests.hub.server import running
from tests.shapes.tiny import MODEL

SOURCE = "hf:owner/name:Q4_K_M"
SHA256 = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("owner/name", {"M-Q4_K_M.gguf": MODEL, "M-Q8_0.gguf": MODEL + b"\0"})
        yield hub


@pytest.fixture
def here(tmp_path: Path, server: Server) -> Quiet:
    found = quiet(tmp_path)
    found.machine.hub = hub_at(server.url)
    return found


def cached(machine: Machine, content: bytes = MODEL) -> Path:
    """Put a blob into the cache of Hugging Face."""
    folder = machine.path / "store/caches/Hugging Face/models--owner--name/blobs"
    folder.mkdir(parents=True)
    (folder / SHA256).write_bytes(content)
    return folder / SHA256


def spec() -> Spec:
    return parse(f'[model]\npath = "auto"\nsource = "{SOURCE}"\n')


def test_a_pull_links_what_the_cache_of_hugging_face_has(here: Quiet, server: Server) -> None:
    blob = cached(here.machine)
    done = pull(here.machine, offered_download(here.machine, parse_source(SOURCE)))
    assert done.path.samefile(blob)
    assert (done.files[0].sha256, server.sent) == (SHA256, 0)
    said = " ".join(here.said.getvalue().split())
    assert f"M-Q4_K_M.gguf was here already, and is not downloaded again: {blob}" in said
    assert [one.wrong for one in stored.verify(here.machine, ())] == [()]
    entry = stored.removable_model(here.machine, SOURCE, force=False)
    assert stored.remove(here.machine, entry) == 0  # the cache still has it
    assert blob.read_bytes() == MODEL


def test_what_lies_on_another_disk_is_copied(here: Quiet, server: Server) -> None:
    blob = cached(here.machine)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        there = Path(other, "blob")
        there.write_bytes(MODEL)
        blob.unlink()
        blob.symlink_to(there)
        done = pull(here.machine, offered_download(here.machine, parse_source(SOURCE)))
    assert (done.path.read_bytes(), done.path.stat().st_nlink, server.sent) == (MODEL, 1, 0)


def test_a_file_of_that_size_with_another_content_is_downloaded(here: Quiet, server: Server) -> None:
    blob = cached(here.machine, b"x" * len(MODEL))
    done = pull(here.machine, offered_download(here.machine, parse_source(SOURCE)))
    assert (done.path.read_bytes(), server.sent) == (MODEL, len(MODEL))
    said = " ".join(here.said.getvalue().split())
    assert f"{blob} has another content than the repository's M-Q4_K_M.gguf, which is downloaded" in said
    assert not list(done.path.parent.glob(".*.taken"))


def test_a_deploy_takes_it_from_there_and_does_not_wait_with_the_demo_model(here: Quiet, server: Server) -> None:
    cached(here.machine)
    coming = pending_model(spec(), here.machine, Lock())
    assert coming
    assert not coming.is_away
    assert "is in another program's cache, and is taken from there" in " ".join(here.said.getvalue().split())
    read = sum(one.where == "cdn" for one in server.asked)  # the beginning of a file, for the plan
    lock = download(coming, here.machine, Lock())
    assert coming.offer.is_here
    assert (sum(one.where == "cdn" for one in server.asked), len(lock.decisions)) == (read, 1)
    assert pending_model(spec(), here.machine, lock) is None


@pytest.mark.parametrize("source", [SOURCE, "hf:owner/name", "hf:Owner/Name/M-Q4_K_M.gguf"])
def test_without_the_hub_the_hint_leads_to_the_copy(here: Quiet, source: str) -> None:
    here.machine.hub = hub_at("http://127.0.0.1:9")
    path = here.machine.path / "store/caches/LM Studio/owner/name/M-Q4_K_M.gguf"
    path.parent.mkdir(parents=True)
    path.write_bytes(MODEL)
    with pytest.raises(ModelError, match="can't be reached") as caught:
        offered_download(here.machine, parse_source(source))
    assert caught.value.hint.endswith(f"Or use the copy that LM Studio has: `{shell_word(path)}`.")
    with pytest.raises(ModelError) as caught:
        offered_download(here.machine, parse_source("hf:owner/name:Q8_0"))
    assert "LM Studio" not in caught.value.hint
