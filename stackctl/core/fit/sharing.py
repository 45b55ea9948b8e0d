"""How several GPUs share the layers: each has some that follow each other, as llama.cpp places them."""

from collections.abc import Callable, Mapping, Sequence

_TOO_FULL = 1000.0  # times the weight of a GPU that is just full

# by the number of layers that are placed: the sum so far, and how many each GPU has
_Best = Mapping[int, tuple[float, tuple[int, ...]]]


def evenly(layers: int, room: Sequence[float], taken: Callable[[int, int, int], float]) -> tuple[int, ...]:
    """Return how many layers each GPU takes so that all are about equally full.

    That is where the sum of room times (taken / room) squared is the least, and no GPU takes more than its room if that
    is possible. taken: what (a GPU, with the layers from this one on, up to that one) takes, in the unit of room; more
    layers never take less.
    """
    best: _Best = {0: (0.0, ())}
    for gpu, size in enumerate(room):
        ends = range(layers + 1) if gpu < len(room) - 1 else [layers]
        best = {end: _up_to(end, best, gpu, size, taken) for end in ends}
    return best[layers][1]


def _up_to(
    end: int, before: _Best, gpu: int, size: float, taken: Callable[[int, int, int], float]
) -> tuple[float, tuple[int, ...]]:
    """Return the best way to place the layers up to `end` if this GPU has the last ones, of which it may have none.

    The more it has, the more it weighs: once that alone is more than the best sum, it need not try to have more.
    """
    found: tuple[float, tuple[int, ...]] | None = None
    for start in range(end, -1, -1):
        if start not in before:
            continue
        mine = _weight(taken(gpu, start, end), size)
        if found and mine > found[0]:
            break
        weight, counts = before[start]
        if not found or (weight + mine, (*counts, end - start)) < found:
            found = weight + mine, (*counts, end - start)
    assert found  # noqa: S101 - the first GPU may have all of them, a further one none
    return found


def _weight(taken: float, room: float) -> float:
    return taken * taken / room * (_TOO_FULL if taken > room else 1.0)
