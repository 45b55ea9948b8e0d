"""The releases of KoboldCpp: one program file for each kind of machine.

Sources: its docker-helper.sh and koboldcpp.sh of 2026 (read) for who needs which build; sizes and hashes as the release
v1.122.1 itself states them, quoted in public. GPU code: its Makefile (LLAMA_ARCHES_CU11, LLAMA_ARCHES_CU12), which
writes PTX alone, and the workflows kcpp-build-release-linux*.yaml for the toolkits.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.backends.contract import Program
from stackctl.contracts.build import Build
from stackctl.contracts.gpu_code import GpuCode
from stackctl.contracts.host import Cpu
from stackctl.contracts.service import CPU, Variant
from stackctl.errors import ConfigError, GpuError

_RELEASES: Final = "https://github.com/LostRuins/koboldcpp/releases/download/v"
_CUDA: Final = "1.122.1/koboldcpp-linux-x64"  # CUDA 12.1; its libraries for GPU and CPU need AVX2
_NO_CUDA: Final = "1.122.1/koboldcpp-linux-x64-nocuda"  # with libraries for processors without AVX2, too
_OLD_PC: Final = "1.122.1/koboldcpp-linux-x64-oldpc"  # CUDA 11; needs AVX alone
_OLDEST_CUDA: Final = (12, 1)
_CODE: Final = {"gguf": GpuCode(oldest=(5, 0), cuda=_OLDEST_CUDA)}
_OLD_CODE: Final = {"gguf": GpuCode(oldest=(3, 5), cuda=(11, 4))}
UNPACKED_MIB: Final = 512  # at most, at each start: of the program without CUDA
UNPACKED_GPU_MIB: Final = 2048  # with CUDA's libraries
RELEASES: Final[Mapping[str, Program]] = MappingProxyType(
    {
        _CUDA: Program(
            version="1.122.1",
            url=_RELEASES + _CUDA,
            size=641_836_648,
            sha256="724b81ad4d0557e6cf6b1e634c1b973e9a56c0a99b5164a9cf1ecbb8c9ad53d8",
            unpacked_mib=UNPACKED_GPU_MIB,
            code=_CODE,
        ),
        _NO_CUDA: Program(
            version="1.122.1",
            url=_RELEASES + _NO_CUDA,
            size=136_689_280,
            sha256="5532ead66f460a59c744fc74a45715bf2b0ef2fe2fb05a6c146a6d2df2145d29",
            unpacked_mib=UNPACKED_MIB,
        ),
        _OLD_PC: Program(
            version="1.122.1",
            url=_RELEASES + _OLD_PC,
            size=0,
            sha256="",
            unpacked_mib=UNPACKED_GPU_MIB,
            code=_OLD_CODE,
            remark="KoboldCpp's build for old machines (CUDA 11, AVX) is used, which is slower: the usual build needs "
            "a processor with AVX2 and an NVIDIA driver for CUDA 12.1",
        ),
    }
)
RELEASED: Final[Mapping[str, Build]] = MappingProxyType({"1.122.1": Build(name="1.122.1")})
_OTHER: Final = "`stackctl deploy --backend llamacpp`"


def choose_release(variant: Variant, cpu: Cpu, cuda: tuple[int, ...]) -> str:
    """Choose the build as the official image's script does."""
    if cpu.architecture != "x86_64":
        raise ConfigError(
            f"KoboldCpp is published for x86-64 processors; this one is {cpu.architecture}",
            hint=f"Run {_OTHER}, or set `backend.program` to the file of another build.",
        )
    if variant in {CPU, "vulkan"}:  # it has the libraries for Vulkan, too
        return _NO_CUDA
    if not cpu.avx:
        raise GpuError(
            "KoboldCpp's programs for NVIDIA GPUs need a processor with AVX, which this one lacks",
            hint=f"Run it on the CPU with `stackctl deploy --gpu none`, or use another backend with {_OTHER}.",
            issue="processor-lacks-instructions",
        )
    return _CUDA if cpu.avx2 and (not cuda or cuda >= _OLDEST_CUDA) else _OLD_PC


def release_of(image: str, program: str) -> str:  # noqa: ARG001 - the image contains no program
    """Return the release of one of RELEASES; its builds for several machines load the same models."""
    return RELEASES[program].version if program in RELEASES else ""
