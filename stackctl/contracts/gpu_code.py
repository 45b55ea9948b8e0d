"""The code for NVIDIA's GPUs in a program: on which GPUs it can compute, and with which drivers.

Source: NVIDIA's CUDA Compatibility and CUDA Programming Guide. Machine code runs on GPUs of the same major compute
capability and of the same or a higher minor one, with each driver of the same major CUDA. PTX runs on every GPU from
its capability on: the driver compiles it, and can compile only what its own CUDA or an older one wrote ("the provided
PTX was compiled with an unsupported toolchain").
"""

from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class GpuCode:
    """oldest: the oldest compute capability for which there is any code. cuda: that with which it was compiled.

    ready: the capabilities for which there is machine code. has_ptx: whether there is PTX for all from the oldest on.
    """

    oldest: Version
    cuda: Version
    ready: tuple[Version, ...] = ()
    has_ptx: bool = True

    def needs(self, compute: Version) -> Version | None:
        """Return the CUDA that a driver must know at least for a GPU of this capability; None if there is no code.

        For an unknown capability, (), it is what any GPU needs.
        """
        if any(not compute or (one[0] == compute[0] and one <= compute) for one in self.ready):
            return (self.cuda[0], 0)
        if not compute:
            return self.cuda
        return self.cuda if self.has_ptx and compute >= self.oldest else None
