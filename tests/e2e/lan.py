"""Another machine of a LAN: a network namespace at the other end of a virtual cable."""

import base64
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.conftest import Stack

IMAGE = "localhost/stackctl/sillytavern:1.19.0"
_ASK = """
import sys, httpx
url, *headers = sys.argv[1:]
try:
    with httpx.Client(trust_env=False, timeout=20, headers=dict(h.split(': ', 1) for h in headers),
                      transport=httpx.HTTPTransport(local_address={source!r} or None, verify=False)) as client:
        print(client.get(url).status_code)
except httpx.TransportError as e:
    print(type(e).__name__)
"""
_FETCH = """
const [url, ...headers] = process.argv.slice(1);
fetch(url, {headers: headers.map(h => h.split(': ')), signal: AbortSignal.timeout(8e3)})
  .then(a => console.log(a.status), e => console.log('shut'));
"""


def password_header(stack: Stack) -> str:
    """What a browser sends once the person has typed stackctl's name and this stack's password."""
    password = (stack.folder / ".stackctl/sillytavern-password").read_text().strip()
    return "Authorization: Basic " + base64.b64encode(f"stackctl:{password}".encode()).decode()


@dataclass(frozen=True)
class Lan:
    """`interface` is this machine's end, with `address` and `address6`; the other machine has two addresses."""

    name: str
    interface: str
    number: int  # of the networks, for one machine may be on several cables

    @property
    def address(self) -> str:
        return f"192.168.{self.number}.1"

    @property
    def address6(self) -> str:
        return f"fd77:e2e:{self.number}::1"

    @property
    def other(self) -> str:
        return f"192.168.{self.number}.2"

    @property
    def outsider(self) -> str:
        """Reaches us through the same cable, and is of another network."""
        return f"10.251.{self.number}.9"

    def ask(self, url: str, *headers: str, source: str = "") -> str:
        """The status that the other machine gets for this URL, or the kind of failure."""
        argv = ["ip", "netns", "exec", self.name, sys.executable, "-c", _ASK.format(source=source), url, *headers]
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@contextmanager
def cable() -> Iterator[Lan]:
    """A LAN with one other machine, for as long as this lasts."""
    tag = f"{os.getpid() % 100000}"
    number = 231 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    lan = Lan(name=f"stackctl-lan-{tag}", interface=f"elan{tag}", number=number)
    peer = f"plan{tag}"
    inside = ("ip", "netns", "exec", lan.name, "ip")
    _run("ip", "netns", "add", lan.name)
    try:
        _run("ip", "link", "add", lan.interface, "type", "veth", "peer", "name", peer, "netns", lan.name)
        _run("ip", "address", "add", f"{lan.address}/24", "dev", lan.interface)
        _run("ip", "-6", "address", "add", f"{lan.address6}/64", "dev", lan.interface, "nodad")
        _run("ip", "link", "set", lan.interface, "up")
        _run(*inside, "link", "set", "lo", "up")
        _run(*inside, "address", "add", f"{lan.other}/24", "dev", peer)
        _run(*inside, "address", "add", f"{lan.outsider}/32", "dev", peer)
        _run(*inside, "-6", "address", "add", f"fd77:e2e:{number}::2/64", "dev", peer, "nodad")
        _run(*inside, "link", "set", peer, "up")
        _run("ip", "route", "add", f"{lan.outsider}/32", "dev", lan.interface)
        yield lan
    finally:
        _run("ip", "link", "del", lan.interface, check=False)
        _run("ip", "netns", "del", lan.name, check=False)


def foreign(stack: Stack, url: str, *headers: str, network: str = "bridge", extra: tuple[str, ...] = ()) -> str:
    """The status that a container of somebody else gets for this URL; "shut" where nothing answers."""
    words = ("run", "--rm", "--network", network, *extra, "--entrypoint", "node", IMAGE, "-e", _FETCH, "--")
    return stack.docker(*words, url, *headers).strip()


def _run(*words: str, check: bool = True) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
