"""Try whether the engine gives a container the requested GPU, before anything is changed."""

from typing import Any

from stackctl.contracts.service import GpuRequest
from stackctl.core.start.docker_errors import gpu_refused
from stackctl.effects.docker.client import Client, translate_errors
from stackctl.gpus import GPUS
from stackctl.gpus.contract import NOT_GIVEN


def try_gpu(engine: Client, image: str, request: GpuRequest) -> None:
    """Start a container that requests the GPU and runs nothing; raise GpuError if the engine refuses the GPU."""
    import docker.errors

    api = engine.client.api
    # no image has a program of that name: an engine that grants the GPU fails only then, and names it
    nothing = "/stackctl-tries-the-gpu"
    with translate_errors("docker create failed"):
        host = api.create_host_config(
            device_requests=_reservations(request),
            devices=[one for one in request.files if one.startswith("/")],
            group_add=list(request.groups),
            network_mode="none",
        )
        container = api.create_container(image, entrypoint=[nothing], host_config=host)
    try:
        with translate_errors("docker inspect failed"):
            kept = gpu_drivers(api.inspect_container(container["Id"]))
        # device files without a driver are checked at the start
        if request.driver and not GPUS[request.make].is_given(request, kept, ()):
            raise gpu_refused(NOT_GIVEN)  # an engine that imitates Docker's API drops the request silently
        api.start(container["Id"])
    except docker.errors.APIError as e:
        if nothing not in str(e.explanation):
            raise gpu_refused(str(e.explanation)) from e
    finally:
        api.remove_container(container["Id"], force=True)


def gpu_drivers(inspected: dict[str, Any]) -> tuple[str, ...]:
    """Return the drivers by which a container got GPUs, from the output of `docker inspect`."""
    return tuple(one.get("Driver", "") for one in inspected["HostConfig"].get("DeviceRequests") or ())


def _reservations(request: GpuRequest) -> list[Any]:
    """Return the device requests; CDI devices among the files are one, as Docker's own client writes them."""
    from docker.types import DeviceRequest

    names = [one for one in request.files if not one.startswith("/")]
    driver, ids = (request.driver, list(request.devices)) if request.driver else ("cdi", names)
    if not (request.driver or names):
        return []
    return [DeviceRequest(driver=driver, capabilities=[["gpu"]], **({"device_ids": ids} if ids else {"count": -1}))]
