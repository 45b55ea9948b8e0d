"""All that stackctl asks, answered on a terminal, by a script, or by nobody. There is no engine to go on with."""

import ast
import os
import pty
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stackctl.cli.menu import QUIT, number_of
from stackctl.core.model.demo_model import gguf_bytes
from tests import small_catalogue
from tests.hub.server import running
from tests.keys import press
from tests.shapes import speaking

WITHOUT_ENGINE = 4
RECOMMEND = ("models", "recommend")
TWO = '[models.a]\npath = "a.gguf"\n[models.b]\npath = "b.gguf"\n'


def deploy(folder: Path, *words: str, **how: str) -> tuple[int, str]:
    return run(folder, "deploy", *words, **how)


def run(
    folder: Path,
    *words: str,
    typed: str | None = None,
    piped: str = "",
    hub: str = "",
    **environment: str,
) -> tuple[int, str]:
    """The exit code and what was said. `typed`: on a terminal; else `piped` is all of its input."""
    return answered((sys.executable, "-m", "stackctl", *words), folder, typed, piped, hub, environment)


def answered(
    argv: tuple[str, ...], folder: Path, typed: str | None, piped: str, hub: str, environment: dict[str, str]
) -> tuple[int, str]:
    around = {"DOCKER_HOST": f"unix://{folder}/no-engine.sock", "HF_ENDPOINT": hub or "http://127.0.0.1:1"}
    env = {**os.environ, **around, "LC_ALL": "C.UTF-8", **environment}
    ours = theirs = subprocess.PIPE
    if typed is not None:
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
    with subprocess.Popen(
        argv, cwd=folder, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        said, _ = process.communicate(piped if typed is None else None, timeout=60)
    if typed is not None:
        os.close(ours)
        os.close(theirs)
    assert "Traceback" not in said
    return process.returncode, said


@pytest.fixture
def hub() -> Iterator[str]:
    """A hub that can be reached, and has no model."""
    with running() as server:
        yield server.url


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".stackctl")


def menu(
    folder: Path, hub: str, *keys: str | None, words: tuple[str, ...] = ("deploy",), **how: Any
) -> tuple[int, str]:
    """The exit code and what was shown on a terminal whose menu these keys answer."""
    around = {"DOCKER_HOST": f"unix://{folder}/no-engine.sock", "HF_ENDPOINT": hub, "LC_ALL": "C", "TERM": "dumb"}
    around["XDG_DATA_HOME"] = str(small_catalogue.store(folder.with_name(f"{folder.name}-data")))
    argv = [sys.executable, "-m", "stackctl", *words]
    code, shown = press(argv, folder, *keys, environment={**os.environ, **around}, **how)
    assert "Traceback" not in shown
    return code, shown


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("\x1b", 0), ("\x04", 0), ("\x03", 130), (None, 130)])
def test_a_key_that_declines_changes_nothing_and_the_way_on_is_said(
    tmp_path: Path, hub: str, key: str | None, code: int
) -> None:
    found, shown = menu(tmp_path, hub, key)
    assert (found, list(tmp_path.iterdir())) == (code, [])
    assert key is None or re.search(r"nothing was\s+changed", shown), shown
    assert key is None or "Run `stackctl deploy` to choose later" in re.sub(r"\s+", " ", shown), shown


@pytest.mark.parametrize(
    ("words", "key", "repo"),
    [
        (("deploy",), "\r", small_catalogue.BEST),
        (("deploy",), "1", small_catalogue.BEST),
        (("deploy",), "2", small_catalogue.FASTER),
        (("deploy",), "3", small_catalogue.OTHER),
        (RECOMMEND, "1", small_catalogue.BEST),
        (RECOMMEND, "3", small_catalogue.OTHER),
    ],
)
def test_a_key_asks_the_hub_for_its_own_model(tmp_path: Path, words: tuple[str, ...], key: str, repo: str) -> None:
    with running() as server:
        code, shown = menu(tmp_path, server.url, key, words=words)
    assert code == 8, shown  # this hub has no models
    asked = {one for one in small_catalogue.REPOS if any(one in each.path for each in server.asked)}
    assert asked == {repo}, shown


