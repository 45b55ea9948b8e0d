"""What `setup` prints."""

from typing import Annotated, Literal, TypedDict


class System(TypedDict):
    """The distribution, as its own files name it."""

    id: Annotated[str, "as os-release has it"]
    name: str
    family: Annotated[str, "whose commands it takes; other: none that stackctl knows"]
    codename: Annotated[str | None, "of the Debian or Ubuntu that it is, or is built on"]


class Lacking(TypedDict):
    """Something that this machine lacks."""

    lack: Literal[
        "engine", "service", "answer", "compose", "group", "login", "driver", "gpu groups", "toolkit", "runtime"
    ]
    message: str
    hint: Annotated[str | None, "what helps, if no step of setup does"]


class Step(TypedDict):
    """A step that adds something."""

    title: str
    reason: str
    commands: Annotated[list[str], "the lines of a shell that do it"]
    packages: Annotated[list[str], "those that it names"]
    tested_on: Annotated[str | None, "where stackctl's own tests run these commands; null: nowhere"]
    sources: Annotated[list[str], "addresses of what it follows"]
    afterwards: Annotated[str | None, "what is left for the user"]
    outcome: Annotated[
        Literal["done", "begun", "declined", "still lacking"] | None,
        "begun: it counts after what is left for the user; null: it was not run",
    ]


class ByHand(TypedDict):
    """What only the user can do."""

    title: str
    steps: list[str]
    sources: Annotated[list[str], "addresses of what it follows"]


class Added(TypedDict):
    """What a step added: nothing of it was there before."""

    title: str
    added_at: Annotated[str, "UTC"]
    packages: list[str]
    files: list[str]
    user: Annotated[str | None, "who joined the group"]
    group: str | None
    way_back: Annotated[list[str], "the commands that take it back"]


class SetUp(TypedDict):
    """What this machine lacks, and the steps that add it."""

    version: Literal[1]
    system: System
    lacking: Annotated[list[Lacking], "at the end"]
    steps: Annotated[list[Step], "those that were offered, then those that are left"]
    by_hand: list[ByHand]
    notes: list[str]
    added: Annotated[list[Added], "by this run and those before it, the first first"]
    exit_code: Annotated[int, "4: something is still lacking"]


class TakenBack(TypedDict):
    """What was taken back of what setups added."""

    version: Literal[1]
    taken: list[Added]
    added: Annotated[list[Added], "what is still there, the first first"]
