"""Which addresses of this machine SillyTavern is opened on beyond loopback, and whom it admits there.

What was measured on Docker 28 with SillyTavern 1.19.0 (tests/e2e/test_lan.py):
- a client of another machine keeps its IPv4 address, so the whitelist holds it to the interface's own network;
- what Docker's own proxy passes on has the edge network's gateway as its address: IPv6 clients, other containers, and
  this machine itself. The gateway must stay on the whitelist for the latter, and so it tells nothing of the others:
  the password, which SillyTavern asks for before it looks at the whitelist, on every path, is what stops them.
"""

from collections.abc import Mapping
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address, ip_interface
from typing import Final

from stackctl.core.config.spec import LAN, NONE, Spec
from stackctl.core.observed import Observed
from stackctl.errors import ConfigError, EngineError

Interface = IPv4Interface | IPv6Interface

ASKED: Final = "sillytavern.expose"  # the key in stack.lock of what was answered once: "yes" or "no"
# what a home or office network uses; a global IPv6 address is the Internet's, so it must be named
_LAN: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *(IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    IPv6Network("fc00::/7"),
)
_TAILSCALE: Final = IPv4Network("100.64.0.0/10")  # not private by the book, yet no one's on the Internet
# no LAN: this machine's own, containers' and virtual machines', and VPNs, which must be named
_NO_LAN: Final = (
    "lo", "docker", "br-", "veth", "virbr", "lxc", "lxd", "cni", "flannel", "podman",
    "sc-",  # the bridge of images/engine's private engine
    "tailscale", "wg", "tun", "tap", "utun", "zt", "ppp",
)  # fmt: skip


def exposed_interfaces(spec: Spec, seen: Observed) -> tuple[Interface, ...]:
    """The addresses, each with its network; () without exposure. Raises ConfigError where there are none."""
    wanted = spec.sillytavern.expose
    if wanted == NONE:
        return ()
    if seen.engine and not seen.engine.is_local:
        raise EngineError(
            f"sillytavern.expose = {wanted!r}: the engine's addresses can't be seen from here",
            hint="run stackctl on the engine's own machine, in a container with --network host --pid host; "
            'or set expose = "none", and use ssh -L',
        )
    found = matching_interfaces(wanted, seen.interfaces)
    if not found:
        here = ", ".join(f"{one.ip} ({name})" for name, one in _every(seen.interfaces) if not one.ip.is_loopback)
        raise ConfigError(
            f"sillytavern.expose = {wanted!r}: this machine has no such address",
            hint=f"choose one of its addresses or interfaces: {here or 'it has none but loopback'}",
        )
    _refuse_unnamed(wanted, found)
    return found


def _refuse_unnamed(wanted: str, found: tuple[Interface, ...]) -> None:
    """Raise ConfigError for an address of the Internet that is only meant by its interface."""
    public = [str(one.ip) for one in found if _is_public(one) and not _is_address(one, wanted)]
    if not public:
        return
    private = [f'"{one.ip}"' for one in found if not _is_public(one)]
    others = f"expose = {' or '.join(private)} leaves the Internet out" if private else 'expose = "lan" leaves it out'
    raise ConfigError(
        f"sillytavern.expose = {wanted!r}: that interface has addresses of the Internet ({', '.join(public)}), where "
        "the password and all chats would go without encryption",
        hint=f'{others}; or name the address itself: expose = "{public[0]}"',
    )


def matching_interfaces(wanted: str, interfaces: Mapping[str, tuple[str, ...]]) -> tuple[Interface, ...]:
    """The addresses that `sillytavern.expose` names among those of this machine."""
    return tuple(one for name, one in _every(interfaces) if _is_meant(name, one, wanted))


def admitted_clients(addresses: tuple[Interface, ...]) -> tuple[str, ...]:
    """The networks whose clients may come in; IPv6 ones never show their address, so none of them is named."""
    v4 = (one for one in addresses if isinstance(one, IPv4Interface))
    # Tailscale's interface has its own address alone (/32): its network is the tailnet
    return tuple(dict.fromkeys(str(_TAILSCALE if one.ip in _TAILSCALE else one.network) for one in v4))


def notes(spec: Spec, seen: Observed, addresses: tuple[Interface, ...]) -> tuple[str, ...]:
    """What the user should know of it."""
    if not addresses:
        return ()
    said = []
    if seen.engine and (hides := seen.engine.hides_clients):
        said.append(f"{hides} shows SillyTavern no client's address: its whitelist is off, the password alone decides")
    elif any(isinstance(one, IPv6Interface) for one in addresses):
        said.append("over IPv6 SillyTavern sees no client's address: there the password alone decides")
    if any(_is_public(one) for one in addresses):
        said.append(f"sillytavern.expose = {spec.sillytavern.expose!r} may be open to the Internet, without encryption")
    return tuple(said)


def _every(interfaces: Mapping[str, tuple[str, ...]]) -> list[tuple[str, Interface]]:
    """Every address of this machine that another one can be told; link-local ones mean nothing without an interface."""
    every = ((name, ip_interface(text)) for name, texts in sorted(interfaces.items()) for text in texts)
    return [(name, one) for name, one in every if not one.ip.is_link_local]


def _is_meant(name: str, one: Interface, wanted: str) -> bool:
    if one.ip.is_loopback:
        return False
    if wanted == LAN:
        return not name.startswith(_NO_LAN) and any(one.ip in net for net in _LAN)
    return wanted == name or _is_address(one, wanted)


def _is_public(one: Interface) -> bool:
    return not one.ip.is_private and one.ip not in _TAILSCALE


def _is_address(one: Interface, wanted: str) -> bool:
    try:
        return ip_address(wanted) == one.ip
    except ValueError:
        return False