@pytest.mark.parametrize("words", [("deploy",), RECOMMEND])
def test_a_file_that_the_repository_has_under_another_label_is_taken_and_said(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with running() as server:
        server.add(small_catalogue.FASTER, {"Speaking-Q8_0.gguf": speaking.gguf_bytes()})
        code, shown = menu(tmp_path, server.url, "2", words=words)
    said = re.sub(r"\s+", " ", shown)
    assert code == WITHOUT_ENGINE, shown
    assert f"{small_catalogue.FASTER} has no Q4_0: Q8_0 is taken instead" in said
    assert (f"Running stackctl deploy --model hf:{small_catalogue.FASTER}:Q8_0" in said) is (words == RECOMMEND)


def test_enter_chooses_nothing_in_recommend(tmp_path: Path, hub: str) -> None:
    code, shown = menu(tmp_path, hub, "\r", "q", words=RECOMMEND)
    assert (code, shown.count("Press "), list(tmp_path.iterdir())) == (0, 2, []), shown


def test_what_was_typed_before_the_menu_was_there_chooses_nothing(tmp_path: Path, hub: str) -> None:
    code, shown = menu(tmp_path, hub, "x", "q", before="1\n\n")
    assert (code, shown.count("Press "), list(tmp_path.iterdir())) == (0, 2, []), shown


@pytest.mark.parametrize("columns", [80, 60])
def test_the_menu_is_as_wide_as_the_terminal_in_plain_characters(tmp_path: Path, hub: str, columns: int) -> None:
    code, shown = menu(tmp_path, hub, "q", words=RECOMMEND, columns=columns)
    before = shown.partition("nothing was")[0].replace(str(tmp_path), "FOLDER")
    assert (code, before.isascii(), "\x1b" in before) == (0, True, False)
    assert max(map(len, before.splitlines())) <= columns
    assert len(before.splitlines()) < (24 if columns == 80 else 30)
    flat = re.sub(r"\s+", " ", before)
    for word in ("1 best: ", "2 faster: ", "3 another flavour: ", "GB to download", "context", "tokens/s", "in FOLDER"):
        assert word in flat, word
    for word in ("GiB free", "licence apache-2.0", "thinks: if asked to", "refuses: little", "catalogue of 20"):
        assert word in flat, word


def test_a_key_of_recommend_changes_nothing_where_there_is_a_stack_and_shows_the_command(tmp_path: Path) -> None:
    (tmp_path / "stack.toml").write_text(text := '[model]\npath = "a.gguf"\n')
    with running() as server:
        code, shown = menu(tmp_path, server.url, "1", words=RECOMMEND)
        assert server.asked == []
    assert (code, left(tmp_path), (tmp_path / "stack.toml").read_text()) == (0, ["stack.toml"], text), shown
    assert "A number changes nothing here" in shown
    assert "to run it: stackctl deploy --model hf:" in shown


def test_the_commands_for_later_have_the_options_that_were_given_and_are_lines_to_copy(
    tmp_path: Path, hub: str
) -> None:
    (place := tmp_path / "elsewhere").mkdir()
    words = (*RECOMMEND, "-C", str(place), "--backend", "koboldcpp", "--context", "2048")
    _, shown = menu(tmp_path, hub, "q", words=words)
    lines = [line for line in shown.splitlines() if line.startswith(f"stackctl -C {place} deploy --model hf:")]
    assert [line.split()[5] for line in lines] == [f"hf:{one}:Q4_0" for one in small_catalogue.REPOS]
    assert all(line.endswith(" --backend koboldcpp --context 2048") for line in lines)


@pytest.mark.parametrize("words", [(*RECOMMEND, "--json"), ("deploy", "--json")])
def test_who_wants_json_is_not_asked(tmp_path: Path, hub: str, words: tuple[str, ...]) -> None:
    _, shown = menu(tmp_path, hub, words=words)
    assert "Press " not in shown


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        *((one, QUIT) for one in ("q", "Q", "n", "N", "\x1b", "no\n", "quit\r")),
        *((one, 1) for one in ("1", "1\r", "1\n", "\N{FULLWIDTH DIGIT ONE}", "\r", "\n", "y", "Yes\n")),
        ("3", 3),
        *((one, None) for one in ("0", "4", "11", "x", "\x1b[A", "\x1bOP", "\t", "1a", "\u00b2", "\x00", "\ufffd")),
    ],
)
def test_a_key_means_what_it_says_and_others_mean_nothing(typed: str, number: int | None) -> None:
    assert number_of(typed, 3, takes_enter=True) == number


def test_enter_means_nothing_where_it_is_no_choice() -> None:
    assert [number_of(one, 3, takes_enter=False) for one in ("\r", "\n", "y", "2", "q")] == [None, None, None, 2, QUIT]


