"""A small file is read whole, or not at all, whatever its server does."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from stackctl.core.catalogue.update_source import is_allowed
from stackctl.core.formats.answer_limit import Limit
from stackctl.effects.bounded import bounded
from stackctl.effects.download.whole import read_whole
from stackctl.errors import ModelError
from tests.effects.hostile import CHUNKED, OK, Hostile, bomb, chunk, endless, hostile
from tests.effects.http_server import Answer, FileServer, serving

MOST = 1 << 20
FILE = b"catalogue" * 1000


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(FILE) as found:
        yield found


@pytest.fixture
def worst() -> Iterator[Hostile]:
    with hostile() as found:
        yield found


def read(url: str, **more: Any) -> bytes:
    return read_whole(url, most=MOST, may_follow=is_allowed, bounded=bounded, **more)


def test_a_file_comes_whole_unpacked_and_by_one_request(server: FileServer) -> None:
    assert read(server.url()) == FILE
    (asked,) = server.asked
    assert asked.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429, 500, 502, 503, 204, 206, 304])
def test_any_status_but_200_is_an_error_that_names_it(server: FileServer, status: int) -> None:
    server.usual = Answer(status=status, body=b"")
    with pytest.raises(ModelError, match=str(status)):
        read(server.url())
    assert len(server.asked) == 1


def test_a_file_that_is_cut_off_is_none(server: FileServer) -> None:
    server.usual = Answer(cut_after=4000)
    with pytest.raises(ModelError, match="can't be read"):
        read(server.url())


def test_a_redirect_is_followed_to_where_it_may_lead(server: FileServer) -> None:
    server.answers.append(Answer(status=302, headers={"Location": server.url("other.bin")}))
    assert read(server.url()) == FILE
    assert [one.path for one in server.asked] == ["/file.bin", "/other.bin"]


@pytest.mark.parametrize("there", ["http://example.org/c", "file:///etc/passwd", "//192.168.1.1/c"])
def test_a_redirect_elsewhere_is_refused_before_anything_is_asked_there(server: FileServer, there: str) -> None:
    server.usual = Answer(status=302, headers={"Location": there})
    with pytest.raises(ModelError, match="which is not followed"):
        read(server.url())


def test_redirects_without_end_end(server: FileServer) -> None:
    server.usual = Answer(status=302, headers={"Location": "/again"})
    with pytest.raises(ModelError, match="redirects too often, more than 5 times"):
        read(server.url())


@pytest.mark.parametrize("there", ["http://[", "https://a:port/", "https://" + "a" * 300 + ".org/"])
def test_a_redirect_that_is_no_address_is_an_error(server: FileServer, there: str) -> None:
    server.usual = Answer(status=302, headers={"Location": there})
    with pytest.raises(ModelError):
        read(server.url())


def test_a_huge_file_is_refused_while_it_comes(worst: Hostile) -> None:
    worst.sends = endless(chunk(b"x" * 60_000))
    with pytest.raises(ModelError, match="more than 1048576 bytes"):
        read(worst.url)


def test_an_announced_length_is_not_believed(worst: Hostile) -> None:
    worst.sends = endless(b"x" * 60_000, OK + b"Content-Length: 99999999999\r\n\r\n")
    with pytest.raises(ModelError, match="more than 1048576 bytes"):
        read(worst.url)


def test_nothing_is_unpacked(worst: Hostile) -> None:
    worst.sends = iter((bomb(64),))
    with pytest.raises(ModelError, match="compressed"):
        read(worst.url)


@pytest.mark.parametrize("sent", [b"", OK, CHUNKED + chunk(b"x")])
def test_a_server_that_falls_silent_is_left(worst: Hostile, sent: bytes) -> None:
    worst.sends = iter((sent,))
    with pytest.raises(ModelError, match="nothing of its answer came"):
        read(worst.url, limit=Limit(seconds=20, silence_s=0.05, size=MOST))


def test_a_drip_ends_by_the_clock(worst: Hostile) -> None:
    worst.sends = endless(chunk(b"x"))
    with pytest.raises(ModelError, match=r"did not end within 0 s|more than 200000 parts"):
        read(worst.url, limit=Limit(seconds=0.2, silence_s=5, size=MOST))


def test_a_server_that_is_not_there_is_an_error() -> None:
    with serving(b"") as gone:
        url = gone.url()
    with pytest.raises(ModelError, match="can't be read"):
        read(url)


def test_a_certificate_that_is_not_trusted_is_an_error() -> None:
    with serving(FILE, is_secure=True) as server:
        url = str(httpx.URL(server.url()).copy_with(scheme="https"))
        with pytest.raises(ModelError, match="CERTIFICATE_VERIFY_FAILED"):
            read(url)
