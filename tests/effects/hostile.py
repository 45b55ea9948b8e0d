"""A server on 127.0.0.1 that sends what it likes, for as long as somebody takes it."""

import contextlib
import gzip
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


@dataclass
class Hostile:
    """`sends`: what goes out once a request has come, part by part; then the connection stays open. `asked`: heads."""

    url: str = ""
    sends: Iterator[bytes] = field(default_factory=lambda: iter(()))
    asked: list[bytes] = field(default_factory=list)


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)


def endless(part: bytes, after: bytes = CHUNKED) -> Iterator[bytes]:
    return itertools.chain((after,), itertools.repeat(part))


def bomb(mib: int) -> bytes:
    """So many MiB of blanks, packed: a thousandth of that."""
    packed = gzip.compress(b" " * (mib << 20), 9)
    return OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed


@contextlib.contextmanager
def hostile() -> Iterator[Hostile]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Hostile(f"http://127.0.0.1:{server.getsockname()[1]}")
        is_over = threading.Event()

        def answer(client: socket.socket) -> None:
            with client, contextlib.suppress(OSError):
                head = b""
                while b"\r\n\r\n" not in head and (part := client.recv(65536)):
                    head += part
                found.asked.append(head)
                for sent in found.sends:
                    client.sendall(sent)
                is_over.wait(20)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    threading.Thread(target=answer, args=(client,), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield found
        finally:
            is_over.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
