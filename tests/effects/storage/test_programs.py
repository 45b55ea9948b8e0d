import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from stackctl.backends import BACKENDS
from stackctl.backends.contract import Program
from stackctl.effects import download
from stackctl.effects.storage import programs
from stackctl.errors import DataError, ModelError
from tests.effects.http_server import Answer, FileServer, serving

FILE = b"\x7fELF" + bytes(range(256)) * 400
SHA256 = hashlib.sha256(FILE).hexdigest()
OTHER = b"#!/bin/sh\nexit 0\n"
OTHER_SHA256 = hashlib.sha256(OTHER).hexdigest()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FILE) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "share" / "stackctl"


@pytest.fixture(scope="module")
def fetch() -> Iterator[programs.Fetch]:
    """download.fetch with one client for all tests, and without pauses."""
    with httpx.Client(trust_env=False) as client:

        def call(url: str, target: Path, *, size: int, sha256: str, progress: Callable[[int, int], None]) -> str:
            return download.fetch(
                url, target, size=size, sha256=sha256, progress=progress, client=client, sleep=lambda _s: None
            )

        yield call


Provide = Callable[..., Path]


@pytest.fixture
def provide(server: FileServer, data: Path, fetch: programs.Fetch) -> Provide:
    """programs.provide() of the server's file as version 1.2 of koboldcpp."""

    def call(*, sha256: str = "", size: int = 0, trust: bool = False, program: Program | None = None) -> Path:
        url = server.url("koboldcpp-linux-x64")
        return programs.provide_program(
            program or Program(version="1.2", url=url, size=size, sha256=sha256, unpacked_mib=1),
            backend="koboldcpp",
            data=data,
            trust_first_download=trust,
            progress=lambda _done, _total: None,
            fetch=fetch,
        )

    return call


def record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def changed(path: Path, content: bytes) -> None:
    """Another content, at another time whatever the file system's clock."""
    path.write_bytes(content)
    os.utime(path, ns=(1, 1))


# --- known hash


def test_a_pinned_program_is_fetched_verified_and_made_executable(provide: Provide, data: Path) -> None:
    path = provide(sha256=SHA256, size=len(FILE))
    assert path == data / "programs" / "koboldcpp" / "1.2" / "koboldcpp-linux-x64"
    assert path.read_bytes() == FILE
    assert path.stat().st_mode & 0o777 == 0o755


def test_a_program_that_is_there_costs_neither_a_request_nor_a_reading(provide: Provide, server: FileServer) -> None:
    path = provide(sha256=SHA256)
    stat = path.stat()
    path.write_bytes(b"\x7fELF" + bytes(len(FILE) - 4))  # same size, and below the same time: not looked into
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert provide(sha256=SHA256) == path
    assert len(server.asked) == 1


def test_a_program_with_another_time_is_hashed_and_kept(provide: Provide, server: FileServer) -> None:
    path = provide(sha256=SHA256)
    changed(path, FILE)
    assert provide(sha256=SHA256) == path
    assert len(server.asked) == 1
    assert json.loads(record_of(path).read_bytes())["mtime_ns"] == 1


@pytest.mark.parametrize("content", [b"", FILE[:-1], FILE[:-1] + b"?"])
def test_a_damaged_program_is_fetched_anew(provide: Provide, server: FileServer, content: bytes) -> None:
    path = provide(sha256=SHA256)
    changed(path, content)
    assert provide(sha256=SHA256).read_bytes() == FILE
    assert len(server.asked) == 2


def test_a_program_that_lost_its_record_is_hashed_and_recorded(provide: Provide, server: FileServer) -> None:
    path = provide(sha256=SHA256)
    record_of(path).unlink()
    assert provide(sha256=SHA256) == path
    assert len(server.asked) == 1
    assert json.loads(record_of(path).read_bytes())["sha256"] == SHA256


def test_a_program_that_lost_its_mode_gets_it_back(provide: Provide) -> None:
    path = provide(sha256=SHA256)
    path.chmod(0o600)
    assert provide(sha256=SHA256).stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("trust", [False, True])
def test_a_wrong_hash_is_never_trusted(provide: Provide, server: FileServer, data: Path, *, trust: bool) -> None:
    server.file = OTHER
    with pytest.raises(ModelError, match=OTHER_SHA256) as raised:
        provide(sha256=SHA256, trust=trust)
    assert SHA256 in raised.value.message
    assert not list(data.rglob("koboldcpp-linux-x64*"))


def test_a_hash_that_became_known_outweighs_the_recorded_one(provide: Provide, server: FileServer) -> None:
    server.file = OTHER
    provide(trust=True)
    server.file = FILE
    assert provide(sha256=SHA256).read_bytes() == FILE


