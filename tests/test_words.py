"""What the program says is plain English: each hint begins with a verb, and the house's forbidden words stay out."""

from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests import words
from tests.hints import Hint, Source

ROOT = Path(__file__).parents[1]
ROOMS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*(ROOT / "stackctl").iterdir(), ROOT / "images", ROOT / "compose-templates")
    if path.name != "__pycache__"
)


@cache
def all_hints() -> tuple[Hint, ...]:
    """Every hint of the program and of what brings up its engine."""
    engine = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "images" / "engine").glob("*.py")}
    return (*Source.of(ROOT / "stackctl").hints(), *Source(engine).hints())


def room(module: str) -> str:
    """The room of a module, as ROOMS has it."""
    above, _, rest = module.partition(".")
    name = f"{above}/{rest.partition('.')[0]}"
    return "images" if above != "stackctl" else name if name in ROOMS else f"{name}.py"


@pytest.mark.parametrize("name", ROOMS)
def test_every_hint_of_a_room_begins_with_a_verb_and_asks_nothing(name: str) -> None:
    faults = []
    for hint in all_hints():
        if room(hint.module) == name:
            said = [*words.faults_of_hint(hint.heads, hint.pieces), *(f"can't be followed: {one}" for one in hint.lost)]
            faults += [f"{hint.module}:{hint.line}: {one}" for one in said]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", ROOMS)
def test_no_text_of_a_room_uses_a_word_that_the_house_forbids(name: str) -> None:
    below = ROOT / name
    faults = [
        f"{path.relative_to(ROOT)}:{line}: {fault}"
        for path in sorted(below.rglob("*") if below.is_dir() else [below])
        if path.is_file() and path.suffix not in {".pyc", ".png"}
        for line, text in words.texts_of(path)
        for fault in words.faults_of_text(text)
    ]
    assert not faults, "\n".join(faults)


def test_hints_are_found_all_over_the_program() -> None:
    found = Counter(room(hint.module) for hint in all_hints())
    assert found["stackctl/core"] > 80
    assert found["stackctl/effects"] > 60
    assert found["stackctl/backends"] > 40
    assert found["stackctl/commands"] > 30
    assert found["images"] > 1


# -- the lint itself: each of these has one fault, or none

HEAD = """
from shop.words import LATER, advice
class Error(Exception):
    def __init__(self, message: str, *, hint: str = "") -> None: ...
"""
LISTS = """
LATER = "run it later"
def advice(x):
    if x:
        return "Run it."
    return f"{x} is wrong"
"""


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ('raise Error("no", hint="Run `stackctl logs`.")', ""),
        ('raise Error("no", hint="run `stackctl logs`")', "begins"),
        ('raise Error("no", hint="stackctl logs shows why")', "begins"),
        ('raise Error("no", hint="Run it. Is the disk full?")', "asks"),
        ('raise Error("no", hint="Open `http://localhost/?a=1`.")', ""),
        ('def f(x):\n    raise Error("no", hint=f"{x} is wrong")', "followed"),
        ('def f(x):\n    raise Error("no", hint=f"Remove {x}.")', ""),
        ('def f(x):\n    raise Error("no", hint="Run it." if x else "it is wrong")', "begins"),
        ('def f(x):\n    raise Error("no", hint="Run " + x)', ""),
        ('def f(x):\n    hint = "Run it."\n    if x:\n        hint = "wrong"\n    Error("no", hint=hint)', "begins"),
        ('raise Error("no", hint=LATER)', "begins"),
        ('raise Error("no", hint=advice(1))', "followed"),
        ('T = (("a", "b", "Run"), ("a", "b", "it"))\nfor _, says, hint in T:\n    Error(says, hint=hint)', "begins"),
        ('T = (("a", "b", "Run it."), ("a", "b", "Run"))\nfor _, says, hint in T:\n    Error(says, hint=hint)', ""),
        ('T = {"a": ("b", "Run"), "c": ("d", "it")}\n_, hint = T.get("a", ("", ""))\nError("", hint=hint)', "begins"),
        ('def f(says, hint):\n    raise Error(says, hint=hint)\nf("no", "it runs")', "begins"),
        ('def f(says, advice_):\n    raise Error(says, hint=advice_)\nf("no", advice_="it runs")', "begins"),
        ('Error("no").hint = "it runs"', "begins"),
        ('def f(says, hint="it runs"): ...', "begins"),
        ('says = "no\\nhint: it runs"', "begins"),
        ('raise Error("no", hint="; ".join(["Run it.", "it runs"]))', "begins"),
    ],
)  # fmt: skip
def test_a_hint_is_followed_to_its_words(code: str, fault: str) -> None:
    hints = [
        one for one in Source({"shop.words": LISTS, "shop.main": HEAD + code}).hints() if one.module == "shop.main"
    ]
    faults = [fault for one in hints for fault in words.faults_of_hint(one.heads, one.pieces)]
    faults += [f"can't be followed: {lost}" for one in hints for lost in one.lost]
    assert [bool(fault and fault in one) for one in faults] == ([True] if fault else []), faults


@pytest.mark.parametrize(
    "text",
    [
        "the user is told why", "it is not\nto be had", "likewise", "written anew", "in a folder of its own",
        "what of it is new",
        "nobody can chat with it", "nobody knows", "mend it", "take it out", "take its Section out",
        "its own words are above", "is it the right file", "no GPU is to be seen", "start goes on", "None: no such.",
        "it said nothing", "nothing is half-written",
    ],
)  # fmt: skip
def test_a_forbidden_word_is_found_wherever_it_stands(text: str) -> None:
    for code in (
        f"says = {text!r}",
        f"says = f{text!r}",
        f'"""{text}."""',
        f"x = 1  # {text.replace(chr(10), chr(10) + '# ')}",
    ):
        assert [fault for _, one in words.texts_of_python(code) for fault in words.faults_of_text(one)], code


@pytest.mark.parametrize("text", ["on the user nobody", "It holds the key.", "he went on the road", "recommended"])
def test_an_ordinary_word_is_let_pass(text: str) -> None:
    assert not list(words.faults_of_text(text.replace("the user nobody", "user nobody")))
