"""Limits of this process that are so low that programs fail by them."""

import errno
import resource

import pytest

from stackctl.effects.host.limits import shortage, tight_limits

NONE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.mark.parametrize(
    ("limits", "says", "lifts"),
    [
        ({}, "", ""),
        ({resource.RLIMIT_NOFILE: 1024, resource.RLIMIT_NPROC: 62000}, "", ""),
        ({resource.RLIMIT_AS: 300 << 20}, "300 MiB of address space", "ulimit -v unlimited"),
        ({resource.RLIMIT_NOFILE: 8}, "8 open files", "ulimit -n 1024"),
        (
            {resource.RLIMIT_DATA: 1 << 20, resource.RLIMIT_NPROC: 1},
            "1 MiB of data, 1 processes and threads",
            "ulimit -d unlimited; ulimit -u 4096",
        ),
    ],
)
def test_low_limits_are_named_with_what_lifts_them(limits: dict[int, int], says: str, lifts: str) -> None:
    assert tight_limits(lambda number: (limits[number], limits[number]) if number in limits else NONE) == (says, lifts)


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOMEM, "x"), "memory"),
        (OSError(errno.EMFILE, "x"), "open files"),
        (BlockingIOError(errno.EAGAIN, "x"), "processes and threads"),
        (RuntimeError("can't start new thread"), "threads"),
    ],
)
def test_what_the_system_gives_no_more_of_is_said(error: BaseException, what: str) -> None:
    found = shortage(error)
    assert found
    assert f"no more {what}" in found.message
    assert found.hint


@pytest.mark.parametrize("error", [OSError(errno.ENOENT, "x"), RuntimeError("a bug"), ValueError()])
def test_any_other_error_is_none_of_the_kind(error: BaseException) -> None:
    assert shortage(error) is None
