"""What every companion must keep, whichever it is: COMPANIONS is the parameter."""

import re

import pytest

from stackctl.backends import BACKENDS
from stackctl.companions import COMPANIONS
from stackctl.companions.contract import Companion, Surroundings
from stackctl.core.config.spec import Spec
from stackctl.core.tavern import container as tavern
from stackctl.secret import Secret
from tests.core.samples import KEY

SETTINGS = {"api": "127.0.0.1:5001"}  # a value for each companion's SETTING
AROUND = Surroundings(
    backend="llamacpp",
    backend_port=8080,
    backend_wait_s=90,
    tavern_image="example.org/tavern:1",
    tavern_image_is="tried",
    networks=("inner", "edge"),
)


@pytest.fixture(params=list(COMPANIONS.values()), ids=list(COMPANIONS))
def companion(request: pytest.FixtureRequest) -> Companion:
    found: Companion = request.param
    return found


def test_a_name_is_good_as_a_host_name_and_nobody_elses(companion: Companion) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9-]*", companion.NAME)
    assert companion.NAME not in {tavern.NAME, *BACKENDS}


def test_nobody_gets_a_companion_unasked(companion: Companion) -> None:
    setting: object = Spec()
    for key in companion.SETTING.split("."):
        setting = getattr(setting, key)
    assert not setting or setting == type(setting)()


def test_a_companion_joins_the_stack_as_one_and_publishes_what_it_says(companion: Companion) -> None:
    setting = SETTINGS[companion.NAME]
    service = companion.service(setting, AROUND)
    assert (service.name, service.role) == (companion.NAME, "companion")
    assert service.publish == companion.publish(setting)
    assert set(service.networks) <= set(AROUND.networks)
    assert service.capabilities == ()
    assert service.health.test[0] == "CMD"


def test_a_companion_is_given_no_secret(companion: Companion) -> None:
    assert not [value for value in vars(AROUND).values() if isinstance(value, Secret)]
    assert KEY.reveal() not in repr(companion.service(SETTINGS[companion.NAME], AROUND))


@pytest.mark.parametrize("line", ["", "listening", "Server is running"])
def test_an_ordinary_line_ends_nothing(companion: Companion, line: str) -> None:
    assert companion.fatal(line) is None
    assert companion.ended(line) is None
    assert companion.exit_cause(0) is None


def test_what_a_companion_says_of_itself_is_in_words(companion: Companion) -> None:
    assert all(companion.notes(companion.service(SETTINGS[companion.NAME], AROUND)))
