"""The record of what setup added, and the way back from it."""

import json

import pytest

from stackctl.core.setup.record import Added, Replaced, read_record, way_back, write_record

ADDED = Added(
    time="2026-11-25T10:00:00Z",
    title="Install Docker",
    manager="apt",
    packages=("containerd", "docker.io"),
    files=("/etc/apt/keyrings/docker.asc",),
    replaced=(Replaced(path="/etc/docker/daemon.json", copy="/etc/docker/daemon.json.before-stackctl-1"),),
    user="ann",
    group="docker",
    undo=(("systemctl", "disable", "--now", "docker"),),
)


def test_what_was_written_is_read() -> None:
    assert read_record(write_record((ADDED, ADDED))) == (ADDED, ADDED)


@pytest.mark.parametrize(
    "text",
    [None, "", "x", "[]", '{"version": 2, "added": []}', '{"version": 1}', '{"version": 1, "added": [{"time": 3}]}'],
)
def test_a_record_that_is_not_there_or_damaged_holds_nothing(text: str | None) -> None:
    assert read_record(text) == ()


def test_packages_of_an_unknown_manager_are_left_alone() -> None:
    text = json.dumps({"version": 1, "added": [{"time": "", "title": "", "manager": "brew", "packages": ["x"]}]})
    assert read_record(text) == ()


def test_the_way_back_stops_leaves_removes_and_restores_in_this_order() -> None:
    assert way_back(ADDED) == (
        ("systemctl", "disable", "--now", "docker"),
        ("gpasswd", "-d", "ann", "docker"),
        ("apt-get", "remove", "--yes", "containerd", "docker.io"),
        ("rm", "-f", "/etc/apt/keyrings/docker.asc"),
        ("mv", "-f", "/etc/docker/daemon.json.before-stackctl-1", "/etc/docker/daemon.json"),
    )


def test_packages_are_removed_and_never_purged_since_that_deletes_all_volumes() -> None:
    assert not [word for word in sum(way_back(ADDED), ()) if "purge" in word]


def test_alpine_has_another_program_to_leave_a_group() -> None:
    added = Added(time="", title="", manager="apk", user="ann", group="docker")
    assert way_back(added) == (("delgroup", "ann", "docker"),)
