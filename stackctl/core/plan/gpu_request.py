"""How the backend gets its GPU: by the NVIDIA toolkit's driver or as CDI devices, never both."""

from stackctl.contracts.service import GpuRequest
from stackctl.core.config.lock import Decisions
from stackctl.core.config.spec import Spec
from stackctl.core.observed import EngineSeen, Observed, ServiceState
from stackctl.core.plan.stack import Plan
from stackctl.errors import GpuError

_KIND = "nvidia.com/gpu="
_ALL = f"{_KIND}all"
_CDI_ENGINE, _CDI_BY_ITSELF = (25,), (28, 3)  # Docker's release notes: behind a feature flag first, then always on
NOT_GIVEN = "the container was made without the GPU that was asked for"
_GENERATE = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def request_gpu(spec: Spec, seen: Observed, decisions: Decisions) -> GpuRequest | None:
    """The GPUs to ask the engine for; None for the CPU. Raises GpuError where the engine can't give them."""
    mode: str = spec.gpu.mode
    if mode == "auto":
        engine = seen.engine
        inputs = {
            "gpus": [gpu.uuid for gpu in seen.gpus],
            "nvidia_runtime": bool(engine and engine.nvidia_runtime),
            "cdi_devices": list(engine.cdi_devices) if engine else [],
        }
        mode = decisions.decide("gpu.mode", inputs, lambda: _mode(seen))
    if mode == "none":
        return None
    if mode == "nvidia":
        chosen = spec.gpu.devices
        return GpuRequest(driver="nvidia", devices=() if chosen == ("all",) else chosen)
    return GpuRequest(driver="cdi", devices=_cdi(spec.gpu.devices, seen.engine))


def gpu_count(request: GpuRequest, seen: Observed) -> int:
    """How many GPUs a request brings."""
    asks_for_all = not request.devices or _ALL in request.devices
    return max(1, len(seen.gpus)) if asks_for_all else len(request.devices)


def cdi_names(spec: object) -> tuple[str, ...]:
    """The devices that the content of a CDI file describes; () if it is no CDI file."""
    if not isinstance(spec, dict) or not isinstance(devices := spec.get("devices"), list):
        return ()
    return tuple(f"{spec.get('kind')}={one['name']}" for one in devices if isinstance(one, dict) and "name" in one)


def lost_gpu(state: ServiceState, plan: Plan) -> GpuError | None:
    """The error, if a backend's container was made without the GPU that was decided for it."""
    request = plan.backend_service.gpu if plan.backend_service else None
    if request is None or state.name != plan.backend or request.driver in state.gpu_drivers:
        return None
    return GpuError(
        f"{state.name}: {NOT_GIVEN}",
        hint="does compose.override.yml take its deploy section away? to run on the CPU: stackctl deploy --gpu none",
    )


def _cdi(chosen: tuple[str, ...], engine: EngineSeen | None) -> tuple[str, ...]:
    """The devices' full names, each of which the engine must know."""
    wanted = tuple(one if "=" in one else f"{_KIND}{one}" for one in chosen)
    if engine is None or not (engine.is_local or engine.cdi_devices):
        return wanted  # nobody can tell from here; the engine will
    offered = engine.cdi_devices
    if wanted == (_ALL,) and _ALL not in offered:
        wanted = tuple(one for one in offered if one.startswith(_KIND)) or wanted
    missing = [one for one in wanted if one not in offered]
    if missing:
        raise GpuError(f"the engine knows no CDI device {', '.join(missing)}", hint=_cdi_hint(engine))
    return wanted


def _cdi_hint(engine: EngineSeen) -> str:
    if engine.version < _CDI_ENGINE:
        return (
            "CDI needs Docker Engine 25 or newer: update it, or use the toolkit's driver: stackctl deploy --gpu nvidia"
        )
    if engine.cdi_devices:
        return f"it knows {', '.join(engine.cdi_devices)}; the device files are made by: {_GENERATE}"
    flag = ', set "features": {"cdi": true} in /etc/docker/daemon.json' if engine.version < _CDI_BY_ITSELF else ""
    return f"make the device files: {_GENERATE}{flag}, then restart the engine"


def _mode(seen: Observed) -> str:
    """The toolkit's driver where the engine has its runtime, else CDI where it has devices.

    With a GPU and neither, still nvidia: a start that fails with the fix beats a CPU used in silence.
    """
    engine = seen.engine
    if not seen.gpus:
        return "none"
    if engine and not engine.nvidia_runtime and any(one.startswith(_KIND) for one in engine.cdi_devices):
        return "cdi"
    return "nvidia"
