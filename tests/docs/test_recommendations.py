"""Each row of docs/recommendations.md keeps the rules that it names, and each of these checks can fail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from stackctl.core.advice import proposals, ranking
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.catalogue.entry import Entry
from stackctl.core.catalogue.header import shape_of
from stackctl.core.fit.choice import choose
from stackctl.core.fit.speed import Bandwidth, Bandwidths
from stackctl.core.hub import labels
from tests.docs import generate
from tests.docs.recommendations import CHOICES, Row, asked, catalogue, row

Rule = Callable[[Row], Iterator[str]]


def entry_of(one: Suggestion) -> Entry:
    return next(entry for entry in catalogue().entries if entry.name == one.name)


def has_three_choices(of: Row) -> Iterator[str]:
    if len(of.choices) < CHOICES:
        yield f"{len(of.choices)} choices"


def fits_with_enough_context(of: Row) -> Iterator[str]:
    yield from (one.name for one in of.choices if not one.choice.fits or one.choice.settings.context < 8192)


def is_fast_enough(of: Row) -> Iterator[str]:
    least = 10 if of.gpus else 5
    yield from (one.name for one in of.choices if one.tokens_per_s < least)


def has_at_most_six_bits(of: Row) -> Iterator[str]:
    yield from (one.label for one in of.choices if labels.bits(one.label) > 6)


def is_loaded_by_the_build(of: Row) -> Iterator[str]:
    for one in of.choices:
        if of.stack.lacks(entry_of(one).header) or not proposals.loads(entry_of(one), of.stack):
            yield one.name


def is_of_different_families(of: Row) -> Iterator[str]:
    if len({entry_of(one).family or one.name for one in of.choices}) < len(of.choices):
        yield "two of one family"


def speaks_the_language(of: Row) -> Iterator[str]:
    for one in of.choices:
        first, *others = one.languages
        if of.language != first and (of.language == "en" or of.language not in others):
            yield one.name


def is_of_no_lesser_rank_than_what_runs_as_well(of: Row) -> Iterator[str]:
    """Find a model that is clearly better ranked, and runs here with four bits and the speed that is asked."""
    best = of.choices[0]
    for entry, rank in _loaded(of):
        if rank > best.rank + ranking.ALIKE and (one := _at_four_bits(of, entry)) and _runs(of, one):
            yield f"{entry.name} {rank}"


def lies_on_the_gpu_where_one_of_that_rank_does(of: Row) -> Iterator[str]:
    best = of.choices[0]
    if not of.gpus or best.lies == "gpu":
        return
    for entry, rank in _loaded(of):
        if rank < best.rank:
            continue
        if (one := _at_four_bits(of, entry)) and one.lies == "gpu" and _runs(of, one):
            yield f"{entry.name} {rank}"


RULES: tuple[Rule, ...] = (
    has_three_choices,
    fits_with_enough_context,
    is_fast_enough,
    has_at_most_six_bits,
    is_loaded_by_the_build,
    is_of_different_families,
    speaks_the_language,
    is_of_no_lesser_rank_than_what_runs_as_well,
    lies_on_the_gpu_where_one_of_that_rank_does,
)


def _loaded(of: Row) -> Iterator[tuple[Entry, float]]:
    for entry in catalogue().entries:
        if proposals.loads(entry, of.stack) and (rank := ranking.rank(entry, of.purpose, of.language)):
            yield entry, rank


def _at_four_bits(of: Row, entry: Entry) -> Suggestion | None:
    """Return an entry in its smallest quantisation of four bits, as it runs there; None if it has none, or no room."""
    sizes = {label: catalogue().bits[label] for label in entry.files if labels.bits(label) == 4}
    label = min(sizes, key=lambda one: sizes[one], default="")
    memory = (sum(of.room.gpus_mib) + of.room.ram_mib) * 2**20
    if not label or entry.billions * 1e9 * sizes[label] / 8 > memory:
        return None
    return _as_it_runs(entry.name, label, of.gpus, of.ram)


@cache
def _as_it_runs(name: str, label: str, gpus: tuple[int, ...], ram: int) -> Suggestion:
    entry = next(one for one in catalogue().entries if one.name == name)
    machine = Row(gpus=gpus, ram=ram, purpose="general", language="en", choices=())
    wanted = replace(machine.wanted, usable=entry.good)
    choice = choose(shape_of(entry, label), wanted, machine.stack.reserves, machine.room, has_alternatives=False)
    sample = row((), 8, "roleplay", "en").choices[0]
    return replace(sample, name=name, label=label, choice=choice, context=choice.settings.context)


def _runs(of: Row, one: Suggestion) -> bool:
    return one.choice.fits and one.context >= 8192 and one.tokens_per_s >= (10 if of.gpus else 5)


def test_the_page_is_up_to_date_and_each_row_keeps_every_rule() -> None:
    """One test, because all of it needs every row, which takes time."""
    written = (generate.DOCS / generate.RECOMMENDATIONS).read_text(encoding="utf-8")
    assert written == generate.recommendations_page(), "run: python -m tests.docs.generate"
    every = [row(*one) for one in asked()]
    assert [(str(one), rule.__name__, fault) for one in every for rule in RULES for fault in rule(one)] == []


def large() -> Row:
    return row((80,), 128, "general", "en")


def with_best(of: Row, **values: object) -> Row:
    return replace(of, choices=(replace(of.choices[0], **values), *of.choices[1:]))  # type: ignore[arg-type]


def on_the_cpu() -> Row:
    return with_best(large(), rank=1.0, choice=row((), 8, "general", "en").choices[0].choice)


def with_choice(of: Row, **values: object) -> Row:
    return with_best(of, choice=replace(of.choices[0].choice, **values))  # type: ignore[arg-type]


def with_short_context() -> Row:
    fit = large().choices[0].choice.fit
    return with_choice(large(), fit=replace(fit, settings=replace(fit.settings, context=4096)))


def with_an_old_build() -> Row:
    old = replace(large(), build="b9191")
    return with_best(old, name=next(one.name for one in catalogue().entries if not proposals.loads(one, old.stack)))


SLOW = Bandwidths(gpus=(Bandwidth(gb_per_s=1, source="nvml"),))
BROKEN: tuple[tuple[Rule, Callable[[], Row]], ...] = (
    (has_three_choices, lambda: replace(large(), choices=large().choices[:2])),
    (fits_with_enough_context, with_short_context),
    (fits_with_enough_context, lambda: with_choice(large(), fits=False)),
    (is_fast_enough, lambda: with_choice(large(), room=replace(large().room, bandwidths=SLOW))),
    (has_at_most_six_bits, lambda: with_best(large(), label="Q8_0")),
    (is_loaded_by_the_build, with_an_old_build),
    (is_of_different_families, lambda: replace(large(), choices=(large().choices[0], *large().choices))),
    (speaks_the_language, lambda: with_best(large(), languages=("ja", "en"))),
    (speaks_the_language, lambda: replace(large(), language="xx")),
    (is_of_no_lesser_rank_than_what_runs_as_well, lambda: with_best(large(), rank=1.0)),
    (lies_on_the_gpu_where_one_of_that_rank_does, on_the_cpu),
)


@pytest.mark.parametrize(("rule", "broken"), BROKEN, ids=lambda one: one.__name__)
def test_each_rule_can_fail(rule: Rule, broken: Callable[[], Row]) -> None:
    assert list(rule(large())) == []
    assert list(rule(broken())) != []


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule for rule, _ in BROKEN} == set(RULES)
