"""The pages in docs/ and beside it: their commands exist, their links lead somewhere, their figures are the code's."""

import re
from typing import get_args

import pytest

from stackctl import errors
from stackctl.backends import BACKENDS, koboldcpp
from stackctl.core.tavern import container as tavern
from tests.docs import generate
from tests.docs.prose import ROOT, Page, calls, page, wrong
from tests.words import faults_of_text

DOCS = tuple(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))
PAGES = (*(path.name for path in sorted(ROOT.glob("*.md"))), *DOCS, "images/README.md", "tests/standins/README.md")
GENERATED = ("docs/stack.md", "docs/cli.md", "docs/json.md")


def test_pages_are_found() -> None:
    assert {"README.md", "README.ja.md", "CHANGELOG.md", "CONTRIBUTING.md"} < set(PAGES)
    assert len(DOCS) > 12


def test_the_index_has_every_page() -> None:
    assert {f"docs/{link}" for link in page("docs/README.md").links if "/" not in link} == set(DOCS) - {
        "docs/README.md"
    }


@pytest.mark.parametrize("name", PAGES)
def test_every_call_of_stackctl_is_one_that_click_takes(name: str) -> None:
    here = page(name)
    messages = [row[0] for row in here.rows] if name == "docs/troubleshooting.md" else []
    for line in here.command_lines:
        for words in [] if any(f"`{line}`" in cell for cell in messages) else calls(line):
            assert not wrong(words), line


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


def test_every_command_has_a_row_in_the_table_of_commands_and_a_chapter() -> None:
    commands = [name for name in generate.commands() if name not in {"stackctl", "stackctl images", "stackctl models"}]
    text = page("docs/cli.md")
    assert [row[0].split("`")[1] for row in text.rows if "`stackctl " in row[0]] == commands
    assert set(commands) < {title for _, title in text.headings}


def test_images_and_versions_are_those_of_the_code() -> None:
    text = page("docs/backends.md").text
    for backend in BACKENDS.values():
        assert f"`{backend.NAME}`" in text
        assert all(f"`{alias}`" in text for alias in backend.ALIASES if alias != "llama.cpp")
        assert all(
            f"`{image.name.partition('@')[0]}`" in text for images in backend.IMAGES.values() for image in images
        )
    assert {program.version for program in koboldcpp.PROGRAMS.values()} == {"1.122.1"}
    assert "1.122.1" in text
    for program in koboldcpp.PROGRAMS.values():
        assert not program.size or f"{program.size >> 20} MiB" in text
        assert program.sha256 or f"`{program.url.rpartition('/')[2]}`" in text
    assert f"| SillyTavern | {tavern.IMAGE.rpartition(':')[2]} |" in page("docs/reliability.md").text


def test_the_changelog_is_kept_as_it_says() -> None:
    text = page("CHANGELOG.md")
    assert next(title for level, title in text.headings if level == 2) == "[Unreleased]"
    kinds = {title for level, title in text.headings if level == 3}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", *DOCS])
def test_prose_fits_the_line(name: str) -> None:
    if name in GENERATED:
        return
    lines = [line for line in page(name).plain.splitlines() if not line.startswith("|")]
    assert max(map(len, lines)) <= 130


@pytest.mark.parametrize("name", ["README.md", "images/README.md", *DOCS])
def test_prose_keeps_to_the_words_of_the_house(name: str) -> None:
    by_hand = page(name).plain.partition(generate.MADE)[0] if name not in GENERATED else ""
    assert not list(faults_of_text(re.sub(r"`[^`]+`", "X", by_hand)))


@pytest.mark.parametrize(
    "line",
    [
        "stackctl deploi",
        "stackctl deploy --modl x",
        "stackctl deploy --gpu amd",
        "stackctl init now",
        "stackctl models pul x",
        "stackctl use one two",
        "stackctl status --watch=3",
        "stackctl smoke --only everything",
        "stackctl deploy --model",
    ],
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


def test_json_md_names_each_kind_of_error_with_its_exit_code() -> None:
    rows = [row for row in page("docs/json.md").rows if row[1].isdecimal()]
    said = {kind: int(row[1]) for row in rows for kind in re.findall(r"`(\w+)`", row[0])}
    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.StackctlError)]
    classes = [one for one in found if one is not errors.StackctlError]
    assert said == {one.kind: one.exit_code for one in classes} | {"usage": 2}
    assert {one.kind for one in classes} == set(get_args(errors.Kind))
