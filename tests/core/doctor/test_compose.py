"""Which Compose is there, and whether it is one with a fault that shows here."""

import pytest

from stackctl.contracts.finding import Finding
from stackctl.contracts.system import Ran
from stackctl.core.doctor.compose import KNOWN_BAD, judge_compose, known_bad
from stackctl.issues import ISSUES

NO_PLUGIN = Ran(code=1, err="docker: 'compose' is not a docker command.\nSee 'docker --help'")
LATE = Ran(code=-1, is_late=True)


def version(text: str) -> Ran:
    return Ran(code=0, out=f"{text}\n")


@pytest.mark.parametrize(
    ("plugin", "standalone", "found"),
    [
        (version("2.40.3"), None, (2, 40, 3)),
        (version("v5.0.1"), version("1.29.2"), (5, 0, 1)),
        (version("2.40.3-desktop.1"), None, (2, 40, 3)),
        (NO_PLUGIN, version("2.24.6"), (2, 24, 6)),
        (version("2.17.0"), version("2.24.6"), (2, 24, 6)),
        (None, version("2.20.0"), (2, 20, 0)),
    ],
)
def test_the_first_compose_that_is_new_enough_counts(
    plugin: Ran | None, standalone: Ran | None, found: tuple[int, ...]
) -> None:
    assert judge_compose(plugin, standalone) == found


@pytest.mark.parametrize(
    ("plugin", "standalone", "issue"),
    [
        (None, None, "docker-command-missing"),
        (NO_PLUGIN, None, "compose-missing"),
        (Ran(code=125, err="unknown flag: --short\n"), None, "compose-missing"),
        (NO_PLUGIN, version("1.29.2"), "compose-too-old"),
        (version("2.17.3"), None, "compose-too-old"),
        (Ran(code=2, err="fatal error: runtime: cannot allocate memory"), None, "compose-failed"),
    ],
)
def test_what_is_wrong_is_named(plugin: Ran | None, standalone: Ran | None, issue: str) -> None:
    found = judge_compose(plugin, standalone)
    assert isinstance(found, Finding)
    assert (found.issue, found.severity) == (issue, "failure")


def test_a_program_that_is_late_says_nothing_of_compose() -> None:
    assert judge_compose(LATE, None) is None
    assert judge_compose(NO_PLUGIN, LATE) is None


def test_services_are_recreated_by_an_old_compose_on_containerds_store_with_digests_alone() -> None:
    assert [one.issue for one in known_bad((5, 4, 0), has_containerd_store=True, has_digests=True)] == [
        "compose-recreates-services"
    ]
    assert known_bad((5, 5, 0), has_containerd_store=True, has_digests=True) == ()
    assert known_bad((5, 4, 0), has_containerd_store=False, has_digests=True) == ()
    assert known_bad((5, 4, 0), has_containerd_store=True, has_digests=False) == ()


def test_a_known_fault_is_a_warning_with_its_source() -> None:
    assert {one.severity for one in known_bad((2, 20), has_containerd_store=True, has_digests=True)} == {"warning"}
    assert all(one.issue in ISSUES and one.source.startswith("https://") for one in KNOWN_BAD)
