"""A stack that an older stackctl made gets what is a matter of security with its next plan, is told it, and keeps the
rest. `older/` holds what the code before it wrote from the same wish and the same machine."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.core.config import lock as lock_file
from stackctl.core.config.lock import Lock
from stackctl.core.observed import EngineSeen
from stackctl.core.plan.plan import Planned
from stackctl.core.plan.security import NAMES
from stackctl.orchestrators.compose.render import parse, render
from tests.core.samples import decided, engine, seen, template, wanted

OLDER = Path(__file__).with_name("older")
TEXT = (OLDER / "compose.yml").read_text(encoding="utf-8")
LOCK = lock_file.parse((OLDER / "stack.lock").read_text(encoding="utf-8"))
GATEWAY_MODES = {f"com.docker.network.bridge.gateway_mode_ipv{n}": "isolated" for n in (4, 6)}


def planned(recorded: Lock = LOCK, on: EngineSeen | None = None) -> Planned:
    world = replace(seen(on=on or engine()), names=("box", "box.local"))
    return decided(wanted(name="chat"), world, recorded)


def written(found: Planned) -> Lock:
    """The lock as it is once that plan's file was written."""
    rendered = {"by": "0.1.0", "inputs": found.inputs, "security": " ".join(found.security)}
    return replace(found.lock, rendered=rendered)


def notes(found: Planned) -> list[str]:
    return [one for one in found.plan.notes if "for security" in one or "to no other name" in one]


def test_the_older_file_is_the_one_that_its_lock_records() -> None:
    assert hashlib.sha256(TEXT.encode()).hexdigest() == LOCK.rendered["sha256"]


def test_its_inputs_are_not_those_of_today_so_it_is_not_kept() -> None:
    assert planned().inputs != LOCK.rendered["inputs"]


def test_of_what_was_decided_nothing_changes() -> None:
    after = planned().lock.decisions
    assert {key: after[key] for key in LOCK.decisions} == dict(LOCK.decisions)


def test_of_the_file_only_what_is_a_matter_of_security_changes() -> None:
    new: dict[str, Any] = parse(render(planned().plan, template))
    page = new["services"]["sillytavern"]["environment"]
    assert json.loads(page.pop("SILLYTAVERN_HOSTWHITELIST_HOSTS")) == ["box", "box.local"]
    assert page.pop("SILLYTAVERN_HOSTWHITELIST_ENABLED") == "true"
    assert page.pop("SILLYTAVERN_CORS_ENABLED") == "false"
    assert new["networks"]["inner"].pop("driver_opts") == GATEWAY_MODES
    for service in new["services"].values():
        assert service.pop("pids_limit") > 0
    old = parse(TEXT)
    health = (one["services"]["sillytavern"].pop("healthcheck") for one in (new, old))
    assert ["wget" in " ".join(one["test"]) for one in health] == [True, False]  # a new file has all that is new
    assert new == old


def test_all_that_is_new_is_named_once() -> None:
    first = planned()
    found = notes(first)
    assert len(found) == 4
    for words in ("box, box.local", "origin", "llamacpp 4096, sillytavern 1024", "no longer reaches"):
        assert any(words in note for note in found), words
    assert notes(planned(written(first))) == []
    assert planned(written(first)).inputs == first.inputs


def test_a_new_stack_is_told_its_names_alone() -> None:
    assert [one for one in notes(planned(Lock())) if "to no other name" not in one] == []


def test_what_an_engine_can_not_do_is_named_once_a_newer_one_does_it() -> None:
    before = planned(on=engine((27, 5, 1)))
    assert "gateway" not in before.security
    assert not any("no longer reaches" in note for note in notes(before))
    after = planned(written(before))
    assert ["no longer reaches" in note for note in notes(after)] == [True]
    assert after.inputs != before.inputs


@pytest.mark.parametrize("name", NAMES)
def test_what_a_lock_does_not_record_is_named(name: str) -> None:
    first = planned()
    lock = replace(written(first), rendered={"security": " ".join(one for one in first.security if one != name)})
    assert len(notes(planned(lock))) == 1
