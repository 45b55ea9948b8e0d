"""Whether the layers of a model are on the GPU after a start: by the backend's own report, and by the GPU's driver."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from stackctl.backends.contract import Buffer, Offloaded
from stackctl.core.gpu.layers import LayerVerdict

# GPUs that hold less than this share of what was planned hold nothing of the model; smaller sums are lost in what other
# programs take and free meanwhile
_NOTHING_SHARE: Final = 0.1
_LEAST_PLANNED_MIB: Final = 1024
# a difference of more than both is said: the sum is right to some percent, and the driver's own share varies by 300 MiB
_SHARE, _LEAST_MIB = 0.1, 300.0
_FULL_MIB: Final = 512  # with less free memory than this, the driver under WSL and Windows puts more into RAM
_HINT: Final = (
    "Run `stackctl logs` to see why its program found no GPU, and check that `backend.image` is one for this GPU. Or "
    "run on the CPU with `stackctl deploy --gpu none`."
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The offload that was planned. None: unknown. layers: as the backend counts them; None if it decides itself."""

    layers: int | None = None
    of: int | None = None  # all layers of the model, and the output


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """The memory of one GPU at a start, in MiB. None: unknown, or its driver does not tell."""

    uuid: str
    name: str
    planned_mib: int | None = None
    before_mib: int | None = None  # free before the start, with what the replaced backend held
    after_mib: int | None = None  # free after it
    held_mib: int | None = None  # by the container's processes

    @property
    def seen_mib(self) -> int | None:
        """Return what the backend takes, as the driver saw it: by its processes, else by the free memory."""
        if self.held_mib is not None:
            return self.held_mib
        return None if self.before_mib is None or self.after_mib is None else self.before_mib - self.after_mib


@dataclass(frozen=True, kw_only=True)
class Offload:
    """All that a start showed. reported: the layers in the log, report by report."""

    wanted: Wanted
    reported: tuple[Offloaded, ...] = ()
    buffers: tuple[Buffer, ...] = ()
    gpus: tuple[GpuUse, ...] = ()
    is_wsl: bool = False

    @property
    def layers(self) -> Offloaded | None:
        """Return the last report on the model itself, not on a draft model; None if there is none."""
        most = max((one.of for one in self.reported), default=0)
        of = self.wanted.of if any(one.of == self.wanted.of for one in self.reported) else most
        return next((one for one in reversed(self.reported) if one.of == of), None)


def is_early_failure(wanted: Wanted, reported: Offloaded) -> bool:
    """Return whether a report says for certain that no layer of the model is on a GPU.

    Where the number of its layers is unknown, the report may be on a draft model.
    """
    return reported.layers == 0 and reported.of == wanted.of


def judge(offload: Offload) -> LayerVerdict:
    """Return the verdict on the program: what proves that layers are on a GPU, or what shows that none are."""
    layers, weights = offload.layers, [one for one in offload.buffers if one.term == "weights"]
    if layers and len({one.layers > 0 for one in offload.reported if one.of == layers.of}) > 1:
        # the last one is of a trial's end, or of a text in the model that imitates a report: the driver knows
        found = _judge_memory(offload.gpus)
        if found.state != "not tried":
            return found
    if layers:
        says = f"{layers.layers} of {layers.of} layers are on the GPU, as the backend reports"
        return _verdict(says, is_on_gpu=layers.layers > 0)
    if weights:
        on_gpu = sum(one.mib for one in weights if one.device)
        where = f"{on_gpu:.0f} MiB of the weights are on the GPU" if on_gpu else "all weights are in RAM"
        return _verdict(f"{where}, as the backend reports", is_on_gpu=on_gpu > 0)
    return _judge_memory(offload.gpus)


def differences(offload: Offload) -> tuple[str, ...]:
    """Return a sentence for each difference from the plan that matters; () if there is none."""
    layers = offload.layers
    planned = min(offload.wanted.layers or 0, layers.of) if layers else 0
    if layers and 0 < layers.layers < planned:  # which explains the GPUs' figures
        found = f"{layers.layers} of {layers.of} layers are on the GPU, but {planned} were planned"
        return (f"{found}: the CPU computes the rest, which is slower",)
    return tuple(filter(None, (_difference(one, is_wsl=offload.is_wsl) for one in offload.gpus)))


def describe(offload: Offload) -> str:
    """Return what is on the GPUs, as a clause: the layers, and for each GPU what it holds and what was planned."""
    layers = offload.layers
    words = [f"{layers.layers} of {layers.of} layers on the GPU"] if layers else []
    for one in offload.gpus:
        if one.seen_mib is not None:
            planned = "" if one.planned_mib is None else f" ({one.planned_mib} planned)"
            words.append(f"{max(0, one.seen_mib)} MiB of {one.name}{planned}")
    return ", ".join(words)


def planned_mib(sums: Iterable[float], gpus: int) -> tuple[int | None, ...]:
    """Return the MiB planned on each of so many GPUs; None for each if the sums are for another number of them."""
    rounded = tuple(round(one) for one in sums)
    return rounded if len(rounded) == gpus else (None,) * gpus


def _judge_memory(gpus: tuple[GpuUse, ...]) -> LayerVerdict:
    """Return the verdict by the memory of the GPUs, where the backend reported nothing."""
    seen = [one.seen_mib for one in gpus if one.seen_mib is not None]
    planned = [one.planned_mib for one in gpus if one.planned_mib is not None]
    if not gpus or len(seen) < len(gpus):
        return _unproven("its driver does not tell what it holds")
    total, expected = max(0, sum(seen)), sum(planned)
    if expected < _LEAST_PLANNED_MIB or len(planned) < len(gpus):
        if any(one.held_mib for one in gpus):
            return _verdict(f"the GPU holds {total} MiB for the backend, as its driver reports", is_on_gpu=True)
        return _unproven("too little memory was planned there to tell it from that of other programs")
    says = f"the GPU holds {total} MiB for the backend, and {expected} were planned, as its driver reports"
    return _verdict(says, is_on_gpu=total > _NOTHING_SHARE * expected)


def _unproven(why: str) -> LayerVerdict:
    says = f"it is not proven that layers are on the GPU: the backend reports nothing, and {why}"
    return LayerVerdict(layer="program", state="not tried", says=says)


def _verdict(says: str, *, is_on_gpu: bool) -> LayerVerdict:
    if is_on_gpu:
        return LayerVerdict(layer="program", state="works", says=says)
    return LayerVerdict(layer="program", state="fails", says=says, hint=_HINT, issue="gpu-not-used")


def _difference(one: GpuUse, *, is_wsl: bool) -> str:
    seen, planned = one.seen_mib, one.planned_mib
    if seen is None or planned is None or abs(seen - planned) <= max(_LEAST_MIB, _SHARE * planned):
        return ""
    says = f"{one.name} holds {max(0, seen)} MiB for the backend, and {planned} were planned"
    others = "" if one.held_mib is not None else ", or another program {} memory meanwhile"
    if seen > planned:
        more = "the backend takes more than the sum" + others.format("took")
        return f"{says}: {more}; raise `gpu.reserve` in stack.toml to keep more free"
    if is_wsl and one.after_mib is not None and one.after_mib < _FULL_MIB:
        return (
            f"{says}, and only {one.after_mib} MiB are free: the driver under WSL has put the rest into RAM, which is "
            "slow; lower `backend.gpu_layers` or `backend.context`, or end programs that hold its memory"
        )
    return f"{says}: the sum was too careful" + others.format("freed")
