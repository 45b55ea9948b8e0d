"""Versions of programs as text."""

from collections.abc import Iterable


def dotted(version: Iterable[int]) -> str:
    """Return a version as people write it: 2.20.1."""
    return ".".join(map(str, version))
