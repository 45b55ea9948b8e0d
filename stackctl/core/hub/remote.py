"""A file at its source: the request for it, and its first bytes."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FileRequest:
    """The URL of one file, and headers that are sent to that server alone."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RemoteHead:
    """The first bytes of a file, the size of the whole file (0 if unknown), and the speed of the download."""

    content: bytes
    size: int
    bytes_per_s: float
