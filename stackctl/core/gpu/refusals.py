"""An engine's refusals to start a container with a GPU: the cause of each, and what repairs it.

Sources: moby's daemon/devices.go, daemon/cdi.go, daemon/devices_nvidia_linux.go, daemon/devices_amd_linux.go; CDI's
pkg/cdi (cache.go, container-edits_unix.go); nvidia-container-toolkit's cmd/nvidia-container-runtime-hook; and the
issues that each line names (NCT: NVIDIA/nvidia-container-toolkit, LIB: NVIDIA/libnvidia-container).
"""

import re
from typing import Final, NamedTuple

_TOOLKIT_SOURCES: Final = "NVIDIA/nvidia-container-toolkit: cmd; NVIDIA/libnvidia-container: src/cli"
CPU: Final = "Or run on the CPU with `stackctl deploy --gpu none`."
DROPPED: Final = (
    'Check that the engine is Docker with the NVIDIA Container Toolkit, or Podman with `gpu.mode = "cdi"`. ' + CPU
)
TOOLKIT: Final = (
    "Install the NVIDIA Container Toolkit, then run `sudo nvidia-ctk runtime configure --runtime=docker && "
    "sudo systemctl restart docker`. " + CPU
)
_HOST: Final = "Check that `nvidia-smi` works on the host, and reboot after a driver update. " + CPU
_NO_DRIVER: Final = (
    "Check that `nvidia-smi` works on the host. Docker from a snap does not see it: install Docker's own "
    "packages (https://docs.docker.com/engine/install/). " + CPU
)
_GENERATE: Final = (
    "Run `sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`, which describes the GPUs as they are now. " + CPU
)
_NO_CGROUPS: Final = (
    "Run `sudo nvidia-ctk config --in-place --set nvidia-container-cli.no-cgroups=true`, as a rootless engine "
    "needs it. " + CPU
)
_LEGACY: Final = "Run `sudo nvidia-ctk config --in-place --set nvidia-container-runtime.mode=auto`. " + CPU


class Refusal(NamedTuple):
    """A pattern of an engine's words, what it means, the hint, the issue's id, and where the words are known from."""

    pattern: str
    says: str
    hint: str
    issue: str
    source: str = _TOOLKIT_SOURCES


