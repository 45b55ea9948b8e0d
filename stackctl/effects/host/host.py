"""The port `Host`: everything that commands and steps need to know about this machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from stackctl.contracts.host import GPU_VARIABLES, Cpu, ReadSpeed
from stackctl.contracts.request import Request
from stackctl.core.observed import HostIdentity, ProbeResult, Ram
from stackctl.effects.host import (
    browser,
    host_identity,
    memory,
    names,
    network,
    processes,
    processor,
    random_secrets,
    time_zone,
    wake_on_lan,
)
from stackctl.effects.host.container_kind import container_kind
from stackctl.secret import Secret

if TYPE_CHECKING:
    from stackctl.core.tavern.talks import Request as TemplateRequest


@dataclass(frozen=True)
class ThisHost:
    """The machine that we run on. `probe`: asks a URL from here; `render`: renders a chat template."""

    probe: Callable[[str, tuple[Request, ...], Secret | None], ProbeResult]
    render: "Callable[[TemplateRequest], tuple[str | None, ...] | str]"

    def cpu(self) -> Cpu:
        return processor.cpu()

    def ram(self, container: int | None) -> Ram:
        return memory.ram(container)

    def read_speed(self) -> ReadSpeed | None:
        from stackctl.effects.host.read_speed import read_speed

        return read_speed()

    def render_template(self, request: "TemplateRequest") -> "tuple[str | None, ...] | str":
        return self.render(request)

    def is_wsl(self) -> bool:
        return host_identity.is_wsl()

    def container_kind(self) -> str:
        return container_kind()

    def hypervisor(self) -> str:
        return processor.hypervisor()

    def gpu_variables(self) -> dict[str, str]:
        return {name: os.environ[name] for name in GPU_VARIABLES if os.environ.get(name)}

    def identity(self, gateway: str) -> HostIdentity:
        return host_identity.host_identity(gateway)

    def names(self) -> tuple[str, ...]:
        return names.names()

    def time_zone(self) -> str:
        return time_zone.time_zone()

    def interfaces(self) -> dict[str, tuple[str, ...]]:
        return network.interfaces()

    def bridges(self) -> frozenset[str]:
        return network.bridges()

    def addresses(self) -> tuple[str, ...]:
        return network.addresses()

    def routes(self) -> tuple[IPv4Network, ...]:
        return network.routes()

    def routes_by_interface(self) -> tuple[tuple[str, IPv4Network], ...]:
        return network.routes_by_interface()

    def listening(self, address: str) -> dict[int, str]:
        return network.listening(address)

    def listeners(self, port: int) -> tuple[str, ...]:
        return network.listeners(port)

    def free_port(self) -> int:
        return network.free_port()

    def is_open(self, address: str, port: int) -> bool:
        return network.is_open(address, port)

    def ask_here(self, url: str, requests: tuple[Request, ...], key: Secret | None) -> ProbeResult:
        return self.probe(url, requests, key)

    def node_processes(self, folder: Path) -> tuple[int, ...]:
        return processes.node_processes(folder)

    def ancestors(self, process: int) -> tuple[int, ...]:
        return processes.ancestors(process)

    def wake(self, mac: str, target: str) -> None:
        wake_on_lan.wake_on_lan(mac, target)

    def browse(self, url: str) -> bool:
        return browser.open_browser(url)

    def new_key(self) -> Secret:
        return random_secrets.new_key()

    def new_password(self) -> Secret:
        return random_secrets.new_password()
