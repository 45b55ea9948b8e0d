"""How several GPUs share the layers: each has some that follow each other, as llama.cpp places them."""

from collections.abc import Callable, Sequence

_TOO_FULL = 1000.0  # times the weight of a GPU that is just full


def evenly(layers: int, room: Sequence[float], taken: Callable[[int, int, int], float]) -> tuple[int, ...]:
    """Return how many layers each GPU takes so that all are about equally full.

    That is where the sum of room times (taken / room) squared is the least, and no GPU takes more than its room if that
    is possible. taken: what (a GPU, with the layers from this one on, up to that one) takes, in the unit of room.
    """
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}  # by the number of layers that are placed
    for gpu, size in enumerate(room):
        ends = range(layers + 1) if gpu < len(room) - 1 else [layers]
        best = {
            end: min(
                (weight + _weight(taken(gpu, start, end), size), (*counts, end - start))
                for start, (weight, counts) in best.items()
                if start <= end
            )
            for end in ends
        }
    return best[layers][1]


def _weight(taken: float, room: float) -> float:
    return taken * taken / room * (_TOO_FULL if taken > room else 1.0)
