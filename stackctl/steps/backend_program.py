"""The backend's program file, where its image carries none: its place, and bringing it there."""

from pathlib import Path, PurePosixPath

from stackctl import backends
from stackctl.backends.contract import Program
from stackctl.core.config.spec import Spec
from stackctl.core.plan.stack import Plan
from stackctl.effects.storage import locate, programs
from stackctl.machine import Machine


def program_paths(spec: Spec, machine: Machine) -> dict[str, PurePosixPath]:
    """Name of a program -> where it is, or will be after its download; "": the user's own."""
    backend = backends.find_backend(spec.backend.kind)
    if not backend.PROGRAMS:
        return {}
    if own := _local(spec, machine):
        return {"": PurePosixPath(own)}
    known = {"": theirs} if (theirs := _theirs(spec)) else backend.PROGRAMS
    return {
        name: PurePosixPath(programs.program_path(program, backend=backend.NAME, data=machine.store))
        for name, program in known.items()
    }


def fetch_program(plan: Plan, spec: Spec, machine: Machine, *, trust_first_download: bool) -> None:
    """Make the program file present and verified; nothing to do where the image carries its program."""
    from stackctl.effects.download import fetch

    backend = backends.find_backend(plan.backend)
    if not (plan.backend_service and backend.PROGRAMS):
        return
    if own := _local(spec, machine):
        programs.local(own)
        return

    def progress(done: int, total: int) -> None:
        of = f" of {total >> 20}" if total else ""
        machine.ui.progress(f"downloading {backend.TITLE}: {done >> 20}{of} MiB")

    programs.provide_program(
        _theirs(spec) or backend.PROGRAMS[plan.program],
        backend=backend.NAME,
        data=machine.store,
        trust_first_download=trust_first_download,
        progress=progress,
        fetch=fetch,
    )


def _theirs(spec: Spec) -> Program | None:
    """The program at the address that the user gives."""
    wanted = spec.backend.program
    return programs.from_url(wanted) if wanted.startswith(("http://", "https://")) else None


def _local(spec: Spec, machine: Machine) -> Path | None:
    wanted = spec.backend.program
    if wanted == "auto" or wanted.startswith(("http://", "https://")):
        return None
    return locate(wanted, machine.path).resolve()
