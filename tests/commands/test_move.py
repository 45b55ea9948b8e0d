"""A stack moves from one orchestrator to another and back. Both engines are played; the folder is real."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands import lifecycle
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.diff import diff
from stackctl.commands.history import history
from stackctl.commands.status import status
from stackctl.core.config import journal as journals
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.errors import ConfigError, EngineError, NotReady, StackctlError
from stackctl.ports.page import Page
from stackctl.report import status_text
from stackctl.secret import Secret
from tests.commands.movers import NEW, OLD, Two, two
from tests.commands.pages import page_of
from tests.fakes import FakeTavern

QUICK = Options(prove=False, timeout_s=20)
CHAT = "sillytavern/data/default-user/chats/Ann/one.jsonl"


def works(folder: Path, target: str = OLD) -> Two:
    """A stack that runs by the old orchestrator, with a chat, whose stack.toml names the new one."""
    (folder / "good.gguf").write_bytes(gguf_bytes())
    (folder / "stack.toml").write_text(f'target = "{target}"\n[model]\npath = "good.gguf"\n')
    found = two(folder)
    deploy(found.machine(OLD), {}, QUICK)
    chat = folder / CHAT
    chat.parent.mkdir(parents=True)
    chat.write_text('{"mes": "hello"}')
    found.write_target(NEW if target == OLD else OLD)
    found.log.clear()
    return found


def content(folder: Path) -> dict[str, bytes]:
    """All that lies in the folder, but for what tells of the failure."""
    left_out = {"failed.log", "lock"}
    found = (one for one in folder.rglob("*") if one.is_file() and one.name not in left_out)
    return {str(one.relative_to(folder)): one.read_bytes() for one in found}


def recorded(folder: Path) -> str:
    return str(json.loads((folder / ".stackctl/plan.json").read_text()).get("target", OLD))


def raising(error: BaseException, at: str) -> Callable[[str], None]:
    def happen(service: str) -> None:
        if service == at:
            raise error

    return happen


class Killed(BaseException):
    """What nothing in stackctl catches, as nothing catches a SIGKILL."""


# -- the move


def test_the_new_backend_is_ready_before_the_old_sillytavern_stops_and_the_old_stack_goes_last(tmp_path: Path) -> None:
    found = works(tmp_path)
    deploy(found.machine(OLD), {}, QUICK)
    assert found.log == [
        "swarm apply llamacpp", "compose stop sillytavern", "swarm apply all", "compose down",
    ]  # fmt: skip
    assert not found.stages[OLD].states_
    assert all(one.is_ready for one in found.stages[NEW].states_.values())


def test_chats_settings_and_key_stay_as_they_are(tmp_path: Path) -> None:
    found = works(tmp_path)
    before = content(tmp_path)
    deploy(found.machine(OLD), {}, QUICK)
    after = content(tmp_path)
    kept = [name for name in before if name.startswith("sillytavern/") or name.endswith("api-key")]
    assert CHAT in kept
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_the_old_file_is_put_where_its_orchestrator_does_not_find_it(tmp_path: Path) -> None:
    found = works(tmp_path)
    text = (tmp_path / "compose.yml").read_text()
    deploy(found.machine(OLD), {}, QUICK)
    assert not (tmp_path / "compose.yml").exists()
    assert (tmp_path / "compose.yml.kept-1").read_text() == text
    assert "compose.yml is kept as compose.yml.kept-1, where Docker Compose does not look for it" in found.said
    assert recorded(tmp_path) == NEW
    assert not (tmp_path / journals.FILE).exists()


def test_the_old_stack_goes_only_after_a_reply_through_the_new_one(tmp_path: Path) -> None:
    found = works(tmp_path)
    page = page_of(deploy(found.machine(OLD), {}, replace(QUICK, dry_run=True)).plan)
    machine, at_proof = found.machine(OLD), list[str]()

    class Asked(FakeTavern):
        def open(self, url: str, login: tuple[str, Secret] | None) -> Page:
            at_proof.extend(found.log)
            return super().open(url, login)

    machine.tavern = Asked(page=page)
    deploy(machine, {}, replace(QUICK, prove=True))
    assert "swarm apply all" in at_proof
    assert "compose down" not in at_proof
    assert found.log[-1] == "compose down"


def test_both_have_subnets_of_their_own_while_they_stand_at_once(tmp_path: Path) -> None:
    found = works(tmp_path)
    before = set(found.stages[OLD].own_subnets)
    assert before
    deploy(found.machine(OLD), {}, QUICK)
    assert not before & set(found.stages[NEW].own_subnets)


def test_it_moves_back_the_same_way(tmp_path: Path) -> None:
    found = works(tmp_path)
    deploy(found.machine(OLD), {}, QUICK)
    found.write_target(OLD)
    found.log.clear()
    deploy(found.machine(NEW), {}, QUICK)
    assert found.log == [
        "compose apply llamacpp", "swarm stop sillytavern", "compose apply all", "swarm down",
    ]  # fmt: skip
    assert recorded(tmp_path) == OLD
    assert (tmp_path / "stack.yml.kept-1").exists()
    assert (tmp_path / "compose.yml").exists()
    assert [one.changes for one in history(found.machine(OLD))][:2] == [
        ("target swarm -> compose",), ("target compose -> swarm",),
    ]  # fmt: skip


def test_a_deploy_after_the_move_is_a_plain_one(tmp_path: Path) -> None:
    found = works(tmp_path)
    deploy(found.machine(OLD), {}, QUICK)
    found.log.clear()
    deploy(found.machine(NEW), {}, QUICK)
    assert found.log == ["swarm apply all"]


def test_a_stack_that_is_down_moves_by_its_file_alone(tmp_path: Path) -> None:
    found = works(tmp_path)
    found.stages[OLD].states_.clear()
    deploy(found.machine(OLD), {}, QUICK)
    assert found.log == ["swarm apply all"]
    assert (tmp_path / "compose.yml.kept-1").exists()


# -- where both can't stand


def test_where_both_backends_do_not_fit_the_old_stack_stops_first(tmp_path: Path) -> None:
    found = works(tmp_path)
    found.orchestrators[NEW].at_places = ("",)
    found.here.host.memory = replace(found.here.host.memory, free_mib=1, own_mib=15_000)
    deploy(found.machine(OLD), {}, QUICK)
    assert found.log[:2] == ["compose stop llamacpp", "compose stop sillytavern"]
    assert found.log[2:] == ["swarm apply all", "compose down"]
    assert "the former stack stops first, because both backends do not fit into the memory (1 MiB are free)" in (
        found.said
    )


def test_a_backend_on_another_machine_needs_no_room_here(tmp_path: Path) -> None:
    found = works(tmp_path)
    found.here.host.memory = replace(found.here.host.memory, free_mib=1, own_mib=15_000)
    deploy(found.machine(OLD), {}, QUICK)
    assert found.log[0] == "swarm apply llamacpp"


def test_where_stack_toml_sets_a_network_for_both_the_old_one_is_removed_first(tmp_path: Path) -> None:
    found = works(tmp_path)
    with (tmp_path / "stack.toml").open("a") as file:
        file.write(f'[network]\ninner = "{found.stages[OLD].own_subnets[0]}"\n')
    deploy(found.machine(OLD), {}, QUICK)
    assert found.log == ["compose down", "swarm apply all", "compose down"]


# -- what fails


def test_a_backend_that_fails_there_leaves_the_old_stack_untouched(tmp_path: Path) -> None:
    found = works(tmp_path)
    before, ran = content(tmp_path), dict(found.stages[OLD].states_)
    found.stages[NEW].breaks = "llamacpp"
    with pytest.raises(StackctlError) as caught:
        deploy(found.machine(OLD), {}, QUICK)
    assert caught.value.rolled_back is True
    assert "Rolled back" in caught.value.hint
    assert found.log == ["swarm apply llamacpp", "swarm down"]
    assert found.stages[OLD].states_ == ran
    assert not found.stages[NEW].states_
    assert content(tmp_path) == before


def test_a_sillytavern_that_fails_there_lets_the_old_one_start_again(tmp_path: Path) -> None:
    found = works(tmp_path)
    before = content(tmp_path)
    found.stages[NEW].breaks = "sillytavern"
    with pytest.raises(StackctlError) as caught:
        deploy(found.machine(OLD), {}, QUICK)
    assert caught.value.rolled_back is True
    assert found.log[:3] == ["swarm apply llamacpp", "compose stop sillytavern", "swarm apply all"]
    assert found.log[3] == "swarm down"
    assert all(one.is_ready for one in found.stages[OLD].states_.values())
    assert content(tmp_path) == before


def test_a_new_stack_that_does_not_answer_goes_and_the_old_one_runs_again(tmp_path: Path) -> None:
    found = works(tmp_path)
    before = content(tmp_path)
    page = page_of(deploy(found.machine(OLD), {}, replace(QUICK, dry_run=True)).plan)
    page.replies = [replace(page.replies[0], is_whole=False)]
    machine = found.machine(OLD)
    machine.tavern = FakeTavern(page=page)
    with pytest.raises(NotReady, match="broke off") as caught:
        deploy(machine, {}, replace(QUICK, prove=True))
    assert caught.value.rolled_back is True
    assert all(one.is_ready for one in found.stages[OLD].states_.values())
    assert not found.stages[NEW].states_
    assert content(tmp_path) == before


def test_ctrl_c_in_the_middle_goes_back(tmp_path: Path) -> None:
    found = works(tmp_path)
    before = content(tmp_path)
    found.stages[NEW].meanwhile = raising(KeyboardInterrupt(), "sillytavern")
    with pytest.raises(StackctlError) as caught:
        deploy(found.machine(OLD), {}, QUICK)
    assert (caught.value.exit_code, caught.value.rolled_back) == (130, True)
    assert all(one.is_ready for one in found.stages[OLD].states_.values())
    assert content(tmp_path) == before


@pytest.mark.parametrize("at", ["llamacpp", "sillytavern"])
def test_after_a_kill_start_goes_back_to_the_old_orchestrator(tmp_path: Path, at: str) -> None:
    found = works(tmp_path)
    before = content(tmp_path)
    found.stages[NEW].meanwhile = raising(Killed(), at)
    with pytest.raises(Killed):
        deploy(found.machine(OLD), {}, QUICK)
    assert recorded(tmp_path) == NEW
    machine = found.machine(NEW)  # as plan.json has it
    assert status_text.status(status(machine), machine.ui)[1]["unfinished"]
    lifecycle.start(machine, None, again=False, timeout_s=20)
    assert content(tmp_path) == before
    assert not found.stages[NEW].states_
    assert all(one.is_ready for one in found.stages[OLD].states_.values())


@pytest.mark.parametrize("at", ["llamacpp", "sillytavern"])
def test_after_a_kill_deploy_goes_on_with_the_move(tmp_path: Path, at: str) -> None:
    found = works(tmp_path)
    found.stages[NEW].meanwhile = raising(Killed(), at)
    with pytest.raises(Killed):
        deploy(found.machine(OLD), {}, QUICK)
    found.stages[NEW].meanwhile = lambda _: None
    deploy(found.machine(NEW), {}, QUICK)
    assert found.log[-1] == "compose down"
    assert not found.stages[OLD].states_
    assert all(one.is_ready for one in found.stages[NEW].states_.values())
    assert not (tmp_path / "compose.yml").exists()


def test_after_a_kill_a_deploy_with_the_old_target_takes_the_new_one_away(tmp_path: Path) -> None:
    found = works(tmp_path)
    found.stages[NEW].meanwhile = raising(Killed(), "sillytavern")
    with pytest.raises(Killed):
        deploy(found.machine(OLD), {}, QUICK)
    found.write_target(OLD)
    deploy(found.machine(NEW), {}, QUICK)
    assert found.log[-1] == "swarm down"
    assert all(one.is_ready for one in found.stages[OLD].states_.values())
    assert (tmp_path / "compose.yml").exists()
    assert recorded(tmp_path) == OLD


def test_an_old_stack_that_can_not_be_removed_is_an_error_after_which_deploy_goes_on(tmp_path: Path) -> None:
    found = works(tmp_path)
    old, is_stuck = found.orchestrators[OLD], [True]
    down = old.down

    def refuses(name: str, *, volumes: bool) -> None:
        if is_stuck:
            raise EngineError("a network is in use", hint="docker network ls")
        down(name, volumes=volumes)

    old.down = refuses  # type: ignore[method-assign]  # one of its deeds fails
    with pytest.raises(EngineError, match="in use") as caught:
        deploy(found.machine(OLD), {}, QUICK)
    assert caught.value.rolled_back is None
    is_stuck.clear()
    deploy(found.machine(NEW), {}, QUICK)
    assert not found.stages[OLD].states_


# -- what is said, and what is refused


def test_a_dry_run_says_what_moves_and_does_nothing(tmp_path: Path) -> None:
    found = works(tmp_path)
    before = content(tmp_path)
    done = deploy(found.machine(OLD), {}, replace(QUICK, dry_run=True))
    assert not found.log
    assert not found.orchestrators[NEW].surveyed
    assert content(tmp_path) == before
    for says in (
        "this stack moves from Docker Compose to Docker Swarm",
        "llama.cpp runs on one of the nodes gpu1, gpu2 then",
        "SillyTavern stays on this machine; its chats, its settings and the key stay as they are",
        "llama.cpp starts while the former stack still answers; then the former SillyTavern stops",
        "the former containers and networks are removed once the new stack has answered",
        "compose.yml is kept under another name then",
    ):
        assert says in found.said
    assert done.preview
    assert {one.name: one.action for one in done.preview.files}["stack.yml"] == "create"


def test_addresses_that_change_are_named(tmp_path: Path) -> None:
    found = works(tmp_path)
    deploy(found.machine(OLD), {"sillytavern.port": 8055}, replace(QUICK, dry_run=True))
    assert "SillyTavern's addresses change from http://127.0.0.1:8000 to http://127.0.0.1:8055" in found.said


def test_a_file_that_the_new_orchestrator_does_not_read_is_named(tmp_path: Path) -> None:
    found = works(tmp_path)
    (tmp_path / "compose.override.yml").write_text("services: {}\n")
    found.orchestrators[NEW].additions = lambda: ()  # type: ignore[method-assign]  # it has none
    deploy(found.machine(OLD), {}, replace(QUICK, dry_run=True))
    assert "Docker Swarm does not read compose.override.yml" in found.said


def test_diff_plans_for_the_orchestrator_that_stack_toml_names(tmp_path: Path) -> None:
    found = works(tmp_path)
    assert "stack.yml (deploy)" in diff(found.machine(OLD), {}).text


def test_a_survey_that_finds_something_lets_it_plan_again_before_anything_changes(tmp_path: Path) -> None:
    found = works(tmp_path)
    new = found.orchestrators[NEW]
    new.finds = True
    deploy(found.machine(OLD), {}, QUICK)
    assert new.surveyed == ["good.gguf"]


def run_both(found: Two) -> None:
    """What a crash, or `docker compose up` with an old file, leaves: both orchestrators run the stack."""
    deploy(found.machine(OLD), {}, QUICK)
    state = found.stages[NEW].states_["llamacpp"]
    found.stages[OLD].states_["llamacpp"] = replace(state, container="compose-llamacpp-9")
    found.log.clear()


@pytest.mark.parametrize("again", [True, False])
def test_start_and_restart_refuse_while_another_orchestrator_runs_the_stack_too(tmp_path: Path, again: bool) -> None:
    found = works(tmp_path)
    run_both(found)
    with pytest.raises(ConfigError, match=r"Docker Compose runs llamacpp of this stack too") as caught:
        lifecycle.start(found.machine(NEW), None, again=again, timeout_s=20)
    assert caught.value.issue == "swarm-other-target-runs"
    assert "`docker compose remove " in caught.value.hint
    assert not found.log


def test_status_says_that_another_orchestrator_runs_the_stack_too(tmp_path: Path) -> None:
    found = works(tmp_path)
    run_both(found)
    machine = found.machine(NEW)
    text, values = status_text.status(status(machine), machine.ui)
    assert "Docker Compose runs llamacpp of this stack too" in text
    assert values["unfinished"]
    assert values["unfinished"]["issue"] == "swarm-other-target-runs"


def test_deploy_resolves_what_two_orchestrators_run(tmp_path: Path) -> None:
    found = works(tmp_path)
    run_both(found)
    deploy(found.machine(NEW), {}, QUICK)
    assert found.log[-1] == "compose down"
    assert not found.stages[OLD].states_


def test_stop_and_down_reach_what_either_orchestrator_runs(tmp_path: Path) -> None:
    found = works(tmp_path)
    run_both(found)
    lifecycle.stop(found.machine(NEW), None)
    lifecycle.down(found.machine(NEW), volumes=False)
    assert found.log == ["swarm stop all", "compose stop all", "swarm down", "compose down"]
