"""The backend's program file, where its image carries none: its place, and bringing it there."""

from pathlib import Path, PurePosixPath

from stackctl import backends
from stackctl.backends.contract import Program
from stackctl.core.spec import Spec
from stackctl.core.stack import Plan
from stackctl.effects import programs
from stackctl.machine import Machine


def places(spec: Spec, machine: Machine) -> dict[str, PurePosixPath]:
    """Variant -> where the program is, or will be after its download."""
    backend = backends.named(spec.backend.kind)
    return {
        variant: PurePosixPath(
            _local(spec, machine) or programs.place(_download(spec, program), backend=backend.NAME, data=machine.store)
        )
        for variant, program in backend.PROGRAMS.items()
    }


def provide(plan: Plan, spec: Spec, machine: Machine, *, trust_first_download: bool) -> None:
    """Make the program file present and verified; nothing to do where the image carries its program."""
    from stackctl.effects.download import fetch

    backend = backends.named(plan.backend)
    program = plan.variant and backend.PROGRAMS.get(plan.variant)
    if program is None:
        return
    if own := _local(spec, machine):
        programs.local(own)
        return

    def progress(done: int, total: int) -> None:
        of = f" of {total >> 20}" if total else ""
        machine.ui.progress(f"downloading {backend.TITLE}: {done >> 20}{of} MiB")

    programs.provide(
        _download(spec, program),
        backend=backend.NAME,
        data=machine.store,
        trust_first_download=trust_first_download,
        progress=progress,
        fetch=fetch,
    )


def _download(spec: Spec, pinned: Program) -> Program:
    wanted = spec.backend.program
    return programs.from_url(wanted) if wanted.startswith(("http://", "https://")) else pinned


def _local(spec: Spec, machine: Machine) -> Path | None:
    wanted = spec.backend.program
    if wanted == "auto" or wanted.startswith(("http://", "https://")):
        return None
    return (machine.path / Path(wanted).expanduser()).resolve()
