"""Why an NVIDIA GPU can't be used, by NVML's errors and what the machine shows, and what repairs it.

Sources: nvml.h (nvmlReturn_t); NVIDIA's driver README (chapters "Common problems", "Device nodes", "nouveau"); NVIDIA's
"XID errors" (79: fallen off the bus); https://docs.nvidia.com/cuda/wsl-user-guide.
"""

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

NO_PERMISSION, TIMED_OUT, NOT_LOADED, NO_LIBRARY, MISMATCH = 4, 10, 9, 12, 18
# not NVML's: no answer came in time; the process that asked ended; none came yet to a question that waits less long
HANGS, ENDS, SLOW = -1, -2, -3
STARVED = -4  # as SLOW, but the process that asks got too little of a busy processor to wait for the driver
GIVEN_AWAY: Final = frozenset({"vfio-pci", "pci-stub", "xen-pciback"})  # drivers that keep a card for virtual machines
_NVIDIA: Final = "nvidia"  # its driver, in the kernel
_REBOOT: Final = "Reboot the machine"
_LOG: Final = "`sudo dmesg | grep -i -e nvrm -e xid` names the cause"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a GPU can't be used, as a clause about it, the hint that repairs it, and the page that explains it."""

    says: str
    fix: str
    issue: str = "gpu-failed"


# error -> the fault, and what repairs it
_KNOWN: Final = MappingProxyType(
    {
        HANGS: Fault(
            says="its driver does not answer in time: it hangs", fix=f"{_REBOOT}; {_LOG}.", issue="gpu-driver-hangs"
        ),
        SLOW: Fault(
            says="its driver does not answer at once: it starts its GPUs, or hangs",
            fix="Run `nvidia-smi`. If that answers, run `sudo nvidia-smi -pm 1`, which keeps the GPUs started; else "
            f"reboot; {_LOG}.",
            issue="gpu-driver-hangs",
        ),
        STARVED: Fault(
            says="its driver could not be asked in time on this busy machine", fix="Run the command again.", issue=""
        ),
        ENDS: Fault(
            says="its driver's library ended the process that asked it", fix="Run `nvidia-smi`, which shows more."
        ),
        8: Fault(
            says="its power cables are not connected",
            fix="Check the card's power cables, which go to the power supply.",
        ),
        TIMED_OUT: Fault(says="its driver gave up waiting for it", fix=f"{_REBOOT}; {_LOG}.", issue="gpu-driver-hangs"),
        11: Fault(
            says="the kernel does not deliver its interrupts",
            fix=f"{_REBOOT} and check the slot's settings in the BIOS; {_LOG}.",
        ),
        14: Fault(says="its memory for settings (infoROM) is damaged", fix="Run `nvidia-smi -q`, which shows more."),
        15: Fault(
            says="it has fallen off the bus",
            fix=f"{_REBOOT}. If it comes back, check the card's slot, power cables and temperature; {_LOG}.",
        ),
        16: Fault(
            says="it must be reset", fix="Run `sudo nvidia-smi --gpu-reset` while no program uses it, or reboot."
        ),
        17: Fault(
            says="the system refuses its driver's requests",
            fix="Run stackctl outside of containers and sandboxes, or give this one the files /dev/nvidia*.",
            issue="gpu-permission",
        ),
        20: Fault(says="its driver has too little memory", fix="Close programs, or reboot."),
        23: Fault(says="its driver has too few resources", fix="Close programs that use the GPU, or reboot."),
        999: Fault(
            says="its driver answers `Unknown Error`",
            fix=f"{_REBOOT}; after a suspend run `sudo modprobe -r nvidia_uvm; sudo modprobe nvidia_uvm`; {_LOG}.",
        ),
    }
)


@dataclass(frozen=True, kw_only=True)
class DriverState:
    """What this machine shows of NVIDIA's driver without asking it."""

    has_library: bool = True  # libnvidia-ml.so.1 can be loaded
    module: str = ""  # the version of the kernel's module nvidia, as 550.54.14; "" if it is not loaded
    has_control: bool = True  # /dev/nvidiactl exists
    has_uvm: bool = True  # /dev/nvidia-uvm exists; without it CUDA does not start
    group: str = ""  # the group that may open it, if others may not
    container: str = ""  # the kind of the container that this process runs in, as lxc; "" outside of one
    is_wsl: bool = False


def explain(error: int, seen: DriverState, driver: str = _NVIDIA) -> Fault:
    """Return the fault, as a clause about a GPU, and the hint that repairs it.

    error: NVML's number, or HANGS or ENDS. driver: the kernel driver that has the card, "" if none has.
    """
    if driver != _NVIDIA:
        return _foreign_driver(driver, seen)
    if error == MISMATCH:
        return _mismatch(seen)
    if error == NO_PERMISSION:
        return _permission(seen)
    if error in {NOT_LOADED, NO_LIBRARY}:
        return _unloaded(error, seen)
    other = Fault(says=f"its driver answers with NVML's error {error}", fix=f"{_REBOOT}; {_LOG}.")
    found = _KNOWN.get(error, other)
    if seen.is_wsl and found.fix.startswith(_REBOOT):
        return replace(found, fix="Update the NVIDIA driver in Windows, then run `wsl --shutdown` there.")
    return found


