"""What repairs a CDI file: written again, moved out of the way, or nothing of ours."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from stackctl.contracts.cdi import CdiFile, CdiSeen, Edits, Node, PathSeen
from stackctl.contracts.repair import MoveAside, Repair, RewriteFile, RunProgram
from stackctl.core.doctor.cdi_repairs import describe_devices, repair_file
from stackctl.core.gpu.cdi_files import FOLDERS, SERVICE, find_faults

ETC, RUN = "/etc/cdi/nvidia.yaml", "/var/run/cdi/nvidia.yaml"
GENERATE = ("nvidia-ctk", "cdi", "generate", f"--output={RUN}")


def file(path: str, *, minor: int = 3, name: str = "nvidia.com/gpu=0") -> CdiFile:
    """A file whose device is current with minor 3."""
    node = Node(path="/dev/a", inside="/dev/a", major=1, minor=minor)
    return CdiFile(path=path, folder=int(path.startswith("/var")), devices={name: Edits(nodes=(node,))})


def seen(*files: CdiFile, **more: object) -> CdiSeen:
    paths = {"/dev/a": PathSeen(exists=True, device=(1, 3))}
    return CdiSeen(folders=FOLDERS, files=files, paths=paths, **more)  # type: ignore[arg-type] # its own names


def repaired(of: CdiSeen) -> Repair | None:
    return repair_file(find_faults(of)[0], of)


def test_a_stale_file_is_written_again_by_the_toolkit() -> None:
    found = repaired(seen(file(RUN, minor=5)))
    assert found
    assert found.steps == (RewriteFile(path=PurePosixPath(RUN), argv=GENERATE),)


def test_with_the_service_of_the_toolkit_it_is_the_service_that_writes_its_file() -> None:
    found = repaired(seen(file(RUN, minor=5), refreshed=RUN))
    assert found
    assert found.steps == (RewriteFile(path=PurePosixPath(RUN), argv=("systemctl", "restart", SERVICE)),)


def test_a_file_beside_that_of_the_service_is_moved_aside_first() -> None:
    other = "/var/run/cdi/old.yaml"
    found = repaired(seen(file(other, minor=5), refreshed=RUN))
    assert found
    assert found.steps[0] == MoveAside(path=PurePosixPath(other))
    assert found.steps[1] == RewriteFile(path=PurePosixPath(RUN), argv=("systemctl", "restart", SERVICE))


def test_without_the_toolkit_a_stale_file_is_moved_aside_where_a_current_one_takes_its_place() -> None:
    found = repaired(seen(file(ETC), file(RUN, minor=5), has_toolkit=False))
    assert found
    assert found.steps == (MoveAside(path=PurePosixPath(RUN)),)


@pytest.mark.parametrize("below", [(), (file(ETC, minor=5),), (file(ETC, name="nvidia.com/gpu=1"),)])
def test_without_the_toolkit_and_without_another_file_there_is_no_repair(below: tuple[CdiFile, ...]) -> None:
    of = seen(*below, file(RUN, minor=5), has_toolkit=False)
    fault = next(one for one in find_faults(of) if one.file == RUN)
    assert repair_file(fault, of) is None


def test_of_two_files_of_one_folder_the_one_that_nothing_refreshes_is_moved_aside() -> None:
    other = "/var/run/cdi/gpu.yaml"
    found = repaired(seen(file(other), file(RUN), refreshed=RUN))
    assert found
    assert found.steps == (MoveAside(path=PurePosixPath(other)),)


def test_a_file_that_the_engine_may_not_read_gets_the_right_and_loses_it_on_the_way_back() -> None:
    of = seen(CdiFile(path=RUN, folder=1, is_unread=True), is_rootless=True)
    found = repaired(of)
    assert found
    assert found.steps == (RunProgram(argv=("chmod", "a+r", RUN), undo=("chmod", "go-r", RUN)),)


@pytest.mark.parametrize(
    "broken",
    [
        CdiFile(path="/etc/cdi/vendor.yaml", error="it is neither YAML nor JSON"),
        replace(file("/etc/cdi/vendor.yaml", minor=5), devices={"vendor.com/net=0": Edits()}),
    ],
)
def test_the_file_of_another_tool_is_never_touched(broken: CdiFile) -> None:
    of = seen(broken)
    fault = next(iter(find_faults(of)), None)
    assert fault is None or repair_file(fault, of) is None


def test_missing_devices_are_described_in_the_first_folder_of_the_engine_where_the_toolkit_is() -> None:
    found = describe_devices(CdiSeen(folders=("/srv/cdi",)))
    assert found
    (step,) = found.steps
    assert isinstance(step, RewriteFile)
    assert step.argv == ("nvidia-ctk", "cdi", "generate", "--output=/srv/cdi/nvidia.yaml")
    assert describe_devices(CdiSeen(has_toolkit=False)) is None
