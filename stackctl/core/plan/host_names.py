"""The host names under which SillyTavern answers: a protection against DNS rebinding.

localhost and IP addresses always pass. A name passes if it is in the list, or a subdomain of an entry that begins with
a dot. The comparison is case-sensitive, and browsers send lower case (SillyTavern 1.19.0,
src/middleware/hostWhitelist.js, and the package host-validation-middleware).

This machine's names are those in its files, and the one of Tailscale's daemon. DNS is not asked, because its server,
in a foreign Wi-Fi for example, could choose which names pass.
"""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from stackctl.contracts.json_table import parse_table, table_or_empty
from stackctl.core.config.lock import Decision, Decisions, Lock
from stackctl.core.observed import Observed
from stackctl.core.plan import security
from stackctl.core.plan.security import HOST_NAMES

if TYPE_CHECKING:
    from stackctl.core.config.spec import Spec

KEY: Final = "sillytavern.names"  # the decision: this machine's names
_NAME: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")


def of_machine(host: str, hosts_file: str, tailscale: str) -> tuple[str, ...]:
    """Return a machine's names: the short one, the full one, the one for mDNS, the one in its tailnet.

    host: the kernel's host name. hosts_file: the text of /etc/hosts. tailscale: its daemon's status, as JSON.
    """
    label = host.partition(".")[0]
    found = (host, _full(host, hosts_file), f"{label}.local" if label else "", _in_tailnet(tailscale))
    names = dict.fromkeys(name.lower() for name in found)
    return tuple(name for name in names if _NAME.fullmatch(name) and name.partition(".")[0] != "localhost")


def served_names(spec: "Spec", seen: Observed, decisions: Decisions) -> tuple[str, ...]:
    """Return all names: those of the proxy, of stack.toml and of this machine.

    This machine's recorded names stay until a new one is observed, so that a daemon that is down changes nothing.
    """
    if seen.names is None:
        decisions.keep(KEY)
    else:
        here = seen.names
        decisions.decide(
            KEY,
            {},
            lambda: here,
            known=decisions.of_newer(_is_list),
            holds=lambda recorded: set(here) <= set(_texts(recorded)),
        )
    wanted = (*spec.sillytavern.proxy.hosts, *spec.sillytavern.host_names)
    return tuple(dict.fromkeys(name.lower() for name in (*wanted, *_own(decisions.taken))))


def notes(names: tuple[str, ...], recorded: Lock, decisions: Decisions) -> tuple[str, ...]:
    """Return a note on the names that pass, if the whitelist or a name of this machine is new."""
    if HOST_NAMES in security.recorded_measures(recorded) and _own(decisions.taken) == _own(recorded.decisions):
        return ()
    answers = ", ".join((*names, "localhost"))
    return (f"SillyTavern answers to {answers} and IP addresses, to no other name: sillytavern.host_names adds more",)


def _full(host: str, hosts_file: str) -> str:
    """Return the first name in the line of /etc/hosts with this machine's name; "" if there is no such line."""
    for line in hosts_file.splitlines():
        _, *names = line.partition("#")[0].split() or [""]
        if host and host.lower() in (name.lower() for name in names):
            return names[0]
    return ""


def _in_tailnet(status: str) -> str:
    """Return MagicDNS's name of this machine; "" if the status has none."""
    name = table_or_empty(parse_table(status).get("Self")).get("DNSName")
    return name.rstrip(".") if isinstance(name, str) else ""


def _own(decisions: Mapping[str, Decision]) -> tuple[str, ...]:
    found = decisions.get(KEY)
    return _texts(found.value) if found else ()


def _is_list(recorded: object) -> bool:
    return isinstance(recorded, list | tuple) and all(isinstance(one, str) for one in recorded)


def _texts(recorded: object) -> tuple[str, ...]:
    """Return a recorded list of texts; () for anything else, which only a person can have written."""
    return tuple(filter(lambda one: isinstance(one, str), recorded)) if isinstance(recorded, list | tuple) else ()