def missing_file(seen: DriverState) -> Fault | None:
    """Return the fault of GPUs that answer, but of which this container lacks a file; None if it has all.

    Outside of containers, and in one of the engine, the toolkit or the engine provides it.
    """
    if seen.has_uvm or not seen.container.startswith("lxc"):
        return None
    return Fault(
        says=f"this {seen.container} container has no /dev/nvidia-uvm, without which CUDA does not start",
        fix="Run `sudo modprobe nvidia_uvm` on the machine and pass /dev/nvidia-uvm on to the container.",
        issue="gpu-permission",
    )


def _foreign_driver(driver: str, seen: DriverState) -> Fault:
    if driver:
        return Fault(
            says=f"the kernel's driver {driver} has it, with which CUDA does not work",
            fix=f"Install NVIDIA's own driver, which replaces {driver}, and reboot.",
            issue="gpu-driver-missing",
        )
    if seen.module:
        return Fault(
            says=f"the loaded NVIDIA driver {seen.module} does not take it: it is too old or too new for that driver",
            fix=f"Install the driver that NVIDIA names for this card; {_LOG}.",
            issue="gpu-driver-missing",
        )
    if seen.has_library:
        return Fault(
            says="the NVIDIA driver is installed, but its kernel module is not loaded",
            fix="Run `sudo modprobe nvidia`. If that fails, the module was not built for this kernel, or Secure Boot "
            "refuses it: install the driver again, and sign its module or disable Secure Boot.",
            issue="gpu-driver-missing",
        )
    return Fault(
        says="no driver for it is installed", fix="Install the NVIDIA driver and reboot.", issue="gpu-driver-missing"
    )


def _mismatch(seen: DriverState) -> Fault:
    if seen.is_wsl:
        return Fault(
            says="the driver's library and the driver are of different versions",
            fix="Remove NVIDIA's driver packages from this Linux: under WSL the driver is the one of Windows.",
            issue="gpu-driver-mismatch",
        )
    if seen.container:
        return Fault(
            says=f"the driver's library in this {seen.container} container and the machine's driver are of different "
            "versions (driver/library version mismatch)",
            fix="Reboot the machine if its driver was updated, and start this container again; else install the "
            f"library of its driver{_version(seen)} in here.",
            issue="gpu-driver-mismatch",
        )
    return Fault(
        says=f"the driver was updated while it ran: the loaded kernel module{_version(seen)} is not the installed one "
        "(driver/library version mismatch)",
        fix=f"{_REBOOT}, or close all programs that use the GPU and run `sudo modprobe -r nvidia_drm nvidia_modeset "
        f"nvidia_uvm nvidia && sudo modprobe nvidia`.",
        issue="gpu-driver-mismatch",
    )


def _version(seen: DriverState) -> str:
    return f" {seen.module}" if seen.module else ""


def _permission(seen: DriverState) -> Fault:
    if seen.group and seen.group != "root":
        return Fault(
            says=f"this user may not open /dev/nvidiactl, which the group {seen.group} may",
            fix=f"Run `sudo usermod --append --groups {seen.group} $USER` and log in again.",
            issue="gpu-permission",
        )
    if seen.container:
        return Fault(
            says=f"this {seen.container} container may not open /dev/nvidiactl",
            fix="Allow the container to read and write the devices /dev/nvidia*, and give its user the groups video "
            "and render.",
            issue="gpu-permission",
        )
    return Fault(
        says="this user may not open /dev/nvidiactl",
        fix="Run `ls -l /dev/nvidia*`, and allow this user those files: by its groups (video, render), or by the "
        "driver's option NVreg_DeviceFileMode.",
        issue="gpu-permission",
    )


def _unloaded(error: int, seen: DriverState) -> Fault:
    """Return why a card that NVIDIA's module has, or WSL's, can't be asked."""
    if seen.is_wsl:
        return Fault(
            says="WSL passes no GPU on to this Linux",
            fix="Run `wsl --update` and `wsl --shutdown` in Windows, with its newest NVIDIA driver.",
            issue="gpu-driver-missing",
        )
    if not seen.has_control and seen.container:
        return Fault(
            says=f"this {seen.container} container has no /dev/nvidiactl",
            fix="Pass /dev/nvidiactl, /dev/nvidia-uvm and /dev/nvidia0 on to the container, and install the library of "
            f"the machine's driver{_version(seen)} in it.",
            issue="gpu-permission",
        )
    if error == NO_LIBRARY:
        return Fault(
            says=f"the driver's kernel module{_version(seen)} is loaded, but its library libnvidia-ml.so.1 is missing",
            fix="Install the library of the same version (Debian: libnvidia-ml1, Ubuntu: libnvidia-compute).",
            issue="gpu-driver-missing",
        )
    if not seen.has_control:
        return Fault(
            says="its device files are missing",
            fix="Run `sudo nvidia-modprobe -c 0 -u` or reboot.",
            issue="gpu-driver-missing",
        )
    return Fault(
        says="its driver is not ready",
        fix=f"Run `sudo modprobe -a nvidia nvidia_uvm` or reboot; {_LOG}.",
        issue="gpu-driver-missing",
    )
