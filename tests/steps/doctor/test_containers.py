"""What a container sees: the network, and the stack's folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.commands.doctor import doctor
from stackctl.contracts.answer import Answer
from stackctl.contracts.finding import CheckResult
from stackctl.contracts.folder_trial import FolderTrial
from stackctl.contracts.system import Reached
from stackctl.core.observed import ProbeResult
from stackctl.steps.doctor.every_check import AREAS
from tests.commands.json_scenes import SCENES, Place, placed

REGISTRY = "https://registry-1.docker.io/v2/"
NETWORK, FOLDER = (one.name for one in AREAS["containers"])


@pytest.fixture
def healthy(tmp_path: Path) -> Iterator[Place]:
    (scene,) = (one for one in SCENES if one.name == "doctor-healthy")
    with placed(scene, tmp_path) as place:
        yield place


def tried(place: Place, name: str, *, is_deep: bool = True) -> CheckResult:
    checks = [one for one in AREAS["containers"] if one.name == name]
    (found,) = doctor(place.machine, is_deep=is_deep, checks=checks).results
    return found


def test_without_deep_no_container_is_started(healthy: Place) -> None:
    healthy.stage.asked.clear()
    assert "--deep" in tried(healthy, NETWORK, is_deep=False).untried
    assert "--deep" in tried(healthy, FOLDER, is_deep=False).untried
    assert healthy.stage.asked == []


def test_a_container_that_gets_any_answer_reaches_the_registry(healthy: Place) -> None:
    healthy.stage.answers = lambda url: ProbeResult(url=url, answers={"/v2/": Answer(status=401, body="")})
    assert tried(healthy, NETWORK).state == "passed"
    healthy.stage.answers = lambda url: ProbeResult(url=url, failure="self-signed certificate")
    assert tried(healthy, NETWORK).state == "passed"


@pytest.mark.parametrize("failure", ["name", "refused", "timeout", "unreachable"])
def test_a_container_that_gets_none_where_this_machine_does_is_offline(failure: str, healthy: Place) -> None:
    healthy.stage.answers = lambda url: ProbeResult(url=url, failure=failure)
    (found,) = tried(healthy, NETWORK).findings
    assert (found.issue, found.severity) == ("container-offline", "warning")
    assert ('"dns" in /etc/docker/daemon.json' in found.hint) == (failure == "name")


def test_where_this_machine_is_offline_too_the_container_is_no_fault(healthy: Place) -> None:
    healthy.stage.answers = lambda url: ProbeResult(url=url, failure="name")
    healthy.here.system.servers[REGISTRY] = Reached(failure="name")
    assert tried(healthy, NETWORK).state == "not tried"


def test_no_image_is_brought_for_a_try(healthy: Place) -> None:
    healthy.stage.images.here.clear()
    healthy.stage.images.ids.clear()
    healthy.stage.asked.clear()
    assert tried(healthy, NETWORK).state == tried(healthy, FOLDER).state == "not tried"
    assert healthy.stage.asked == []


@pytest.mark.parametrize(
    ("state", "issue"),
    [("missing", "folder-not-seen"), ("refused", "folder-not-seen"), ("shut", "folder-not-readable")],
)
def test_a_folder_that_a_container_does_not_see_is_a_failure(state: str, issue: str, healthy: Place) -> None:
    healthy.stage.folder_trial = FolderTrial(state=state, says="words")  # type: ignore[arg-type]
    (found,) = tried(healthy, FOLDER).findings
    assert (found.issue, found.context, found.evidence) == (issue, str(healthy.folder), ("words",))


def test_a_folder_that_is_seen_is_well_and_one_that_could_not_be_tried_no_fault(healthy: Place) -> None:
    assert tried(healthy, FOLDER).state == "passed"
    healthy.stage.folder_trial = FolderTrial(state="untried", says="the image's shell printed nothing")
    assert tried(healthy, FOLDER).untried == "the image's shell printed nothing"
