"""Which GPUs, on the command line."""

import pytest

from stackctl.cli.options import KEYS
from tests.cli.tree import parse


@pytest.mark.parametrize(
    ("written", "devices"),
    [("0,1", ("0", "1")), ("free", ("free",)), ("not-display, count:2", ("not-display", "count:2"))],
)
@pytest.mark.parametrize("command", ["deploy", "render", "diff"])
def test_gpus_are_a_list_between_commas(command: str, written: str, devices: tuple[str, ...]) -> None:
    assert parse(f"stackctl {command} --gpus '{written}'").params["gpus"] == devices
    assert KEYS["gpus"] == "gpu.devices"
