"""Whether an image or program has code for the chosen GPUs that their driver can run: asked before the pull.

Source of the drivers: NVIDIA's table "CUDA Toolkit and Corresponding Driver Versions" (for Linux).
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from stackctl import backends
from stackctl.backends.contract import Backend
from stackctl.contracts.gpu_code import GpuCode, Version
from stackctl.contracts.host import Cpu, Gpu
from stackctl.contracts.service import Variant
from stackctl.core.formats.version import dotted
from stackctl.core.plan.gpu_devices import named
from stackctl.errors import GpuError, StackctlError
from stackctl.gpus import modes_of
from stackctl.terminal import command_line

_DRIVERS: Final[Mapping[Version, str]] = {
    (11, 4): "470", (12, 0): "525", (12, 1): "530", (12, 4): "550", (12, 8): "570", (13, 0): "580",
}  # fmt: skip
_ON_CPU: Final = "`stackctl deploy --gpu none`"
# the others may run a newer CUDA by the libraries for that in NVIDIA's images ("forward compatibility")
_CONSUMER: Final = re.compile(r"GeForce|TITAN", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Hardware:
    """What an image or program must run on: the chosen GPUs of one make, their driver's CUDA (() if unknown)."""

    variant: Variant
    gpus: tuple[Gpu, ...]
    cuda: Version
    cpu: Cpu
    format: str  # of the model

    def lacks(self, code: GpuCode, gpu: Gpu) -> str:
        """Return why this code does not run on the GPU, as a clause about the code; "" if it does, or may do so."""
        needed = code.needs(gpu.compute)
        if needed is None:
            return f"has code from compute capability {dotted(code.oldest)} on, and it has {dotted(gpu.compute)}"
        return f"needs CUDA {dotted(needed)}, and its driver knows {dotted(self.cuda)}" if self._is_old(needed) else ""

    def _is_old(self, needed: Version) -> bool:
        return bool(self.cuda) and self.cuda < needed

    def is_certain(self, code: GpuCode, gpu: Gpu) -> bool:
        """Return whether what the code lacks can't come from elsewhere."""
        return code.needs(gpu.compute) is None or bool(_CONSUMER.search(gpu.name))


def code_of(backend: Backend, image: str, program: str, on: Hardware) -> GpuCode | None:
    """Return the code of an image or of a key of PROGRAMS for models of this format; None if it is unknown."""
    if program:
        return backend.PROGRAMS[program].code.get(on.format)
    known = (one for one in backend.IMAGES.get(on.variant, ()) if one.name == image)
    return next((one.code.get(on.format) for one in known), None)


def check_code(backend: Backend, image: str, program: str, on: Hardware) -> Iterator[str]:
    """Yield a note about each GPU on which the backend may not run; raise GpuError for those on which it can't."""
    code = code_of(backend, image, program, on)
    lacking = {gpu: why for gpu in on.gpus if code and (why := on.lacks(code, gpu))}
    refused = [gpu for gpu in lacking if code and on.is_certain(code, gpu)]
    what = f"{backend.TITLE}'s {'program' if program else 'image'} {_short(program or image)}"
    if code and refused:
        says = "; ".join(f"{named(gpu)}: {what} {lacking[gpu]}" for gpu in refused)
        raise GpuError(says, hint=_hint(backend, code, refused, on), issue="gpu-without-code")
    for gpu, why in lacking.items():
        yield f"{named(gpu)}: {what} {why}; it runs only with NVIDIA's libraries for forward compatibility"


def _hint(backend: Backend, code: GpuCode, refused: list[Gpu], on: Hardware) -> str:
    """Return what to change: the GPUs, the driver, the build, the backend, or where it computes."""
    ways = []
    if rest := [str(gpu.index) for gpu in on.gpus if gpu not in refused]:
        ways.append(f"gpu.devices = {json.dumps(rest)} in stack.toml")
    needs = [code.needs(gpu.compute) or () for gpu in refused]
    if all(needs):
        ways.append(f"an NVIDIA driver of {_DRIVERS.get(max(needs), f'CUDA {dotted(max(needs))}')} or newer")
    images = backend.IMAGES.get(on.variant, ())
    builds = [one.build for one in images if one.build and _runs((one.code.get(on.format),), on)]
    ways += [f'backend.build = "{builds[0]}" in stack.toml'] if builds and not backend.PROGRAMS else []
    others = [one.NAME for one in backends.BACKENDS.values() if one is not backend and _runs(_codes(one, on), on)]
    ways += [f"`{command_line('stackctl', 'deploy', '--backend', others[0])}`, which has code for it"] if others else []
    modes = {mode: make for gpu in refused for mode, make in modes_of(gpu).items() if not all(needs)}
    able = [mode for mode, make in modes.items() if make.VARIANT in backend.IMAGES]
    ways += [f"`{command_line('stackctl', 'deploy', '--gpu', able[0])}`, which needs no CUDA"] if able else []
    if not ways:
        return f"Run on the CPU with {_ON_CPU}."
    return f"Make one of these changes: {'; '.join(ways)}. Or run on the CPU with {_ON_CPU}."


def _codes(backend: Backend, on: Hardware) -> tuple[GpuCode | None, ...]:
    """Return the code of what a new stack with this backend would run; () if it can't run here."""
    if on.format not in backend.FORMATS:
        return ()
    with suppress(StackctlError):
        if program := backend.program(on.variant, on.cpu, on.cuda):
            return (backend.PROGRAMS[program].code.get(on.format),)
        images = backend.IMAGES.get(on.variant, ())
        return tuple(one.code.get(on.format) for one in images[:1] if not one.cuda or on.cuda >= one.cuda)
    return ()


def _runs(codes: tuple[GpuCode | None, ...], on: Hardware) -> bool:
    """Return whether all of this code is known to run on each of the GPUs; False if there is none."""
    return bool(codes) and all(code is not None and not on.lacks(code, gpu) for code in codes for gpu in on.gpus)


def _short(image: str) -> str:
    """Return the part of an image's or program's name that tells it from others."""
    return image.partition("@")[0].rpartition("/")[2].rpartition(":")[2]
