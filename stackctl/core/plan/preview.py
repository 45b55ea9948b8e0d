"""What a deploy would do, step by step, where it is not done: `stackctl deploy --dry-run`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stackctl.core.plan.change import Change

FileAction = Literal["create", "change", "replace", "keep"]  # replace: one that was edited by hand is kept aside
ImageAction = Literal["pull", "build", "keep"]


@dataclass(frozen=True, kw_only=True)
class FileStep:
    """What becomes of one file of the deployment's folder."""

    name: str
    action: FileAction


@dataclass(frozen=True, kw_only=True)
class ImageStep:
    """What one image needs."""

    services: tuple[str, ...]  # that run it
    name: str
    action: ImageAction
    size: int | None = None  # bytes to download; None: not known, or none


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file, or the files of a model, that would be downloaded. size: bytes; 0: not known."""

    name: str
    source: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Preview:
    """All steps of one deploy.

    `settings`: dotted key of stack.toml -> value that the command line changes. `model`, `program`: None where nothing
    is downloaded. `has_demo`: the demo model answers until the model is there.
    """

    folder: str
    settings: Mapping[str, object]
    files: tuple[FileStep, ...]
    images: tuple[ImageStep, ...]
    model: Download | None
    program: Download | None
    containers: tuple[Change, ...]  # one a service; action "leave" among them
    has_demo: bool
    copies_data: bool  # SillyTavern's data, before another image runs on it
    follows_settings: bool  # SillyTavern's settings.json may be written
    data: str  # SillyTavern's data folder, as it lies in `folder`, or absolute
