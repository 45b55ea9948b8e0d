"""The cause of a mount that the engine refuses: a disk that is not there, or that it alone does not see."""

import pytest

from stackctl.core.observed import EngineView
from stackctl.core.start.docker_errors import from_output
from stackctl.core.start.mount_errors import explain, source
from stackctl.errors import Unmountable

SAYS = 'Error response from daemon: invalid mount config for type "bind": '
MODEL = "/mnt/my models/good.gguf"
DENIED = f"{SAYS}stat {MODEL}: permission denied"
MISSING = f"{SAYS}bind source path does not exist: {MODEL}"
DESKTOP = f"Error response from daemon: mounts denied: \nThe path {MODEL} is not shared from the host and is not known"


def refused(line: str) -> Unmountable:
    error = from_output(line.splitlines(), 1)
    assert isinstance(error, Unmountable)
    assert error.exit_code == 4  # the engine's view, and no data
    return error


@pytest.mark.parametrize("line", [DENIED, MISSING, DESKTOP], ids=["denied", "missing", "desktop"])
def test_the_path_that_can_not_be_mounted_is_read_from_the_engines_words(line: str) -> None:
    assert source(refused(line)) == MODEL


def test_what_is_not_here_either_may_be_a_disk_that_is_not_mounted() -> None:
    error = explain(refused(MISSING), is_here=False, view="snap")
    assert (error.message, "Mount the disk or share" in error.hint) == (
        "a file or folder to mount does not exist", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("view", "why", "hint"),
    [
        ("", "it has another view of the disk", "systemctl restart docker"),
        ("snap", "Docker from a snap sees only home folders", "into your home folder"),
        ("desktop", "Docker Desktop sees only the folders that are shared", "File sharing"),
        ("container", "stackctl runs in a container", "-v PATH:PATH"),
        ("remote", "the engine runs on another machine", "Run stackctl on that machine."),
    ],
)
@pytest.mark.parametrize("line", [MISSING, DESKTOP], ids=["missing", "desktop"])
def test_what_is_here_and_not_for_the_engine_is_its_view_of_the_disk(
    line: str, view: EngineView, why: str, hint: str
) -> None:
    error = explain(refused(line), is_here=True, view=view)
    assert error.message.startswith(f"the engine does not see {MODEL}, which exists here: {why}")
    assert hint in error.hint
    assert "mounted?" not in error.hint


@pytest.mark.parametrize("is_here", [True, False])
def test_what_the_engine_may_not_read_is_called_that(*, is_here: bool) -> None:
    error = explain(refused(DENIED), is_here=is_here, view="")
    assert error.message.startswith(f"the engine may not read {MODEL}: ")
    assert "allow_other" in error.hint
    assert "no_root_squash" in error.hint
    assert error.evidence == (DENIED,)
