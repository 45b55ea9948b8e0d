"""The READMEs: short, the same in both languages, and what they show is so."""

import ast
import re
from functools import cache

import pytest

from stackctl import errors
from stackctl.core.model.demo_model import SENTENCE
from tests.docs.prose import ROOT, Page, page

READMES = ("README.md", "README.ja.md")
CODES = {0, 1, 2, 130} | {one.exit_code for one in errors.StackctlError.__subclasses__()}
_WORD, _KANA = r"[A-Za-z0-9]", r"[ぁ-んァ-ヶ一-龠]"


def without_remarks(content: str) -> list[str]:
    """A block's lines without comments, which may be in either language."""
    return [re.sub(r"\s+#.*", "", line) for line in content.splitlines()]


def codes(text: Page) -> list[int]:
    return [int(row[0]) for row in text.rows if row[0].isdigit()]


@pytest.mark.parametrize("name", READMES)
def test_a_readme_is_read_in_one_go(name: str) -> None:
    assert len(page(name).text.splitlines()) < 220


def test_both_readmes_have_the_same_blocks_in_the_same_order() -> None:
    english, japanese = ([(kind, without_remarks(content)) for kind, content in page(n).fences] for n in READMES)
    assert english == japanese
    assert len(english) > 10


def test_both_readmes_have_the_same_headings_tables_links_and_inline_code() -> None:
    english, japanese = (page(name) for name in READMES)
    assert [level for level, _ in english.headings] == [level for level, _ in japanese.headings]
    assert [len(row) for row in english.rows] == [len(row) for row in japanese.rows]
    assert set(english.spans) == set(japanese.spans)
    same = [sorted(link for link in one.links if link not in READMES) for one in (english, japanese)]
    assert same[0] == same[1]


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[1] for line in page(name).command_lines if (words := line.split())[0] == "make" and words[1:]}
    assert {"demo", "test", "demo-down"} <= named <= targets


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_exit_codes_is_that_of_the_errors(name: str) -> None:
    assert codes(page(name)) == sorted(CODES)


@cache
def said_by_the_code() -> str:
    """Every string of the program; the holes of an f-string are one character of their own."""
    found = []
    for path in sorted((ROOT / "stackctl").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                found.append("".join(str(v.value) if isinstance(v, ast.Constant) else "\0" for v in node.values))
    return "\n".join(found)


@pytest.mark.parametrize("name", READMES)
def test_the_run_that_is_shown_is_as_the_code_says_it_now(name: str) -> None:
    shown = next(content for kind, content in page(name).fences if kind == "console" and "--model demo" in content)
    assert f"it answered: {SENTENCE.strip()!r}" in shown
    forms = [re.escape(line).replace("\0", ".+") for line in said_by_the_code().splitlines()]
    known = re.compile("|".join(form for form in forms if len(form.replace(".+", "").strip()) > 4))
    for line in shown.splitlines()[1:]:
        assert not line or known.fullmatch(line.strip()), line


def test_the_picture_is_one_and_small() -> None:
    raw = (ROOT / "docs" / "sillytavern.png").read_bytes()
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(raw) < 300_000


def test_the_japanese_readme_has_a_blank_between_latin_and_japanese_letters() -> None:
    text = re.sub(r"\]\([^)]*\)", "]", page("README.ja.md").plain).replace("`", "")
    assert not re.findall(rf".{{8}}(?:{_WORD}{_KANA}|{_KANA}{_WORD}).{{8}}", text)


@pytest.mark.parametrize(
    "short", ["フォルダ", "メモリ", "サーバ", "ドライバ", "コンテナ", "ユーザ", "プロキシ", "レイヤ"]
)
def test_the_japanese_readme_writes_a_long_vowel_always(short: str) -> None:
    assert not re.findall(rf"{short}(?!ー)", page("README.ja.md").text)


def test_the_japanese_readme_asks_and_tells_politely_throughout() -> None:
    lines = [line for line in page("README.ja.md").plain.splitlines() if not line.startswith(("|", "#", "-", " ", "!"))]
    ends = [end for line in lines for end in re.findall(r"([^。]+)。", re.sub(r"（[^（）]*）", "", line))]
    assert len(ends) > 40
    assert not [end for end in ends if not end.endswith(("ます", "です", "ません", "ください", "ました"))]
