"""The places that ggml's allocator gives, and what it needs in all."""

from stackctl.core.fit.allocator import Allocator

_KIB = 1024


def test_places_follow_one_another() -> None:
    allocator = Allocator()
    assert [allocator.take(_KIB)[0], allocator.take(_KIB)[0]] == [0, _KIB]
    assert allocator.top == 2 * _KIB


def test_the_smallest_hole_that_is_large_enough_is_filled() -> None:
    allocator = Allocator()
    places = [allocator.take(size * _KIB) for size in (8, 1, 4, 1)]
    allocator.give(places[0])
    allocator.give(places[2])
    assert allocator.take(3 * _KIB) == (9 * _KIB, 3 * _KIB)
    assert allocator.top == 14 * _KIB


def test_what_fits_no_hole_makes_the_buffer_larger() -> None:
    """Two expert tensors of different types: the second, larger one does not fit the place of the first."""
    allocator = Allocator()
    first = allocator.take(4 * _KIB)
    allocator.take(_KIB)
    allocator.give(first)
    assert allocator.take(5 * _KIB)[0] == 5 * _KIB
    assert allocator.top == 10 * _KIB


def test_neighbours_that_are_free_become_one() -> None:
    allocator = Allocator()
    places = [allocator.take(_KIB) for _ in range(4)]
    for place in (places[0], places[2], places[1]):
        allocator.give(place)
    assert allocator.take(3 * _KIB)[0] == 0
    assert allocator.top == 4 * _KIB


def test_free_places_can_be_set_again() -> None:
    allocator = Allocator()
    place = allocator.take(_KIB)
    before = allocator.free
    allocator.give(place)
    allocator.free = before
    assert allocator.take(_KIB)[0] == _KIB
