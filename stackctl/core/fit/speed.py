"""How fast a model writes: the bytes that a token reads at each place, by the bandwidth of that place.

A token reads every weight once, of the experts those that are used, and the cache as far as it is filled. Of the token
tables it reads a row only, but all of an output layer that shares their tensor. The places follow one another, so that
their times add up.
"""

from dataclasses import dataclass
from typing import Final, Literal

from stackctl.contracts.host import Gpu, ReadSpeed
from stackctl.core.fit import Fit, Memory
from stackctl.core.fit.gpu_bandwidths import listed_gb_per_s

BEGINNING: Final = 512  # tokens of a chat that has just begun, and of the proof's
# GB/s where nothing is known: RAM with two channels; a middle-class GPU, or the slowest with so many MiB
_RAM: Final = 45.0
_GPU: Final = ((60_000, 1800.0), (39_000, 700.0), (0, 350.0))
# Parts of a bandwidth that decoding uses. Cores: measured with llama.cpp (Debian's 0.7.0; Q8_0, Q4_0, Q4_K and Q6_K,
# dense and with experts): a core decodes 4.4 to 6.0 GB/s where it reads 10 to 12. GPUs: by published tokens/s of 8B and
# 70B in Q4_K_M (github.com/XiongjieDai/GPU-Benchmarks-on-LLM-Inference), not proven here.
_OF_MEMORY: Final = 0.85
_OF_CORE: Final = 0.5
_LAYER_S: Final = 1e-4  # a layer's share of starting kernels and of threads that wait for one another
_LEAST_S: Final = 1e-3
_SPEEDS: Final = (
    (20.0, "much faster than you read"),
    (7.0, "faster than you read"),
    (3.0, "about as fast as you read"),
    (1.0, "slower than you read"),
    (0.0, "for the patient"),
)


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """How fast the memory of one place can be read, and how that is known."""

    gb_per_s: float
    source: Literal["nvml", "table", "measured", "assumed"]
    cores_gb_per_s: float = 0.0  # the sum of what each core reads alone; 0.0 for a GPU, or if unknown

    @property
    def used_gb_per_s(self) -> float:
        """Return how much of it decoding uses. Cores that are few or slow are busy before the memory is."""
        whole = self.gb_per_s * _OF_MEMORY
        return min(whole, self.cores_gb_per_s * _OF_CORE) if self.cores_gb_per_s else whole


@dataclass(frozen=True, kw_only=True)
class Bandwidths:
    """The bandwidths of all places. gpus: as far as they are known."""

    gpus: tuple[Bandwidth, ...] = ()
    ram: Bandwidth = Bandwidth(gb_per_s=_RAM, source="assumed")

    def gpu(self, number: int, mib: int) -> Bandwidth:
        """Return a GPU's; if it is unknown, what one with so much memory has at least."""
        return self.gpus[number] if number < len(self.gpus) else _assumed(mib)


def of_gpu(gpu: Gpu) -> Bandwidth:
    """Return what the driver reports; else what the table has; else what is assumed."""
    if gpu.gb_per_s:
        return Bandwidth(gb_per_s=gpu.gb_per_s, source="nvml")
    if listed := listed_gb_per_s(gpu.name, gpu.total_mib):
        return Bandwidth(gb_per_s=listed, source="table")
    return _assumed(gpu.total_mib)


def of_ram(measured: ReadSpeed | None, threads: int | None = None) -> Bandwidth:
    """Return what was measured, or is assumed. threads: as many as the backend computes with; None: one per core."""
    if measured is None:
        return Bandwidths().ram
    cores = min(threads or measured.cores, measured.cores)
    return Bandwidth(gb_per_s=measured.all_gb_per_s, source="measured", cores_gb_per_s=cores * measured.one_gb_per_s)


def _assumed(mib: int) -> Bandwidth:
    return Bandwidth(gb_per_s=next(speed for least, speed in _GPU if mib >= least), source="assumed")


def places(
    found: Fit, bandwidths: Bandwidths, totals_mib: tuple[int, ...], indices: tuple[int, ...] = ()
) -> tuple[tuple[str, Memory, Bandwidth], ...]:
    """Return the name, the memory and the bandwidth of each place that a token reads.

    totals_mib: of each GPU. indices: of each GPU on its machine; () if they are counted from 0 on.
    """
    several = len(found.devices) > 1
    gpus = (
        (
            f"GPU {indices[number] if indices else number}" if several else "GPU",
            one,
            bandwidths.gpu(number, totals_mib[number]),
        )
        for number, one in enumerate(found.devices[: len(totals_mib)])
    )
    return tuple(place for place in (*gpus, ("RAM", found.host, bandwidths.ram)) if place[1].read_mib)


def tokens_per_s(found: Fit, bandwidths: Bandwidths, totals_mib: tuple[int, ...], *, filled: int = BEGINNING) -> float:
    """Return about how many tokens a second it writes while `filled` tokens of the context are in use."""
    share = min(1.0, filled / max(1, found.settings.context))
    seconds = found.blocks * _LAYER_S
    for _, one, bandwidth in places(found, bandwidths, totals_mib):
        read = one.read_mib + one.kv_cache_mib * share + one.state_mib
        seconds += read * 2**20 / 1e9 / bandwidth.used_gb_per_s
    return 1 / max(seconds, _LEAST_S)


def speed(tokens: float) -> str:
    """Return the name of a class of speed, by tokens per second."""
    return next(words for least, words in _SPEEDS if tokens >= least)
