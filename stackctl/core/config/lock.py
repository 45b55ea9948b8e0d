"""stack.lock: what "auto" decided, with its inputs, so that it is decided once."""

import json
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from stackctl import __version__
from stackctl.errors import ConfigError

FILE = "stack.lock"
V = TypeVar("V", str, int, tuple[str, ...])
NEWEST = "newest"  # in `rendered`: the newest version that wrote the file, where that is not the one that wrote it last
_OF_ONE = frozenset({"inputs", "value"})
_OF_ALL = frozenset({"about", "decisions", "digests", "rendered"})


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A decided value and what it was decided from. `others`: what another version says of it beside that."""

    value: Any
    inputs: Mapping[str, Any]
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The file's content. `digests`: image -> digest at its first pull. `rendered`: of the compose.yml we wrote.

    `others`: what another version keeps in there; it stays.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    rendered: Mapping[str, str] = field(default_factory=dict)  # by (our version), inputs, security, sha256
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def newest(self) -> str:
        """The newest version of stackctl that wrote this; "" where that is not told."""
        return self.rendered.get(NEWEST) or self.rendered.get("by", "")

    @property
    def is_newer(self) -> bool:
        """Whether a newer stackctl than this one wrote it."""
        return _numbers(self.newest) > _numbers(__version__)


class Decisions:
    """Decides each question once: a recorded answer stands as long as its inputs do."""

    def __init__(self, recorded: Lock) -> None:
        self._lock, self._recorded = recorded, recorded.decisions
        self.is_newer = recorded.is_newer  # what is recorded comes from a newer stackctl
        self.taken: dict[str, Decision] = {}

    def decide(
        self,
        key: str,
        inputs: Mapping[str, Any],
        compute: Callable[[], V],
        *,
        known: Callable[[Any], bool],
        holds: Callable[[V], bool] | None = None,
    ) -> V:
        """Return the recorded value of `key` if its inputs are the same (and it `holds`), or compute and record it.

        Raises ConfigError for a recorded value that is not `known`, whatever its inputs: what somebody decided is
        never taken for something else.
        """
        before = self._recorded.get(key)
        if before is not None and not known(before.value):
            raise _unknown(key, before.value, self._lock)
        plain = json.loads(json.dumps(inputs))  # as it will be read back: tuples are lists there
        if before is None or not self._has(before, plain) or not (holds is None or holds(before.value)):
            before = Decision(value=compute(), inputs=plain)
        self.taken[key] = before
        value = before.value
        return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]  # JSON's list was a T

    def of_newer(self, known: Callable[[Any], bool]) -> Callable[[Any], bool]:
        """Return `known` for a newer stackctl's lock; else all is known: what can be seen again is decided again."""
        return known if self.is_newer else lambda _: True

    def notes(self) -> tuple[str, ...]:
        """Say what of a newer stackctl's lock is kept, though nobody asked for it here; () for nothing."""
        recorded, asked = self._lock, self.taken.keys() if self.is_newer else self._recorded.keys()
        if not (unknown := sorted({*recorded.others, *(recorded.decisions.keys() - asked)})):
            return ()
        by = f"stackctl {recorded.newest}" if recorded.newest else "another stackctl"
        return (f"{FILE} is {by}'s: kept in it, though stackctl {__version__} does not use it: {', '.join(unknown)}",)

    def standing(self, key: str, inputs: Mapping[str, Any]) -> Any | None:
        """Return the recorded value of `key`, which then stays, if its inputs are the same; None elsewhere."""
        before = self._recorded.get(key)
        if before is None or not self._has(before, json.loads(json.dumps(inputs))):
            return None
        self.taken[key] = before
        return before.value

    def lock(self) -> Lock:
        """The lock with what was taken; of a newer stackctl's, what nobody asked for here stays, too."""
        kept = self._recorded if self.is_newer else {}
        return replace(self._lock, decisions={**kept, **self.taken})

    def _has(self, before: Decision, inputs: Mapping[str, Any]) -> bool:
        """Whether an answer was given for these inputs; a newer stackctl may have looked at more."""
        return before.inputs == inputs or (self.is_newer and {**before.inputs, **inputs} == before.inputs)

    def keep(self, key: str) -> None:
        """Let a recorded answer stand that is decided elsewhere."""
        if key in self._recorded:
            self.taken[key] = self._recorded[key]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def one_of(names: Container[str]) -> Callable[[Any], bool]:
    """Return what tells whether a value is one of these names."""
    return lambda value: isinstance(value, str) and value in names


def is_number(value: Any) -> bool:
    """Whether it is a whole number that is not negative; true is none."""
    return type(value) is int and value >= 0


def _unknown(key: str, value: Any, recorded: Lock) -> ConfigError:
    is_other = recorded.newest not in {"", __version__}
    by = f", which stackctl {recorded.newest} wrote" if is_other else ""
    other = f"Use stackctl {recorded.newest}, or run" if is_other else "Run"
    return ConfigError(
        f"{FILE} has {key} = {value!r:.60}{by}: this stackctl {__version__} does not know that value",
        hint=f"{other} `stackctl deploy --replan` to decide everything again.",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]{1,9}", version)[:3]))


def differ(before: Lock, now: Lock) -> bool:
    """Whether a question that both answer has another answer now, as the file has it, in which a tuple is a list."""
    both = [(one.value, now.decisions[key].value) for key, one in before.decisions.items() if key in now.decisions]
    return any(json.dumps(was) != json.dumps(is_now) for was, is_now in both)


def dump(lock: Lock) -> str:
    """The lock as text: sorted, one key a line."""
    content = {
        **lock.others,
        "about": "What stackctl decided by itself, and from what. Kept by stackctl; belongs under version control.",
        "decisions": {
            key: {**one.others, "inputs": dict(one.inputs), "value": one.value} for key, one in lock.decisions.items()
        },
        "digests": dict(lock.digests),
        "rendered": dict(lock.rendered),
    }
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse(text: str) -> Lock:
    """Read a lock; raise ConfigError for anything that dump() did not write."""
    content: Any = None
    try:
        content = json.loads(text)
        return Lock(
            decisions={
                str(key): Decision(value=one["value"], inputs=dict(one["inputs"]), others=_others(one, _OF_ONE))
                for key, one in content["decisions"].items()
            },
            digests={str(k): str(v) for k, v in content["digests"].items()},
            rendered={str(k): str(v) for k, v in content["rendered"].items()},
            others=_others(content, _OF_ALL),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        says = str(e) if isinstance(e, json.JSONDecodeError) else "it does not have the form that stackctl writes"
        raise ConfigError(
            f"{FILE}{_writer(content)} can't be read: {says}",
            hint=f"Restore it from a backup, or delete {FILE}; then every automatic setting is decided again.",
        ) from e


def _others(table: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {str(key): value for key, value in table.items() if key not in known}


def _writer(content: Any) -> str:
    """Who wrote a file that can't be read, as far as it says so."""
    rendered = content.get("rendered") if isinstance(content, dict) else None
    by = rendered.get("by") if isinstance(rendered, dict) else None
    return f", which stackctl {by:.20} wrote," if isinstance(by, str) and by else ""
