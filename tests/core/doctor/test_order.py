"""What a doctor finds is ranked, and what follows from a cause is left out."""

from stackctl.contracts.finding import CheckResult, Finding, Severity
from stackctl.core.doctor.consequences import CONSEQUENCES, without_consequences
from stackctl.core.doctor.ranking import exit_code, rank
from stackctl.issues import ISSUES


def result(*issues: str, severity: Severity = "failure") -> CheckResult:
    return CheckResult(findings=tuple(Finding(issue=one, says="", hint="", severity=severity) for one in issues))


def ids(results: tuple[CheckResult, ...]) -> list[str]:
    return [one.issue for one in rank(results)]


def test_failures_come_before_warnings_and_each_kind_from_the_ground_up() -> None:
    warned = result("engine-not-at-boot", "disk-low", severity="warning")
    failed = result("services-stopped", "gpu-not-offered", "engine-permission")
    assert ids((warned, failed)) == [
        "engine-permission", "gpu-not-offered", "services-stopped", "engine-not-at-boot", "disk-low",
    ]  # fmt: skip


def test_the_exit_code_is_that_of_the_worst_failure() -> None:
    assert exit_code(rank((result("services-stopped"), result("gpu-not-offered")))) == 5
    assert exit_code(rank((result("settings-wrong"), result("disk-low", severity="warning")))) == 3


def test_warnings_alone_end_with_zero() -> None:
    assert exit_code(rank((result("disk-low", "engine-not-at-boot", severity="warning"),))) == 0
    assert exit_code(()) == 0


def test_what_a_failure_explains_is_left_out_and_its_check_not_tried() -> None:
    down, damaged = result("engine-not-running"), result("engine-configuration-invalid")
    found = without_consequences((down, damaged))
    assert ids(found) == ["engine-configuration-invalid"]
    assert (found[0].state, found[0].untried) == ("not tried", "engine-configuration-invalid comes first")


def test_a_warning_explains_no_failure() -> None:
    down, damaged = result("engine-not-running"), result("engine-configuration-invalid", severity="warning")
    assert ids(without_consequences((down, damaged)))[0] == "engine-not-running"


def test_a_check_keeps_what_the_cause_does_not_explain() -> None:
    found = without_consequences((result("registry-unreachable", "disk-full"), result("names-not-resolved")))
    assert sorted(ids(found)) == ["disk-full", "names-not-resolved"]
    assert found[0].state == "failed"


def test_all_that_the_table_names_is_known() -> None:
    assert {*CONSEQUENCES, *(one for brought in CONSEQUENCES.values() for one in brought)} <= ISSUES.keys()
