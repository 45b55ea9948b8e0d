"""A plan that starts on any machine: all that it mounts lies below its own folder, and nothing names this machine."""

from dataclasses import replace
from ipaddress import ip_address
from pathlib import PurePosixPath

from stackctl.contracts.service import Mount
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError


def portable(plan: Plan, folder: PurePosixPath) -> tuple[Plan, dict[str, PurePosixPath]]:
    """The plan of the stack in `folder` with paths below that one alone, and where each is that lies elsewhere now.

    Those get the path that they have in their container, below the folder: ./models/tiny.gguf. Raises ConfigError for
    what another machine has not: an address of this one, or a data folder outside.
    """
    for service in plan.services:
        for one in service.publish:
            if not ip_address(one.address).is_loopback:
                raise ConfigError(
                    f"{service.name} is opened on {one.address}, an address that only this machine has",
                    hint='Set `sillytavern.expose = "none"` and `backend.publish = ""` in stack.toml first, and '
                    "open it again where it is unpacked.",
                )
    carried: dict[str, PurePosixPath] = {}
    services = tuple(
        replace(service, mounts=tuple(_inside(mount, folder, carried) for mount in service.mounts))
        for service in plan.services
    )
    return replace(plan, services=services), carried


def _inside(mount: Mount, folder: PurePosixPath, carried: dict[str, PurePosixPath]) -> Mount:
    source = folder / mount.source
    if source.is_relative_to(folder):
        return replace(mount, source=f"./{source.relative_to(folder)}")
    if not mount.read_only:
        raise ConfigError(
            f"{source} lies outside of this folder, and SillyTavern writes there",
            hint="Move the data into this folder and set `sillytavern.data`: an archive contains one folder.",
        )
    place = mount.target.lstrip("/")
    carried[place] = source
    return replace(mount, source=f"./{place}")
