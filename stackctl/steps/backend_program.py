"""The backend's program file, if its image contains none: its path, and its download."""

from pathlib import Path, PurePosixPath

from stackctl import backends
from stackctl.backends.contract import Program
from stackctl.core.config.spec import Spec
from stackctl.core.plan.stack import Plan
from stackctl.machine import Machine


def program_paths(spec: Spec, machine: Machine) -> dict[str, PurePosixPath]:
    """Return the path of each program by its name, present or not yet downloaded; "" names the user's own program."""
    backend = backends.find_backend(spec.backend.kind)
    if not backend.PROGRAMS:
        return {}
    if own := _local(spec, machine):
        return {"": PurePosixPath(own)}
    known = {"": theirs} if (theirs := _theirs(spec, machine)) else backend.PROGRAMS
    return {
        name: PurePosixPath(machine.storage.programs.path(program, backend=backend.NAME))
        for name, program in known.items()
    }


def fetch_program(plan: Plan, spec: Spec, machine: Machine, *, trust_first_download: bool) -> None:
    """Make the program file present and verified. Does nothing if the image contains the program."""
    backend = backends.find_backend(plan.backend)
    if not (plan.backend_service and backend.PROGRAMS):
        return
    if own := _local(spec, machine):
        machine.storage.programs.local(own)
        return

    def progress(done: int, total: int) -> None:
        of = f" of {total >> 20}" if total else ""
        text = f"downloading {backend.TITLE}: {done >> 20}{of} MiB"
        machine.ui.progress(text, done_bytes=done, total_bytes=total)

    machine.storage.programs.provide(
        _theirs(spec, machine) or backend.PROGRAMS[plan.program],
        backend=backend.NAME,
        trust_first_download=trust_first_download,
        progress=progress,
        fetch=machine.hub.fetch,
    )


def _theirs(spec: Spec, machine: Machine) -> Program | None:
    """Return the program at the address that the user gives; None if they give none."""
    wanted = spec.backend.program
    return machine.storage.programs.from_url(wanted) if wanted.startswith(("http://", "https://")) else None


def _local(spec: Spec, machine: Machine) -> Path | None:
    wanted = spec.backend.program
    if wanted == "auto" or wanted.startswith(("http://", "https://")):
        return None
    return machine.storage.locate(wanted, machine.path).resolve()
