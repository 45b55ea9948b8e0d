"""A Machine whose disk is real and whose engine and network are played."""

import io
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from stackctl.machine import Machine
from stackctl.ui import Ui
from tests.fakes import FakeDocker, FakeGpus, FakeHost, FakeHub, FakeOrchestrator, FakeSystem, FakeTavern, disk


@dataclass
class Quiet:
    """A machine and what it said, with the fakes that it is made of."""

    machine: Machine
    said: io.StringIO
    docker: FakeDocker
    host: FakeHost
    gpus: FakeGpus
    hub: FakeHub
    tavern: FakeTavern
    orchestrator: FakeOrchestrator
    system: FakeSystem


def quiet(folder: Path) -> Quiet:
    """A machine without GPUs, listeners or routes, on whose engine nothing runs."""
    said = io.StringIO()
    with redirect_stderr(said):
        ui = Ui()
    storage = disk(folder / "store")
    own = storage.folder(folder)
    docker, host, gpus, hub = FakeDocker(), FakeHost(), FakeGpus(), FakeHub()
    tavern, orchestrator, system = FakeTavern(), FakeOrchestrator(own, docker), FakeSystem()
    machine = Machine(
        path=folder,
        ui=ui,
        docker=docker,
        host=host,
        gpus=gpus,
        hub=hub,
        storage=storage,
        tavern=tavern,
        orchestrator=orchestrator,
        system=system,
        folder=own,
    )
    return Quiet(
        machine=machine,
        said=said,
        docker=docker,
        host=host,
        gpus=gpus,
        hub=hub,
        tavern=tavern,
        orchestrator=orchestrator,
        system=system,
    )
