"""Names and servers: whether they answer, by which proxy, and what their clocks say."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from email.utils import formatdate
from time import time

import pytest

from stackctl.effects.system import servers
from tests.effects.http_server import CERTIFICATE, Answer, FileServer, serving

HOUR = 3600.0


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@contextmanager
def tunnel(to: FileServer) -> Iterator[tuple[str, list[bytes]]]:
    """A proxy by CONNECT that leads everywhere to one server; its address, and the heads of its requests."""
    heads: list[bytes] = []

    def pipe(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        client, _ = listener.accept()
        with client, socket.create_connection(to.server_address[:2]) as behind:  # type: ignore[arg-type]  # IPv4
            heads.append(client.recv(1 << 16))
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=pipe, args=(behind, client))
            back.start()
            pipe(client, behind)
            back.join()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}", heads
        thread.join()


def test_a_server_that_answers_tells_its_time() -> None:
    with serving(b"x") as server:
        server.usual = Answer(status=401, headers={"Date": formatdate(time() - HOUR, usegmt=True)})
        found = servers.reach(server.url(), 5.0)
    assert (found.failure, found.status) == ("", 401)
    assert found.ahead_s is not None
    assert HOUR - 5 < found.ahead_s < HOUR + 5


@pytest.mark.parametrize("date", [None, "yesterday", ""])
def test_one_that_does_not_is_all_the_same_there(date: str | None) -> None:
    with serving(b"x") as server:
        server.usual = Answer(headers={"Date": date})
        found = servers.reach(server.url(), 5.0)
    assert (found.failure, found.ahead_s) == ("", None)


def test_why_no_answer_comes() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert servers.reach(f"http://127.0.0.1:{port}/", 5.0).failure == "refused"
    assert servers.reach("http://no.such.name.invalid/", 5.0).failure == "name"
    with silent() as url:
        assert servers.reach(url, 0.05).failure == "timeout"


def test_a_certificate_that_is_not_trusted_still_tells_the_time() -> None:
    with serving(b"x", is_secure=True) as server:
        server.usual = Answer(headers={"Date": formatdate(time() + HOUR, usegmt=True)})
        found = servers.reach(server.url().replace("http:", "https:"), 5.0)
    assert (found.failure, found.status) == ("tls", 0)
    assert "self-signed certificate" in found.says
    assert found.ahead_s is not None
    assert found.ahead_s < 5 - HOUR


def test_a_server_without_tls_is_told_from_it() -> None:
    with serving(b"x") as server:
        found = servers.reach(server.url().replace("http:", "https:"), 5.0)
    assert found.failure == "tls"
    assert "WRONG_VERSION_NUMBER" in found.says


def test_the_environments_proxy_is_asked_with_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with serving(b"x", is_secure=True) as server, tunnel(server) as (proxy, heads):
        monkeypatch.setenv("https_proxy", f"http://ann:p%40ss@{proxy}")
        found = servers.reach("https://127.0.0.1:9/v2/", 5.0)
    assert (found.failure, found.status, found.proxy) == ("", 200, proxy)
    assert heads[0].startswith(b"CONNECT 127.0.0.1:9 ")
    assert b"Proxy-Authorization: Basic YW5uOnBAc3M=" in heads[0]
    assert server.asked[0].path == "/v2/"
    assert "Proxy-Authorization" not in server.asked[0].headers


def test_a_plain_request_goes_to_the_proxy_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(b"x") as proxy:
        monkeypatch.setenv("http_proxy", proxy.url(""))
        assert servers.reach("http://hub.example/a", 5.0).status == 200
    assert proxy.asked[0].path == "http://hub.example/a"


@pytest.mark.parametrize(
    ("variables", "url", "proxy"),
    [
        ({}, "https://ghcr.io/", ""),
        ({"https_proxy": "http://ann:secret@proxy.lan:3128"}, "https://ghcr.io/v2/", "proxy.lan:3128"),
        ({"HTTPS_PROXY": "proxy.lan:3128"}, "https://ghcr.io/v2/", "proxy.lan:3128"),
        ({"all_proxy": "socks5://proxy.lan:1080"}, "https://ghcr.io/v2/", "proxy.lan:1080"),
        ({"https_proxy": "http://proxy.lan:3128", "no_proxy": "ghcr.io"}, "https://ghcr.io/v2/", ""),
        ({"https_proxy": "http://proxy.lan:3128", "no_proxy": "*"}, "https://ghcr.io/v2/", ""),
        ({"http_proxy": "http://proxy.lan:3128"}, "https://ghcr.io/v2/", ""),
        ({"https_proxy": "http://proxy.lan:none"}, "https://ghcr.io/v2/", ""),
        ({"https_proxy": "http://"}, "https://ghcr.io/v2/", ""),
    ],
)
def test_the_proxy_of_a_url(variables: dict[str, str], url: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert servers.proxy_for(url) == proxy


def test_a_proxy_of_a_kind_that_we_do_not_speak_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "socks5://ann:secret@proxy.lan:1080")
    found = servers.reach("https://ghcr.io/v2/", 5.0)
    assert (found.failure, found.proxy) == ("unasked", "proxy.lan:1080")
    assert "secret" not in repr(found)


def test_a_name_has_an_address_or_a_reason_why_not() -> None:
    assert servers.resolve("localhost", 5.0) == ""
    assert servers.resolve("no.such.name.invalid", 5.0)
    assert servers.resolve("a" * 300, 5.0)
