"""The builds of llama.cpp, and the official images that contain them.

Sources of the digests, which those who run the images state in public: of b11459, for the CPU (the index of its x86-64
and ARM images) and for CUDA 12; of b11277 for CUDA 13, as none is stated of a later one. They have not run with
stackctl yet. The image for CUDA 12 is built with CUDA 12.8, which newer drivers run, too. The one for CUDA 13 is built
with CUDA 13.4 (ggml-org/llama.cpp#29207), and its NVIDIA_REQUIRE_CUDA refuses a driver that knows less; as it is of an
older build, it is taken only where `backend.build` names that.

The GPU code is that of ggml/src/ggml-cuda/CMakeLists.txt for the toolkit of .devops/cuda.Dockerfile: with CUDA 12.8 PTX
from 5.0 on, with CUDA 13 from 7.5 on, which is the oldest that it knows; machine code for 8.6, 8.9 and Blackwell's 12.0
in both. Of the images for ROCm a digest is stated of b11277. Of those for Vulkan none is stated of a build, so that the
tag that docs/docker.md names is used, which moves: a stack records what it got at first.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from stackctl.backends.contract import Image
from stackctl.contracts.build import Build
from stackctl.contracts.gpu_code import GpuCode
from stackctl.contracts.service import CPU, Variant

OF_DEBIAN: Final = "localhost/stackctl/llamacpp:debian"
_DEBIAN: Final = "debian"
_IMAGE: Final = "ghcr.io/ggml-org/llama.cpp:"
_READY: Final = ((8, 6), (8, 9))
_CUDA_12: Final = {"gguf": GpuCode(oldest=(5, 0), cuda=(12, 8), ready=_READY)}
_CUDA_13: Final = {"gguf": GpuCode(oldest=(7, 5), cuda=(13, 4), ready=_READY)}
OFFICIAL: Final[Mapping[Variant, tuple[Image, ...]]] = MappingProxyType(
    {
        CPU: (
            Image(
                name=f"{_IMAGE}server-b11459@sha256:33868c035b21dc63f7c60b7438774283fd99215bc319114eb03de5df4ce7cd6b",
                build="b11459",
            ),
            Image(name=f"{_IMAGE}server-b9191", build="b9191"),
        ),
        "cuda": (
            Image(
                name=f"{_IMAGE}server-cuda-b11459"
                "@sha256:fff6185edd2fbc4093aa5970bf6db53ed11c283e3a1c52a3e244cf27047264f4",
                build="b11459",
                code=_CUDA_12,
            ),
            Image(
                name=f"{_IMAGE}server-cuda13-b11277"
                "@sha256:f9f7c9f689cf6dba993075b74697253c46c639f7c5956a3421fcabf7e8aef715",
                build="b11277",
                cuda=(13, 4),
                code=_CUDA_13,
            ),
            Image(name=f"{_IMAGE}server-cuda-b9191", build="b9191", code=_CUDA_12),
        ),
        "rocm": (
            Image(
                name=f"{_IMAGE}server-rocm-b11277"
                "@sha256:0689618b6237be0598b1e743e02847bd92e25def66302de9abb0cfeb29ce0aa8",
                build="b11277",
            ),
        ),
        "vulkan": (Image(name=f"{_IMAGE}server-vulkan"),),
    }
)
KNOWN: Final[Mapping[str, Build]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Build(name="b9191", number=9191),
            Build(name="b11277", number=11277),
            Build(name="b11459", number=11459),
            Build(name=_DEBIAN, number=11669, is_tried=True),
        )
    }
)
_TAG: Final = re.compile(r"llama[^:]*:[a-z0-9-]+-(b[0-9]{4,6})(?:@|$)")


def named_build(image: str, program: str) -> str:  # noqa: ARG001 - its image contains the program
    """Return the build that the tag names: server-b9191, server-cuda-b9191."""
    if image == OF_DEBIAN:
        return _DEBIAN
    found = _TAG.search(image)
    return found[1] if found else ""
