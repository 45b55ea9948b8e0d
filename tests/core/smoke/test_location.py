"""The place of a stack that smoke brings up: named after its job, and never taken for a user's."""

import pytest

from stackctl.core.smoke.location import check, is_left_over, stack_name
from stackctl.errors import ConfigError


@pytest.mark.parametrize(
    ("job", "stack"),
    [
        ("", "smoke"),
        ("test", "smoke-test"),
        ("Test (ubuntu-24.04, 3.11)", "smoke-test-ubuntu-24-04-3-11"),
        ("日本", "smoke"),
        ("x" * 80, "smoke-" + "x" * 57),
    ],
)
def test_a_job_gives_a_name_that_a_stack_can_have(job: str, stack: str) -> None:
    assert stack_name(job) == stack
    check(stack)


@pytest.mark.parametrize("wrong", ["", "../..", "a/b", ".", "-x", "X", "x" * 64, "a b"])
def test_a_name_that_would_lead_out_of_its_folder_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="no name for a stack"):
        check(wrong)


@pytest.mark.parametrize(
    ("folder", "is_ours"),
    [
        ("/tmp/stackctl-smoke-1000/smoke-x/stack", True),
        ("/home/runner/work/_temp/stackctl-smoke/smoke-x/stack", True),
        ("/tmp/stackctl-smoke-1000/smoke-y/stack", False),
        ("/home/me/smoke-x/stack", False),
        ("/home/me/smoke-x", False),
        ("stackctl-smoke/smoke-x/stack", False),
        ("", False),
    ],
)
def test_only_a_smoke_folder_of_that_name_is_left_over_from_such_a_run(folder: str, is_ours: bool) -> None:
    assert is_left_over(folder, "smoke-x") == is_ours
