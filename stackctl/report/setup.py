"""`setup` as text, which is a script that can be copied if nothing was run, and as JSON."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stackctl.core.setup.record import way_back
from stackctl.core.setup.step import NOT_TRIED, shell_lines
from stackctl.terminal import command_line, wrapped

if TYPE_CHECKING:
    from stackctl.commands.setup import SetUp, StepDone, TakenBack
    from stackctl.core.setup.record import Added
    from stackctl.core.setup.step import Setup, SetupStep
    from stackctl.report.contract import setup as contract

_WIDTH = 98  # of a comment


def set_up(done: "SetUp") -> "tuple[str, contract.SetUp]":
    """Return what was done and what is left; without any step that was run, the commands to copy."""
    return "\n".join(_ran(done) if done.asked else _script(done.setup)), {
        "version": 1,
        "system": {
            "id": done.setup.distribution.id,
            "name": done.setup.distribution.name,
            "family": done.setup.distribution.family,
            "codename": done.setup.distribution.codename or None,
        },
        "lacking": [
            {"lack": one.lack, "message": one.says, "hint": one.hint or None} for one in done.setup.lacking
        ],
        "steps": [*(_tried(one, done.setup) for one in done.done), *_left(done)],
        "by_hand": [
            {"title": one.title, "steps": [*one.lines], "sources": [*one.sources]} for one in done.setup.by_hand
        ],
        "notes": [*done.setup.notes],
        "added": [_added(one, needs_sudo=done.setup.needs_sudo) for one in done.recorded],
        "exit_code": done.exit_code,
    }  # fmt: skip


def taken_back(done: "TakenBack") -> "tuple[str, contract.TakenBack]":
    """Return what was taken back, or the commands that do it."""
    return "\n".join(_taken(done)), {
        "version": 1,
        "taken": [_added(one, needs_sudo=done.needs_sudo) for one in done.taken],
        "added": [_added(one, needs_sudo=done.needs_sudo) for one in done.kept],
    }


def offered(step: "SetupStep", setup: "Setup") -> str:
    """Return a step as it is shown before the question."""
    return "\n".join(
        (step.title, *(f"  {line}" for line in (step.why, *_tests(step))), *_commands(step, setup, "    "))
    )


def offered_back(added: "Added", *, needs_sudo: bool) -> str:
    """Return what takes back a step, as it is shown before the question."""
    return "\n".join((f"Take back: {added.title}", *(f"    {line}" for line in _back(added, needs_sudo=needs_sudo))))


def _script(setup: "Setup") -> Iterator[str]:
    """The whole as comments and commands of a shell."""
    yield f"# {setup.distribution.name}"
    if not setup.lacking:
        yield "# nothing is lacking: run `stackctl deploy`"
    for lack in setup.lacking:
        yield from _comment(f"lacking: {lack.says}{f'. {lack.hint}' if lack.hint else ''}")
    for note in setup.notes:
        yield from _comment(note)
    for number, step in enumerate(setup.steps, 1):
        yield ""
        yield f"# {number}. {step.title}"
        yield from _comment(step.why)
        yield from (f"# {line}" for line in _tests(step))
        yield from _commands(step, setup, "")
        if step.then:
            yield from _comment(step.then)
    for hand in setup.by_hand:
        yield ""
        yield f"# {hand.title} ({NOT_TRIED})"
        for line in hand.lines:
            yield from _comment(f"- {line}", hanging="  ")
        yield from (f"#   {source}" for source in hand.sources)


def _tests(step: "SetupStep") -> Iterator[str]:
    """Whether these commands were tried, and what they follow."""
    yield f"(run by stackctl's own tests in a fresh {step.tried})" if step.tried else f"({NOT_TRIED})"
    yield from (f"  {source}" for source in step.sources)


def _commands(step: "SetupStep", setup: "Setup", indent: str) -> Iterator[str]:
    for action in step.does:
        for line in shell_lines(action, needs_sudo=setup.needs_sudo):
            yield f"{indent}{line}"


def _comment(text: str, *, hanging: str = "") -> Iterator[str]:
    first, *rest = wrapped(text, _WIDTH)
    yield f"# {first}"
    yield from (f"# {hanging}{line}" for line in rest)


def _ran(done: "SetUp") -> Iterator[str]:
    yield done.setup.distribution.name
    for one in done.done:
        yield f"{one.outcome}: {one.step.title}{f'. {one.step.then}' if one.outcome == 'begun' else ''}"
    yield from _what_was_added(done.done)
    if not done.setup.lacking:
        yield "nothing is lacking: run `stackctl deploy`"
    for lack in done.setup.lacking:
        yield f"lacking: {lack.says}{f'. {lack.hint}' if lack.hint else ''}"
    yield from done.setup.notes
    for hand in done.setup.by_hand:
        yield f"{hand.title}:"
        yield from (f"  - {line}" for line in hand.lines)


def _what_was_added(done: "tuple[StepDone, ...]") -> Iterator[str]:
    """What is there now and was not before, and the way back."""
    added = [one.added for one in done if one.added]
    if packages := [name for one in added for name in one.packages]:
        yield f"new packages: {', '.join(packages)}"
    if files := [name for one in added for name in one.files]:
        yield f"new files: {', '.join(files)}"
    for one in added:
        if one.group:
            yield f"new in the group {one.group}: {one.user}"
    if added:
        yield "way back: run `stackctl setup --undo`; images and volumes in /var/lib/docker stay"


def _taken(done: "TakenBack") -> Iterator[str]:
    if not done.kept and not done.taken:
        yield "# `stackctl setup` added nothing here" if not done.asked else "`stackctl setup` added nothing here"
        return
    if not done.asked:
        yield "# what `stackctl setup` added, the last first; images and volumes in /var/lib/docker stay"
        for one in reversed(done.kept):
            yield ""
            yield f"# {one.title}"
            yield from _back(one, needs_sudo=done.needs_sudo)
        return
    for one in done.taken:
        yield f"taken back: {one.title}"
    for one in done.kept:
        yield f"still there: {one.title}"
    yield "images and volumes in /var/lib/docker, and settings of the packages, stay"


def _back(added: "Added", *, needs_sudo: bool) -> Iterator[str]:
    for argv in way_back(added):
        yield f"{'sudo ' if needs_sudo else ''}{command_line(*argv)}"


def _tried(one: "StepDone", setup: "Setup") -> "contract.Step":
    found = _step(one.step, setup)
    found["outcome"] = one.outcome
    return found


def _left(done: "SetUp") -> "Iterator[contract.Step]":
    offered_already = {one.step.adds for one in done.done}
    return (_step(one, done.setup) for one in done.setup.steps if one.adds not in offered_already)


def _step(step: "SetupStep", setup: "Setup") -> "contract.Step":
    return {
        "title": step.title,
        "reason": step.why,
        "commands": [*_commands(step, setup, "")],
        "packages": [*step.packages],
        "tested_on": step.tried or None,
        "sources": [*step.sources],
        "afterwards": step.then or None,
        "outcome": None,
    }


def _added(added: "Added", *, needs_sudo: bool) -> "contract.Added":
    return {
        "title": added.title,
        "added_at": added.time,
        "packages": [*added.packages],
        "files": [*added.files],
        "user": added.user or None,
        "group": added.group or None,
        "way_back": [*_back(added, needs_sudo=needs_sudo)],
    }
