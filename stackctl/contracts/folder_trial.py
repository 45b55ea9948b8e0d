"""What a container sees of a file of this machine."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class FolderTrial:
    """state: seen, and may be read; shut: seen, and may not; missing; refused: the engine can't mount its folder.

    says: the engine's words, or why it could not be tried.
    """

    state: Literal["seen", "shut", "missing", "refused", "untried"]
    says: str = ""
