"""A file at its source: how it is asked for, and how it begins."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FileRequest:
    """Where one file is, and what to send along to that server alone."""

    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class RemoteHead:
    """The first bytes of a file, the size of all of it (0: not said), and how quickly they came."""

    content: bytes
    size: int
    bytes_per_s: float
