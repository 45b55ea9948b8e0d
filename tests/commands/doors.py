"""The ways by which a model is read, for what all of them must refuse."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.commands.models.fit import Asked, fit
from stackctl.commands.models.inspect import inspect
from stackctl.errors import ModelError
from tests.commands.machines import quiet


def doors(path: Path) -> tuple[Callable[[], object], ...]:
    """Each way by which a model is read: inspect, fit, deploy's look."""
    machine = quiet(path.parent).machine
    return (
        lambda: inspect(machine, str(path), force=False),
        lambda: fit(machine, str(path), Asked()),
        lambda: machine.model(str(path)),
    )


def refusals(path: Path) -> list[str]:
    """What each door says of a model that none may take."""
    said = []
    for door in doors(path):
        with pytest.raises(ModelError) as caught:
            door()
        assert caught.value.hint
        said.append(caught.value.message)
    return said
