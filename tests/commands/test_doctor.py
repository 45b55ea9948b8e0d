"""`stackctl doctor`, on machines of fakes: what is found, in which order, and when it ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.commands.doctor import WITHIN_S, Diagnosis, doctor
from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.finding import CheckResult, Finding
from stackctl.core.plan import plan_json
from stackctl.steps.doctor.check import Check, Looks
from stackctl.steps.doctor.every_check import AREAS, CHECKS
from tests.commands.json_scenes import SCENES, Place, placed
from tests.commands.machines import quiet

SCENE = {scene.name: scene for scene in SCENES}
OF_STACK = AREAS["engine"] + AREAS["images"] + AREAS["stack"]


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Place]:
    with placed(SCENE["doctor-healthy"], tmp_path) as place:
        yield place


def result(found: Diagnosis, check: str) -> CheckResult:
    return next(one for one in found.results if one.check == check)


def issues(found: Diagnosis) -> list[str]:
    return [one.issue for one in found.findings]


def test_nothing_is_wrong_with_a_healthy_machine_and_stack(healthy: Place) -> None:
    found = doctor(healthy.machine)
    assert issues(found) == []
    assert found.exit_code == 0
    assert result(found, "services").says == "2 are ready"


def test_it_changes_nothing_and_starts_no_container(healthy: Place) -> None:
    before = sorted(str(one) for one in healthy.folder.rglob("*"))
    healthy.stage.asked.clear()
    doctor(healthy.machine)
    assert sorted(str(one) for one in healthy.folder.rglob("*")) == before
    assert [one for one in healthy.stage.asked if not one.startswith("log of")] == []
    assert healthy.here.system.ran == []


def test_a_folder_without_a_stack_is_no_fault(tmp_path: Path) -> None:
    found = doctor(quiet(tmp_path).machine, checks=AREAS["stack"])
    assert issues(found) == []
    assert {one.untried for one in found.results if one.untried} == {"no stack was deployed in this folder"}


def test_wrong_settings_are_found_and_the_rest_goes_on(healthy: Place) -> None:
    (healthy.folder / "stack.toml").write_text("[model]\ncontxt = 4\n")
    found = doctor(healthy.machine, checks=OF_STACK)
    assert issues(found) == ["settings-wrong"]
    assert found.exit_code == 3
    assert "contxt" in found.findings[0].says + "".join(found.findings[0].evidence)
    assert result(found, "services").says == "2 are ready"


def test_a_plan_of_a_newer_stackctl_is_found(healthy: Place) -> None:
    (healthy.folder / plan_json.FILE).write_text('{"version": 9, "by": "9.0"}')
    assert doctor(healthy.machine, checks=AREAS["stack"]).findings[0].issue in {"newer-stackctl", "own-file-damaged"}


def test_a_name_that_belongs_to_another_folder_is_found_and_its_services_are_not_judged(healthy: Place) -> None:
    healthy.stage.foreign = frozenset({"chat"})
    found = doctor(healthy.machine, checks=AREAS["stack"])
    assert issues(found) == ["name-taken"]
    assert result(found, "services").state == "not tried"


def test_a_stopped_service_is_the_first_of_all(healthy: Place) -> None:
    states = healthy.stage.states_
    states["sillytavern"] = states["sillytavern"].__class__(
        name="sillytavern", container="st", state="exited", exit_code=0, started_at=1.0
    )
    found = doctor(healthy.machine, checks=OF_STACK)
    assert issues(found) == ["services-stopped"]
    assert found.exit_code == 7
    assert found.repairable == found.findings


def test_a_deploy_that_was_ended_is_found(healthy: Place) -> None:
    from stackctl.core.config import journal as journals
    from stackctl.core.config.journal import Journal

    folder = healthy.folder / journals.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    kept = Journal(stack="chat", ran=True, files=(), services=())
    (healthy.folder / journals.FILE).write_text(journals.dump(kept))
    assert "deploy-unfinished" in issues(doctor(healthy.machine, checks=AREAS["stack"]))


def test_an_engine_that_is_down_is_one_failure_and_hides_what_needs_it(healthy: Place) -> None:
    healthy.stage.link_ = EngineLink(
        address="unix:///var/run/docker.sock", socket="/var/run/docker.sock", failure="silent", says="timed out"
    )
    found = doctor(healthy.machine, checks=OF_STACK)
    assert issues(found) == ["engine-no-answer"]
    assert found.exit_code == 4
    assert {result(found, name).untried for name in ("images", "services", "name")} == {"the engine does not answer"}


def test_the_doctor_waits_until_it_has_run_for_its_time_and_no_longer(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.system.age = 0.8
    seen: list[float | None] = []

    def look(looks: Looks) -> CheckResult:
        seen.append(looks.until)
        return CheckResult()

    doctor(here.machine, checks=(Check(name="a", title="a", run=look),))
    assert seen == [pytest.approx(here.system.time + WITHIN_S - 0.8, rel=0, abs=0.001)]


@pytest.mark.parametrize(("age", "checks_s"), [(1.25, WITHIN_S - 1.25), (2.0, 3.0), (4.0, 6.0), (60.0, 8.0)])
def test_on_a_busy_machine_the_checks_take_as_much_longer_as_the_start(
    age: float, checks_s: float, tmp_path: Path
) -> None:
    here = quiet(tmp_path)
    here.system.age = age
    seen: list[float | None] = []

    def look(looks: Looks) -> CheckResult:
        seen.append(looks.until)
        return CheckResult()

    doctor(here.machine, checks=(Check(name="a", title="a", run=look),))
    assert seen == [pytest.approx(here.system.time + checks_s, rel=0, abs=0.001)]


def test_checks_have_names_of_their_own_and_titles_that_say_what_is_well() -> None:
    assert len({one.name for one in CHECKS}) == len(CHECKS)
    assert all(one.title and one.area for one in CHECKS)


def test_findings_of_checks_are_known_issues(healthy: Place) -> None:
    late = [one.late for one in CHECKS if one.late]
    found = doctor(healthy.machine)
    assert all(isinstance(one, Finding) for one in (*late, *found.findings))
