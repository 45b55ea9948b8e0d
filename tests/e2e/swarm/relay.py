"""A port of this machine that leads to one of a node's loopback, for a browser that sees this machine alone."""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.e2e.conftest import ROOT
from tests.e2e.swarm.cluster import Cluster, until


@contextlib.contextmanager
def relay(cluster: Cluster, node: str, port: int) -> Iterator[int]:
    """Give the port here. What runs on the node ends with it."""
    place = cluster.run_folder / "relay.sock"
    argv = cluster.inside(node, f"PYTHONPATH={ROOT}", sys.executable, str(Path(__file__)), str(place), str(port))
    with subprocess.Popen(argv) as process, socket.create_server(("127.0.0.1", 0)) as server:
        try:
            until(place.exists, 20, "the relay does not start")
            threading.Thread(target=_serve, args=(server, place), daemon=True).start()
            yield int(server.getsockname()[1])
        finally:
            process.kill()


def _serve(server: socket.socket, place: Path) -> None:
    with contextlib.suppress(OSError):  # it was closed
        while True:
            client, _ = server.accept()
            there = socket.socket(socket.AF_UNIX)
            there.connect(str(place))
            _join(client, there)


def _join(one: socket.socket, other: socket.socket) -> None:
    for source, target in ((one, other), (other, one)):
        threading.Thread(target=_pipe, args=(source, target), daemon=True).start()


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _accept(place: str, port: int) -> None:
    """On the node: connect whoever comes to the unix socket with the port."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(place)
        server.listen(64)
        while True:
            client, _ = server.accept()
            _join(client, socket.create_connection(("127.0.0.1", port)))


if __name__ == "__main__":
    _accept(sys.argv[1], int(sys.argv[2]))
