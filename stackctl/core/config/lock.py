"""stack.lock: what "auto" decided, with its inputs, so that it is decided once."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, TypeVar

from stackctl.errors import ConfigError

FILE = "stack.lock"
V = TypeVar("V", str, int, tuple[str, ...])


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A decided value and what it was decided from."""

    value: Any
    inputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The file's content. `digests`: image -> digest at its first pull. `rendered`: of the compose.yml we wrote."""

    decisions: Mapping[str, Decision] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    rendered: Mapping[str, str] = field(default_factory=dict)  # by (our version), inputs, security, sha256


class Decisions:
    """Decides each question once: a recorded answer stands as long as its inputs do."""

    def __init__(self, recorded: Lock) -> None:
        self._recorded = recorded.decisions
        self.taken: dict[str, Decision] = {}

    def decide(
        self, key: str, inputs: Mapping[str, Any], compute: Callable[[], V], *, holds: Callable[[V], bool] | None = None
    ) -> V:
        """Return the recorded value of `key` if its inputs are the same (and it `holds`), or compute and record it."""
        before = self._recorded.get(key)
        plain = json.loads(json.dumps(inputs))  # as it will be read back: tuples are lists there
        stands = before is not None and before.inputs == plain and (holds is None or holds(before.value))
        value = before.value if before and stands else compute()
        self.taken[key] = Decision(value=value, inputs=plain)
        return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]  # JSON's list was a T

    def standing(self, key: str, inputs: Mapping[str, Any]) -> Any | None:
        """Return the recorded value of `key`, which then stays, if its inputs are the same; None elsewhere."""
        before = self._recorded.get(key)
        if before is None or before.inputs != json.loads(json.dumps(inputs)):
            return None
        self.taken[key] = before
        return before.value

    def keep(self, key: str) -> None:
        """Let a recorded answer stand that is decided elsewhere."""
        if key in self._recorded:
            self.taken[key] = self._recorded[key]


def differ(before: Lock, now: Lock) -> bool:
    """Whether a question that both answer has another answer now, as the file has it, in which a tuple is a list."""
    both = [(one.value, now.decisions[key].value) for key, one in before.decisions.items() if key in now.decisions]
    return any(json.dumps(was) != json.dumps(is_now) for was, is_now in both)


def dump(lock: Lock) -> str:
    """The lock as text: sorted, one key a line."""
    content = {
        "about": "What stackctl decided by itself, and from what. Kept by stackctl; belongs under version control.",
        "decisions": {key: {"inputs": dict(one.inputs), "value": one.value} for key, one in lock.decisions.items()},
        "digests": dict(lock.digests),
        "rendered": dict(lock.rendered),
    }
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse(text: str) -> Lock:
    """Read a lock; raise ConfigError for anything that dump() did not write."""
    try:
        content = json.loads(text)
        for key, one in content["decisions"].items():
            if key.startswith("network."):
                IPv4Network(one["value"])
        return Lock(
            decisions={
                str(key): Decision(value=one["value"], inputs=dict(one["inputs"]))
                for key, one in content["decisions"].items()
            },
            digests={str(k): str(v) for k, v in content["digests"].items()},
            rendered={str(k): str(v) for k, v in content["rendered"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise ConfigError(
            f"{FILE} can't be read: {e}",
            hint=f"restore it from a backup, or delete {FILE}: then everything automatic is decided anew",
        ) from e
