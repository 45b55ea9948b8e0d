"""What `free` prints."""

from typing import Annotated, Literal, TypedDict


class Freed(TypedDict):
    """What became of the backend's model."""

    version: Literal[1]
    name: str
    service: Annotated[str, "the backend's"]
    state: Annotated[Literal["loaded", "asleep", "stopped"], "asleep: the next message loads the model again"]
    changed: Annotated[bool, "it was in another state before"]
    freed_vram_mib: Annotated[int | None, "as seen before and after; null: not seen"]
    freed_ram_mib: Annotated[int | None, "as seen before and after; null: not seen"]
    ready_s: Annotated[float | None, "until the model answered again; null: it was not loaded"]
