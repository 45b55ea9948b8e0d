"""A VPN's routes, in a network namespace: they keep no stack from being planned, and change none that there is.

The engine is asked by its socket, which every namespace has; only what changes nothing on it is run.
"""

import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

import pytest

from stackctl.core.config import lock
from tests.e2e.conftest import Stack

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]

FULL_TUNNEL = ("0.0.0.0/1", "128.0.0.0/1")  # OpenVPN's redirect-gateway def1
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


@dataclass(frozen=True)
class Namespace:
    """A machine's network of its own, with a VPN's interface."""

    name: str

    def ip(self, *words: str) -> None:
        subprocess.run(["ip", "-n", self.name, *words], check=True, capture_output=True, timeout=30)

    def route(self, *networks: str) -> None:
        """From here on these routes alone lead into the VPN."""
        self.ip("route", "flush", "dev", "tun0")
        for network in networks:
            self.ip("route", "add", network, "dev", "tun0")

    def run(self, stack: Stack, *words: str) -> str:
        """What stackctl says in here; it must end well."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, str(stack.program), *words],
            cwd=stack.folder,
            env={**os.environ, **stack.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def vpn() -> Iterator[Namespace]:
    there = Namespace(f"stackctl-vpn-{os.getpid()}")
    subprocess.run(["ip", "netns", "add", there.name], check=True, timeout=30)
    try:
        there.ip("link", "set", "lo", "up")
        there.ip("link", "add", "tun0", "type", "veth", "peer", "name", "far0")
        there.ip("link", "set", "far0", "up")
        there.ip("link", "set", "tun0", "up")
        yield there
    finally:
        subprocess.run(["ip", "netns", "del", there.name], check=True, timeout=30)


def subnets(stack: Stack) -> list[IPv4Network]:
    recorded = lock.parse((stack.folder / lock.FILE).read_text()).decisions
    return [IPv4Network(recorded[f"network.{name}"].value) for name in ("inner", "edge")]


@pytest.mark.sample
def test_a_stack_goes_on_as_it_is_while_a_vpn_is_up(stack: Stack, vpn: Namespace) -> None:
    vpn.run(stack, "render", "--model", "demo", "--images", "own")
    text, before = (stack.folder / "compose.yml").read_text(), subnets(stack)
    for routes in (FULL_TUNNEL, ("10.0.0.0/8",), (*FULL_TUNNEL, *PRIVATE)):
        vpn.route(*routes)
        vpn.run(stack, "render")
        assert ((stack.folder / "compose.yml").read_text(), subnets(stack)) == (text, before)
        said = vpn.run(stack, "deploy", "--dry-run", "--show")
        assert str(before[0]) in said
        assert ("overlaps with 10.0.0.0/8" in said) == ("10.0.0.0/8" in routes)
        vpn.run(stack, "diff")


@pytest.mark.parametrize(
    ("routes", "lie_in"),
    [
        (FULL_TUNNEL, "10.64.0.0/10"),
        (("10.0.0.0/8",), "172.16.0.0/12"),
        ((*FULL_TUNNEL, *PRIVATE), "10.64.0.0/10"),
    ],
)
def test_a_new_stack_finds_subnets_beside_a_vpn(
    new_stack: Callable[..., Stack], vpn: Namespace, routes: tuple[str, ...], lie_in: str
) -> None:
    vpn.route(*routes)
    stack = new_stack()
    vpn.run(stack, "render", "--model", "demo", "--images", "own")
    assert all(one.subnet_of(IPv4Network(lie_in)) for one in subnets(stack))
    assert vpn.run(stack, "deploy", "--dry-run")


def test_subnets_that_the_user_chose_are_taken_beside_a_vpn(stack: Stack, vpn: Namespace) -> None:
    vpn.route(*FULL_TUNNEL, "172.16.0.0/12")
    (stack.folder / "stack.toml").write_text('[network]\ninner = "172.30.1.0/24"\nedge = "172.30.2.0/24"\n')
    said = vpn.run(stack, "deploy", "--dry-run", "--model", "demo", "--images", "own")
    assert "note: network.inner 172.30.1.0/24 overlaps with 172.16.0.0/12" in said