# the first that matches counts: a cause in the driver comes before the program that met it
REFUSALS: Final[tuple[Refusal, ...]] = (
    Refusal(  # Docker before 25, or CDI switched off: containers/ramalama#940
        r'could not select device driver "cdi"|no CDI device driver registered|no CDI specification directories',
        "the engine does not know CDI, or it is switched off there",
        'Set "features": {"cdi": true} in /etc/docker/daemon.json (Docker Engine 25 or newer) and run '
        "`sudo systemctl restart docker`. " + CPU,
        "cdi-disabled",
    ),
    Refusal(  # the last one: Engine 29.3 and later, which tries AMD's driver where NVIDIA's is missing
        r"could not select device driver|unknown or invalid runtime name: nvidia|failed to discover GPU vendor",
        "the engine does not offer the NVIDIA driver to containers",
        TOOLKIT,
        "gpu-not-offered",
    ),
    Refusal(  # NCT#1246: mode "cdi" with the hook that a reservation uses; so do the defaults of 1.19
        r"invoking the NVIDIA Container Runtime Hook directly",
        "the toolkit is set to a mode in which it refuses reservations",
        _LEGACY,
        "gpu-toolkit-setting",
    ),
    Refusal(
        r"driver/library version mismatch|RM_VERSION_MISMATCH",
        "the loaded NVIDIA driver is not the installed one: it was updated while it ran",
        "Reboot the machine; until then run `stackctl deploy --gpu none`.",
        "gpu-driver-mismatch",
    ),
    Refusal(  # CDI files from before a driver's update: the paths have its version in their names
        r"(error mounting|failed to fulfil mount request) \S*(/lib\S*/(libcuda|libnvidia)|/s?bin/nvidia-|/dev/nvidia)"
        r"\S*.*no such file|failed to stat CDI host device|CDI device .* host type mismatch",
        "the CDI files describe device files or libraries that are no longer there",
        _GENERATE,
        "cdi-stale",
    ),
    Refusal(  # NVIDIA/nvidia-docker#1551, NCT#289: an image that was committed or built with the driver's files in it
        r"nvidia-c\S* mount error: file creation failed: .*file exists",
        "the image itself contains libraries of an NVIDIA driver, where the toolkit puts those of this machine",
        "Use an image without them: remove libcuda.so* and libnvidia-* from it. " + CPU,
        "gpu-not-in-container",
    ),
    Refusal(
        r"nvidia-c\S*.*(libnvidia-ml\.so\.1|driver not loaded|ERROR_LIBRARY_NOT_FOUND|cannot open shared object file)"
        r"|nvidia-c\S* initialization error: (driver error|WSL environment detected but no adapters)"
        r"|nvidia-c\S* mount error: stat failed: \S*(libcuda|libnvidia)\S*: no such file"
        r"|failed to initialize NVML: ERROR_(LIBRARY_NOT_FOUND|DRIVER_NOT_LOADED)",
        "the engine finds no running NVIDIA driver",
        _NO_DRIVER,
        "gpu-driver-missing",
    ),
    Refusal(
        r"nvidia-container-cli.*unsatisfied condition: (cuda|driver|brand)",
        "the image needs a newer NVIDIA driver",
        "Update the driver, set `backend.image` to one for your CUDA version, or run `stackctl deploy --gpu none`.",
        "gpu-driver-too-old",
    ),
    Refusal(  # LIB#154, NCT#106, NCT#1487; moby#38729 (cgroup version 1)
        r"BPF_CGROUP_DEVICE\) failed: operation not permitted|/sys/fs/cgroup/devices\S*: permission denied",
        "the toolkit may not change the rules for devices: the engine is rootless",
        _NO_CGROUPS,
        "gpu-toolkit-setting",
    ),
    Refusal(  # NVIDIA/nvidia-docker#1660, #1447; LIB#151
        r"cgroup subsystem devices not found|no cgroup filter|failed to add device rules|BPF_CGROUP_DEVICE",
        "the toolkit can't set the rules for devices with this kernel's cgroups",
        "Update the NVIDIA Container Toolkit, which knows cgroup version 2 from 1.8 on. " + CPU,
        "gpu-toolkit-setting",
    ),
    Refusal(  # NVIDIA/nvidia-docker#587, NCT#147
        r"ldcache error|/ldconfig\S* failed with error code",
        "the toolkit can't refresh the container's list of libraries: its path of ldconfig is wrong for this system",
        "Run `sudo nvidia-ctk config --in-place --set nvidia-container-cli.ldconfig=@/sbin/ldconfig` (on Ubuntu "
        "@/sbin/ldconfig.real). " + CPU,
        "gpu-toolkit-setting",
    ),
    Refusal(  # gpu.devices
        r"nvidia-container-cli.*(device error|unknown device)",
        "the driver has no GPU of the index or UUID that was requested",
        "Run `nvidia-smi -L` and name one that it lists under `devices` in [gpu] of stack.toml. " + CPU,
        "gpu-devices-wrong",
    ),
    Refusal(
        r"unresolvable CDI devices",
        "the GPU can't be given to the container: the engine's CDI files do not describe it",
        _GENERATE,
        "cdi-missing",
    ),
    Refusal(
        r"CDI registry initialization failure",
        "the engine can't read its folders of CDI files",
        "Run `docker info`, whose warnings name the file, and remove or correct it. " + CPU,
        "cdi-unreadable",
    ),
    Refusal(  # the toolkit was removed, or the CDI files come from another machine
        r"(fork/exec|exec:) \S*nvidia-(cdi-hook|ctk|container-runtime-hook|container-cli)\S*.*(no such file|not found)"
        r"|couldn't find binary nvidia-container-cli",
        "a program of the NVIDIA Container Toolkit is no longer there",
        TOOLKIT,
        "gpu-not-offered",
    ),
    Refusal(  # device files of AMD and Intel GPUs
        r"error gathering device information .*no such file or directory",
        "a device file of the GPU does not exist on the engine's machine",
        "Run `ls -l /dev/dri /dev/kfd` there, and install the GPU's driver. " + CPU,
        "gpu-driver-missing",
    ),
    Refusal(
        r"nvidia-container-cli|CDI device injection failed",
        "the GPU can't be given to the container",
        _HOST,
        "gpu-not-in-container",
    ),
)
_UNKNOWN: Final = Refusal("", "the GPU can't be given to a container", _HOST, "gpu-not-in-container")


def find_refusal(words: str) -> Refusal:
    """Return what an engine's words, with which it refused a container with a GPU, stand for."""
    return known_refusal(words) or _UNKNOWN


def known_refusal(words: str) -> Refusal | None:
    """Return the refusal of a GPU that words are; None if they speak of something else, or of an unknown one."""
    return next((one for one in REFUSALS if re.search(one.pattern, words, re.IGNORECASE)), None)
