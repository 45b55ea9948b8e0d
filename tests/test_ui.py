"""What is printed, wherever it goes, has *** where a secret would stand."""

import subprocess
import sys

import pytest

from stackctl.ui import Ui
from tests.core.samples import KEY

TEXT = KEY.reveal()


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_that_is_printed_shows_a_secret(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    ui = Ui(as_json=as_json, verbose=True)
    ui.hide(KEY)
    ui.hide(KEY)
    ui.step(f"step {TEXT}")
    ui.note(f"note\n{TEXT}")
    ui.detail(f"+ run --password {TEXT}")
    ui.status(f"status {TEXT}")
    ui.error(f"error {TEXT}", hint=f"hint {TEXT}", evidence=(f"Namespace(password='{TEXT}')",))
    ui.result(f"text {TEXT}", {"value": TEXT})
    ui.raw(f"koboldcpp-1  | Namespace(password='{TEXT}')\n")
    shown = "".join(capsys.readouterr())
    assert TEXT not in shown
    assert shown.count("***") == 9
    assert "koboldcpp-1  | Namespace(password='***')" in shown


def test_without_secrets_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Ui().raw("a ***\n")
    assert capsys.readouterr().out == "a ***\n"


def test_a_terminal_that_lacks_a_character_gets_its_number_and_no_traceback() -> None:
    script = "from stackctl.ui import Ui; Ui().result('back \u2713', {})"
    environment = {"PYTHONIOENCODING": "ascii:strict", "PYTHONPATH": ":".join(filter(None, sys.path))}
    argv = [sys.executable, "-c", script]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "back \\u2713\n"
