"""The archive of a report: its files, the list of what is in it, and its bytes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stackctl.core.doctor.log_lines import program_lines
from stackctl.core.doctor.redaction import Redaction

TOP: Final = "stackctl-report"  # the folder in which all files lie
MANIFEST: Final = "MANIFEST.txt"
_LINES: Final = frozenset({"evidence", "log", "health_output"})  # keys of tables whose texts are lines of logs
_HEAD: Final = """\
What `stackctl doctor --report` collected. Look through it before you send it to somebody.

Keys, passwords and tokens were taken out: those that this machine knows by their value, others by their form or name.
Of logs only lines stay in which a program tells of itself, so that no chat is in here; other lines are counted.
Home folders, users and names of machines, e-mail addresses, hardware addresses and public IP addresses were replaced.

"""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What goes into a report. text: as it was found; about: what it is; is_log: only lines of programs may stay."""

    name: str
    about: str
    text: str
    is_log: bool = False


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file of the archive. redacted: how many of each kind were taken out; left_out: lines of a log."""

    name: str
    about: str
    text: str
    redacted: Mapping[str, int]
    left_out: int = 0

    @property
    def size(self) -> int:
        return len(self.text.encode())


def members(sources: Sequence[Source], redaction: Redaction, names: frozenset[str]) -> Iterator[Member]:
    """Give the files without secrets and chats. names: the words of this stack that its logs may contain."""
    for one in sources:
        redaction.learn(one.text)
    for one in sources:
        before, left = redaction.counts.copy(), 0
        text = redaction.clean(one.text)
        if one.is_log:
            kept = program_lines(text.splitlines(), names)
            text, left = kept.text, kept.left_out
        counts = {kind: number for kind, number in (redaction.counts - before).items() if number}
        yield Member(name=one.name, about=one.about, text=text, redacted=counts, left_out=left)


def as_json(value: Any, names: frozenset[str] = frozenset()) -> str:
    """Return a value as JSON; of what it quotes from logs only the lines of programs stay."""
    return json.dumps(_without_chats(value, names, is_log=False), indent=2, ensure_ascii=False, default=str) + "\n"


def _without_chats(value: Any, names: frozenset[str], *, is_log: bool) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_chats(one, names, is_log=str(key) in _LINES) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_chats(one, names, is_log=is_log) for one in value]
    if isinstance(value, str) and is_log:
        return program_lines(value.splitlines(), names).text.rstrip("\n")
    return value


def manifest(found: Sequence[Member], by: str) -> str:
    """Return the list of what is in the archive. by: the version of stackctl."""
    rows = [(f"{one.size:>9}", one.name, one.about, _taken_out(one)) for one in found]
    width = max((len(row[1]) for row in rows), default=0)
    lines = [f"{size}  {name:{width}}  {about}{f' ({taken})' if taken else ''}" for size, name, about, taken in rows]
    return f"{_HEAD}stackctl {by}\n\n    bytes  file\n" + "".join(f"{line}\n" for line in lines)


def _taken_out(one: Member) -> str:
    parts = [f"{number} x {kind}" for kind, number in sorted(one.redacted.items())]
    parts += [f"{one.left_out} lines left out"] if one.left_out else []
    return ", ".join(parts)


def unpacked(archive: bytes) -> str:
    """Return all that is in the archive, the names of its files included, as one text."""
    import gzip

    return gzip.decompress(archive).decode("utf-8", "replace")