def test_versions_and_backends_lie_apart(data: Path) -> None:
    places = {
        programs.program_path(program, backend=name, data=data)
        for name, backend in BACKENDS.items()
        for program in backend.PROGRAMS.values()
    }
    assert len(places) == sum(len(backend.PROGRAMS) for backend in BACKENDS.values())
    assert all(path.parent.parent.parent == data / "programs" for path in places)


def test_a_cut_download_leaves_no_program_and_the_next_run_resumes(provide: Provide, server: FileServer) -> None:
    server.usual = Answer(cut_after=0)
    server.answers.append(Answer(cut_after=50_000))
    with pytest.raises(ModelError, match="could not be downloaded"):
        provide(sha256=SHA256)
    server.usual = Answer()
    assert provide(sha256=SHA256).read_bytes() == FILE
    assert server.asked[-1].range == "bytes=50000-"


# --- unknown hash


def test_a_program_of_unknown_hash_is_refused_with_both_ways_out(
    provide: Provide, server: FileServer, data: Path
) -> None:
    with pytest.raises(ModelError, match="nobody here knows its sha256") as raised:
        provide()
    assert "stackctl deploy --trust-first-download" in raised.value.hint
    assert "set `backend.program` to the file" in raised.value.hint
    assert server.asked == []
    assert not data.exists()


def test_a_trusted_first_download_is_recorded_and_then_stands(provide: Provide, server: FileServer) -> None:
    path = provide(trust=True)
    record = json.loads(record_of(path).read_bytes())
    assert record == {
        "url": server.url("koboldcpp-linux-x64"),
        "sha256": SHA256,
        "size": len(FILE),
        "mtime_ns": path.stat().st_mtime_ns,
    }
    assert provide() == path
    assert len(server.asked) == 1


def test_after_the_first_download_only_the_same_file_is_taken(provide: Provide, server: FileServer) -> None:
    path = provide(trust=True)
    path.unlink()
    server.file = b"\x7fELF" + bytes(len(FILE) - 4)
    with pytest.raises(ModelError, match=SHA256):
        provide(trust=True)
    assert not path.exists()
    server.file = FILE
    assert provide().read_bytes() == FILE


def test_a_changed_file_is_replaced_by_what_was_recorded(provide: Provide) -> None:
    path = provide(trust=True)
    changed(path, OTHER)
    assert provide().read_bytes() == FILE


def test_a_file_without_a_record_is_not_trusted_by_itself(provide: Provide, server: FileServer) -> None:
    path = provide(trust=True)
    for damaged in (b"", b"{}", b"[1]", b"\xff", b'{"url": 1, "sha256'):
        record_of(path).write_bytes(damaged)
        with pytest.raises(ModelError, match="nobody here knows"):
            provide()
    assert provide(trust=True) == path
    assert provide() == path
    assert len(server.asked) == 1


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><title>Log in</title>", b"PK\x03\x04zip"])
def test_a_trusted_download_that_is_no_program_is_deleted(provide: Provide, server: FileServer, page: bytes) -> None:
    server.file = page
    with pytest.raises(ModelError, match="is no program") as raised:
        provide(trust=True)
    assert "web page or an archive" in raised.value.hint
    server.file = FILE
    assert provide(trust=True).read_bytes() == FILE


# --- an address of the user's own


def test_an_address_is_a_program_of_unknown_hash(provide: Provide, server: FileServer) -> None:
    program = programs.from_url(server.url("my%20build?token=hush").replace("://", "://user:pass@"))
    with pytest.raises(ModelError, match="nobody here knows"):
        provide(program=program)
    path = provide(program=program, trust=True)
    assert path.name == "my_build"
    assert path.read_bytes() == FILE
    assert json.loads(record_of(path).read_bytes())["url"] == server.url("my%20build")
    assert provide(program=program) == path


def test_each_address_has_a_folder_of_its_own(data: Path) -> None:
    urls = ("https://host/a/program", "https://host/b/program", "http://host/a/program")
    places = [programs.program_path(programs.from_url(url), backend="koboldcpp", data=data) for url in urls]
    assert len({path.parent for path in places}) == 3
    assert {path.name for path in places} == {"program"}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "program"), ("/", "program"), ("/..", "program"), ("/%2e%2e", "program"), ("/a%2Fb", "a_b"),
        ("/%2e%2e%2fetc", "_etc"), ("/.hidden", "hidden"), ("/x%00y", "x_y"), ("/\u00e9t\u00e9", "_t_"),
        ("/" + "x" * 300, "x" * 100),
    ],
)  # fmt: skip
def test_an_address_can_not_choose_where_its_file_lies(data: Path, path: str, name: str) -> None:
    place = programs.program_path(programs.from_url("https://host" + path), backend="koboldcpp", data=data)
    assert place.name == name
    assert place.parent.parent == data / "programs" / "koboldcpp"