@pytest.mark.parametrize("answer", ["n\n", "no, thanks\n"])
def test_a_no_of_a_script_changes_nothing_and_is_no_failure(tmp_path: Path, hub: str, answer: str) -> None:
    code, said = deploy(tmp_path, hub=hub, piped=answer)
    assert (code, list(tmp_path.iterdir())) == (0, [])
    assert "nothing was changed" in said
    assert "stackctl deploy --model MODEL" in said


def test_who_does_not_see_the_menu_is_not_asked(tmp_path: Path, hub: str) -> None:
    code, said = deploy(tmp_path, hub=hub, typed="1\n")  # stderr is a pipe
    assert (code, "Run `stackctl deploy --yes`" in said, left(tmp_path)) == (3, True, [])


@pytest.mark.parametrize(("answer", "repo"), [("\n", small_catalogue.BEST), ("2\n", small_catalogue.FASTER)])
def test_a_yes_of_a_script_asks_the_hub_for_that_model(tmp_path: Path, answer: str, repo: str) -> None:
    data = small_catalogue.store(tmp_path.with_name(f"{tmp_path.name}-data"))
    with running() as hub:
        code, said = deploy(tmp_path, hub=hub.url, piped=answer, XDG_DATA_HOME=str(data))
    assert (code, "stackctl proposes" in said) == (8, True), said  # this one has no models
    assert any(repo in one.path for one in hub.asked)


@pytest.mark.parametrize("stack_toml", [None, "# mine\n"])
def test_where_nobody_answers_the_ways_on_are_named(tmp_path: Path, hub: str, stack_toml: str | None) -> None:
    if stack_toml is not None:
        (tmp_path / "stack.toml").write_text(stack_toml)
    code, said = deploy(tmp_path, hub=hub)
    assert (code, left(tmp_path)) == (3, ["stack.toml"] if stack_toml else [])
    assert "this machine stackctl proposes" in said
    assert "no model is named" in said
    assert all(way in said for way in ("--model demo", "--model FILE", "--yes"))


WAYS = (
    "`stackctl deploy --model FILE` with a model file",
    "download it from https://huggingface.co/",
    "`stackctl deploy --model demo`",
    "HTTPS_PROXY",
    "HF_ENDPOINT",
)


