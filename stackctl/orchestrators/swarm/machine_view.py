"""Memory, processor and GPUs as commands and steps see them while Swarm chooses the machine: those of the nodes."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from stackctl.contracts.host import Card, Cpu, Gpu, GpuReading, ReadSpeed
from stackctl.core.observed import Ram
from stackctl.orchestrators.swarm.nodes_seen import NodesSeen
from stackctl.ports import Gpus, Host

_P = ParamSpec("_P")
_R = TypeVar("_R")


def _same(method: Callable[Concatenate[Host, _P], _R]) -> "Callable[Concatenate[SwarmHost, _P], _R]":
    """Return a method that asks this machine, as without Swarm."""

    def asked(view: "SwarmHost", /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        found: _R = getattr(view.here, method.__name__)(*args, **kwargs)
        return found

    return asked


class SwarmHost:
    """The port Host: this machine, with the memory and processor of the nodes where the backend may run."""

    def __init__(self, here: Host, nodes: NodesSeen) -> None:
        self.here, self._nodes = here, nodes

    def cpu(self) -> Cpu:
        return self._nodes.cpu(self.here.cpu())

    def ram(self, container: int | None) -> Ram | None:
        """Return the memory of the weakest node; None before a look."""
        return self.here.ram(container) if self._nodes.runs_here_alone() else self._nodes.ram()

    def read_speed(self) -> ReadSpeed | None:
        """Return this machine's if no other runs the backend; None if it is not known."""
        return self.here.read_speed() if self._nodes.runs_here_alone() else None

    def gpu_variables(self) -> dict[str, str]:
        """Return {}: this machine's variables are not those of the nodes."""
        return {}

    is_wsl = _same(Host.is_wsl)
    container_kind = _same(Host.container_kind)
    hypervisor = _same(Host.hypervisor)
    identity = _same(Host.identity)
    names = _same(Host.names)
    time_zone = _same(Host.time_zone)
    interfaces = _same(Host.interfaces)
    bridges = _same(Host.bridges)
    addresses = _same(Host.addresses)
    routes = _same(Host.routes)
    routes_by_interface = _same(Host.routes_by_interface)
    listening = _same(Host.listening)
    listeners = _same(Host.listeners)
    free_port = _same(Host.free_port)
    is_open = _same(Host.is_open)
    ask_here = _same(Host.ask_here)
    render_template = _same(Host.render_template)
    node_processes = _same(Host.node_processes)
    ancestors = _same(Host.ancestors)
    wake = _same(Host.wake)
    browse = _same(Host.browse)
    new_key = _same(Host.new_key)
    new_password = _same(Host.new_password)


class SwarmGpus:
    """The port Gpus: those of the weakest node where the backend may run, as the last look saw them."""

    def __init__(self, here: Gpus, nodes: NodesSeen) -> None:
        self._here, self._nodes = here, nodes

    def list(self, *, waits: bool = True, within_s: float | None = None) -> tuple[Gpu, ...]:
        del waits, within_s
        return self._nodes.gpus()

    def cards(self) -> tuple[Card, ...]:
        """Return (): this machine's are not those of the nodes."""
        return ()

    def read(self, *, wakes: bool = True) -> tuple[GpuReading, ...]:
        """Return what this machine's GPUs do if no other runs the backend; () if they are not seen from here."""
        return self._here.read(wakes=wakes) if self._nodes.runs_here_alone() else ()

    def held(self, container: int) -> dict[str, int]:
        """Return what a container on this machine holds; {} if the backend may run elsewhere."""
        return self._here.held(container) if self._nodes.runs_here_alone() else {}
