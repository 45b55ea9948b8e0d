"""A Machine whose folder is real and whose engine and network are none."""

import io
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path

from stackctl.contracts.host import Cpu
from stackctl.core.observed import Ram
from stackctl.effects.docker.engine import Engine
from stackctl.machine import Machine
from stackctl.ui import Ui


@dataclass
class Quiet:
    """A machine and what it said."""

    machine: Machine
    said: io.StringIO


def quiet(folder: Path) -> Quiet:
    """A machine without GPUs, listeners or routes; asking its engine would fail."""
    said = io.StringIO()
    with redirect_stderr(said):
        ui = Ui()
    machine = Machine(
        path=folder,
        ui=ui,
        engine=Engine(),
        gpus=lambda: (),
        cpu=Cpu,
        ram=lambda _: Ram(total_mib=16_384, free_mib=12_288),
        is_wsl=lambda: False,
        stacks=lambda _: frozenset(),
        listening=lambda _: {},
        routes=lambda: (),
        interfaces=dict,
        names=lambda: (),
        store=folder / "store",
    )
    return Quiet(machine=machine, said=said)
