"""Which issues are consequences of others: once the cause is repaired, they are gone or show what is left of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from stackctl.contracts.finding import CheckResult

# cause -> what it brings with it
CONSEQUENCES: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "engine-configuration-invalid": frozenset({"engine-not-running"}),
        "clock-wrong": frozenset({"certificate-not-trusted", "registry-unreachable", "hub-unreachable"}),
        "names-not-resolved": frozenset({"registry-unreachable", "hub-unreachable"}),
        "disk-not-mounted": frozenset({"folder-not-seen", "folder-not-readable", "model-missing"}),
        "forwarding-off": frozenset({"container-offline"}),
        "firewall-drops-forwarded": frozenset({"container-offline"}),
    }
)


def without_consequences(results: Iterable[CheckResult]) -> tuple[CheckResult, ...]:
    """Return the results without the findings that another failure explains; a check left with none is not tried."""
    results = tuple(results)
    failed = {one.issue for result in results for one in result.findings if one.severity == "failure"}
    causes = {issue: cause for cause, brought in CONSEQUENCES.items() if cause in failed for issue in brought}
    return tuple(_without(result, causes) for result in results)


def _without(result: CheckResult, causes: Mapping[str, str]) -> CheckResult:
    kept = tuple(one for one in result.findings if one.issue not in causes)
    if len(kept) == len(result.findings):
        return result
    cause = next(causes[one.issue] for one in result.findings if one.issue in causes)
    return replace(result, findings=kept, untried="" if kept else f"{cause} comes first")
