import contextlib
import hashlib
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

import stackctl
from stackctl.effects.download import fetch
from stackctl.errors import DataError, DoesNotFit, ModelError
from tests.effects.http_server import CERTIFICATE, Answer, FileServer, serving

FILE = random.Random(1).randbytes(600_000)  # noqa: S311 - any bytes will do
SHA256 = hashlib.sha256(FILE).hexdigest()
HALF = 300_000
SMALLER_TRIES = 4  # to connect
TRIES = 8


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FILE) as running:
        yield running


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "file.bin"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One for all: setting up TLS takes longer than a download here."""
    with httpx.Client(trust_env=False) as shared:
        yield shared


class Told:
    """What a download tells and how long it would have slept."""

    def __init__(self) -> None:
        self.progress: list[tuple[int, int]] = []
        self.slept: list[float] = []


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def get(server: FileServer, target: Path, told: Told, client: httpx.Client) -> Callable[..., str]:
    """fetch() of the server's file, everything known of it unless said otherwise."""

    def call(
        *, url: str = "", size: int = len(FILE), sha256: str = SHA256, client: httpx.Client | None = client
    ) -> str:
        return fetch(
            url or server.url(),
            target,
            size=size,
            sha256=sha256,
            progress=lambda done, total: told.progress.append((done, total)),
            sleep=told.slept.append,
            client=client,
        )

    return call


Get = Callable[..., str]


def interrupted(server: FileServer, target: Path, *, etag: str | None = '"first"') -> None:
    """Leave the first half of the file in .part, as a run that was ended by Ctrl-C does."""
    server.etag = etag
    server.answers.appendleft(replace(server.usual, cut_after=HALF + 50_000))

    def progress(done: int, total: int) -> None:  # noqa: ARG001 - as it is called
        if done >= HALF:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.url(), target, size=0, sha256="", progress=progress)
    server.asked.clear()


def beside(target: Path) -> set[str]:
    return {path.name for path in target.parent.iterdir()} - {f".{target.name}.lock"}


def part_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.part")


# --- the plain way


def test_a_file_arrives_whole_and_nothing_is_left_beside(get: Get, target: Path, told: Told) -> None:
    assert get() == SHA256
    assert target.read_bytes() == FILE
    assert beside(target) == {"file.bin"}
    assert told.progress[0] == (0, len(FILE))
    assert told.progress[-1] == (len(FILE), len(FILE))
    assert not told.slept


def test_a_file_of_unknown_size_and_hash_is_brought_and_its_hash_returned(get: Get, target: Path) -> None:
    assert get(size=0, sha256="") == SHA256
    assert target.read_bytes() == FILE


def test_the_bytes_are_asked_for_uncompressed(get: Get, server: FileServer) -> None:
    get()
    assert server.asked[0].headers["Accept-Encoding"] == "identity"


def test_a_file_that_is_there_and_right_costs_no_request(get: Get, server: FileServer, target: Path) -> None:
    target.write_bytes(FILE)
    assert get() == SHA256
    assert get(size=0, sha256="") == SHA256
    assert server.asked == []


@pytest.mark.parametrize("there", [b"", FILE[:-1], FILE[:-1] + b"?"])
def test_a_file_that_is_there_and_wrong_is_replaced(get: Get, target: Path, there: bytes) -> None:
    target.write_bytes(there)
    assert get() == SHA256
    assert target.read_bytes() == FILE


def test_a_hash_in_capital_letters_is_the_same_hash(get: Get) -> None:
    assert get(sha256=SHA256.upper()) == SHA256


def test_a_slow_server_is_waited_for(get: Get, server: FileServer) -> None:
    server.usual = Answer(pause_s=0.002)
    assert get() == SHA256
    assert len(server.asked) == 1


