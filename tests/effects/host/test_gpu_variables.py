"""Variables of this machine that choose GPUs for programs outside containers."""

from typing import NoReturn

import pytest

from stackctl.contracts.host import GPU_VARIABLES
from stackctl.effects.host.host import ThisHost


def nothing(*_: object) -> NoReturn:
    raise AssertionError("no variable needs this")


def test_those_that_are_set_are_seen_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GPU_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    host = ThisHost(nothing, nothing)
    assert host.gpu_variables() == {}
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,0")
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "")
    monkeypatch.setenv("CUDA_CACHE_PATH", "/x")
    assert host.gpu_variables() == {"CUDA_VISIBLE_DEVICES": "1,0"}
