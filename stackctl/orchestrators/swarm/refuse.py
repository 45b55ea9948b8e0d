"""What can't stand in Docker Swarm, each refused with words: nothing of stack.toml is left out in silence."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from stackctl.contracts.json_table import table_or_empty
from stackctl.contracts.service import Service
from stackctl.core.config.section import NONE
from stackctl.core.config.spec import AUTO, Spec
from stackctl.core.config.values import ALL_GPUS, COUNT
from stackctl.core.formats.version import dotted
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError, EngineError
from stackctl.orchestrators.swarm.cluster import Cluster
from stackctl.orchestrators.swarm.nodes import GENERIC_SINCE
from stackctl.orchestrators.swarm.render import carried_files
from stackctl.terminal import command_line, shown_in_line

NVIDIA: Final = "nvidia"
_MODES: Final = (AUTO, NVIDIA, NONE)
_LOOPBACK: Final = "127.0.0.1"
_SERVICE_NAME, _SECRET_NAME = 63, 64  # characters that Swarm allows
_OR_COMPOSE: Final = 'or `target = "compose"`.'


def refuse_settings(spec: Spec) -> None:
    """Raise ConfigError for the first setting of stack.toml that Swarm can't meet."""
    page = spec.sillytavern
    if page.expose == NONE and not page.proxy.is_wanted:
        raise ConfigError(
            f'sillytavern.expose = "none": Swarm can\'t open a port on {_LOOPBACK} alone, so other devices would reach '
            "SillyTavern, too",
            hint='Set `sillytavern.expose = "lan"`, which opens it with a password, or name your reverse proxy in '
            "`[sillytavern.proxy]`.",
            issue="swarm-expose-none",
        )
    _refuse_gpu(spec)
    for says, hint in _refused_settings(spec):
        raise ConfigError(says, hint=hint, issue="swarm-setting-refused")


def _refuse_gpu(spec: Spec) -> None:
    mode, devices = spec.gpu.mode, spec.gpu.devices
    if mode not in _MODES:
        raise ConfigError(
            f"gpu.mode = {mode!r}: Swarm gives a service no device files, only NVIDIA's GPUs, as a resource of a node",
            hint=f'Set `gpu.mode` to "auto", "{NVIDIA}" or "none", {_OR_COMPOSE}',
            issue="swarm-gpu-setting",
        )
    if devices == (ALL_GPUS,) or mode == NONE:
        return
    counted = len(devices) == 1 and COUNT.fullmatch(devices[0])
    if not counted:
        raise ConfigError(
            f"gpu.devices = {list(devices)}: Swarm chooses a node's GPUs itself, by their number",
            hint='Set `gpu.devices` to ["all"], or to a number of them such as ["count:1"].',
            issue="swarm-gpu-setting",
        )
    if spec.swarm.gpu_resource == NONE:
        raise ConfigError(
            f'gpu.devices = {list(devices)}: with `swarm.gpu_resource = "none"` Swarm does not count GPUs, and the '
            "backend gets all of its node",
            hint='Set `gpu.devices = ["all"]`, or `swarm.gpu_resource = "auto"`.',
            issue="swarm-gpu-setting",
        )


def _refused_settings(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, the hint) of settings that have no place in Swarm."""
    page = spec.sillytavern
    if spec.backend.is_external:
        yield (
            'backend.kind = "external": then only SillyTavern is left to run, on this machine alone',
            'Set `target = "compose"`, which runs SillyTavern here beside a backend elsewhere.',
        )
    if spec.backend.publish:
        yield (
            f"backend.publish = {spec.backend.publish!r}: Swarm can't open a port on one address alone",
            f'Set `backend.publish = ""`, {_OR_COMPOSE}',
        )
    if page.bind != _LOOPBACK:
        yield (
            f"sillytavern.bind = {page.bind!r}: Swarm opens a port on all addresses of its node",
            f"Remove `bind` from [sillytavern], {_OR_COMPOSE}",
        )
    if page.host_access == "on":
        yield (
            'sillytavern.host_access = "on": a service of Swarm has no address of its node that is always the same',
            "Remove `host_access` from [sillytavern], and write this machine's address into connection profiles.",
        )
    if spec.swarm.models != AUTO and not spec.swarm.models.startswith("/"):
        yield (
            f"swarm.models = {spec.swarm.models!r} is no absolute path, and each node would look elsewhere",
            'Write the whole path of the folder on the nodes, such as "/srv/models".',
        )


def refuse_plan(plan: Plan) -> None:
    """Raise ConfigError if a plan has what the file for Swarm can't express."""
    for service in plan.services:
        _refuse_service(service)
    if plan.backend_service is None:
        raise ConfigError(
            "this stack runs no backend that Swarm could move",
            hint='Set `target = "compose"`.',
            issue="swarm-setting-refused",
        )
    _refuse_long_name(plan)


