"""Whether other devices may open it is asked once for each stack, and only where a yes could be done."""

from pathlib import Path

import pytest

from stackctl.cli.root import sits_elsewhere
from stackctl.core.config import lock as lock_file
from stackctl.core.config.lock import Lock
from stackctl.core.plan.plan import forget_decisions, plan
from stackctl.errors import EngineError
from stackctl.steps.config_request import load_config
from stackctl.steps.open_to_others import may_open, with_answer
from tests.commands.machines import Quiet, quiet
from tests.core.samples import seen, wanted

AT_HOME: dict[str, tuple[str, ...]] = {"lo": ("127.0.0.1/8",), "eth0": ("192.168.1.5/24",)}
PROXY = '[sillytavern.proxy]\nnetwork = "caddy"\ncontainer = "caddy"\nhosts = ["chat.example.org"]\n'


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    machine = quiet(tmp_path)
    machine.host.own_interfaces = AT_HOME
    return machine


def is_asked(here: Quiet) -> bool:
    return may_open(here.machine, load_config(here.machine, {}))


def test_a_stack_that_nobody_has_opened_or_shut_is_asked_about(here: Quiet) -> None:
    assert is_asked(here)


@pytest.mark.parametrize("toml", ['[sillytavern]\nexpose = "lan"\n', '[sillytavern]\nexpose = "eth0"\n', PROXY])
def test_one_that_is_open_already_is_not(here: Quiet, toml: str) -> None:
    (here.machine.path / "stack.toml").write_text(toml)
    assert not is_asked(here)


def test_nor_is_one_whose_engine_is_elsewhere_or_that_has_no_network_to_open_it_to(here: Quiet) -> None:
    here.docker.is_local = False
    assert not is_asked(here)
    here.docker.is_local = True
    here.host.own_interfaces = {"lo": ("127.0.0.1/8",), "eth0": ("11.22.33.44/24",), "docker0": ("172.17.0.1/16",)}
    assert not is_asked(here)


class Away:
    """An engine that does not answer."""

    @property
    def is_local(self) -> bool:
        raise EngineError("no engine", hint="start it")


def test_nor_is_anything_asked_without_an_engine(here: Quiet) -> None:
    here.machine.docker = Away()  # type: ignore[assignment] # all that is asked of it
    assert not is_asked(here)


@pytest.mark.parametrize("is_open", [True, False])
def test_an_answer_is_recorded_and_stands_whatever_is_planned_again(here: Quiet, *, is_open: bool) -> None:
    planned = plan(wanted(), seen(), with_answer(Lock(), is_open=is_open))
    here.machine.folder.write(lock_file.FILE, lock_file.dump(planned.lock))
    assert not is_asked(here)
    again = plan(wanted(), seen(), forget_decisions(planned.lock))
    here.machine.folder.write(lock_file.FILE, lock_file.dump(again.lock))
    assert not is_asked(here)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22", "DISPLAY": ":0"}, True),
        ({}, True),
        ({"DISPLAY": ""}, True),
        ({"DISPLAY": ":0"}, False),
        ({"WAYLAND_DISPLAY": "wayland-0"}, False),
    ],
)
def test_who_came_by_ssh_or_has_no_display_sits_elsewhere(environ: dict[str, str], *, expected: bool) -> None:
    assert sits_elsewhere(environ) == expected
