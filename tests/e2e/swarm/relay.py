"""A port of this machine that leads to one of a node's loopback, for a browser that sees this machine alone."""

import contextlib
import select
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.conftest import ROOT
from tests.e2e.swarm.cluster import Cluster, until

_CHUNK = 1 << 16


class _Here(socketserver.ThreadingTCPServer):
    """Leads to the unix socket, which is the same for both network namespaces."""

    daemon_threads = True
    place: str


class _There(socketserver.ThreadingUnixStreamServer):
    """On the node: leads from the unix socket to the port."""

    daemon_threads = True
    port: int


class _FromHere(socketserver.BaseRequestHandler):
    server: _Here

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as other:
            other.connect(self.server.place)
            _relay(self.request, other)


class _ToPort(socketserver.BaseRequestHandler):
    server: _There

    def handle(self) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.port)) as other:
            _relay(self.request, other)


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Hand on whatever either side sends, until one of them closes."""
    ends = {one: other, other: one}
    while True:
        for ready in select.select(list(ends), [], [])[0]:
            if not (chunk := ready.recv(_CHUNK)):
                return
            ends[ready].sendall(chunk)


@contextlib.contextmanager
def relay(cluster: Cluster, node: str, port: int) -> Iterator[int]:
    """Give the port here. What runs on the node ends with it."""
    place = cluster.run_folder / "relay.sock"
    argv = cluster.inside(node, f"PYTHONPATH={ROOT}", sys.executable, str(Path(__file__)), str(place), str(port))
    with subprocess.Popen(argv) as process, _Here(("127.0.0.1", 0), _FromHere) as server:
        server.place = str(place)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        try:
            until(place.exists, 20, "the relay does not start")
            thread.start()
            try:
                yield int(server.server_address[1])
            finally:
                server.shutdown()
                thread.join()
        finally:
            process.kill()


if __name__ == "__main__":
    with _There(sys.argv[1], _ToPort) as on_node:
        on_node.port = int(sys.argv[2])
        on_node.serve_forever()
