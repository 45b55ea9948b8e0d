"""What the commands print that bring something in or back."""

from typing import Annotated, Any, Literal, TypedDict


class Part(TypedDict):
    """A part of a SillyTavern, and what becomes of it."""

    name: str
    files: int
    size_bytes: int
    action: Literal["copied", "converted", "not_adopted"]
    changed: Annotated[bool, "the copy differs from the original, as the notes say"]
    reason: Annotated[str | None, "why it is not adopted"]


class Adoption(TypedDict):
    """What `adopt FOLDER` does, or would do."""

    version: Literal[1]
    done: Annotated[bool, "false: --dry-run"]
    source: Annotated[str, "path of the SillyTavern that is adopted"]
    target: Annotated[str, "path of its copy"]
    layout: Annotated[str, "what kind of folder the source is, in words"]
    parts: list[Part]
    notes: list[str]
    files: Annotated[int, "how many are copied"]
    former_folder: Annotated[str | None, "where the stack's own folder from before is kept"]


class Return(TypedDict):
    """A file that goes back."""

    file: Annotated[str, "below the stack's folder"]
    action: Annotated[
        Literal["new", "newer", "beside"],
        "new: the original has none; newer: takes the original's place; beside: both changed, and both are kept",
    ]
    target: Annotated[str, "path where it goes"]


class Undoing(TypedDict):
    """What `adopt --undo` does, or would do."""

    version: Literal[1]
    done: Annotated[bool, "false: --dry-run"]
    target: Annotated[str, "path of the SillyTavern that was adopted"]
    returns: list[Return]
    not_adopted: Annotated[list[str], "files for which the target's layout has no place"]
    not_files: Annotated[list[str], "links and what is no regular file"]
    former_folder: Annotated[str | None, "path of the stack's folder that comes back"]
    adopted_folder: Annotated[str | None, "path where the adopted folder is kept"]
    replaced_folder: Annotated[str | None, "path where what newer files replaced is kept"]


class Imported(TypedDict):
    """A .kcpps file that became one of stack.toml's [models]."""

    version: Literal[1]
    name: str
    path: Annotated[str | None, "null where the model comes from `source`"]
    source: Annotated[str | None, "where the model can be had; null where it is a file here"]
    settings: Annotated[dict[str, Any], "by the keys of [models.NAME]"]
    not_imported: Annotated[list[str], "settings that have no place in stack.toml; of a secret its name alone"]
    added: Annotated[bool, "false where the same entry was there already"]
