"""Whether this machine's clock is right, by the clocks of servers that were asked for another reason anyway."""

from collections.abc import Collection
from typing import Final

from stackctl.contracts.finding import Finding
from stackctl.contracts.repair import Repair, RunProgram
from stackctl.contracts.system import Reached, User
from stackctl.core.doctor.commands import as_root
from stackctl.core.doctor.servers import is_out_of_date

_OFF_S: Final = 300.0
# certificates of a registry are valid for some 90 days: by this much, some server's is refused
_BROKEN_S: Final = 86_400.0
_AGREE_S: Final = 60.0
_SHOWN: Final = ("NTP=", "NTPSynchronized=", "CanNTP=")


def judge_clock(servers: Collection[Reached], settings: str, user: User) -> tuple[Finding, ...]:
    """Return whether the clock is wrong. settings: what `timedatectl show` prints, "" if there is none.

    Servers that contradict each other prove nothing; one alone counts, as a warning.
    """
    ahead = sorted(one.ahead_s for one in servers if one.ahead_s is not None)
    if not ahead or ahead[-1] - ahead[0] > _AGREE_S:
        return ()
    middle = ahead[len(ahead) // 2]
    if abs(middle) < _OFF_S:
        return ()
    refused = any(map(is_out_of_date, servers))
    says = f"this machine's clock is {_span(abs(middle))} {'ahead' if middle > 0 else 'behind'}"
    who = "one server" if len(ahead) == 1 else f"{len(ahead)} servers"
    repair = _repair(settings)
    return (
        Finding(
            issue="clock-wrong",
            severity="failure" if refused or (abs(middle) >= _BROKEN_S and len(ahead) > 1) else "warning",
            says=f"{says}, by the clocks of {who}" + (": their certificates seem to be out of date" if refused else ""),
            hint=_hint(settings, user),
            evidence=tuple(f"timedatectl: {line}" for line in settings.splitlines() if line.startswith(_SHOWN))[:4],
            repair=repair,
        ),
    )


def _repair(settings: str) -> Repair | None:
    lines = settings.splitlines()
    if "CanNTP=yes" not in lines or "NTP=no" not in lines:
        return None
    step = RunProgram(argv=("timedatectl", "set-ntp", "true"), undo=("timedatectl", "set-ntp", "false"))
    return Repair(does="Let this machine set its clock by the network.", steps=(step,), patience_s=20.0)


def _hint(settings: str, user: User) -> str:
    if "CanNTP=yes" in settings.splitlines():
        return f"Run `{as_root(user, 'timedatectl', 'set-ntp', 'true')}`, and `timedatectl` to see whether it helped."
    return (
        "Set the clock, and install a service that keeps it right, such as chrony. A virtual machine gets its host's."
    )


def _span(seconds: float) -> str:
    for unit, name in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.0f} seconds"
