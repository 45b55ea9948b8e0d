"""docs/json.md: its own text up to the chapter of commands, then each command with its example and its keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stackctl.report.contract import DECLINED, EVENTS, FAILED, OUTPUTS
from tests.docs.json_schemas import keys, nested

EXAMPLES: Final = Path(__file__).parents[1] / "golden" / "json"
HEAD: Final = "## Commands\n"
_HEAD_OF_KEYS: Final = "| key | type | meaning |\n|---|---|---|\n"
_TOLD: Final = {DECLINED: "A question that was answered no", FAILED: "Errors"}


def page(written: str) -> str:
    """The page as the code has it now. `written`: as it is; its text before HEAD stays."""
    return written.partition(HEAD)[0] + HEAD + "\n" + "\n".join(_chapters())


def _chapters() -> Iterator[str]:
    for command, kinds in OUTPUTS.items():
        name = command.replace(" ", "-")
        example = (EXAMPLES / f"{name}.json").read_text(encoding="utf-8")
        yield f"### {command}\n\n[Schema](schemas/{name}.schema.json)\n\n```json\n{example}```\n"
        for kind in kinds:
            yield _keys(kind)
    for kind, title in _TOLD.items():
        yield f"### {title}\n\n[Schema](schemas/{'error' if kind is FAILED else 'declined'}.schema.json)\n"
        yield _keys(kind)
    yield "### Progress\n\n[Schema](schemas/progress.schema.json)\n"
    for kind in EVENTS:
        yield _keys(kind)


def _keys(kind: type) -> str:
    """What an object means, and each of its keys; those of the objects within it below."""
    parts = [f"{_text(kind.__doc__)}\n\n{_table(kind)}"]
    parts += [f"`{name}`: {_text(one.__doc__)}\n\n{_table(one)}" for name, one in nested(kind).items()]
    return "\n".join(parts)


def _table(kind: type) -> str:
    rows = (f"| `{key}` | {form} | {meaning} |\n" for key, (form, meaning) in keys(kind).items() if key != "version")
    return _HEAD_OF_KEYS + "".join(rows)


def _text(doc: str | None) -> str:
    return " ".join((doc or "").split())
