"""The record of a successful deploy, one file each in .stackctl/history, and the differences between two of them.

A record contains no secret.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.config.files import COMPOSE, STATE
from stackctl.core.formats.dataclass_json import from_plain, to_plain

FOLDER: Final = f"{STATE}/history"
KEPT: Final = 20  # the newest records are kept
VERSION: Final = 1
_NAME: Final = re.compile(r"([1-9][0-9]{0,8})\.json")


@dataclass(frozen=True, kw_only=True)
class ImageUsed:
    """The image of a service. id: of the running image; digest: the one it was pulled by, "" if it was built."""

    service: str
    name: str
    id: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class FileUsed:
    """A model's file or a program on the host. sha256: "" if it was never computed; then size and time identify it."""

    path: str
    size: int  # bytes
    modified_ns: int  # nanoseconds since the epoch
    sha256: str = ""


@dataclass(frozen=True, kw_only=True)
class GpuUsed:
    """What a backend took of one GPU after its start, in MiB. None: unknown, or the driver does not tell."""

    uuid: str
    name: str
    planned_mib: int | None
    seen_mib: int | None
    is_by_process: bool  # seen by the backend's processes; false: by the GPU's free memory before and after


@dataclass(frozen=True, kw_only=True)
class Record:
    """One successful deploy. inputs: a hash of the configuration and of what was observed."""

    time: str  # UTC, as 2026-11-25T10:00:00Z
    stackctl: str  # its version
    inputs: str
    backend: str
    model: str
    context: int  # tokens
    kv_cache: str
    gpu_layers: str
    port: int | None  # on this machine; None if it is not published
    images: tuple[ImageUsed, ...]
    model_files: tuple[FileUsed, ...]  # () if the stack does not run its backend
    program: FileUsed | None  # None if the image contains it
    ready_s: float | None
    first_token_s: float | None  # None if the test reply was skipped
    tokens_per_s: float | None  # by the backend's count; None if it has none, or the test reply was skipped
    layers_on_gpu: int | None = None  # as the backend reported; None if it did not, or was not started for this deploy
    layers: int | None = None  # all of the model, as it reported
    gpus: tuple[GpuUsed, ...] = ()  # () if it was not started for this deploy, or no driver tells
    target: str = COMPOSE  # the orchestrator that runs it


def file_name(number: int) -> str:
    """Return the name of a deploy's file in FOLDER."""
    return f"{number}.json"


def number_of(name: str) -> int | None:
    """Return the number of the deploy whose file has this name; None for any other file."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def dump(record: Record) -> str:
    """Return the record as text."""
    return json.dumps({"version": VERSION, **to_plain(record)}, indent=2) + "\n"


def parse(text: str) -> Record | None:
    """Return the record of a text; None for another version, or a text that dump() did not write."""
    try:
        content = json.loads(text)
        return from_plain(Record, content) if content["version"] == VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def differences(before: Record, now: Record) -> tuple[str, ...]:
    """Return what changed from one deploy to a later one, each in a few words; () if nothing did."""
    return tuple(_differences(before, now)) or (("other settings",) if before.inputs != now.inputs else ())


def _differences(before: Record, now: Record) -> Iterator[str]:
    for name, was, has in (
        ("stackctl", before.stackctl, now.stackctl),
        ("target", before.target, now.target),
        ("backend", before.backend, now.backend),
        ("model", before.model, now.model),
        ("context", before.context, now.context),
        ("KV cache", before.kv_cache, now.kv_cache),
        ("GPU layers", before.gpu_layers, now.gpu_layers),
        ("port", before.port, now.port),
    ):
        if was != has:
            yield f"{name} {was or 'none'} -> {has or 'none'}"
    if before.model == now.model:
        yield from _changed("the model's files", before.model_files, now.model_files)
    if before.backend == now.backend:
        yield from _changed("the backend's program", _one(before.program), _one(now.program))
    images = {one.service: one for one in before.images}
    for image in now.images:
        if image.service not in images:
            yield f"with {image.service}"
        elif (images[image.service].name, images[image.service].id) != (image.name, image.id):
            yield f"the image of {image.service}"
    gone = images.keys() - {image.service for image in now.images}
    yield from (f"without {service}" for service in sorted(gone))


def _one(program: FileUsed | None) -> tuple[FileUsed, ...]:
    return (program,) if program else ()


def _changed(what: str, before: tuple[FileUsed, ...], now: tuple[FileUsed, ...]) -> Iterator[str]:
    """What became of files: others, or the same at another place."""
    if len(before) != len(now) or not all(map(_is_same_file, before, now)):
        yield what
    elif [one.path for one in before] != [one.path for one in now]:
        yield f"the place of {what}"


def _is_same_file(one: FileUsed, other: FileUsed) -> bool:
    """Whether they are the same but for their place: by checksum where both have one, else by size and time."""
    if (PurePosixPath(one.path).name, one.size) != (PurePosixPath(other.path).name, other.size):
        return False
    return one.sha256 == other.sha256 if one.sha256 and other.sha256 else one.modified_ns == other.modified_ns
