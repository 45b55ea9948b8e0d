"""The process that asks the NVIDIA driver, which may never answer. It imports nothing of stackctl.

Its argument is the path of the driver's library. It reads one request a line from stdin and writes one answer a line,
both JSON, until stdin ends. A request is {"pci": [...]}: the addresses of the GPUs to ask, which alone are woken; null
for all. An answer is {"error", "driver", "cuda", "gpus"}: errors are NVML's numbers (nvml.h), 0 if there is none.

Source: https://docs.nvidia.com/deploy/nvml-api (a GPU is initialised, thus woken, when its handle is taken).
"""

import ctypes
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

_NOT_SUPPORTED: Final = 3
_LOST: Final = {15, 16}  # a GPU that is lost, or needs a reset: no call reaches it
_MOST_HOLDERS: Final = 256


def main() -> None:
    """Answer the requests on stdin."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, whose end ends stdin
    ctypes.CDLL(sys.argv[1])  # pynvml finds it by its name, wherever it lies
    for line in sys.stdin:
        sys.stdout.writelines([json.dumps(_answer(json.loads(line)["pci"])), "\n"])
        sys.stdout.flush()


def _answer(pci: list[str] | None) -> dict[str, Any]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as e:
        return {"error": e.value}
    try:
        indices = range(pynvml.nvmlDeviceGetCount())
        gpus = [_index(one) for one in indices] if pci is None else [_address(one) for one in pci]
    except pynvml.NVMLError as e:
        return {"error": e.value}
    else:
        return {
            "error": 0,
            "driver": _optional(pynvml.nvmlSystemGetDriverVersion),
            "cuda": _optional(pynvml.nvmlSystemGetCudaDriverVersion),
            "gpus": gpus,
        }
    finally:
        pynvml.nvmlShutdown()


def _index(index: int) -> dict[str, Any]:
    import pynvml

    return {"index": index, **_gpu(lambda: pynvml.nvmlDeviceGetHandleByIndex(index))}


def _address(pci: str) -> dict[str, Any]:
    import pynvml

    return {"pci": pci, **_gpu(lambda: pynvml.nvmlDeviceGetHandleByPciBusId(pci.encode()))}


def _gpu(take: Callable[[], Any]) -> dict[str, Any]:
    """Return all that the driver tells about a GPU, and the error that ended it, if one did."""
    import pynvml

    found: dict[str, Any] = {"error": 0}
    try:
        handle = take()
        found["pci"] = _text(getattr(_required(pynvml.nvmlDeviceGetPciInfo, handle), "busId", ""))
        found["uuid"] = _text(pynvml.nvmlDeviceGetUUID(handle))
        found["name"] = _optional(pynvml.nvmlDeviceGetName, handle)
        memory = _required(pynvml.nvmlDeviceGetMemoryInfo, handle)  # None: it shares the machine's (DGX Spark)
        found["memory"] = memory and [memory.total, memory.free]
        found["compute"] = _optional(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
        found["bits"] = _optional(pynvml.nvmlDeviceGetMemoryBusWidth, handle)
        found["mhz"] = _optional(pynvml.nvmlDeviceGetMaxClockInfo, handle, pynvml.NVML_CLOCK_MEM)
        found["display"] = [
            _optional(pynvml.nvmlDeviceGetDisplayMode, handle),
            _optional(pynvml.nvmlDeviceGetDisplayActive, handle),
        ]
        found["utilisation"] = getattr(_optional(pynvml.nvmlDeviceGetUtilizationRates, handle), "gpu", None)
        found["temperature"] = _optional(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU)
        found["power"] = _optional(pynvml.nvmlDeviceGetPowerUsage, handle)
        found["power_limit"] = _optional(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        found["throttled"] = _optional(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        found["holders"] = _holders(handle)
    except pynvml.NVMLError as e:
        found["error"] = e.value
    return found


def _required(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the call's answer, None if this GPU has no such thing. Raise NVMLError for every other error."""
    import pynvml

    try:
        return call(*arguments)
    except pynvml.NVMLError as e:
        if e.value == _NOT_SUPPORTED:
            return None
        raise


def _optional(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the call's answer, None if there is none. Raise NVMLError only for a GPU that no call reaches."""
    import pynvml

    try:
        found = call(*arguments)
    except UnicodeError:
        return None
    except pynvml.NVMLError as e:
        if e.value in _LOST:
            raise
        return None
    return _text(found) if isinstance(found, bytes) else found


def _holders(handle: Any) -> list[list[Any]]:
    """Return [pid, program, bytes] of each process that holds memory of a GPU; 0 bytes if the driver does not tell.

    The program is the kernel's short name for it: NVML's own has the arguments, too, which may contain a secret.
    """
    import pynvml

    held: dict[int, int] = {}
    for now, before in (  # drivers before 510 have the second
        (pynvml.nvmlDeviceGetComputeRunningProcesses_v3, pynvml.nvmlDeviceGetComputeRunningProcesses_v2),
        (pynvml.nvmlDeviceGetGraphicsRunningProcesses_v3, pynvml.nvmlDeviceGetGraphicsRunningProcesses_v2),
    ):
        for one in (_optional(now, handle) or _optional(before, handle) or [])[:_MOST_HOLDERS]:
            held[one.pid] = max(held.get(one.pid, 0), one.usedGpuMemory or 0)
    return [[pid, _program(pid), used] for pid, used in held.items()]


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return ""


def _text(value: "str | bytes") -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value


if __name__ == "__main__":
    main()
