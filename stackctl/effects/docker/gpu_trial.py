"""Try whether the engine gives a container the requested GPUs, and look inside, before anything is changed."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Final

from stackctl.contracts.gpu_trial import GpuTrial, Inside
from stackctl.contracts.host import Owner
from stackctl.contracts.service import GpuRequest
from stackctl.core.gpu import refusals
from stackctl.effects.docker.client import Client, engine_words, no_answer, sdk_errors, translate_errors
from stackctl.effects.docker.labels import MADE_BY
from stackctl.gpus import GPUS
from stackctl.gpus.contract import TIMED_OUT, Make
from stackctl.terminal import shown_in_line

_LISTING_S: Final = 30  # nvidia-smi wakes each GPU, which takes some seconds where the driver keeps none awake
_WHOLE_S: Final = 60  # for the container, including its start
_REMOVAL_S: Final = 20
_MOST_BYTES: Final = 64 << 10  # of its output, which a hostile image may write
_MOST_LINES: Final = 200
_MOST_SHOWN: Final = 64  # lines of the list of GPUs
_MOST_CHARACTERS: Final = 200  # of a line that is shown
_MARK: Final = "stackctl-sees"  # begins each line of ours
_SHELL: Final = "/bin/sh"
_PIDS: Final = 64
_LOG: Final = {"max-size": "1m"}  # limits the container's output


def try_gpu(
    engine: Client, image: str, request: GpuRequest, user: Owner | None, promised: tuple[str, ...] = ()
) -> GpuTrial:
    """Start a container that requests the GPUs, and look inside by the image's shell, within about a minute.

    user: with the ids inside the container; None for the image's. promised: the device files that CDI files describe
    for this request. The container has no network and no rights, and is
    always removed. Raise EngineError if the engine can't make one, for another reason than the GPUs.
    """
    import docker.errors

    api, make = engine.client.api, GPUS[request.make]
    with _at_most(api, _WHOLE_S):
        try:
            container = api.create_container(image, **_options(api, request, make, user, promised))["Id"]
        except docker.errors.APIError as e:
            if refusals.known_refusal(engine_words(e)):  # Podman looks for CDI devices here, Docker at the start
                return GpuTrial(refusal=engine_words(e))
            with translate_errors("docker create failed"):
                raise
        try:
            with translate_errors("docker inspect failed"):
                kept = api.inspect_container(container)
            trial = GpuTrial(drivers=gpu_drivers(kept), devices=device_paths(kept), promised=promised)
            # an engine that imitates Docker's API drops the request silently; device files are looked for inside
            is_dropped = request.driver and not make.is_given(request, trial.drivers, trial.devices)
            return trial if is_dropped else _look_inside(api, container, trial)
        finally:
            with _at_most(api, _REMOVAL_S), suppress(*sdk_errors()):  # an engine that hangs over it keeps it
                api.remove_container(container, force=True)


def gpu_drivers(inspected: dict[str, Any]) -> tuple[str, ...]:
    """Return the drivers by which a container got GPUs, from the output of `docker inspect`."""
    return tuple(one.get("Driver", "") for one in inspected["HostConfig"].get("DeviceRequests") or ())


def device_paths(inspected: dict[str, Any]) -> tuple[str, ...]:
    """Return the paths of a container's device files inside, from the same output."""
    return tuple(one["PathInContainer"] for one in inspected["HostConfig"].get("Devices") or ())


def _look_inside(api: Any, container: str, trial: GpuTrial) -> GpuTrial:
    import docker.errors

    try:
        api.start(container)
    except docker.errors.APIError as e:
        if _SHELL not in engine_words(e):
            return replace(trial, refusal=engine_words(e))
        return replace(trial, unseen="the image has no shell by which to look inside")  # the GPU was granted
    except no_answer():
        return replace(trial, refusal=f"the engine did not start the container within {_WHOLE_S} s")
    has_ended = True
    try:
        api.wait(container, timeout=_WHOLE_S)
    except no_answer():
        has_ended = False
    try:
        said: bytes = api.logs(container, stdout=True, stderr=False, tail=_MOST_LINES)
    except sdk_errors():
        return replace(trial, unseen="the engine does not give what the container printed")
    inside = read_inside(said[:_MOST_BYTES].decode("utf-8", "replace"), has_ended=has_ended)
    return replace(trial, inside=inside, unseen="" if inside else "the image's shell printed nothing")