# --- the owner, and a disk that refuses


def test_everything_belongs_to_the_owner_of_the_folder_above(provide: Provide, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(tmp_path, 12345, 12346)
    provide(sha256=SHA256)
    above = tmp_path.stat()
    made = [path.stat() for path in tmp_path.rglob("*")]
    assert len(made) == 8  # five folders, the program, its record, its lock
    assert {(stat.st_uid, stat.st_gid) for stat in made} == {(above.st_uid, above.st_gid)}


def test_a_link_to_another_ones_folder_is_not_followed_by_root(provide: Provide, data: Path, tmp_path: Path) -> None:
    as_root = os.geteuid() == 0
    for folder, owner in ((data, 4321), (tmp_path / "others", 5555)):
        folder.mkdir(parents=True)
        os.chown(folder, owner if as_root else -1, -1)
    (data / "programs").symlink_to(tmp_path / "others")
    os.chown(data / "programs", 4321 if as_root else -1, -1, follow_symlinks=False)
    if not as_root:  # one's own links are followed
        assert provide(sha256=SHA256).is_file()
        return
    with pytest.raises(DataError, match="is a link that user 4321 made: root does not follow it"):
        provide(sha256=SHA256)
    assert not list((tmp_path / "others").iterdir())


@pytest.mark.parametrize(
    "record", ["[" * 100_000, "[]", '{"size": 1}', '{"url": "", "sha256": 1, "size": 1, "mtime_ns": 1}',
               f'{{"url": "", "sha256": "{SHA256}", "size": Infinity, "mtime_ns": 1}}',
               f'{{"url": "", "sha256": "{SHA256}", "size": "x", "mtime_ns": 1}}',
               f'{{"url": "", "sha256": "{SHA256}", "size": -1, "mtime_ns": 1}}']
)  # fmt: skip
def test_a_record_of_another_form_is_none(provide: Provide, record: str) -> None:
    record_of(provide(sha256=SHA256)).write_text(record)
    assert json.loads(record_of(provide(sha256=SHA256)).read_text())["size"] == len(FILE)


def test_a_record_that_is_a_pipe_is_not_waited_for(provide: Provide) -> None:
    record = record_of(provide(sha256=SHA256))
    record.unlink()
    os.mkfifo(record)
    with pytest.raises(DataError, match="is not a regular file"):
        provide(sha256=SHA256)


def test_a_folder_that_can_t_be_made_is_told(provide: Provide, data: Path) -> None:
    data.parent.write_text("a file where a folder should be")
    with pytest.raises(DataError, match="can't be made ready") as raised:
        provide(sha256=SHA256)
    assert str(data) in raised.value.hint


# --- a file of the user's own


@pytest.mark.parametrize("content", [FILE, OTHER])
def test_a_file_of_ones_own_is_taken_as_it_is(tmp_path: Path, content: bytes) -> None:
    own = tmp_path / "a program"
    own.write_bytes(content)
    own.chmod(0o700)
    before = own.stat()
    link = tmp_path / "link"
    link.symlink_to(own)
    assert programs.local(own) == own.resolve()
    assert programs.local(link) == own.resolve()
    assert (own.read_bytes(), own.stat().st_mode, own.stat().st_mtime_ns) == (
        content, before.st_mode, before.st_mtime_ns,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        (None, 0o755, "does not exist"),
        (b"", 0o755, "it is empty"),
        (b"<html>", 0o755, "begins with b'<html>'"),
        (FILE, 0o644, "not executable"),
    ],
)
def test_a_file_that_can_not_be_run_is_refused(tmp_path: Path, content: bytes | None, mode: int, says: str) -> None:
    own = tmp_path / "it's a program"
    if content is not None:
        own.write_bytes(content)
        own.chmod(mode)
    with pytest.raises(ModelError, match=says) as raised:
        programs.local(own)
    assert str(own) in raised.value.message
    assert raised.value.hint
    assert raised.value.exit_code == 8


def test_a_file_without_permission_gets_the_command_that_gives_it(tmp_path: Path) -> None:
    own = tmp_path / "my program"
    own.write_bytes(FILE)
    own.chmod(0o644)
    with pytest.raises(ModelError) as raised:
        programs.local(own)
    assert raised.value.hint == f"chmod +x '{own}'"


def test_a_folder_or_a_path_through_a_file_is_no_program(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a file"):
        programs.local(tmp_path)
    with pytest.raises(ModelError, match="is not a file"):
        programs.local(Path("/dev/null"))
    (tmp_path / "file").write_bytes(FILE)
    with pytest.raises(ModelError, match="does not exist"):
        programs.local(tmp_path / "file" / "below")
    with pytest.raises(ModelError, match="can't be read"):
        programs.local(tmp_path / ("x" * 300))
