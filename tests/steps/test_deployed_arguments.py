"""What the backend of a deployed stack was given, as plan.json tells it."""

import json
from pathlib import Path

import pytest

from stackctl.commands.deploy import deploy
from stackctl.core.config.lock import Lock
from stackctl.core.plan import plan_json
from stackctl.errors import ConfigError
from stackctl.machine import Machine
from stackctl.steps.deployed import deployed_plan
from stackctl.steps.deployed_arguments import deployed_arguments
from tests.commands.machines import quiet
from tests.core.samples import a_plan, wanted
from tests.steps.test_deployed import DEMO, QUICK, edit, files, with_images


def written(machine: Machine, kind: str, *words: str, is_old: bool = False) -> None:
    """A plan.json of a stack with these extra_args; an old one does not tell them."""
    plan = a_plan(wanted(backend={"kind": kind, "extra_args": words}))
    text = plan_json.dump(plan, machine.place, key=".stackctl/api-key", password="x")
    table = json.loads(text)
    if is_old:
        del table["plan"]["extra_args"]
    machine.folder.write(plan_json.FILE, json.dumps(table))
    for name, secret in plan.files.items():
        machine.folder.write(name, secret.reveal())


@pytest.mark.parametrize("kind", ["llamacpp", "text-generation-webui"])
def test_they_are_those_of_the_last_deploy(tmp_path: Path, kind: str) -> None:
    machine = quiet(tmp_path).machine
    assert deployed_arguments(machine, (), Lock()) == ()
    written(machine, kind, "--seed", "1")
    assert deployed_arguments(machine, (), Lock()) == ("--seed", "1")


@pytest.mark.parametrize("kind", ["llamacpp", "koboldcpp", "text-generation-webui"])
def test_of_an_older_stackctl_they_end_with_them(tmp_path: Path, kind: str) -> None:
    machine = quiet(tmp_path).machine
    written(machine, kind, "--seed", "it's 1", is_old=True)
    found = deployed_arguments(machine, (), Lock())
    at = found.index("--seed")
    assert found[at : at + 2] == ("--seed", "it's 1")


def test_a_plan_that_nobody_can_read_tells_none(tmp_path: Path) -> None:
    machine = quiet(tmp_path).machine
    machine.folder.write(plan_json.FILE, "{")
    assert deployed_arguments(machine, (), Lock()) == ()


def test_a_stack_of_a_stackctl_that_wrote_no_plan_ran_with_what_its_stack_toml_says(tmp_path: Path) -> None:
    machine = quiet(tmp_path).machine
    assert deployed_arguments(machine, ("-c", "4096"), Lock(rendered={"by": "0.0"})) == ("-c", "4096")
    assert deployed_arguments(machine, ("-c", "4096"), Lock()) == ()


def test_a_deploy_refuses_an_argument_that_is_new_and_warns_of_one_with_which_it_was_deployed(tmp_path: Path) -> None:
    found = with_images(tmp_path)
    deploy(found.machine, DEMO, QUICK)
    edit(tmp_path, lambda text: text.replace("extra_args = []", 'extra_args = ["-c", "4096"]'))
    before = files(tmp_path)
    with pytest.raises(ConfigError, match=r"-c is what backend\.context decides"):
        deploy(found.machine, {}, QUICK)
    assert files(tmp_path) == before
    table = json.loads((tmp_path / plan_json.FILE).read_text())
    del table["plan"]["extra_args"]
    (backend,) = (one for one in table["plan"]["services"] if one["role"] == "backend")
    backend["command"] += ["-c", "4096"]
    (tmp_path / plan_json.FILE).write_text(json.dumps(table))
    for _ in range(2):  # the second one reads what the first one wrote
        deploy(found.machine, {}, QUICK)
        assert "The next release refuses it. Set `backend.context = 4096` instead." in found.said.getvalue()


def test_a_stack_without_a_plan_that_has_such_an_argument_is_looked_at_all_the_same(tmp_path: Path) -> None:
    found = with_images(tmp_path)
    deploy(found.machine, DEMO, QUICK)
    (tmp_path / plan_json.FILE).unlink()
    edit(tmp_path, lambda text: text.replace("extra_args = []", 'extra_args = ["-c", "4096"]'))
    assert deployed_plan(found.machine).name == "mine"
