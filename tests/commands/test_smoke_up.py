"""`smoke --up`: a stack of its own comes up, is checked, and is gone; and what a run reports to machines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stackctl.commands.smoke.report import Reports, report
from stackctl.commands.smoke.run import Options
from stackctl.commands.smoke.up import Up, smoke_up
from stackctl.core.observed import ContainerSeen
from stackctl.core.smoke.result import Outcome, Smoked
from stackctl.errors import ConfigError, NotReady
from tests.commands.engines import Stage, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import KEY, a_plan
from tests.fakes import FakeImages

IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
SERVICES = Options(only=("services",), timeout_s=20)


@dataclass
class Emptied(Stage):
    """An engine that removes what it is told to."""

    fails: bool = False

    def remove(self, project: str) -> None:
        super().remove(project)
        self.states_.clear()

    def up(self, text: str) -> str:
        return "Error response from daemon: no" if self.fails else super().up(text)


@dataclass
class Place:
    """A machine, and where its smoke stacks lie."""

    here: Quiet
    stage: Emptied
    home: Path

    def up(self, options: Options = SERVICES, flags: Mapping[str, object] = {}, *, keep: bool = False) -> Smoked:
        wanted = Up(home=self.home, locks=self.home.with_name("locks"), name="job", keep=keep)
        return smoke_up(self.here.machine, flags, wanted, options)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    stage = Emptied(images=FakeImages(published=dict(IMAGES)))
    here = quiet_stage(tmp_path, stage)
    return Place(here=here, stage=stage, home=tmp_path / "stackctl-smoke")


def test_it_comes_up_with_the_demo_model_on_a_free_port_is_checked_and_is_gone(place: Place) -> None:
    smoked = place.up()
    assert [(one.name, one.status) for one in smoked.outcomes] == [("deploy", "passed"), ("services", "passed")]
    assert smoked.outcomes[0].says.startswith("ready after ")
    assert (smoked.name, smoked.url, smoked.exit_code) == ("job", "http://127.0.0.1:18000", 0)
    assert place.stage.models == ["stackctl-demo.gguf"]
    assert (place.stage.states_, place.stage.asked.count("remove job")) == ({}, 2)  # before and after
    assert not (place.home / "job").exists()
    assert not (place.here.machine.path / "stack.toml").exists()


def test_the_users_own_port_and_model_win_but_not_his_name(place: Place) -> None:
    (place.here.machine.path / "stack.toml").write_text("# the user's own\n")
    smoked = place.up(flags={"sillytavern.port": 8123, "name": "chat", "backend.context": 4096})
    assert (smoked.name, smoked.url) == ("job", "http://127.0.0.1:8123")
    assert (place.here.machine.path / "stack.toml").read_text() == "# the user's own\n"


def test_on_another_machines_engine_the_port_is_chosen_as_for_any_deploy(place: Place) -> None:
    place.stage.is_local = False
    assert place.up().url == "http://127.0.0.1:8000"


def test_a_deploy_that_fails_is_a_failed_check_after_which_none_runs_and_all_is_gone(
    place: Place, tmp_path: Path
) -> None:
    place.stage.fails = True
    smoked = place.up(Options(only=("services", "page"), timeout_s=20, artefacts=tmp_path / "kept"))
    assert [(one.name, one.status, one.blocked_by) for one in smoked.outcomes] == [
        ("deploy", "failed", ""),
        ("services", "not run", "deploy"),
        ("page", "not run", "deploy"),
    ]
    assert smoked.exit_code == 4
    assert (tmp_path / "kept/compose.yml").is_file()
    assert not (place.home / "job").exists()


def test_one_that_is_to_be_kept_stays_and_the_next_run_of_its_name_removes_it(place: Place) -> None:
    place.up(keep=True)
    assert (place.home / "job/stack/compose.yml").is_file()
    assert place.stage.states_
    assert f"stackctl -C {place.home}/job/stack status" in place.here.said.getvalue()
    place.up()
    assert place.stage.asked.count("remove job") == 3
    assert not (place.home / "job").exists()


def test_an_interrupt_leaves_nothing(place: Place) -> None:
    class Interrupted(Emptied):
        def up(self, text: str) -> str:
            del text
            raise KeyboardInterrupt

    stage = Interrupted(images=place.stage.images)
    here = quiet_stage(place.here.machine.path, stage)
    with pytest.raises(KeyboardInterrupt):
        replace(place, here=here, stage=stage).up()
    assert stage.asked.count("remove job") == 2
    assert not (place.home / "job").exists()


@pytest.mark.parametrize("place_of", ["/home/me/chat", "/tmp/other/job/stack", ""])
def test_a_users_stack_of_that_name_is_never_removed(place: Place, place_of: str) -> None:
    place.stage.containers_ = [ContainerSeen(id="1", service="llamacpp", folder=place_of, config_hash="")]
    smoked = place.up()
    (failed, *_) = smoked.outcomes
    assert isinstance(failed.error, ConfigError)
    assert "the name 'job' belongs to the stack in" in failed.says
    assert (place.stage.asked, place.stage.models) == ([], [])


def test_what_a_cancelled_run_of_this_name_left_is_removed(place: Place) -> None:
    left = "/var/tmp/stackctl-smoke-1000/job/stack"
    place.stage.containers_ = [ContainerSeen(id="1", service="llamacpp", folder=left, config_hash="")]
    assert place.up().exit_code == 0


@pytest.mark.parametrize("name", ["", "../x", "Job", "a/b"])
def test_a_name_that_no_stack_can_have_names_no_folder(place: Place, name: str) -> None:
    wanted = Up(home=place.home, locks=place.home.with_name("locks"), name=name)
    with pytest.raises(ConfigError, match="is no name for a stack"):
        smoke_up(place.here.machine, {}, wanted, SERVICES)
    assert place.stage.asked == []


# -- reports


def test_the_reports_that_are_wanted_are_written_without_the_key(place: Place, tmp_path: Path) -> None:
    machine = place.here.machine
    machine.ui.hide(KEY)
    error = NotReady(f"it said {KEY.reveal()}", hint="look")
    smoked = Smoked(
        name="job",
        url="",
        outcomes=(
            Outcome(name="services", status="passed", says="all well"),
            Outcome(name="reply", status="failed", says=error.message, error=error),
        ),
    )
    report(machine, smoked, Reports())
    assert list(tmp_path.glob("*.*")) == []
    wanted = Reports(junit=tmp_path / "out.xml", summary=tmp_path / "out.md", annotate=True)
    report(machine, smoked, wanted)
    report(machine, smoked, wanted)
    assert re.findall('<testcase [^>]*name="([a-z]+)"', (tmp_path / "out.xml").read_text()) == ["services", "reply"]
    page, said = (tmp_path / "out.md").read_text(), place.here.said.getvalue()
    assert page.count("services") == 2  # each run adds its own
    assert said.count("::error") == 2
    for text in (page, said, (tmp_path / "out.xml").read_text()):
        assert KEY.reveal() not in text
        assert "it said ***" in text
