"""The stack's key: made once, kept in one private file, given to the backend by file; hidden where logs are shown."""

import json
import stat
from pathlib import Path

import pytest

from stackctl.commands.render import render
from stackctl.effects.host import random_secrets
from stackctl.errors import ConfigError
from stackctl.secret import Secret
from stackctl.steps import api_key
from tests.commands.machines import Quiet, quiet
from tests.core.samples import wanted

OTHER = Secret("n" * 43)


def rendered(here: Quiet, **flags: object) -> str:
    return render(here.machine, flags, to_stdout=False, absolute=False, replan=False).text


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def kept(folder: Path) -> str:
    return (folder / ".stackctl/api-key").read_text().strip()


def test_a_new_key_is_random_and_long() -> None:
    made = {random_secrets.new_key().reveal() for _ in range(20)}
    assert len(made) == 20
    assert {len(key) for key in made} == {43}


def test_it_is_made_once_and_its_files_are_private(tmp_path: Path) -> None:
    rendered(quiet(tmp_path))
    first = kept(tmp_path)
    assert mode(tmp_path / ".stackctl/api-key") == 0o600
    assert mode(tmp_path / "backend/api-key") == 0o400
    assert mode(tmp_path / "backend") == 0o700
    assert (tmp_path / "backend/api-key").read_text().strip() == first
    rendered(quiet(tmp_path))
    assert kept(tmp_path) == first


@pytest.mark.parametrize("kind", ["llamacpp", "koboldcpp", "ooba"])
def test_it_stands_in_the_two_private_files_alone_and_a_change_of_backend_keeps_it(tmp_path: Path, kind: str) -> None:
    rendered(quiet(tmp_path))
    first = kept(tmp_path)
    (tmp_path / "backend/api-key").unlink()
    rendered(quiet(tmp_path), **{"backend.kind": kind, "gpu.mode": "none"})
    holding = [p for p in tmp_path.rglob("*") if p.is_file() and first.encode() in p.read_bytes()]
    assert len(holding) == 2
    assert tmp_path / ".stackctl/api-key" in holding
    assert [mode(path) & 0o077 for path in holding] == [0, 0]


def test_what_is_loosened_is_closed_again(tmp_path: Path) -> None:
    rendered(quiet(tmp_path))
    for path in (tmp_path / ".stackctl/api-key", tmp_path / "backend/api-key"):
        path.chmod(0o644)
    (tmp_path / "backend").chmod(0o755)
    rendered(quiet(tmp_path))
    assert mode(tmp_path / ".stackctl/api-key") == 0o600
    assert mode(tmp_path / "backend/api-key") == 0o400
    assert mode(tmp_path / "backend") == 0o700


def test_printing_makes_nothing(tmp_path: Path) -> None:
    text = render(quiet(tmp_path).machine, {}, to_stdout=True, absolute=False, replan=False).text
    assert "api-key" in text
    assert list(tmp_path.iterdir()) == []


def test_a_deleted_key_is_made_anew_and_reaches_the_backend(tmp_path: Path) -> None:
    before = rendered(quiet(tmp_path))
    first = kept(tmp_path)
    (tmp_path / ".stackctl/api-key").unlink()
    after = rendered(quiet(tmp_path))
    assert kept(tmp_path) != first
    assert (tmp_path / "backend/api-key").read_text().strip() == kept(tmp_path)
    assert before != after  # Compose recreates the backend by its label


def test_a_key_of_ones_own_is_taken(tmp_path: Path) -> None:
    (tmp_path / ".stackctl").mkdir()
    (tmp_path / ".stackctl/api-key").write_text(OTHER.reveal())
    rendered(quiet(tmp_path))
    assert (tmp_path / "backend/api-key").read_text() == f"{OTHER.reveal()}\n"


@pytest.mark.parametrize("raw", [b"hunter2\n", b"\xffhunter2" * 8, b""])
def test_a_file_that_holds_no_key_is_an_error_and_nothing_is_written(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / ".stackctl").mkdir()
    (tmp_path / ".stackctl/api-key").write_bytes(raw)
    with pytest.raises(ConfigError, match="contains no API key") as caught:
        rendered(quiet(tmp_path))
    assert "hunter2" not in caught.value.message
    assert "the next `stackctl deploy` makes a new key" in caught.value.hint
    assert not (tmp_path / "compose.yml").exists()


def test_the_key_that_the_folder_keeps_is_hidden_from_the_first_word_on(tmp_path: Path) -> None:
    (tmp_path / ".stackctl").mkdir()
    (tmp_path / ".stackctl/api-key").write_text(f"{OTHER.reveal()}\n")
    here = quiet(tmp_path)
    here.machine.ui.note(f"password='{OTHER.reveal()}'")
    assert here.said.getvalue() == "  password='***'\n"


def test_the_key_that_the_running_backend_still_has_is_hidden_too(tmp_path: Path) -> None:
    entries = [{"id": "9b1d", "value": "theirs"}, {"id": "stackctl", "value": OTHER.reveal()}]
    (tmp_path / "chat data/data/default-user").mkdir(parents=True)
    (tmp_path / "chat data/data/default-user/secrets.json").write_text(json.dumps({"api_key_ooba": entries}))
    here = quiet(tmp_path)
    api_key.hide_sent_keys(here.machine, wanted(sillytavern={"data": "chat data"}))
    here.machine.ui.note(f"OpenAI API key: {OTHER.reveal()}, theirs")
    assert here.said.getvalue() == "  OpenAI API key: ***, theirs\n"


@pytest.mark.parametrize("damaged", [b"{", b"\xff", b"[]", b'{"api_key_ooba": "x", "b": [null, {"id": "stackctl"}]}'])
def test_damaged_secrets_of_sillytavern_do_not_stand_in_the_way(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "sillytavern/data/default-user").mkdir(parents=True)
    (tmp_path / "sillytavern/data/default-user/secrets.json").write_bytes(damaged)
    here = quiet(tmp_path)
    api_key.hide_sent_keys(here.machine, wanted())
    here.machine.ui.note("as it is")
    assert here.said.getvalue() == "  as it is\n"


def test_hide_does_without_a_key(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    api_key.hide_sent_keys(here.machine, wanted())
    here.machine.ui.note("as it is")
    assert here.said.getvalue() == "  as it is\n"
    assert list(tmp_path.iterdir()) == []


def test_whoever_looks_hides(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    machine = here.machine
    here.host.make_key = lambda: OTHER
    render(machine, {}, to_stdout=True, absolute=False, replan=False)
    machine.ui.note(f"password='{OTHER.reveal()}'")
    assert OTHER.reveal() not in here.said.getvalue()
