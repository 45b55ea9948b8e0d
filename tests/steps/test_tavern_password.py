"""The password on disk: private, kept, the user's own taken, gone with the exposure."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError
from stackctl.secret import Secret
from stackctl.steps import tavern_password
from stackctl.steps.has_run import has_run
from tests.commands.machines import Quiet, quiet
from tests.core.samples import PASSWORD, a_plan, wanted

CONFIG = "sillytavern/config/config.yaml"
EXPOSED = wanted(sillytavern={"expose": "lan"})


def planned(here: Quiet, password: Secret | None) -> Plan:
    owner = here.machine.folder.owner
    return replace(a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid})), password=password)


def test_an_exposed_stack_gets_a_password_that_nobody_guesses_and_keeps_it(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    made = {tavern_password.tavern_password(here.machine, EXPOSED) for _ in range(20)}
    assert len(made) == 20
    assert all(one and len(one.reveal()) == 23 for one in made)
    tavern_password.give_password(planned(here, PASSWORD), here.machine)
    assert tavern_password.tavern_password(here.machine, EXPOSED) == PASSWORD
    assert tavern_password.tavern_password(here.machine, wanted()) is None
    here.machine.ui.note(f"a line with {PASSWORD.reveal()}")
    assert PASSWORD.reveal() not in here.said.getvalue()


def test_both_files_are_private_and_a_rewrite_keeps_the_users_keys(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    (tmp_path / CONFIG).parent.mkdir(parents=True)
    (tmp_path / CONFIG).write_text("listen: true  # mine\n")
    tavern_password.give_password(planned(here, PASSWORD), here.machine)
    assert "listen: true  # mine\n" in (tmp_path / CONFIG).read_text()
    for name in (CONFIG, tavern_password.FILE):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
        assert PASSWORD.reveal() in (tmp_path / name).read_text()


def test_without_exposure_nothing_is_left_of_it(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    tavern_password.give_password(planned(here, PASSWORD), here.machine)
    tavern_password.take_password_back(planned(here, None), here.machine)
    assert not (tmp_path / tavern_password.FILE).exists()
    assert PASSWORD.reveal() not in (tmp_path / CONFIG).read_text()


def test_a_login_that_is_the_users_own_is_left_alone_without_exposure(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    tavern_password.give_password(planned(here, PASSWORD), here.machine)
    own = "basicAuthUser: {username: me, password: my own}\n"
    (tmp_path / CONFIG).write_text(own)
    tavern_password.take_password_back(planned(here, None), here.machine)
    assert (tmp_path / CONFIG).read_text() == own


@pytest.mark.parametrize(
    "text", [b"", b"short\n", b"with a blank in it\n", b"two\nlines-of-password\n", b"\xfflines-of-password\n"]
)
def test_a_file_that_holds_no_password_is_refused_without_showing_it(tmp_path: Path, text: bytes) -> None:
    here = quiet(tmp_path)
    here.machine.folder.write(tavern_password.FILE, text)
    with pytest.raises(ConfigError, match="contains no password") as failed:
        tavern_password.tavern_password(here.machine, EXPOSED)
    assert "lines-of-password" not in failed.value.message
    assert "the next `stackctl deploy` makes a new password" in failed.value.hint


def test_whatever_the_record_holds_sillytavern_has_run(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    assert not has_run(here.machine, {})
    here.machine.folder.write(".stackctl/sillytavern-has-run", b"\xff")
    assert has_run(here.machine, {})


def test_as_long_as_a_container_may_be_exposed_nothing_is_taken_back(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    tavern_password.give_password(planned(here, PASSWORD), here.machine)
    before = (tmp_path / CONFIG).read_text()
    tavern_password.give_password(
        planned(here, None), here.machine
    )  # a deploy that takes the exposure away, and has not started it yet
    tavern_password.take_password_back(planned(here, PASSWORD), here.machine)
    assert (tmp_path / CONFIG).read_text() == before
    assert (tmp_path / tavern_password.FILE).read_text().strip() == PASSWORD.reveal()
