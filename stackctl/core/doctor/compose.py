"""Docker Compose: whether it is there, and of a version that does what the stack needs."""

from dataclasses import dataclass
from typing import Final

from stackctl.contracts.finding import Finding
from stackctl.contracts.system import Ran
from stackctl.core.formats.version import dotted
from stackctl.core.plan.engine_features import OLDEST_COMPOSE
from stackctl.core.start.docker_errors import version

WORDS: Final = (("docker", "compose", "version", "--short"), ("docker-compose", "version", "--short"))
_INSTALL: Final = "Run `stackctl setup`, which shows how this distribution installs the Compose plugin."
_MOST: Final = 3  # lines of what a program says


@dataclass(frozen=True, kw_only=True)
class KnownBad:
    """Versions of Compose with a fault that shows on this machine. fixed_in: the first version without it."""

    issue: str
    fixed_in: tuple[int, ...]
    says: str
    hint: str
    source: str
    needs_containerd_store: bool = False
    needs_digests: bool = False  # images that the stack's file names with their digests


KNOWN_BAD: Final = (
    KnownBad(
        issue="compose-recreates-services",
        fixed_in=(5, 5),
        says="recreates a container that did not change if it pulled its image itself, on an engine with containerd's "
        "image store; stackctl pulls first and is not affected, `docker compose up` by hand is",
        hint="Update the Compose plugin to 5.5 or newer, or start the stack with `stackctl start`.",
        source="https://github.com/docker/compose/pull/14011",
        needs_containerd_store=True,
        needs_digests=True,
    ),
)


def judge_compose(plugin: Ran | None, standalone: Ran | None) -> tuple[int, ...] | Finding | None:
    """Return the version of the first Compose that the stack can use; else what is wrong. None: it did not answer.

    plugin, standalone: what WORDS gave; None where that program is not installed.
    """
    if plugin is None and standalone is None:
        return Finding(
            issue="docker-command-missing", says="the docker command is not installed", hint="Run `stackctl setup`."
        )
    known = [found for one in (plugin, standalone) if one and not one.code and (found := version(one.out))]
    if fitting := [one for one in known if one >= OLDEST_COMPOSE]:
        return fitting[0]
    oldest = dotted(OLDEST_COMPOSE)
    if known:
        return Finding(
            issue="compose-too-old",
            says=f"Docker Compose {dotted(known[0])} is too old; {oldest} or newer is needed",
            hint=_INSTALL,
        )
    if any(one and one.is_late for one in (plugin, standalone)):
        return None
    if plugin and not _lacks_plugin(plugin):
        return Finding(
            issue="compose-failed",
            says=f"Docker Compose can't run (exit {plugin.code})",
            hint="Run `docker compose version`, which fails, too, and fix that first.",
            evidence=_words(plugin),
        )
    return Finding(
        issue="compose-missing",
        says="Docker Compose is not installed",
        hint=_INSTALL,
        evidence=_words(plugin) if plugin else (),
    )


def known_bad(found: tuple[int, ...], *, has_containerd_store: bool, has_digests: bool) -> tuple[Finding, ...]:
    """Return the known faults of this version that can show on this engine, with this stack."""
    return tuple(
        Finding(
            issue=one.issue,
            severity="warning",
            says=f"Docker Compose {dotted(found)} {one.says}",
            hint=one.hint,
            context=dotted(found),
        )
        for one in KNOWN_BAD
        if found < one.fixed_in
        and (has_containerd_store or not one.needs_containerd_store)
        and (has_digests or not one.needs_digests)
    )


def _lacks_plugin(ran: Ran) -> bool:
    """Return whether docker only does not know Compose: it then takes the words for its own options."""
    said = ran.err + ran.out
    return any(words in said for words in ("is not a docker command", "unknown flag", "unknown command", "Usage:"))


def _words(ran: Ran) -> tuple[str, ...]:
    lines = [line.strip() for line in (ran.err or ran.out).splitlines() if line.strip()]
    return tuple(lines[:_MOST])
