"""stack.lock: the decisions for "auto" with their inputs, so that each is made once."""

import json
import re
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from stackctl import __version__
from stackctl.errors import ConfigError

FILE = "stack.lock"
V = TypeVar("V", str, int, tuple[str, ...], tuple[float, ...])
NEWEST = "newest"  # in `rendered`: the newest version that wrote the file, if another one wrote it last
_OF_ONE = frozenset({"inputs", "value"})
_OF_ALL = frozenset({"about", "decisions", "digests", "model", "rendered"})


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A decision and its inputs. others: further keys that another version of stackctl wrote."""

    value: Any
    inputs: Mapping[str, Any]
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The file's content. digests: image -> digest at its first pull, by which it runs. rendered: about the written
    compose.yml. model: the files of the model, as `core/plan/locked.py` compares them.

    others: sections of another version of stackctl, which are kept.
    """

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    rendered: Mapping[str, str] = field(default_factory=dict)  # keys: by (stackctl's version), inputs, security, sha256
    others: Mapping[str, Any] = field(default_factory=dict)

    @property
    def newest(self) -> str:
        """Return the newest version of stackctl that wrote the file; "" if unknown."""
        return self.rendered.get(NEWEST) or self.rendered.get("by", "")

    @property
    def is_newer(self) -> bool:
        """Return whether a newer stackctl than this one wrote it."""
        return _numbers(self.newest) > _numbers(__version__)


class Decisions:
    """Decides each question once: a recorded answer is valid while its inputs are the same."""

    def __init__(self, recorded: Lock) -> None:
        self._lock, self._recorded = recorded, recorded.decisions
        self.is_newer = recorded.is_newer  # a newer stackctl wrote the record
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

        Raise ConfigError for a recorded value that is not `known`, whatever its inputs: a decision is never
        misread.
        """
        before = self._recorded.get(key)
        if before is not None and not known(before.value):
            raise _unknown(key, before.value, self._lock)
        plain = json.loads(json.dumps(inputs))  # as read back from the file, where tuples are lists
        if before is None or not self._has(before, plain) or not (holds is None or holds(before.value)):
            before = Decision(value=compute(), inputs=plain)
        self.taken[key] = before
        value = before.value
        return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]  # a T became JSON's list

    def of_newer(self, known: Callable[[Any], bool]) -> Callable[[Any], bool]:
        """Return `known` for a newer stackctl's lock; else accept every value: a wrong one is decided again."""
        return known if self.is_newer else lambda _: True

    def notes(self) -> tuple[str, ...]:
        """Return a note about the parts of a newer stackctl's lock that are kept unused; () if there are none."""
        recorded, asked = self._lock, self.taken.keys() if self.is_newer else self._recorded.keys()
        if not (unknown := sorted({*recorded.others, *(recorded.decisions.keys() - asked)})):
            return ()
        by = f"stackctl {recorded.newest}" if recorded.newest else "another stackctl"
        return (f"{FILE} is {by}'s: kept in it, though stackctl {__version__} does not use it: {', '.join(unknown)}",)

    def standing(self, key: str, inputs: Mapping[str, Any]) -> Any | None:
        """Return the recorded value of `key`, and keep it, if its inputs are the same; else None."""
        before = self._recorded.get(key)
        if before is None or not self._has(before, json.loads(json.dumps(inputs))):
            return None
        self.taken[key] = before
        return before.value

    def former(self, key: str, inputs: Mapping[str, Any], same: Iterable[str]) -> Any | None:
        """Return the recorded value of `key` if the inputs with these names are the same; else None."""
        before, now = self._recorded.get(key), json.loads(json.dumps(inputs))
        return before.value if before and all(before.inputs.get(one) == now.get(one) for one in same) else None

    def lock(self) -> Lock:
        """Return the lock with the decisions made; unused decisions of a newer stackctl are kept."""
        kept = self._recorded if self.is_newer else {}
        return replace(self._lock, decisions={**kept, **self.taken})

    def _has(self, before: Decision, inputs: Mapping[str, Any]) -> bool:
        """Return whether an answer was given for these inputs; a newer stackctl may have used more of them."""
        return before.inputs == inputs or (self.is_newer and {**before.inputs, **inputs} == before.inputs)

    def keep(self, key: str) -> None:
        """Keep a recorded answer that is decided elsewhere."""
        if key in self._recorded:
            self.taken[key] = self._recorded[key]


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def one_of(names: Container[str]) -> Callable[[Any], bool]:
    """Return a check of whether a value is one of these names."""
    return lambda value: isinstance(value, str) and value in names


def is_number(value: Any) -> bool:
    """Return whether the value is a whole number and not negative; true is no number."""
    return type(value) is int and value >= 0


def are_shares(value: Any) -> bool:
    """Return whether the value is a list of numbers that are not negative, and not all zero."""
    are_numbers = isinstance(value, list | tuple) and all(type(one) in {int, float} and one >= 0 for one in value)
    return are_numbers and any(value)


def _unknown(key: str, value: Any, recorded: Lock) -> ConfigError:
    is_other = recorded.newest not in {"", __version__}
    by = f", which stackctl {recorded.newest} wrote" if is_other else ""
    other = f"Use stackctl {recorded.newest}, or run" if is_other else "Run"
    return ConfigError(
        f"{FILE} has {key} = {value!r:.60}{by}: this stackctl {__version__} does not know that value",
        hint=f"{other} `stackctl deploy --replan` to decide everything again.",
        issue="newer-stackctl",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"[0-9]{1,9}", version)[:3]))


def differ(before: Lock, now: Lock) -> bool:
    """Return whether a question in both locks has another answer now, compared as JSON, where a tuple is a list."""
    both = [(one.value, now.decisions[key].value) for key, one in before.decisions.items() if key in now.decisions]
    return any(json.dumps(was) != json.dumps(is_now) for was, is_now in both)


def dump(lock: Lock) -> str:
    """Return the lock as text: sorted, one key a line."""
    content = {
        **lock.others,
        "about": "What stackctl decided by itself, and from what. Kept by stackctl; belongs under version control.",
        "decisions": {
            key: {**one.others, "inputs": dict(one.inputs), "value": one.value} for key, one in lock.decisions.items()
        },
        "digests": dict(lock.digests),
        "model": dict(lock.model),
        "rendered": dict(lock.rendered),
    }
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse(text: str) -> Lock:
    """Return the lock of a text; raise ConfigError for a text that dump() did not write."""
    content: Any = None
    try:
        content = json.loads(text)
        return Lock(
            decisions={
                str(key): Decision(value=one["value"], inputs=dict(one["inputs"]), others=_others(one, _OF_ONE))
                for key, one in content["decisions"].items()
            },
            digests={str(k): str(v) for k, v in content["digests"].items()},
            model=dict(content.get("model", {})),
            rendered={str(k): str(v) for k, v in content["rendered"].items()},
            others=_others(content, _OF_ALL),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        says = str(e) if isinstance(e, json.JSONDecodeError) else "it does not have the form that stackctl writes"
        raise ConfigError(
            f"{FILE}{_writer(content)} can't be read: {says}",
            hint=f"Restore it from a backup, or delete {FILE}; then every automatic setting is decided again.",
            issue="own-file-damaged",
        ) from e


def _others(table: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {str(key): value for key, value in table.items() if key not in known}


def _writer(content: Any) -> str:
    """Return the writer of an unreadable file, if the file names it."""
    rendered = content.get("rendered") if isinstance(content, dict) else None
    by = rendered.get("by") if isinstance(rendered, dict) else None
    return f", which stackctl {by:.20} wrote," if isinstance(by, str) and by else ""