def read_inside(said: str, *, has_ended: bool) -> Inside | None:
    """Return what the script in the container printed; None if it printed nothing of ours. has_ended: in time."""
    nodes: list[str] = []
    closed: list[str] = []
    variables: dict[str, str] = {}
    listing: list[str] | None = None
    code, is_ours = (0 if has_ended else TIMED_OUT), False
    for line in map(shown_in_line, said.splitlines()):
        mark, kind, value = [*line.split(" ", 2), "", ""][:3]
        if mark != _MARK:
            if listing is not None and line.strip():
                listing.append(line[:_MOST_CHARACTERS])
            continue
        is_ours = True
        if kind in {"node", "closed"}:
            nodes.append(value[:_MOST_CHARACTERS])
            closed += [value[:_MOST_CHARACTERS]] if kind == "closed" else []
        elif kind == "variable":
            name, _, content = value.partition("=")
            variables[name] = content[:_MOST_CHARACTERS]
        elif kind == "listing":
            listing = []
        elif kind == "code" and value.isdigit():
            code = int(value[:3])
    if not is_ours:
        return None
    return Inside(
        nodes=tuple(dict.fromkeys(nodes)),
        closed=tuple(dict.fromkeys(closed)),
        variables=variables,
        listing=None if listing is None else tuple(listing[:_MOST_SHOWN]),
        listing_code=code,
    )


def _options(
    api: Any, request: GpuRequest, make: Make, user: Owner | None, promised: tuple[str, ...]
) -> dict[str, Any]:
    host = api.create_host_config(
        device_requests=_reservations(request),
        devices=[one for one in request.files if one.startswith("/")],
        group_add=list(request.groups),
        network_mode="none",
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        pids_limit=_PIDS,
        log_config={"Type": "json-file", "Config": _LOG},  # the engine's default driver may be one that can't be read
    )
    return {
        "entrypoint": [_SHELL, "-c", script(make, request, promised)],
        "command": [],
        "labels": {MADE_BY: "gpu trial"},
        "host_config": host,
        **({"user": str(user)} if user else {}),
    }


def script(make: Make, request: GpuRequest, promised: tuple[str, ...]) -> str:
    """Return the script for a container's shell: it prints the device files, the variables and the list of GPUs."""
    files = [shlex.quote(one) for one in (*request.files, *promised) if one.startswith("/")]
    lines = [
        f"echo {_MARK} looks",
        f"for f in {' '.join((*make.LOOKS_FOR, *files))}; do",
        '  [ -e "$f" ] || continue',
        f'  if (exec 3<"$f") 2>/dev/null; then echo "{_MARK} node $f"; else echo "{_MARK} closed $f"; fi',
        "done",
        *(f'[ -z "${{{name}+x}}" ] || echo "{_MARK} variable {name}=${name}"' for name in make.VARIABLES),
    ]
    if make.LISTING:
        words = " ".join(map(shlex.quote, make.LISTING))
        lines += [
            f"if command -v {shlex.quote(make.LISTING[0])} >/dev/null 2>&1; then",
            f"  echo {_MARK} listing",
            f"  if command -v timeout >/dev/null 2>&1; then timeout {_LISTING_S} {words} 2>&1; else {words} 2>&1; fi",
            f'  echo "{_MARK} code $?"',
            "fi",
        ]
    return "\n".join(lines)


@contextmanager
def _at_most(api: Any, seconds: int) -> Iterator[None]:
    """Let each call of the SDK wait that long for the engine."""
    before, api.timeout = api.timeout, seconds
    try:
        yield
    finally:
        api.timeout = before


def _reservations(request: GpuRequest) -> list[Any]:
    """Return the device requests; CDI devices among the files are one, as Docker's own client writes them."""
    from docker.types import DeviceRequest

    names = [one for one in request.files if not one.startswith("/")]
    driver, ids = (request.driver, list(request.devices)) if request.driver else ("cdi", names)
    if not (request.driver or names):
        return []
    return [DeviceRequest(driver=driver, capabilities=[["gpu"]], **({"device_ids": ids} if ids else {"count": -1}))]
