"""The catalogue is whole, and what it proposes suits the machine and the reader."""

import re
from pathlib import Path

import pytest

import stackctl
from stackctl.backends import llamacpp
from stackctl.core.advice import catalogue
from stackctl.core.advice.catalogue import parse, shape_of
from stackctl.core.advice.ranking import suggestions
from stackctl.core.advice.suggestion import Suggestion
from stackctl.core.fit.choice import Room, Wanted
from stackctl.core.hub.source import parse as source_of
from stackctl.core.model.model import Header
from stackctl.core.tavern import prompt_templates

TEXT = (Path(stackctl.__file__).parent / catalogue.FILE).read_text(encoding="utf-8")
CATALOGUE = parse(TEXT)


def best(gpus: tuple[int, ...] = (), ram: int = 64_000, language: str = "en", context: int | None = None) -> Suggestion:
    room = Room(gpus_mib=gpus, ram_mib=ram)
    wanted = Wanted(slots=1, device="cuda" if gpus else "cpu")
    found = suggestions(CATALOGUE, llamacpp.MEMORY, room, language=language, context=context, wanted=wanted)
    return found[0]


def test_it_is_dated_and_covers_the_sizes() -> None:
    assert re.fullmatch(r"20\d\d-\d\d-\d\d", CATALOGUE.date)
    sizes = [one.billions for one in CATALOGUE.entries]
    assert min(sizes) < 1.5
    assert max(sizes) > 120
    names = " ".join(one.repo for one in CATALOGUE.entries)
    assert "Kunoichi-DPO-v2-7B" in names
    assert "Mixtral-8x7B" in names


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda one: one.name)
def test_an_entry_is_whole_and_its_numbers_agree(entry: catalogue.Entry) -> None:
    assert source_of(f"hf:{entry.repo}:{entry.quants[0]}") is not None
    assert entry.source.startswith("https://")
    assert entry.licence
    assert entry.languages
    assert set(entry.quants) <= set(CATALOGUE.bits)
    assert entry.good <= entry.context
    assert prompt_templates.choose_template(entry.template, Header(format="gguf"), "x") is not None
    weights = shape_of(entry, 8.0).weights / 1e9
    assert weights == pytest.approx(entry.billions, rel=0.03)  # 8 bits: a byte for each parameter


@pytest.mark.parametrize(
    ("gpus", "ram", "at_least"),
    [((), 4_000, 1), ((), 16_000, 7), ((8_000,), 32_000, 8), ((16_000,), 64_000, 12), ((24_000,), 64_000, 23),
     ((48_000,), 128_000, 45), ((96_000,), 128_000, 70)],
)  # fmt: skip
def test_a_larger_machine_gets_a_larger_model(gpus: tuple[int, ...], ram: int, at_least: float) -> None:
    found = best(gpus, ram)
    assert found.billions >= at_least
    assert found.choice.fits
    assert found.bits >= 4.5


def test_a_reader_of_japanese_gets_a_model_for_it_and_twice_the_context() -> None:
    found = best((24_000,), language="ja")
    assert "ja" in found.languages
    assert found.context == 16_384


def test_the_wanted_context_is_met() -> None:
    assert best((24_000,), context=32_768).context == 32_768


def test_where_nothing_fits_nothing_is_proposed() -> None:
    room = Room(gpus_mib=(), ram_mib=500)
    wanted = Wanted(slots=1, device="cpu")
    assert suggestions(CATALOGUE, llamacpp.MEMORY, room, language="en", context=None, wanted=wanted) == ()
