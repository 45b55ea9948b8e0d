"""`free` as text and as JSON."""

from typing import TYPE_CHECKING

from stackctl.report.status_text import gib

if TYPE_CHECKING:
    from stackctl.commands.free import Freed
    from stackctl.report.contract import free


def freed(done: "Freed") -> "tuple[str, free.Freed]":
    """Return what became of the backend's model, and how it is loaded again."""
    return _text(done), {
        "version": 1,
        "name": done.name,
        "service": done.service,
        "state": done.state,
        "changed": done.changed,
        "freed_vram_mib": done.vram_mib,
        "freed_ram_mib": done.ram_mib,
        "ready_s": None if done.ready_s is None else round(done.ready_s, 2),
    }


def _text(done: "Freed") -> str:
    if done.state == "loaded":
        loaded = f"{done.title} has loaded its model again ({done.ready_s or 0:.1f} s)"
        return loaded if done.changed else f"{done.title} has its model loaded; nothing was changed"
    if not done.changed:
        return f"{done.service} is {done.state} already; nothing was changed"
    amounts = ((done.vram_mib, "VRAM"), (done.ram_mib, "RAM"))
    parts = [f"{gib(mib)} of {where}" for mib, where in amounts if mib is not None]
    freed = f"\nfreed {' and '.join(parts)}" if parts else ""
    if done.state == "asleep":
        return (
            f"{done.title} has unloaded its model{freed}\nThe next message, or `stackctl free --wake`, loads it again."
        )
    return (
        f"{done.title} can't unload its model on request, so {done.service} was stopped{freed}\n"
        "SillyTavern has no backend until you run `stackctl free --wake`."
    )