@pytest.mark.parametrize("words", [(), ("--yes",), ("--dry-run",)])
def test_without_the_internet_no_model_is_proposed_and_all_ways_on_are_said(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, said = deploy(tmp_path, *words, typed="")
    assert (code, list(tmp_path.iterdir())) == (8, [])
    assert "http://127.0.0.1:1 can't be reached: [Errno 111] Connection refused" in said
    assert "stackctl proposes" not in said
    assert all(way in said for way in WAYS)
    assert "run `stackctl deploy --model hf:" in said


def test_where_what_is_sent_is_swallowed_that_is_said_after_a_moment(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        code, said = deploy(tmp_path, hub=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert (code, "no answer within 1.5 s" in said) == (8, True)
    assert time.monotonic() - began < 20  # with the start of Python on a busy machine


def test_where_the_hub_must_not_be_asked_it_is_not(tmp_path: Path, hub: str) -> None:
    code, said = deploy(tmp_path, hub=hub, HF_HUB_OFFLINE="1")
    assert (code, "HF_HUB_OFFLINE forbids asking Hugging Face" in said, "hint: Unset HF_HUB_OFFLINE." in said) == (
        8,
        True,
        True,
    )


@pytest.fixture
def two(tmp_path: Path) -> Path:
    for name in "ab":
        (tmp_path / f"{name}.gguf").write_bytes(gguf_bytes())
    (tmp_path / "stack.toml").write_text(TWO)
    return tmp_path


@pytest.mark.parametrize("answer", [{"typed": "b\n"}, {"typed": "c\na\n"}, {"piped": "b\n"}])
def test_of_several_models_one_is_asked_for(two: Path, answer: dict[str, str]) -> None:
    code, said = deploy(two, **answer)
    assert code == WITHOUT_ENGINE, said
    assert "Which one runs? (a, b)" in said or "piped" in answer


@pytest.mark.parametrize("words", [(), ("--yes",)])
def test_where_nobody_answers_the_command_that_chooses_is_named(two: Path, words: tuple[str, ...]) -> None:
    code, said = deploy(two, *words)
    assert (code, (two / "stack.toml").read_text()) == (3, TWO)
    assert "Run `stackctl use a` or `stackctl use b`." in said


def test_an_answer_that_is_none_of_them_is_refused(two: Path) -> None:
    code, said = deploy(two, piped="c\n")
    assert (code, "no model 'c'" in said) == (3, True)


# -- what is asked before something is copied, brought back or deleted

SITES = {  # of the functions that ask, who calls them
    "_pressed": ["chosen_number"],
    "chosen_number": ["_ask_which_offer", "choose"],
    "agrees_on_terminal": ["_agrees_to_step", "_ask_to_open"],  # the former: tests/commands/test_setup.py
    "ask_which": ["_ask_for_model"],
    "chosen_on_terminal": ["ask_which"],  # and the offer of a GPU, which takes one: tests/steps/test_offer_gpu.py
    "agrees_to_repair": ["doctor"],
    "agrees_to_change": ["_goes_on", "down", "remove"],
    "agrees_to": ["agrees", "agrees_to_change"],
    "typed_name": ["_confirm"],  # tests/commands/test_uninstall.py
}


def calls(module: ast.Module) -> Iterator[tuple[str, str]]:
    """The function that asks, and the one that calls it."""
    for function in ast.walk(module):
        if isinstance(function, ast.FunctionDef):
            for one in ast.walk(function):
                if isinstance(one, ast.Call):
                    yield ast.unparse(one.func), function.name


def test_no_question_is_asked_but_by_the_functions_whose_callers_are_tried_here() -> None:
    found = [pair for path in Path("stackctl").rglob("*.py") for pair in calls(ast.parse(path.read_text()))]
    asking = {"click.confirm", "click.prompt", "click.getchar", "input"}
    assert {by for name, by in found if name in asking} <= set(SITES)
    assert {name: sorted(by for asked, by in found if asked == name) for name in SITES} == SITES


@dataclass(frozen=True)
class Place:
    """A folder in which something may be changed, and what stands around it."""

    folder: Path
    hub: str
    data: str

    def run(self, *words: str, typed: str | None = None, piped: str = "") -> tuple[int, str]:
        return run(self.folder, *words, typed=typed, piped=piped, hub=self.hub, XDG_DATA_HOME=self.data)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """With a model that was pulled."""
    (tmp_path / "stack").mkdir()
    with running() as server:
        server.add("owner/tiny", {"Tiny-Q4_K_M.gguf": gguf_bytes()})
        found = Place(tmp_path / "stack", server.url, str(tmp_path / "data"))
        assert found.run("models", "pull", "hf:owner/tiny:Q4_K_M")[0] == 0
        yield found


MODEL = "hf/owner/tiny/Tiny-Q4_K_M.gguf"
CHANGES = (("models", "remove", MODEL), ("down", "--volumes"))


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_without_anybody_to_answer_the_option_that_answers_is_named_and_nothing_is_changed(place: Place) -> None:
    before = files(place.folder.parent)
    for words in CHANGES:
        code, said = place.run(*words)
        assert (code, "add --yes to agree" in said) == (2, True), said
    assert files(place.folder.parent) == before


@pytest.mark.parametrize("answer", [{"typed": "\n"}, {"piped": "n\n"}])
def test_a_no_is_no_failure_and_is_said(place: Place, answer: dict[str, str]) -> None:
    before = files(place.folder.parent)
    for words in CHANGES:
        code, said = place.run(*words, **answer)
        assert (code, "nothing was changed" in said, "interrupted" in said) == (0, True, False), said
    assert files(place.folder.parent) == before


def test_a_yes_goes_on(place: Place) -> None:
    assert place.run("down", "--volumes", typed="y\n")[0] == 3  # where nothing was deployed
    code, said = place.run("models", "remove", MODEL, piped="yes\n")
    assert (code, f"removed {MODEL}" in said) == (0, True)


def test_the_only_one_is_not_asked_for(two: Path) -> None:
    (two / "stack.toml").write_text('[models.a]\npath = "a.gguf"\n')
    assert deploy(two)[0] == WITHOUT_ENGINE


REPAIR = "from stackctl.cli.root import agrees_to_repair; print(agrees_to_repair('Start Docker.', yes=False))"


@pytest.mark.parametrize(
    ("answer", "agrees"),
    [
        ({"typed": "y\n"}, "True"),
        ({"typed": "\n"}, "False"),
        ({"piped": "yes\n"}, "True"),
        ({"piped": "n\n"}, "False"),
        ({"piped": ""}, "None"),
    ],
)
def test_a_repair_needs_a_yes_and_without_an_answer_there_is_none(
    tmp_path: Path, answer: dict[str, str], agrees: str
) -> None:
    argv = (sys.executable, "-c", REPAIR)
    code, said = answered(argv, tmp_path, answer.get("typed"), answer.get("piped", ""), "", {})
    assert (code, said.split()[-1]) == (0, agrees)
    assert ("Start Docker. [y/N]" in said) is ("typed" in answer)
