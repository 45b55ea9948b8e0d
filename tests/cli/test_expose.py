"""`stackctl deploy --expose`: what the user names is what is opened."""

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.machine import Machine
from stackctl.ui import Ui
from tests.commands.json_scenes import Place

WORDS = ("deploy", "--model", "demo", "--no-proof", "--timeout", "20")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    found = Place(folder=tmp_path / "chat", around=tmp_path / "around")
    found.here.host.own_interfaces = {"eth0": ("192.168.1.5/24", "fd00::5/64"), "eth1": ("10.0.0.5/24",)}
    return found


def deploy(place: Place, *words: str) -> tuple[int, str, str]:
    """The exit code of a deploy, what it said, and stack.toml ("" if there is none)."""

    def machine(_: Path, ui: Ui) -> Machine:
        return replace(place.machine, ui=ui)

    done = CliRunner().invoke(main, ["-C", str(place.folder), *WORDS, *words], obj=machine, catch_exceptions=False)
    file = place.folder / "stack.toml"
    return done.exit_code, done.output, file.read_text() if file.exists() else ""


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("192.168.1.5", ["192.168.1.5"]),
        ("eth0", ["192.168.1.5", "fd00::5"]),
        ("lan", ["10.0.0.5", "192.168.1.5", "fd00::5"]),
        ("none", []),
    ],
)
def test_the_address_or_interface_that_was_named_is_opened_and_no_other(
    place: Place, value: str, urls: list[str]
) -> None:
    code, said, toml = deploy(place, "--expose", value)
    assert code == 0, said
    assert f'expose = "{value}"' in toml
    assert [one for one in ("10.0.0.5", "192.168.1.5", "fd00::5") if one in said] == urls


@pytest.mark.parametrize("value", ["wan", "public", "0.0.0.0", "10.9.9.9", "eth9"])  # noqa: S104 - as users type it
def test_what_names_no_address_of_this_machine_opens_nothing(place: Place, value: str) -> None:
    code, said, toml = deploy(place, "--expose", value)
    assert (code, toml) == (3, "")
    assert f"sillytavern.expose = {value!r}: this machine has no such address or interface" in said
    assert 'Write `expose = "lan"`' in said
