"""The steps of a deploy that `stackctl deploy --dry-run` shows without doing them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from stackctl.core.plan.change import Change

FileAction = Literal["create", "change", "replace", "keep"]  # replace: a file edited by hand is kept aside
ImageAction = Literal["pull", "build", "keep"]


@dataclass(frozen=True, kw_only=True)
class FileStep:
    """The change of one file of the deployment's folder."""

    name: str
    action: FileAction


@dataclass(frozen=True, kw_only=True)
class ImageStep:
    """The pull or build of one image."""

    services: tuple[str, ...]  # the services that run it
    name: str
    action: ImageAction
    size: int | None = None  # bytes to download; None if unknown, or nothing is downloaded


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file, or the files of a model, that would be downloaded. size: bytes; 0 if unknown."""

    name: str
    source: str
    size: int


@dataclass(frozen=True, kw_only=True)
class Preview:
    """All steps of one deploy.

    `settings`: dotted key of stack.toml -> value that the command line changes. `model`, `program`: None if nothing
    is downloaded. `has_demo`: the demo model answers until the model is there.
    """

    folder: str
    settings: Mapping[str, object]
    files: tuple[FileStep, ...]
    images: tuple[ImageStep, ...]
    model: Download | None
    program: Download | None
    containers: tuple[Change, ...]  # one for each service, including those with the action "leave"
    has_demo: bool
    copies_data: bool  # SillyTavern's data is copied before another image runs on it
    follows_settings: bool  # SillyTavern's settings.json may be written
    data: str  # SillyTavern's data folder, relative to `folder` or absolute
