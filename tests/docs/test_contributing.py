"""What those who carry on find: each name of the backend contract, hooks that run, forms, and how to report."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from stackctl.backends import BACKENDS, contract
from stackctl.backends.contract import Backend
from stackctl.contracts import judge, sleeper
from tests.docs.prose import ROOT, calls, page, wrong

GITHUB = ROOT / ".github"
FORMS = sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml"))
HOOKS = [
    hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    for hook in repository["hooks"]
]
PYTHON = ".venv/bin/python"  # what `make` makes


def names_of_the_contract() -> set[str]:
    kinds = (Backend, judge.Judge, sleeper.Sleeper)
    return {name for one in kinds for name in (*vars(one), *one.__annotations__) if not name.startswith("_")}


def rows() -> dict[str, list[str]]:
    """Each row of the page by its name."""
    return {row[0].strip("`"): row for row in page("docs/backend-contract.md").rows if row[0].startswith("`")}


def test_each_name_of_the_contract_has_a_row_with_what_it_is_a_start_and_an_example() -> None:
    assert len(names_of_the_contract()) > 30
    assert set(rows()) == names_of_the_contract()
    for name, row in rows().items():
        assert len(row) == 4, name
        assert all(cell.strip() for cell in row), name


@pytest.mark.parametrize(
    "default", ["takes_every_value", "does_it_all", "gguf_alone", "in_the_image", "unknown", "no_cause"]
)
def test_each_default_of_the_contract_is_a_start(default: str) -> None:
    assert hasattr(contract, default) or hasattr(judge, default)
    assert [name for name, row in rows().items() if f"`{default}`" in row[2]]


def test_the_examples_are_what_the_modules_have() -> None:
    llamacpp, table = BACKENDS["llamacpp"], rows()
    for name in ("NAME", "ALIASES", "TITLE", "PORT", "LISTEN", "KV_TYPES", "IMAGE_TOOLS", "GRACE_S"):
        value = getattr(llamacpp, name)
        assert table[name][3].strip("` ") == (f'"{value}"' if isinstance(value, str) else repr(value).replace("'", '"'))
    assert llamacpp.IMAGES["cpu"][0].name in table["IMAGES"][3]
    assert llamacpp.OWN_IMAGES["cpu"] in table["OWN_IMAGES"][3]
    assert repr(llamacpp.MEMORY.slots) in table["MEMORY"][3]
    assert BACKENDS["text-generation-webui"].READ_ONLY_ROOT is False
    assert BACKENDS["text-generation-webui"].RUNS_AS_ROOT is True
    assert BACKENDS["koboldcpp"].SHORTENS is True


def test_the_hooks_are_local_and_run_ruff_mypy_and_the_words() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert [one["repo"] for one in repositories] == ["local"]  # nothing is fetched that this repository does not pin
    assert [hook["id"] for hook in HOOKS] == ["ruff-check", "ruff-format", "mypy", "words"]
    assert all({"id", "name", "entry", "language"} <= hook.keys() for hook in HOOKS)


@pytest.mark.parametrize("hook", HOOKS, ids=[hook["id"] for hook in HOOKS])
def test_a_hook_runs(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system"
    words = hook["entry"].split()
    assert words[0] == PYTHON
    # mypy and the words look at everything, which `make lint` and `make unit` do: here it counts that they start
    more = {"mypy": ["--version"], "words": ["--collect-only"]}.get(hook["id"], ["tests/docs/test_contributing.py"])
    done = subprocess.run([sys.executable, *words[1:], *more], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_hook_refuses_what_it_is_for(tmp_path: Path) -> None:
    spoilt = tmp_path / "spoilt.py"
    spoilt.write_text("import os\nx = (1 ,2)\n")
    for hook in HOOKS[:2]:
        words = [sys.executable, *hook["entry"].split()[1:], "--config", str(ROOT / "pyproject.toml"), str(spoilt)]
        assert subprocess.run(words, cwd=ROOT, capture_output=True, check=False).returncode == 1, hook["id"]


@pytest.mark.parametrize("form", FORMS, ids=[form.stem for form in FORMS])
def test_a_form_is_what_github_takes_and_asks_by_commands_that_exist(form: Path) -> None:
    text = form.read_text(encoding="utf-8")
    read = yaml.safe_load(text)
    assert {"name", "description", "labels", "body"} <= read.keys()
    argv = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-issue-forms", str(form)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    fields = [one for one in read["body"] if one["type"] != "markdown"]
    assert len({one["id"] for one in fields}) == len(fields)
    assert any(one.get("validations", {}).get("required") for one in fields)
    for line in re.findall(r"`([^`]+)`", text):
        for words in calls(line):
            assert not wrong(words), line


def test_there_are_forms_for_a_fault_a_wish_and_a_model_that_does_not_load() -> None:
    assert [form.stem for form in FORMS] == ["bug", "feature", "model"]
    model = (GITHUB / "ISSUE_TEMPLATE" / "model.yml").read_text(encoding="utf-8")
    for wanted in ("stackctl models inspect", "stackctl models fit", "stackctl logs", "stackctl --version"):
        assert wanted in model


def test_a_fault_of_security_is_reported_in_private_and_to_no_address_that_nobody_reads() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert "Report a vulnerability" in text
    assert not re.search(r"[\w.]+@[\w-]+\.\w+", text)
    assert "make test" in (GITHUB / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