def test_a_chunked_answer_arrives_whole(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(is_chunked=True)
    assert get(size=0, sha256="") == SHA256
    assert target.read_bytes() == FILE


def test_over_tls_a_file_arrives_whole_and_resumed(get: Get, target: Path) -> None:
    with (
        serving(FILE, is_secure=True) as secure,
        httpx.Client(verify=ssl.create_default_context(cafile=CERTIFICATE), trust_env=False) as client,
    ):
        secure.answers.append(Answer(cut_after=HALF))
        assert get(url=secure.url().replace("http:", "https:"), client=client) == SHA256
        assert [asked.range for asked in secure.asked] == ["", f"bytes={HALF}-"]
    assert target.read_bytes() == FILE


def test_what_is_made_belongs_to_the_owner_of_the_folder(get: Get, server: FileServer, target: Path) -> None:
    if os.geteuid() == 0:
        os.chown(target.parent, 12345, 12346)
    server.answers.append(Answer(cut_after=HALF))
    get()
    folder = target.parent.stat()
    made = [path.stat() for path in target.parent.iterdir()]
    assert {(stat.st_uid, stat.st_gid) for stat in made} == {(folder.st_uid, folder.st_gid)}
    assert len(made) == 2


# --- resumed


def test_after_ctrl_c_the_next_run_asks_only_for_the_rest(get: Get, server: FileServer, target: Path) -> None:
    interrupted(server, target)
    have = part_of(target).stat().st_size
    assert HALF <= have < len(FILE)
    assert get() == SHA256
    assert [(asked.range, asked.headers["If-Range"]) for asked in server.asked] == [(f"bytes={have}-", '"first"')]
    assert target.read_bytes() == FILE


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_etag_the_date_is_the_condition(
    get: Get, server: FileServer, target: Path, etag: str | None
) -> None:
    interrupted(server, target, etag=etag)
    assert get() == SHA256
    assert server.asked[0].headers["If-Range"] == server.last_modified


def test_without_any_validator_it_starts_over(get: Get, server: FileServer, target: Path) -> None:
    server.last_modified = None
    interrupted(server, target, etag=None)
    assert get() == SHA256
    assert server.asked[0].range == ""
    assert target.read_bytes() == FILE


def test_a_file_that_changed_meanwhile_is_never_mixed(get: Get, server: FileServer, target: Path) -> None:
    server.file = b"\0" * len(FILE)
    interrupted(server, target)
    server.file, server.etag, server.last_modified = FILE, '"second"', "Tue, 07 Jan 2025 10:00:00 GMT"
    assert get(sha256="") == SHA256
    assert target.read_bytes() == FILE


def test_a_server_that_ignores_if_range_is_seen_through(get: Get, server: FileServer, target: Path) -> None:
    server.file = b"\0" * len(FILE)
    interrupted(server, target)
    server.file, server.etag = FILE, '"second"'
    server.answers.append(Answer(ignores_if_range=True))
    assert get(sha256="") == SHA256
    assert [bool(asked.range) for asked in server.asked] == [True, False]


def test_a_200_to_a_range_request_starts_over(get: Get, server: FileServer, target: Path, told: Told) -> None:
    interrupted(server, target)
    server.usual = Answer(ignores_range=True)
    assert get(sha256="") == SHA256
    assert server.asked[0].range
    assert told.progress[0] == (0, len(FILE))
    assert target.stat().st_size == len(FILE)


@pytest.mark.parametrize(
    "said",
    [
        "bytes 0-299999/600000",
        f"bytes {HALF + 1}-599999/600000",
        "bytes */600000",
        "items 1-2/3",
        "",
        "bytes 327680-700000/700001",
    ],
)
def test_a_wrong_content_range_is_not_used(get: Get, server: FileServer, target: Path, said: str) -> None:
    interrupted(server, target)
    server.answers.append(Answer(headers={"Content-Range": said}))
    assert get(sha256="") == SHA256
    assert [bool(asked.range) for asked in server.asked] == [True, False]
    assert target.read_bytes() == FILE


def test_a_206_that_nobody_asked_for_is_not_used(get: Get, server: FileServer, target: Path, told: Told) -> None:
    server.usual = Answer(status=206, headers={"Content-Range": "bytes 0-599999/600000"})
    with pytest.raises(ModelError, match="continued at the wrong place"):
        get()
    assert beside(target) == set()
    assert len(told.slept) == TRIES - 1


def test_a_part_longer_than_the_file_starts_over_after_a_416(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(is_chunked=True)  # the size is not said
    interrupted(server, target)
    server.usual = Answer()
    part_of(target).write_bytes(b"\0" * (len(FILE) + 5))
    assert get(size=0, sha256="") == SHA256
    assert [bool(asked.range) for asked in server.asked] == [True, False]


def test_a_part_longer_than_the_known_size_is_not_continued(get: Get, server: FileServer, target: Path) -> None:
    interrupted(server, target)
    part_of(target).write_bytes(b"\0" * (len(FILE) + 5))
    assert get() == SHA256
    assert server.asked[0].range == ""


def test_a_part_that_is_complete_needs_no_request(get: Get, server: FileServer, target: Path) -> None:
    interrupted(server, target)
    part_of(target).write_bytes(FILE)
    assert get() == SHA256
    assert server.asked == []
    assert beside(target) == {"file.bin"}


@pytest.mark.parametrize("note", [b"", b'{"url": "http', b"[]", b'{"url": 1}', b"\xff", b"null"])
def test_a_damaged_note_starts_over(get: Get, server: FileServer, target: Path, note: bytes) -> None:
    interrupted(server, target)
    target.with_name("file.bin.part.json").write_bytes(note)
    assert get() == SHA256
    assert server.asked[0].range == ""


def test_the_part_of_another_address_is_not_continued(get: Get, server: FileServer, target: Path) -> None:
    interrupted(server, target)
    assert get(url=server.url("other.bin")) == SHA256
    assert server.asked[0].range == ""


def test_a_damaged_part_ends_with_both_hashes_and_the_next_run_is_right(
    get: Get, server: FileServer, target: Path
) -> None:
    interrupted(server, target)
    raw = bytearray(part_of(target).read_bytes())
    raw[7] ^= 1
    part_of(target).write_bytes(raw)
    with pytest.raises(ModelError, match="sha256") as raised:
        get()
    assert SHA256 in raised.value.message
    assert hashlib.sha256(bytes(raw) + FILE[len(raw) :]).hexdigest() in raised.value.message
    assert "starts from the beginning" in raised.value.hint
    assert beside(target) == set()
    assert get() == SHA256


# --- cut, busy, broken


def test_a_cut_connection_is_taken_up_where_it_broke(get: Get, server: FileServer, target: Path, told: Told) -> None:
    server.answers += [Answer(cut_after=100_000), Answer(cut_after=0), Answer(cut_after=1), Answer(cut_after=HALF)]
    assert get() == SHA256
    assert target.read_bytes() == FILE
    assert told.slept == [1, 2, 4, 8]
    assert [asked.range for asked in server.asked] == [
        "", "bytes=100000-", "bytes=100000-", "bytes=100001-", "bytes=400001-",
    ]  # fmt: skip


def test_a_cut_chunked_answer_is_no_whole_file(get: Get, server: FileServer, target: Path) -> None:
    server.answers.append(Answer(is_chunked=True, cut_after=HALF))
    assert get(size=0, sha256="") == SHA256
    assert target.read_bytes() == FILE


def test_an_answer_of_unsaid_length_that_is_cut_is_taken_up(get: Get, server: FileServer, target: Path) -> None:
    server.answers.append(Answer(headers={"Content-Length": None}, cut_after=HALF))
    assert get() == SHA256
    assert server.asked[1].range == f"bytes={HALF}-"
    assert target.read_bytes() == FILE


def test_a_length_that_nobody_knows_is_refused(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(headers={"Content-Length": None})
    with pytest.raises(ModelError, match="does not say how long"):
        get(size=0, sha256="")
    assert beside(target) == set()


def test_a_connection_that_keeps_breaking_ends_with_what_a_rerun_does(
    get: Get, server: FileServer, target: Path, told: Told
) -> None:
    server.usual = Answer(cut_after=0)
    server.answers.append(Answer(cut_after=HALF))
    with pytest.raises(ModelError, match="could not be downloaded: the transfer failed") as raised:
        get()
    assert "resumes at 0.3 MiB" in raised.value.hint
    assert told.slept == [1, 2, 4, 8, 16, 30, 30]
    assert not target.exists()
    server.usual = Answer()
    assert get() == SHA256
    assert server.asked[-1].range == f"bytes={HALF}-"


def test_a_content_length_beyond_the_end_is_a_cut_and_never_a_file(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(headers={"Content-Length": str(len(FILE) + 10)}, ignores_range=True)
    with pytest.raises(ModelError):
        get(size=0, sha256="")
    assert not target.exists()


@pytest.mark.parametrize("said", [len(FILE) + 10, len(FILE) - 10])
def test_a_content_length_that_is_not_the_known_size_ends_at_once(
    get: Get, server: FileServer, target: Path, said: int
) -> None:
    server.usual = Answer(headers={"Content-Length": str(said)})
    with pytest.raises(ModelError, match=f"it has {said} bytes, expected {len(FILE)}"):
        get()
    assert beside(target) == set()
    assert len(server.asked) == 1


@pytest.mark.parametrize("body", [FILE + b"more", FILE[:-1], b""])
def test_a_body_that_is_not_the_known_size_is_deleted(get: Get, server: FileServer, target: Path, body: bytes) -> None:
    server.usual = Answer(is_chunked=True, body=body)
    with pytest.raises(ModelError, match=f"{len(body)} bytes arrived|{len(FILE) + 4} bytes arrived"):
        get()
    assert beside(target) == set()


def test_an_empty_file_is_no_file(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(body=b"")
    with pytest.raises(ModelError, match="0 bytes arrived"):
        get(size=0, sha256="")
    assert beside(target) == set()


def test_another_page_does_not_cost_what_is_already_there(get: Get, server: FileServer, target: Path) -> None:
    interrupted(server, target)
    server.answers.append(Answer(body=b"<html>please log in to this wireless network</html>"))
    with pytest.raises(ModelError, match="expected 600000"):
        get()
    assert get() == SHA256
    assert server.asked[-1].range


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_trouble_is_tried_again(get: Get, server: FileServer, told: Told, status: int) -> None:
    server.answers += [Answer(status=status)] * 2
    assert get() == SHA256
    assert told.slept == [1, 2]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(get: Get, server: FileServer, told: Told, status: int) -> None:
    date = {"Date": "Mon, 06 Jan 2025 10:00:00 GMT", "Retry-After": "Mon, 06 Jan 2025 10:01:30 GMT"}
    server.answers += [Answer(status=status, headers={"Retry-After": "7"}), Answer(status=status, headers=date)]
    assert get() == SHA256
    assert told.slept == [7, 90]


@pytest.mark.parametrize("said", ["soon", "-5", "", "Mon, 06 Jan 2025 10:01:30"])
def test_a_retry_after_that_makes_no_sense_is_ignored(get: Get, server: FileServer, told: Told, said: str) -> None:
    server.answers.append(Answer(status=503, headers={"Retry-After": said}))
    assert get() == SHA256
    assert told.slept == [1]


def test_a_retry_after_beyond_patience_is_told_and_not_slept(get: Get, server: FileServer, told: Told) -> None:
    server.answers.append(Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(ModelError, match="429: too many requests, and asks to wait 60 minutes") as raised:
        get()
    assert "rerun" in raised.value.hint
    assert told.slept == []


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "login"), (403, "login"), (404, "nothing at that address"), (410, "taken down"), (400, "400"), (304, "304")],
)
def test_a_refusal_is_final_and_said_in_words(
    get: Get, server: FileServer, target: Path, status: int, says: str
) -> None:
    server.usual = Answer(status=status)
    with pytest.raises(ModelError, match=says) as raised:
        get()
    assert "download it yourself" in raised.value.hint
    assert len(server.asked) == 1
    assert beside(target) == set()


def test_a_compressed_answer_is_refused(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(headers={"Content-Encoding": "gzip"})
    with pytest.raises(ModelError, match="compressed, unasked"):
        get()
    assert beside(target) == set()


def test_a_server_that_falls_silent_is_tried_again(get: Get, server: FileServer) -> None:
    gate = threading.Event()
    server.answers.append(Answer(gate=gate))
    with httpx.Client(timeout=0.1, trust_env=False) as impatient:
        assert get(client=impatient) == SHA256
    gate.set()
    assert len(server.asked) == 2


def test_a_server_that_is_not_there_is_given_up_sooner(get: Get, target: Path, told: Told) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ModelError, match="no connection") as raised:
            get(url=f"http://127.0.0.1:{closed.getsockname()[1]}/file.bin")
    assert raised.value.exit_code == 8
    assert "Check the connection" in raised.value.hint
    assert len(told.slept) == SMALLER_TRIES - 1
    assert beside(target) == set()


# --- addresses and redirects


def test_redirects_are_followed_with_the_range(get: Get, server: FileServer, target: Path) -> None:
    interrupted(server, target)
    server.answers += [
        Answer(status=302, headers={"Location": "/elsewhere?signature=1"}),
        Answer(status=307, headers={"Location": server.url("third.bin")}),
    ]
    assert get() == SHA256
    assert [asked.path for asked in server.asked] == ["/file.bin", "/elsewhere?signature=1", "/third.bin"]
    assert server.asked[-1].range


def test_each_try_begins_at_the_first_address(get: Get, server: FileServer) -> None:
    there = Answer(status=302, headers={"Location": "/signed"})
    server.answers += [there, Answer(cut_after=HALF), there, Answer()]
    assert get() == SHA256
    assert [asked.path for asked in server.asked] == ["/file.bin", "/signed", "/file.bin", "/signed"]


def test_a_redirect_in_a_circle_ends(get: Get, server: FileServer, target: Path) -> None:
    server.usual = Answer(status=301, headers={"Location": "/file.bin"})
    with pytest.raises(ModelError, match="redirects more than 10 times"):
        get()
    assert beside(target) == set()


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/file.bin", "file:///etc/passwd"])
def test_a_redirect_to_another_scheme_is_not_followed(get: Get, server: FileServer, location: str) -> None:
    server.usual = Answer(status=302, headers={"Location": location})
    with pytest.raises(ModelError, match="redirects from http to"):
        get()


@pytest.mark.parametrize(
    "location", ["http://[::1", "http://host:port/", "data:text/plain,hello", f"http://{'x' * 70}.invalid/"]
)
def test_a_redirect_to_no_address_is_told(get: Get, server: FileServer, target: Path, location: str) -> None:
    server.usual = Answer(status=302, headers={"Location": location})
    with pytest.raises(ModelError, match=r"redirects to an invalid one|Invalid URL in location header"):
        get()
    assert beside(target) == set()


def test_https_never_leads_to_http(get: Get, target: Path) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "https":
            return httpx.Response(302, headers={"Location": "http://mirror.invalid/file.bin"})
        return httpx.Response(200, stream=httpx.ByteStream(FILE))

    with (
        httpx.Client(transport=httpx.MockTransport(reply)) as client,
        pytest.raises(ModelError, match="from https to http"),
    ):
        get(url="https://source.invalid/file.bin", client=client)
    assert not target.exists()


def test_http_may_lead_to_https(get: Get, target: Path) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            return httpx.Response(302, headers={"Location": "https://source.invalid/file.bin"})
        return httpx.Response(200, stream=httpx.ByteStream(FILE))

    with httpx.Client(transport=httpx.MockTransport(reply)) as client:
        assert get(url="http://source.invalid/file.bin", client=client) == SHA256
    assert target.read_bytes() == FILE


def test_an_untrusted_certificate_is_told_at_once(get: Get, told: Told) -> None:
    def reply(request: httpx.Request) -> httpx.Response:
        reason = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate"
        raise httpx.ConnectError(reason, request=request) from ssl.SSLError(reason)

    with (
        httpx.Client(transport=httpx.MockTransport(reply)) as client,
        pytest.raises(ModelError, match="certificate is not trusted") as raised,
    ):
        get(url="https://source.invalid/file.bin", client=client)
    assert "SSL_CERT_FILE" in raised.value.hint
    assert told.slept == []


@pytest.mark.parametrize("url", ["ftp://host/file", "file:///etc/passwd", "koboldcpp", "https://", "http://[::1", ""])
def test_only_http_addresses_are_taken(target: Path, url: str) -> None:
    with pytest.raises(ModelError, match="not an http"):
        fetch(url, target, size=0, sha256="", progress=lambda _done, _total: None)
    assert beside(target) == set()


def test_secrets_in_an_address_are_sent_but_not_told(get: Get, server: FileServer) -> None:
    server.usual = Answer(status=404)
    with pytest.raises(ModelError) as raised:
        get(url=server.url("file.bin?token=hush").replace("://", "://user:pass@"))
    assert server.asked[0].path == "/file.bin?token=hush"
    assert not any(word in raised.value.message + raised.value.hint for word in ("hush", "user", "pass@"))


def test_the_note_keeps_no_address_which_may_hold_a_secret(server: FileServer, target: Path) -> None:
    interrupted(server, target)
    mark = hashlib.sha256(server.url().encode()).hexdigest()
    assert json.loads(target.with_name("file.bin.part.json").read_bytes()) == {
        "url": mark, "etag": '"first"', "last_modified": server.last_modified, "size": len(FILE),
    }  # fmt: skip


# --- the disk


def test_a_disk_that_is_too_small_is_seen_before_anything_is_written(
    get: Get, server: FileServer, target: Path
) -> None:
    server.usual = Answer(headers={"Content-Length": str(1 << 60)}, cut_after=0)
    with pytest.raises(DoesNotFit, match=r"needs 1,099,511,627,776\.0 MiB more") as raised:
        get(size=0, sha256="")
    assert raised.value.exit_code == 6
    assert "MiB free" in raised.value.message
    assert not target.exists()


def test_a_disk_that_fills_up_meanwhile_says_what_a_rerun_does(get: Get, target: Path) -> None:
    part_of(target).symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left") as raised:
        get()
    assert raised.value.exit_code == 9
    assert "a rerun" in raised.value.hint
    assert not target.exists()


CHILD = """
import resource, signal, sys
from pathlib import Path
import filelock, httpx, tenacity
from stackctl.effects.download import fetch
from stackctl.errors import StackctlError
url, target, size, sha256, limit, tells = sys.argv[1:]
if int(limit):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
print("go", flush=True)
progress = (lambda done, total: print(done, flush=True)) if tells else (lambda done, total: None)
try:
    print(fetch(url, Path(target), size=int(size), sha256=sha256, progress=progress))
except StackctlError as error:
    print(error.message, error.hint, sep="; ")
    sys.exit(error.exit_code)
"""


def child(
    server: FileServer,
    target: Path,
    *,
    sha256: str = SHA256,
    limit: int = 0,
    tells: bool = False,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> "subprocess.Popen[str]":
    """A process of its own that downloads the file, ready to begin."""
    root = str(Path(stackctl.__file__).parents[1])
    words = (sys.executable, "-c", CHILD, server.url(), str(target), "0", sha256, str(limit), "yes" * tells)
    env = os.environ | {"PYTHONPATH": root, **environment}
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout
    assert process.stdout.readline() == "go\n"
    return process


def test_a_disk_that_refuses_the_second_half_keeps_the_first_for_a_rerun(
    get: Get, server: FileServer, target: Path
) -> None:
    process = child(server, target, limit=HALF)
    said, _ = process.communicate()
    assert process.returncode == DataError.exit_code
    assert "a rerun resumes at 0.3 MiB" in said
    assert part_of(target).stat().st_size == HALF
    assert get() == SHA256
    assert server.asked[-1].range == f"bytes={HALF}-"
    assert target.read_bytes() == FILE


def test_a_place_that_can_t_be_written_is_told(get: Get, target: Path) -> None:
    part_of(target).mkdir()
    with pytest.raises(DataError, match="can't be written: Is a directory") as raised:
        get()
    assert str(target.parent) in raised.value.hint


# --- the environment


def test_loopback_is_asked_directly_whatever_the_proxy(server: FileServer, target: Path) -> None:
    process = child(server, target, environment=dict.fromkeys(("HTTP_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"))
    assert process.communicate()[0].strip() == SHA256


@pytest.mark.parametrize("setting", [{"ALL_PROXY": "socks5://127.0.0.1:9"}, {"SSL_CERT_FILE": "/nowhere"}])
def test_settings_that_can_t_be_used_are_told(server: FileServer, target: Path, setting: dict[str, str]) -> None:
    process = child(server, target, environment=setting)
    said, _ = process.communicate()
    assert "settings of this environment can't be used" in said
    assert process.returncode == ModelError.exit_code
    assert server.asked == []


# --- killed, and two at once


@pytest.mark.parametrize("moment", range(10))
def test_killed_at_any_moment_the_rerun_ends_right(get: Get, server: FileServer, target: Path, moment: int) -> None:
    """From before the request (0) to between the last byte and the rename (9)."""
    server.usual = Answer(pause_s=0.002)
    until = moment * len(FILE) // 9 + (random.Random(moment).randrange(60_000) if 0 < moment < 9 else 0)  # noqa: S311
    with child(server, target, tells=True) as process:
        assert process.stdout
        while moment and int(process.stdout.readline() or len(FILE)) < until:
            pass
        process.kill()
    assert process.returncode == -signal.SIGKILL or moment == 9  # then it may have been quicker
    assert not target.exists() or target.read_bytes() == FILE
    server.usual = Answer()
    assert get(size=0) == SHA256
    assert target.read_bytes() == FILE
    assert beside(target) == {"file.bin"}


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_of_two_at_once_one_downloads_and_both_have_the_file(server: FileServer, target: Path, sha256: str) -> None:
    gate = threading.Event()
    server.usual = Answer(gate=gate, pause_s=0.001)
    both = [child(server, target, sha256=sha256) for _ in range(2)]
    gate.set()
    assert [process.communicate()[0].strip() for process in both] == [SHA256, SHA256]
    assert len(server.asked) == 1
    assert target.read_bytes() == FILE


@pytest.mark.parametrize("seed", range(60))
def test_whatever_a_server_does_the_file_is_right_or_absent(
    get: Get, server: FileServer, target: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    server.answers += [_by_chance(chance) for _ in range(7)]
    server.usual = _by_chance(chance) if chance.random() < 0.3 else Answer()
    with contextlib.suppress(ModelError):
        assert get(size=0) == SHA256
        assert target.exists()
    assert not target.exists() or target.read_bytes() == FILE


def _by_chance(chance: random.Random) -> Answer:
    return Answer(
        status=chance.choice([0, 0, 0, 0, 200, 206, 302, 416, 429, 500]),
        headers=chance.choice([{}, {}, {"Content-Range": "bytes 5-9/10"}, {"ETag": '"other"'}, {"Location": "/x"}]),
        cut_after=chance.choice([None, 0, 1, 100_000, 599_999]),
        ignores_range=chance.random() < 0.2,
        ignores_if_range=chance.random() < 0.2,
        is_chunked=chance.random() < 0.2,
        body=chance.choice([None] * 6 + [b"", b"<html>"]),
    )
