"""The READMEs and docs/ say what is so: commands, options, links, codes, versions, and the same in both languages."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from stackctl import errors
from stackctl.backends import BACKENDS, koboldcpp
from stackctl.core.model.demo_model import SENTENCE
from stackctl.core.tavern import container as tavern
from tests.docs import generate
from tests.docs.prose import ROOT, Page, calls, page, wrong

READMES = ("README.md", "README.ja.md")
DOCS = tuple(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))
PAGES = (*READMES, "CHANGELOG.md", *DOCS)
_NO_ROW = {"stackctl", "stackctl help", "stackctl images", "stackctl models"}
COMMANDS = [name for name in generate.commands() if name not in _NO_ROW]
CODES = {0, 1, 2, 130} | {one.exit_code for one in errors.StackctlError.__subclasses__()}


def without_remarks(content: str) -> list[str]:
    """A block's lines without comments, which may be in either language."""
    return [re.sub(r"\s+#.*", "", line) for line in content.splitlines()]


def codes(text: Page) -> list[int]:
    return [int(row[0]) for row in text.rows if row[0].isdigit()]


def test_both_readmes_have_the_same_blocks_in_the_same_order() -> None:
    english, japanese = ([(kind, without_remarks(content)) for kind, content in page(n).fences] for n in READMES)
    assert english == japanese
    assert len(english) > 5


def test_both_readmes_have_the_same_headings_tables_links_and_inline_code() -> None:
    english, japanese = (page(name) for name in READMES)
    assert [level for level, _ in english.headings] == [level for level, _ in japanese.headings]
    assert [len(row) for row in english.rows] == [len(row) for row in japanese.rows]
    assert set(english.spans) == set(japanese.spans)
    same = [sorted(link for link in one.links if link not in READMES) for one in (english, japanese)]
    assert same[0] == same[1]


@pytest.mark.parametrize("name", READMES)
def test_every_command_stands_in_the_table(name: str) -> None:
    first = [row[0] for row in page(name).rows]
    assert [cell.strip("`") for cell in first if cell.startswith("`stackctl ")] == COMMANDS


@pytest.mark.parametrize("name", PAGES)
def test_every_call_of_stackctl_names_what_exists(name: str) -> None:
    for line in page(name).command_lines:
        for words in calls(line):
            assert not wrong(words), line


@pytest.mark.parametrize("name", READMES)
def test_every_make_target_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {words[1] for line in page(name).command_lines if (words := line.split())[0] == "make" and words[1:]}
    assert {"demo", "test", "demo-down"} <= named <= targets


@pytest.mark.parametrize("name", PAGES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    here = page(name)
    for link in here.links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (here.path.parent / path).resolve() if path else here.path
        assert target.exists(), link
        if anchor:
            assert anchor in Page(path=target, text=target.read_text(encoding="utf-8")).anchors, link


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_exit_codes_is_that_of_the_errors(name: str) -> None:
    assert codes(page(name)) == sorted(CODES)


def test_troubleshooting_has_a_chapter_for_every_exit_code() -> None:
    titles = [text for _, text in page("docs/troubleshooting.md").headings]
    found = [int(title.split()[1].rstrip(":")) for title in titles if title.startswith("Exit ")]
    assert found == sorted(CODES - {0})


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


def test_troubleshooting_quotes_only_what_the_code_says() -> None:
    quotes = [span for row in page("docs/troubleshooting.md").rows for span in re.findall(r"`([^`]+)`", row[0])]
    assert len(quotes) > 30
    for quote in quotes:
        for piece in quote.split("..."):
            words = piece.partition(":")[0].strip() if ": No space" in piece else piece.strip(" ,")
            assert words in said_by_the_code(), quote


@pytest.mark.parametrize("name", READMES)
def test_the_table_of_keys_is_that_of_stack_toml(name: str) -> None:
    rows = {row[0].strip("`[]"): re.findall(r"`([^`]+)`", row[1]) for row in page(name).rows if len(row) == 2}
    named = {section: list(keys) for section, keys in generate.sections().items() if section}
    assert {section: rows.get(section) for section in named} == named
    assert list(generate.sections()[""]) in rows.values()


@pytest.mark.parametrize("name", READMES)
def test_images_and_versions_are_those_of_the_code(name: str) -> None:
    text = page(name).text
    for backend in BACKENDS.values():
        assert f"`{backend.NAME}`" in text
        assert all(f"`{alias}`" in text for alias in backend.ALIASES if alias != "llama.cpp")
        assert all(f"`{image.name}`" in text for image in backend.IMAGES.values())
    assert tavern.IMAGE.rpartition(":")[2] in text
    assert {program.version for program in koboldcpp.PROGRAMS.values()} == {"1.122.1"}
    assert "1.122.1" in text
    for program in koboldcpp.PROGRAMS.values():
        assert not program.size or f"{program.size >> 20} MiB" in text
        assert program.sha256 or f"`{program.url.rpartition('/')[2]}`" in text


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


def test_the_changelog_is_kept_as_it_says() -> None:
    text = page("CHANGELOG.md")
    assert next(title for level, title in text.headings if level == 2) == "[Unreleased]"
    kinds = {title for level, title in text.headings if level == 3}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("name", PAGES)
def test_prose_fits_the_line(name: str) -> None:
    if name in {"docs/stack.md", "docs/cli.md", "README.ja.md"}:
        return
    lines = [line for line in page(name).plain.splitlines() if not line.startswith("|")]
    assert max(map(len, lines)) <= 130


@pytest.mark.parametrize(
    "line", ["stackctl deploi", "stackctl deploy --modl x", "stackctl deploy --gpu amd", "stackctl init now"]
)
def test_a_call_of_what_does_not_exist_would_be_found(line: str) -> None:
    assert [wrong(words) for words in calls(line)] != [""]


def test_a_call_is_found_wherever_it_stands() -> None:
    line = (
        "A=1 stackctl -C x status --json | tee y && sudo true; if ! .venv/bin/stackctl down; then pipx install stackctl"
    )
    assert list(calls(line)) == [["-C", "x", "status", "--json"], ["down"]]
    assert list(calls('eval "$(stackctl completion bash)"')) == [["completion", "bash"]]
    assert list(calls("SillyTavern's settings")) == []


def test_pages_are_found() -> None:
    assert len(DOCS) >= 4
    assert all(Path(ROOT / name).exists() for name in PAGES)
