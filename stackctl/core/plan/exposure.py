"""The addresses beyond loopback on which SillyTavern is opened, and the clients that it admits there.

Measured on Docker 28 with SillyTavern 1.19.0 (tests/e2e/test_lan.py):
- a client of another machine keeps its IPv4 address, so the whitelist restricts it to the interface's network;
- clients that Docker's proxy forwards have the address of the edge network's gateway: IPv6 clients, other containers,
  and this machine itself. The gateway must stay on the whitelist for this machine, so the whitelist can't stop the
  others. The password stops them: SillyTavern asks for it on every path before it checks the whitelist.
"""

from collections.abc import Collection, Mapping
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network, ip_address, ip_interface
from typing import Final

from stackctl.core.config.section import LAN, NONE
from stackctl.core.config.spec import Spec
from stackctl.core.observed import Observed
from stackctl.errors import ConfigError, EngineError

Interface = IPv4Interface | IPv6Interface

ASKED: Final = "sillytavern.expose"  # the key in stack.lock of the user's answer: "yes" or "no"
# networks of homes and offices; a global IPv6 address belongs to the Internet, so it must be named
_LAN: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    *(IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")),
    IPv6Network("fc00::/7"),
)
_TAILSCALE: Final = IPv4Network("100.64.0.0/10")  # not private by RFC 1918, but not routed on the Internet either
# networks of other programs' containers and virtual machines, in which there is no other device
_PROGRAMS: Final = (
    "lo", "docker", "br-", "veth", "virbr", "vnet", "lxc", "lxd", "incus", "mpqemubr", "vmnet", "vboxnet", "vEthernet",
    "cni", "flannel", "cali", "cilium", "weave", "kube", "podman", "nerdctl",
    "sc-",  # the bridge of images/engine's private engine
)  # fmt: skip
# other devices may be in these, so they can be named, but they are no LAN
_VPNS: Final = ("tailscale", "wg", "tun", "tap", "utun", "zt", "ppp")
_MOST_OFFERED: Final = 3


def exposed_interfaces(spec: Spec, seen: Observed) -> tuple[Interface, ...]:
    """Return the addresses, each with its network; () without exposure. Raise ConfigError if there is no such one."""
    wanted = spec.sillytavern.expose
    if wanted == NONE:
        return ()
    if seen.engine and not seen.engine.is_local:
        raise EngineError(
            f"sillytavern.expose = {wanted!r}: the engine's addresses can't be seen from here",
            hint="Run stackctl on the engine's machine, in a container with `--network host --pid host`; or set "
            '`sillytavern.expose = "none"` and use `ssh -L`.',
            issue="engine-elsewhere",
        )
    found = matching_interfaces(wanted, seen.interfaces, seen.bridges)
    if not found:
        raise _no_such(wanted, seen)
    _refuse_unnamed(wanted, found)
    return found


def _no_such(wanted: str, seen: Observed) -> ConfigError:
    """Return the error for a value that means no address of this machine; it names values that do."""
    by_name: dict[str, str] = {}  # one address of each interface, IPv4 first
    for name, one in sorted(_every(seen.interfaces), key=lambda each: each[1].version):
        if not (one.ip.is_loopback or _is_public(one) or is_of_program(name, seen.bridges)):
            by_name.setdefault(name, f"{one.ip} ({name})")
    offered = sorted(by_name, key=lambda name: name.startswith(_VPNS))[:_MOST_OFFERED]
    lan = "" if wanted == LAN else '`expose = "lan"` for the private networks of this machine, or '
    named = ", or name an address or interface of it: " + ", ".join(map(by_name.__getitem__, offered))
    says = "this machine has no such address or interface"
    return ConfigError(
        f"sillytavern.expose = {wanted!r}: {'this machine has no private network' if wanted == LAN else says}",
        hint=f'Write {lan}`expose = "none"` for this machine alone{named if offered else ""}.',
    )


def is_of_program(name: str, bridges: Collection[str]) -> bool:
    """Return whether a network interface belongs to another program's containers or virtual machines.

    bridges: bridges of this machine that join no network card.
    """
    return name in bridges or name.startswith(_PROGRAMS)


def is_for_others(address: str, interfaces: Mapping[str, tuple[str, ...]], bridges: Collection[str]) -> bool:
    """Return whether another device may reach this address, by its interface; True if the interface is unknown."""
    ip = ip_address(address)
    having = [name for name, one in _every(interfaces) if one.ip == ip]
    is_one = not (ip.is_loopback or ip.is_unspecified)
    return is_one and not (having and all(is_of_program(name, bridges) for name in having))


def _refuse_unnamed(wanted: str, found: tuple[Interface, ...]) -> None:
    """Raise ConfigError for a public address that is selected only by its interface."""
    public = [str(one.ip) for one in found if _is_public(one) and not _is_address(one, wanted)]
    if not public:
        return
    private = [f'`expose = "{one.ip}"`' for one in found if not _is_public(one)] or ['`expose = "lan"`']
    raise ConfigError(
        f"sillytavern.expose = {wanted!r}: that interface has public addresses ({', '.join(public)}), where "
        "the password and all chats would go without encryption",
        hint=f'Write {" or ".join(private)} to leave the Internet out, or name the address: `expose = "{public[0]}"`.',
        issue="exposure-refused",
    )


def matching_interfaces(
    wanted: str, interfaces: Mapping[str, tuple[str, ...]], bridges: Collection[str]
) -> tuple[Interface, ...]:
    """Return the addresses of this machine that `sillytavern.expose` names. bridges: as in is_of_program()."""
    return tuple(one for name, one in _every(interfaces) if _is_meant(name, one, wanted, bridges))


def admitted_clients(addresses: tuple[Interface, ...]) -> tuple[str, ...]:
    """Return the networks whose clients are admitted, without IPv6 ones, whose clients never show an address."""
    v4 = (one for one in addresses if isinstance(one, IPv4Interface))
    # Tailscale's interface has only its own address (/32); its network is the tailnet
    return tuple(dict.fromkeys(str(_TAILSCALE if one.ip in _TAILSCALE else one.network) for one in v4))


def notes(spec: Spec, seen: Observed, addresses: tuple[Interface, ...]) -> tuple[str, ...]:
    """Return notes for the user about the exposure."""
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
    """Yield every address that another device can use; link-local ones have no meaning without an interface."""
    every = ((name, ip_interface(text)) for name, texts in sorted(interfaces.items()) for text in texts)
    return [(name, one) for name, one in every if not one.ip.is_link_local]


def _is_meant(name: str, one: Interface, wanted: str, bridges: Collection[str]) -> bool:
    if one.ip.is_loopback:
        return False
    if wanted == LAN:
        is_lan = not (is_of_program(name, bridges) or name.startswith(_VPNS))
        return is_lan and any(one.ip in net for net in _LAN)
    return wanted == name or _is_address(one, wanted)


def _is_public(one: Interface) -> bool:
    return not one.ip.is_private and one.ip not in _TAILSCALE


def _is_address(one: Interface, wanted: str) -> bool:
    try:
        return ip_address(wanted) == one.ip
    except ValueError:
        return False
