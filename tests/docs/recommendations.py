"""The page of what `stackctl models recommend` proposes for usual machines."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import stackctl
from stackctl import backends
from stackctl.contracts.service import CPU
from stackctl.core.advice import proposals
from stackctl.core.advice.can_load import BackendBuild, chosen_build
from stackctl.core.advice.ranking import ALIKE, FEW_BITS_COST, LEAST_ON_CPU, LEAST_ON_GPU
from stackctl.core.advice.suggestion import Purpose, Suggestion
from stackctl.core.catalogue.entry import FILE, Catalogue
from stackctl.core.catalogue.parse import parse
from stackctl.core.fit.choice import Room, Wanted
from stackctl.core.fit.speed import Bandwidths

CHOICES: Final = 3
_HELD_VRAM_MIB, _HELD_RAM_MIB = 460, 2560  # of each GPU, and of the RAM: by a desktop and the system
# GB of each GPU, and of RAM
_MACHINES: Final[tuple[tuple[tuple[int, ...], int], ...]] = (
    ((), 8), ((), 16), ((), 32), ((), 64),
    ((6,), 16), ((8,), 16), ((8,), 32), ((10,), 32), ((12,), 32), ((12,), 64), ((16,), 32), ((16,), 64), ((24,), 32),
    ((24,), 64), ((32,), 64), ((48,), 128), ((24, 24), 64), ((80,), 128),
)  # fmt: skip
_TABLES: Final[tuple[tuple[str, Purpose, str], ...]] = (
    ("Roleplay in English", "roleplay", "en"),
    ("General use in English", "general", "en"),
    ("Roleplay in Japanese", "roleplay", "ja"),
)
_LIES: Final = {"gpu": "GPU", "experts": "GPU, some experts in RAM", "split": "GPU and RAM", "cpu": "CPU"}
_ABOUT: Final = """\
# What stackctl proposes

Computed by the code that `stackctl models recommend` runs, for machines of which the desktop and the system hold
{vram} MiB of each GPU and {ram_gib} GiB of RAM. Models and ranks are those of the
[catalogue](../stackctl/catalogue.toml) of {date}; the ranks, from 0 to 100, are judged from the scores that it lists.
The backend is llama.cpp {builds}, as a new stack takes it where the driver is new enough.

No model was timed for this page. The speeds are those of a chat of 8192 tokens, by fixed bandwidths:

| memory | GB/s |
|---|---|
{bandwidths}
A card may be much faster than that: on your machine stackctl counts with what its driver reports or a table has, and
with what its RAM does.

What comes first:

1. Only what the build loads, with a context of 8192 tokens or more, and with {on_gpu:.0f} tokens/s or more where there
   is a GPU, {on_cpu:.0f} on a CPU.
2. The rank for the purpose and the language. Up to {alike:.0f} points are no difference: of such models the one that
   lies wholly on the GPU comes first, then one that writes fast with its experts in RAM, then the others.
3. At most Q6_K, and on the GPU as many bits as leave room for 16384 tokens. What lies in RAM has four bits, unless it
   is very fast, because each further one costs speed. A model below four bits has to be more than {few:.0f} points
   better, and is not split.
4. One model of a family. For English no model whose first language is another.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A machine, what is asked, and what it gets."""

    gpus: tuple[int, ...]  # GB
    ram: int  # GB
    purpose: Purpose
    language: str
    choices: tuple[Suggestion, ...]
    build: str = ""  # of llama.cpp; "": the one that a new stack takes

    @property
    def room(self) -> Room:
        return Room(
            gpus_mib=tuple(1024 * one - _HELD_VRAM_MIB for one in self.gpus),
            totals_mib=tuple(1024 * one for one in self.gpus),
            ram_mib=1024 * self.ram - _HELD_RAM_MIB,
            ram_total_mib=1024 * self.ram,
        )

    @property
    def stack(self) -> BackendBuild:
        """Return the build that a new stack takes there."""
        backend = backends.BACKENDS[backends.DEFAULT]
        variant = "cuda" if self.gpus else CPU
        return BackendBuild(backend=backend, variant=variant, build=self.build or chosen_build(backend, variant))

    @property
    def wanted(self) -> Wanted:
        return Wanted(slots=1, device="cuda" if self.gpus else "cpu")

    def __str__(self) -> str:
        several = f"{len(self.gpus)}x " if len(self.gpus) > 1 else ""
        gpu = f"GPU {several}{self.gpus[0]} GB" if self.gpus else "CPU"
        return f"{gpu}, RAM {self.ram} GB"


@cache
def catalogue() -> Catalogue:
    return parse((Path(stackctl.__file__).parent / FILE).read_text(encoding="utf-8"))


def asked() -> Iterator[tuple[tuple[int, ...], int, Purpose, str]]:
    """Yield the GPUs, the RAM, the purpose and the language of each row."""
    for _, purpose, language in _TABLES:
        for gpus, ram in _MACHINES:
            yield gpus, ram, purpose, language


@cache
def row(gpus: tuple[int, ...], ram: int, purpose: Purpose, language: str) -> Row:
    """Return a row with its choices."""
    empty = Row(gpus=gpus, ram=ram, purpose=purpose, language=language, choices=())
    loaded = tuple(one for one in catalogue().entries if proposals.loads(one, empty.stack))
    found = proposals.suggestions(
        replace(catalogue(), entries=loaded), empty.stack.reserves, empty.room,
        purpose=purpose, language=language, wanted=empty.wanted,
    )  # fmt: skip
    return replace(empty, choices=found[:CHOICES])


def page() -> str:
    builds = {row(*one).stack.build for one in asked()}
    cards = sorted({size for gpus, _ in _MACHINES for size in gpus})
    memories = [("RAM", Bandwidths().ram.gb_per_s)]
    memories += [(f"a GPU with {one} GB", Bandwidths().gpu(0, 1024 * one).gb_per_s) for one in cards]
    about = _ABOUT.format(
        vram=_HELD_VRAM_MIB,
        ram_gib=_HELD_RAM_MIB / 1024,
        date=catalogue().date,
        builds=" or ".join(sorted(builds)),
        bandwidths="".join(f"| {name} | {rate:.0f} |\n" for name, rate in memories),
        on_gpu=LEAST_ON_GPU,
        on_cpu=LEAST_ON_CPU,
        alike=ALIKE,
        few=FEW_BITS_COST,
    )
    return about + "".join(_table(*table) for table in _TABLES)


def _table(title: str, purpose: Purpose, language: str) -> str:
    mine = [row(gpus, ram, purpose, language) for gpus, ram in _MACHINES]
    lines = [f"\n## {title}\n", "| machine | best | second | third |", "|---|---|---|---|"]
    lines += [f"| {one} | {' | '.join(_cells(one))} |" for one in mine]
    return "\n".join(lines) + "\n"


def _cells(of: Row) -> Iterator[str]:
    for one in of.choices:
        speed = f"{one.tokens_per_s:.0f} tokens/s"
        yield f"**{one.name}** {one.label}, {one.context} tokens, {speed}, {_LIES[one.lies]}"
    yield from [""] * (CHOICES - len(of.choices))
