"""Every issue has a page that says what it means and what to do, and everything that fails names one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from stackctl import errors
from stackctl.issues import ISSUES, speed
from stackctl.issues.issue import Issue
from stackctl.report.issue_page import issue_page
from tests.docs import issue_pages
from tests.docs.prose import ROOT, calls, wrong

_PROGRAM = ROOT / "stackctl"


def _texts(one: Issue) -> tuple[str, ...]:
    return (one.meaning, one.seen, one.repair, *filter(None, (one.undo,)))


def test_ids_are_words_with_hyphens_and_each_stands_in_one_area() -> None:
    found = [one.id for area in issue_pages.AREAS for one in area.ISSUES]
    assert sorted(found) == sorted(set(found)) == sorted(ISSUES)
    assert all(re.fullmatch(r"[a-z]+(-[a-z0-9]+)+", one) for one in found)
    assert {one.kind for one in ISSUES.values()} <= set(get_args(errors.Kind))


@pytest.mark.parametrize("one", ISSUES.values(), ids=list(ISSUES))
def test_an_issue_says_what_it_means_how_it_is_found_out_and_what_to_do(one: Issue) -> None:
    assert one.title
    assert not one.title.endswith(".")
    for text in _texts(one):
        assert re.search(r"[.](?: |$)", text), text
        assert re.fullmatch(r".*[.)]", text), "sentences"
        assert text.count("`") % 2 == 0
    assert all(source.startswith("https://") for source in one.sources)


@pytest.mark.parametrize("one", ISSUES.values(), ids=list(ISSUES))
def test_every_command_of_stackctl_in_an_issue_is_one_that_click_takes(one: Issue) -> None:
    for text in _texts(one):
        for span in re.findall(r"`([^`]+)`", text):
            for words in calls(span):
                assert not wrong(words), span


def _named() -> Iterator[tuple[str, str]]:
    """(file, id) wherever the program gives an issue by name: as `issue=`, or as the default of a field or class."""
    for path in sorted(_PROGRAM.rglob("*.py")):
        if path.parent.name == "issues":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value: ast.expr | None = None
            if isinstance(node, ast.keyword) and node.arg == "issue":
                value = node.value
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                value = node.value if any(getattr(one, "id", "") == "issue" for one in targets) else None
            yield from ((str(path.relative_to(_PROGRAM)), one) for one in _choices(value) if one)


def _choices(value: ast.expr | None) -> Iterator[str]:
    """The fixed texts that an expression may become."""
    if isinstance(value, ast.IfExp):
        value = ast.BoolOp(op=ast.Or(), values=[value.body, value.orelse])
    if isinstance(value, ast.BoolOp):
        for one in value.values:
            yield from _choices(one)
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value


def _words() -> frozenset[str]:
    """Every text of the program outside of the issues themselves."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in _modules())
    return frozenset(
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _modules() -> Iterator[Path]:
    return (path for path in _PROGRAM.rglob("*.py") if path.parent.name != "issues")


def test_every_issue_that_the_program_names_exists() -> None:
    named = set(_named()) | {(one.file, one.issue) for one in issue_pages.named() if one.issue}
    assert len(named) > 200
    assert not {one for one in named if one[1] not in ISSUES}


def test_every_issue_is_named_by_the_program() -> None:
    assert not ISSUES.keys() - _words()


def test_every_class_of_errors_names_an_issue_of_its_kind() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.StackctlError)]
    classes.remove(errors.StackctlError)
    assert len(classes) > 10
    for one in classes:
        if one is errors.Interrupted:
            assert not one.issue
        elif one is errors.SeveralModels:  # the same issue as for no model, which is a mistake in stack.toml
            assert one.issue == "model-not-named"
        else:
            assert errors.exit_code_of(ISSUES[one.issue].kind) in {one.exit_code, 4 if one is errors.Taken else 0, 8}


def test_a_page_for_a_terminal_has_all_parts_in_lines_that_fit() -> None:
    text = issue_page(ISSUES["engine-permission"])
    assert text.startswith(
        "engine-permission: this user may not use the engine's socket (exit code 4)\n\nDocker runs, "
    )
    assert "\n\nWhat to do\n  `sudo usermod -aG docker $USER`, then log out" in text
    assert "\n\nThe way back\n  `sudo gpasswd -d $USER docker`" in text
    assert text.endswith("\n\nSources\n  https://docs.docker.com/engine/install/linux-postinstall/")
    assert max(map(len, text.splitlines())) <= 100
    assert "The way back" not in issue_page(ISSUES["engine-refused"])


def test_no_page_is_left_of_an_issue_that_is_gone() -> None:
    assert {f"issues/{path.name}" for path in (ROOT / "docs" / "issues").iterdir()} == set(issue_pages.names())


def _calls_with(tree: ast.AST, names: set[str]) -> Iterator[tuple[ast.Call, dict[str, object]]]:
    """Give each call that names one of these issues, with what else is constant in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            constants = [(one.arg, one.value) for one in node.keywords if isinstance(one.value, ast.Constant)]
            given: dict[str, object] = {str(name): value.value for name, value in constants}
            if given.get("issue") in names:
                yield node, given


def test_no_command_fails_by_what_is_called_a_warning() -> None:
    warnings = {name for name, one in ISSUES.items() if one.is_warning}
    assert {one.id for one in speed.ISSUES} <= warnings
    for path in _PROGRAM.rglob("*.py"):
        for call, given in _calls_with(ast.parse(path.read_text(encoding="utf-8")), warnings):
            is_slow = isinstance(call.func, ast.Name) and call.func.id == "Slowdown"
            assert is_slow or given.get("severity") == "warning", f"{path.name}:{call.lineno}"


def test_the_page_of_a_warning_names_no_exit_code() -> None:
    assert issue_page(ISSUES["processor-busy"]).startswith(
        "processor-busy: other programs use the processors (a warning)"
    )
    assert ISSUES["engine-not-running"].exit_code == 4