def _refuse_long_name(plan: Plan) -> None:
    """Raise ConfigError if a name that Docker makes of the stack's one would have more characters than Swarm allows."""
    secrets = (file.name for service in plan.services for file in carried_files(plan, service))
    names = [(f"{plan.name}_{service.name}", _SERVICE_NAME) for service in plan.services]
    names += [(name, _SECRET_NAME) for name in secrets]
    longest, most = max(names, key=lambda one: len(one[0]) - one[1])
    if len(longest) > most:
        raise ConfigError(
            f"the name {plan.name} is too long: Swarm's {longest} would have {len(longest)} characters, and {most} are "
            "allowed",
            hint=f"Set `name` in stack.toml to one of at most {len(plan.name) - len(longest) + most} characters.",
            issue="swarm-setting-refused",
        )


def _refuse_service(service: Service) -> None:
    gpu = service.gpu
    if gpu and (gpu.make != NVIDIA or gpu.files or gpu.groups):
        raise ConfigError(
            f"{service.name} needs device files for a GPU of {gpu.make}, which Swarm gives no service",
            hint=f'Set `gpu.mode` to "{NVIDIA}" or "none", {_OR_COMPOSE}',
            issue="swarm-gpu-setting",
        )
    if service.reaches_host or service.addresses or service.role == "companion":
        raise ConfigError(
            f"{service.name} needs a fixed address, which Swarm gives no service",
            hint='Remove `backend.publish` and `sillytavern.host_access` from stack.toml, or set `target = "compose"`.',
            issue="swarm-setting-refused",
        )


def refuse_engine(info: Mapping[str, Any]) -> None:
    """Raise ConfigError or EngineError for an engine that can be in no Swarm. info: what it says of itself."""
    if "BuildahVersion" in info:  # a field of Podman's answer alone
        raise ConfigError(
            'target = "swarm": this engine is Podman, which has no Swarm',
            hint='Set `target = "compose"`, or install Docker Engine.',
            issue="swarm-setting-refused",
        )
    if any("name=rootless" in str(one) for one in info.get("SecurityOptions") or ()):
        raise ConfigError(
            'target = "swarm": this is a rootless engine, which has no networks between machines',
            hint='Set `target = "compose"`, or use the Docker Engine of the system (`docker context use default`).',
            issue="swarm-setting-refused",
        )
    driver = str(table_or_empty(info.get("FirewallBackend")).get("Driver") or "")
    if driver.startswith("nftables"):
        raise EngineError(
            f'target = "swarm": this engine writes its firewall rules with {shown_in_line(driver)[:40]}, with which '
            "Docker has no Swarm",
            hint='Remove "firewall-backend" from /etc/docker/daemon.json and run `systemctl restart docker`.',
            issue="swarm-nftables",
        )


def refuse_old_manager(info: Mapping[str, Any], plan: Plan, cluster: Cluster) -> None:
    """Raise EngineError if this manager's engine is too old to hand out GPUs, and the plan wants some."""
    version = tuple(int(number) for number in re.findall(r"[0-9]{1,6}", str(info.get("ServerVersion", "")))[:3])
    backend = plan.backend_service
    if backend and backend.gpu and cluster.kind and version < GENERIC_SINCE:
        raise EngineError(
            f"this engine {dotted(version)} is older than {dotted(GENERIC_SINCE)}, which GPUs need in Swarm",
            hint='Update Docker on every node; or set `gpu.mode = "none"`.',
            issue="swarm-engine-too-old",
        )


def refuse_proxy(name: str, network: Mapping[str, Any] | None) -> None:
    """Raise ConfigError if a service can't join the proxy's network. network: as the engine inspects it; None: none."""
    if network is None:  # the look at the proxy reports it
        return
    if network.get("Scope") != "swarm" or not network.get("Attachable"):
        kind = shown_in_line(str(network.get("Driver", "")))[:20]
        is_overlay = network.get("Scope") == "swarm"
        other = command_line("docker", "network", "create", "--driver", "overlay", "--attachable", f"{name}-swarm")
        raise ConfigError(
            f"sillytavern.proxy.network = {name!r} "
            + ("is no attachable overlay" if is_overlay else f"is a {kind} network of this machine alone")
            + ", which a service of Swarm can't join",
            hint=f"Run `{other}`, connect the proxy to it, and name it in `sillytavern.proxy.network`.",
            issue="swarm-setting-refused",
        )
