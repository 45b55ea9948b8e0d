"""The clock, by the clocks of servers."""

import pytest

from stackctl.contracts.repair import RunProgram
from stackctl.contracts.system import Reached, User
from stackctl.core.doctor.clock import judge_clock

USER = User(name="ann", uid=1000)
OFF = "Timezone=Europe/Berlin\nLocalRTC=no\nCanNTP=yes\nNTP=no\nNTPSynchronized=no\n"
DAY = 86_400.0


def ahead(*seconds: float | None) -> list[Reached]:
    return [Reached(status=200, ahead_s=one) for one in seconds]


@pytest.mark.parametrize(
    ("servers", "severity"),
    [
        ([], ""),
        (ahead(None, None), ""),
        (ahead(0.4, 1.2), ""),
        (ahead(299.0, 280.0), ""),
        (ahead(400.0, 401.0), "warning"),
        (ahead(-400.0), "warning"),
        (ahead(40 * DAY, 40 * DAY + 1), "failure"),
        (ahead(40 * DAY), "warning"),  # one server alone may be the wrong one
        (ahead(40 * DAY, 1.0), ""),  # they contradict each other
        ([*ahead(-4000.0), Reached(failure="tls", says="certificate is not yet valid", ahead_s=-4000.0)], "failure"),
        ([Reached(failure="tls", says="certificate has expired", ahead_s=400 * DAY)], "failure"),
        ([Reached(failure="tls", says="certificate has expired", ahead_s=2.0)], ""),  # the server's fault
    ],
)
def test_the_clock_is_wrong_if_servers_agree_on_it(servers: list[Reached], severity: str) -> None:
    assert [one.severity for one in judge_clock(servers, "", USER)] == ([severity] if severity else [])


def test_it_is_said_by_how_much_and_in_which_direction() -> None:
    (found,) = judge_clock(ahead(-3 * DAY, -3 * DAY), OFF, USER)
    assert found.says == "this machine's clock is 3 days behind, by the clocks of 2 servers"
    assert found.evidence == ("timedatectl: CanNTP=yes", "timedatectl: NTP=no", "timedatectl: NTPSynchronized=no")
    assert "`sudo timedatectl set-ntp true`" in found.hint


def test_time_by_the_network_is_switched_on_where_it_is_off() -> None:
    (found,) = judge_clock(ahead(900.0, 900.0), OFF, USER)
    on, off = ("timedatectl", "set-ntp", "true"), ("timedatectl", "set-ntp", "false")
    assert found.repair
    assert found.repair.steps == (RunProgram(argv=on, undo=off),)


@pytest.mark.parametrize("settings", ["", "CanNTP=no\nNTP=no\n", "CanNTP=yes\nNTP=yes\nNTPSynchronized=no\n"])
def test_else_there_is_nothing_that_we_could_switch(settings: str) -> None:
    (found,) = judge_clock(ahead(900.0, 900.0), settings, USER)
    assert found.repair is None
