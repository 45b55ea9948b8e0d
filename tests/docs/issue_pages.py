"""The pages of docs/issues/: one for each issue that stackctl knows, and their index."""

from collections.abc import Iterator, Mapping
from functools import cache

from stackctl import errors
from stackctl.issues import ISSUES, engine, gpu, images, machine, model, network, settings, speed, stack, storage, swarm
from stackctl.issues.issue import Issue
from stackctl.terminal import wrapped
from tests.docs import messages

FOLDER = "issues"
INDEX = f"{FOLDER}/README.md"
AREAS = (engine, machine, storage, network, images, gpu, model, settings, stack, speed, swarm)
_HEAD = """\
# Issues

Every failure that stackctl knows has a name and a page. A failed command names it below its hint, `--json` has it as
`issue`, and `stackctl doctor` lists those that it finds. `stackctl explain NAME` prints a page without the Internet.
The exit code is that of a command which fails by it; some messages come with another one, and doctor also warns.
Without an exit code it is a warning alone.
"""
_WIDTH = 120
_TABLES = ("core/start/docker_errors.py", "core/gpu/refusals.py")


def names() -> tuple[str, ...]:
    """The name of each page below docs/."""
    return (INDEX, *(f"{FOLDER}/{one}.md" for one in ISSUES))


def pages(made: str) -> Mapping[str, str]:
    """Name below docs/ -> text. made: the line that says where the page comes from."""
    return {INDEX: made + _index(), **{f"{FOLDER}/{one.id}.md": made + _page(one) for one in ISSUES.values()}}


def _index() -> str:
    parts = [_HEAD]
    for area in AREAS:
        lines = [f"| [{one.id}]({one.id}.md) | {one.title} | {one.exit_code or '-'} |" for one in area.ISSUES]
        title = (area.__doc__ or "").strip().rstrip(".")
        parts.append("\n".join((f"## {title}", "", "| issue | what it is | exit code |", "|---|---|---|", *lines, "")))
    return "\n".join(parts)


def _page(one: Issue) -> str:
    ends = "A warning: no command fails by it." if one.is_warning else f"Exit code {one.exit_code}."
    title = one.title if "." in one.title.split()[0] else f"{one.title[0].upper()}{one.title[1:]}"
    blocks = [f"# {one.id}", f"{title}. {ends}", _lines(one.meaning)]
    parts = (("How stackctl finds it out", one.seen), ("What to do", one.repair), ("The way back", one.undo))
    blocks += [f"## {title}\n\n{_lines(text)}" for title, text in parts if text]
    if said := sorted(_said().get(one.id, ())):
        blocks.append("\n".join(("## Messages", "", *(f"- {text}" for text in said))))
    if one.sources:
        blocks.append("\n".join(("## Sources", "", *(f"- <{source}>" for source in one.sources))))
    return "\n\n".join(blocks) + "\n"


def _lines(text: str) -> str:
    return "\n".join(wrapped(text, _WIDTH))


@cache
def _said() -> Mapping[str, frozenset[str]]:
    """Issue -> the messages that name it, as far as the code shows them, each as Markdown."""
    found: dict[str, set[str]] = {}
    for one in named():
        found.setdefault(one.issue, set()).add(f"`` {one.shown} ``" if "`" in one.shown else f"`{one.shown}`")
    return {issue: frozenset(said) for issue, said in found.items()}


def named() -> Iterator[messages.Message]:
    """Every message that may come with an issue."""
    yield from messages.raised(*errors.StackctlError.__subclasses__())
    yield from messages.causes()
    for table in _TABLES:
        yield from messages.table(table)
    for name in ("Fault", "CdiFault", "Lack", "LayerVerdict", "Finding", "Slowdown"):
        yield from messages.clauses(name)
