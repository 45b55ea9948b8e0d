"""Why an engine can't be reached: by what answers at its address, and by what is installed around it."""

from dataclasses import replace

import pytest

from stackctl.contracts.engine_link import EngineLink, LinkFailure
from stackctl.contracts.finding import Finding
from stackctl.contracts.system import User
from stackctl.core.doctor.engine_link import Around, judge_link
from stackctl.core.doctor.engine_service import EngineService
from stackctl.issues import ISSUES

USUAL = EngineLink(address="unix:///var/run/docker.sock", socket="/var/run/docker.sock")
ALICE = User(name="alice", uid=1000, groups=("alice",), listed_groups=("alice",))
SYSTEMD = EngineService(init="systemd")
AROUND = Around(user=ALICE, service=SYSTEMD)
ROOTLESS = "/run/user/1000/docker.sock"


def judge(failure: LinkFailure, around: Around = AROUND, link: EngineLink = USUAL) -> Finding:
    found = judge_link(replace(link, failure=failure, says="the system's words"), around)
    assert found
    assert found.issue in ISSUES
    assert found.hint
    return found


def test_an_engine_that_answers_is_no_issue() -> None:
    assert judge_link(USUAL, AROUND) is None


@pytest.mark.parametrize("failure", ["missing", "refused"])
def test_an_installed_engine_that_does_not_run_is_started(failure: LinkFailure) -> None:
    found = judge(failure, replace(AROUND, unit=("ActiveState=failed",)))
    assert (found.issue, found.hint) == ("engine-not-running", "Run `sudo systemctl start docker`.")
    assert found.evidence == ("ActiveState=failed",)
    assert found.repair


def test_root_starts_it_without_sudo() -> None:
    root = replace(AROUND, user=User(name="root", uid=0))
    assert judge("missing", root).hint == "Run `systemctl start docker`."


def test_nothing_installed_leads_to_setup() -> None:
    found = judge("missing", replace(AROUND, service=EngineService(), is_installed=False))
    assert found.issue == "engine-not-installed"
    assert "`stackctl setup`" in found.hint
    assert found.repair is None


def test_podman_alone_is_an_engine_whose_service_does_not_run() -> None:
    found = judge("missing", replace(AROUND, service=EngineService(), is_installed=False, has_podman=True))
    assert found.issue == "engine-not-running"
    assert "systemctl --user enable --now podman.socket" in found.hint
    assert "unix:///run/user/1000/podman/podman.sock" in found.hint


def test_a_rootless_docker_beside_the_usual_socket_is_named() -> None:
    others = ((ROOTLESS, "a rootless Docker"),)
    found = judge("missing", replace(AROUND, service=EngineService(), others=others))
    assert f"a rootless Docker has its socket at {ROOTLESS}" in found.says
    assert f"export DOCKER_HOST=unix://{ROOTLESS}" in found.hint


def test_in_a_container_the_socket_is_mounted() -> None:
    around = replace(AROUND, service=EngineService(), is_installed=False, is_in_container=True)
    assert "-v /var/run/docker.sock:/var/run/docker.sock" in judge("missing", around).hint


def test_who_is_no_member_of_the_group_is_added() -> None:
    found = judge("permission")
    assert (found.issue, found.context) == ("engine-permission", "/var/run/docker.sock")
    assert "`sudo usermod -aG docker alice`" in found.hint
    assert found.repair


def test_who_was_added_and_has_not_logged_in_since_logs_in_again() -> None:
    added = replace(ALICE, listed_groups=("alice", "docker"))
    found = judge("permission", replace(AROUND, user=added))
    assert "has not logged in since" in found.says
    assert "newgrp docker" in found.hint
    assert found.repair is None


def test_a_member_whom_the_socket_refuses_looks_at_the_socket() -> None:
    member = replace(ALICE, groups=("alice", "docker"), listed_groups=("alice", "docker"))
    found = judge("permission", replace(AROUND, user=member))
    assert "ls -l /var/run/docker.sock" in found.hint
    assert found.repair is None


def test_another_users_engine_is_no_matter_of_the_group() -> None:
    found = judge(
        "permission", link=EngineLink(address="unix:///run/user/7/docker.sock", socket="/run/user/7/docker.sock")
    )
    assert "as the user of that engine" in found.hint
    assert found.repair is None


def test_a_silent_engine_is_restarted() -> None:
    found = judge("silent")
    assert (found.issue, found.severity) == ("engine-no-answer", "failure")
    assert "sudo systemctl restart docker" in found.hint


@pytest.mark.parametrize("failure", ["missing", "refused", "unknown"])
@pytest.mark.parametrize(
    ("link", "way_back"),
    [
        (EngineLink(address="tcp://10.0.0.9:2375", source="DOCKER_HOST"), "unset DOCKER_HOST"),
        (EngineLink(address="tcp://10.0.0.9:2375", source="context", context="lab"), "docker context use default"),
        (EngineLink(address="unix:///x.sock", source="DOCKER_HOST", socket="/x.sock"), "unset DOCKER_HOST"),
    ],
)
def test_an_engine_that_was_named_and_does_not_answer(failure: LinkFailure, link: EngineLink, way_back: str) -> None:
    found = judge(failure, link=link)
    assert (found.issue, found.context) == ("engine-unreachable", link.address)
    assert way_back in found.hint


def test_the_users_own_engine_is_started_as_the_user() -> None:
    link = EngineLink(address=f"unix://{ROOTLESS}", source="DOCKER_HOST", socket=ROOTLESS)
    assert "systemctl --user start docker" in judge("missing", link=link).hint


def test_a_context_that_can_not_be_read_is_named() -> None:
    found = judge("context", link=EngineLink(address="", source="context", context="lab"))
    assert (found.issue, found.context) == ("engine-context-unreadable", "lab")
    assert "docker context use default" in found.hint


def test_docker_host_that_names_the_usual_socket_is_the_machines_engine() -> None:
    found = judge("missing", link=replace(USUAL, source="DOCKER_HOST"))
    assert found.issue == "engine-not-running"
