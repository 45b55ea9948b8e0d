"""A plan that starts anywhere mounts nothing from outside of its folder, and names no address of this machine."""

from dataclasses import replace

import pytest

from stackctl.core.plan.portable import portable
from stackctl.core.plan.stack import Plan
from stackctl.errors import ConfigError
from tests.core.samples import FOLDER, PASSWORD, a_plan, backend_of, seen, wanted


def sources(plan: Plan) -> set[str]:
    return {mount.source for service in plan.services for mount in service.mounts}


def test_what_lies_elsewhere_gets_a_place_below_the_folder_as_in_its_container() -> None:
    before = a_plan(wanted(backend={"kind": "koboldcpp"}))
    plan, carried = portable(before, FOLDER)
    assert all(source.startswith("./") for source in sources(plan))
    mounts = {mount.target.lstrip("/"): mount.source for mount in backend_of(before).mounts}
    assert {place: str(source) for place, source in carried.items()} == {
        place: source for place, source in mounts.items() if source.startswith("/")
    }
    assert carried
    for was, now in zip(before.services, plan.services, strict=True):
        assert replace(was, mounts=()) == replace(now, mounts=())


def test_what_lies_in_the_folder_stays_where_it_is() -> None:
    before = a_plan()
    service = before.sillytavern
    inside = replace(service.mounts[0], source=f"{FOLDER}/sillytavern/config")
    plan, _ = portable(replace(before, services=(replace(service, mounts=(inside,)),)), FOLDER)
    assert sources(plan) == {"./sillytavern/config"}


def test_a_data_folder_outside_is_refused() -> None:
    with pytest.raises(ConfigError, match="/mnt/big/config lies outside of this folder"):
        portable(a_plan(wanted(sillytavern={"data": "/mnt/big"})), FOLDER)


@pytest.mark.parametrize(
    "opened", [{"sillytavern": {"expose": "192.168.1.5"}}, {"backend": {"publish": "192.168.1.5:5001"}}]
)
def test_an_address_of_this_machine_is_refused(opened: dict[str, object]) -> None:
    world = replace(seen(), interfaces={"eth0": ("192.168.1.5/24",)}, password=PASSWORD)
    with pytest.raises(ConfigError, match=r"is opened on 192\.168\.1\.5, an address that only this machine has"):
        portable(a_plan(wanted(**opened), world), FOLDER)
