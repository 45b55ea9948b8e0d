"""Processes of this machine."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def node_processes(folder: Path) -> tuple[int, ...]:
    """Return the ids of node processes that run in a folder: a SillyTavern that was started by hand."""
    import psutil

    found = []
    for one in psutil.process_iter(["cwd", "cmdline"]):
        words = one.info["cmdline"] or ()
        is_node = any(Path(word).name in {"node", "server.js"} for word in words[:3])
        if is_node and one.info["cwd"] == str(folder):  # of another user's process neither is visible
            found.append(one.pid)
    return tuple(found)


def ancestors(process: int, proc: Path = Path("/proc")) -> tuple[int, ...]:
    """Return a process, by its id, and those that started it, the nearest first; () if it is not visible from here.

    Source: proc(5), /proc/PID/stat. The name in it is the program's own, which may hold blanks and parentheses.
    """
    found: list[int] = []
    while process > 0 and process not in found:
        try:
            stat = (proc / str(process) / "stat").read_text(errors="replace")
        except OSError:
            break
        found.append(process)
        process = int(stat.rpartition(")")[2].split()[1])
    return tuple(found)


def process_family(container: int | None) -> "list[psutil.Process]":
    """Return a container's processes, from the id of its first; [] if there is none."""
    if not container:
        return []
    import psutil

    with suppress(psutil.Error):
        first = psutil.Process(container)
        return [first, *first.children(recursive=True)]
    return []


def family_ids(container: int) -> tuple[int, ...]:
    """Return the ids of a container's processes, from the id of its first."""
    return tuple(one.pid for one in process_family(container))
