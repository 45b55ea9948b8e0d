"""A SOCKS proxy (RFC 1928, connections by IPv4 address or name, no login) through which a browser sees this host.

The browser has a network of its own, for one that shares the host's drops its requests whenever a container comes or
goes (net::ERR_NETWORK_CHANGED); and 127.0.0.1, where SillyTavern is published, is here and not there.
"""

import contextlib
import select
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator

_CHUNK = 1 << 16


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        browser: socket.socket = self.request
        with contextlib.suppress(OSError):
            version, methods = self._take(2)
            self._take(methods)
            browser.sendall(bytes((version, 0)))
            *_, kind = self._take(4)
            host = socket.inet_ntoa(self._take(4)) if kind == 1 else self._take(self._take(1)[0]).decode()
            port = int.from_bytes(self._take(2), "big")
            try:
                server = socket.create_connection((host, port), timeout=10)
            except OSError:
                browser.sendall(struct.pack("!BBBB4sH", 5, 5, 0, 1, bytes(4), 0))
                return
            with server:
                server.settimeout(None)
                browser.sendall(struct.pack("!BBBB4sH", 5, 0, 0, 1, bytes(4), 0))
                _relay(browser, server)

    def _take(self, size: int) -> bytes:
        raw = b""
        while len(raw) < size:
            if not (more := self.request.recv(size - len(raw))):
                raise OSError("closed")
            raw += more
        return raw


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Hand on whatever either side sends, until one of them closes."""
    ends = {one: other, other: one}
    while True:
        for ready in select.select(list(ends), [], [])[0]:
            if not (chunk := ready.recv(_CHUNK)):
                return
            ends[ready].sendall(chunk)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextlib.contextmanager
def proxy(address: str) -> Iterator[str]:
    """Serve on an address of this host, which the browser's container reaches; yield the proxy's URL."""
    with _Server((address, 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"socks5://{address}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
