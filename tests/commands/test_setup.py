"""`stackctl setup` on a bare machine of fakes: a yes or no to each step, a failure, a rerun, the way back."""

import json
import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stackctl.cli import main
from stackctl.commands.setup import SetUp, set_up, undo
from stackctl.contracts.system import Ran, User
from stackctl.core.setup.plan import Wanted
from stackctl.core.setup.record import FILE
from stackctl.core.setup.step import Setup, SetupStep
from stackctl.errors import EngineError
from stackctl.machine import Machine
from stackctl.report.setup import set_up as reported
from stackctl.steps.setup.record import recorded
from stackctl.ui import Ui
from tests.core.setup.machines import OS_RELEASES
from tests.steps.setup.bare import COMPOSE, ENGINE, INSTALL, JOIN, LISTING, Bare, bare

Agrees = Callable[[SetupStep, Setup], bool]


@pytest.fixture
def found(tmp_path: Path) -> Bare:
    return bare(tmp_path)


def always(_: SetupStep, __: Setup) -> bool:
    return True


def but(*declined: str) -> Agrees:
    return lambda step, _: step.adds not in declined


def run(found: Bare, agrees: Agrees | None = always, wanted: Wanted | None = None) -> SetUp:
    return set_up(found.here.machine, wanted or Wanted(), agrees)


def command(found: Bare, *words: str) -> Result:
    """The command line on this machine, without a terminal."""

    def machine(_: Path, ui: Ui) -> Machine:
        return replace(found.here.machine, ui=ui)

    return CliRunner().invoke(main, ["setup", *words], obj=machine, catch_exceptions=False)


def outcomes(done: SetUp) -> dict[str, str]:
    return {one.step.adds: one.outcome for one in done.done}


def test_each_yes_runs_a_step_and_the_machine_is_looked_at_again(found: Bare) -> None:
    done = run(found)
    assert found.here.system.ran == [("apt-get", "update"), ENGINE, JOIN, ("apt-get", "update"), COMPOSE]
    assert outcomes(done) == {"engine": "done", "group": "begun", "compose": "done"}
    assert [one.lack for one in done.setup.lacking] == ["login"]
    assert done.exit_code == 4


def test_nothing_is_lacking_after_the_login_and_the_exit_code_is_0(found: Bare) -> None:
    run(found)
    found.here.system.who = User(name="ann", uid=1000, groups=("ann", "docker"), listed_groups=("ann", "docker"))
    found.here.docker.link_ = replace(found.here.docker.link_, failure="")
    found.here.system.ran.clear()
    done = run(found)
    assert (done.exit_code, found.here.system.ran, done.setup.lacking) == (0, [], ())
    assert "nothing is lacking: run `stackctl deploy`" in reported(done)[0]


def test_a_no_to_the_engine_ends_the_questions(found: Bare) -> None:
    asked: list[str] = []

    def agrees(step: SetupStep, _: Setup) -> bool:
        asked.append(step.adds)
        return False

    done = run(found, agrees)
    assert (asked, found.here.system.ran) == (["engine"], [])
    assert (outcomes(done), done.exit_code) == ({"engine": "declined"}, 4)


def test_a_no_to_the_group_leaves_the_rest(found: Bare) -> None:
    done = run(found, but("group"))
    assert outcomes(done) == {"engine": "done", "group": "declined", "compose": "done"}
    assert JOIN not in found.here.system.ran


def test_a_step_that_fails_ends_it_and_what_stands_is_said_and_recorded(found: Bare) -> None:
    found.here.system.outcomes[shlex.join(COMPOSE)] = Ran(code=100, err="E: Unable to locate package docker-compose\n")
    with pytest.raises(EngineError) as failure:
        run(found)
    assert failure.value.message == f"`{shlex.join(COMPOSE)}` failed (exit 100)"
    assert failure.value.evidence == ("E: Unable to locate package docker-compose",)
    assert "run `stackctl setup` again" in failure.value.hint
    said = found.here.said.getvalue()
    assert "what was added stays: Install Docker from Debian's packages; Add ann to the group docker." in said
    assert len(recorded(found.here.machine)) == 2


def test_what_a_failed_step_had_added_is_recorded_too(found: Bare) -> None:
    def half() -> None:
        found.install("curl")

    found.here.system.texts["/etc/os-release"] = OS_RELEASES["debian-12"]
    tools = (*INSTALL, "ca-certificates", "curl")
    key = ("curl", "-fsSL", "https://download.docker.com/linux/debian/gpg", "-o", "/etc/apt/keyrings/docker.asc")
    found.here.system.effects[tools] = half
    found.here.system.outcomes[shlex.join(key)] = Ran(code=6, err="curl: (6) Could not resolve host\n")
    with pytest.raises(EngineError, match="exit 6"):
        run(found)
    (added,) = recorded(found.here.machine)
    assert (added.title, added.packages) == ("Add Docker's repository", ("curl",))


def test_what_an_interrupted_step_had_added_is_recorded_too(found: Bare) -> None:
    def interrupted() -> None:
        found.install("docker.io")
        raise KeyboardInterrupt

    found.here.system.effects[ENGINE] = interrupted
    with pytest.raises(KeyboardInterrupt):
        run(found)
    (added,) = recorded(found.here.machine)
    assert (added.packages, added.undo) == (("docker.io",), ())


def test_a_rerun_after_a_failure_does_only_what_is_left(found: Bare) -> None:
    found.here.system.outcomes[shlex.join(COMPOSE)] = Ran(code=100)
    with pytest.raises(EngineError):
        run(found)
    found.here.system.outcomes.clear()
    found.here.system.ran.clear()
    assert outcomes(run(found)) == {"compose": "done"}
    assert found.here.system.ran == [("apt-get", "update"), COMPOSE]


def test_a_step_after_which_it_is_still_lacking_is_no_success(found: Bare) -> None:
    found.here.system.effects[COMPOSE] = lambda: found.install("docker-compose")
    done = run(found)
    assert outcomes(done)["compose"] == "still lacking"
    assert "compose" in {one.lack for one in done.setup.lacking}


def test_what_was_not_there_before_is_recorded_and_only_that(found: Bare) -> None:
    found.install("runc")
    run(found)
    engine, group, compose = recorded(found.here.machine)
    assert engine.packages == ("containerd", "docker.io")
    assert (group.user, group.group, group.packages) == ("ann", "docker", ())
    assert compose.packages == ("docker-compose",)
    assert (found.here.machine.storage.data / FILE).is_file()


def test_undo_takes_back_the_last_first_and_removes_the_record(found: Bare) -> None:
    run(found)
    found.here.system.ran.clear()
    done = undo(found.here.machine, lambda _: True)
    assert found.here.system.ran == [
        ("apt-get", "remove", "--yes", "docker-compose"),
        ("gpasswd", "-d", "ann", "docker"),
        ("systemctl", "disable", "--now", "docker.service"),
        ("apt-get", "remove", "--yes", "containerd", "docker.io", "runc"),
    ]
    assert (len(done.taken), done.kept) == (3, ())
    assert not (found.here.machine.storage.data / FILE).exists()


def test_a_no_keeps_what_was_added_before_it_too(found: Bare) -> None:
    run(found)
    done = undo(found.here.machine, lambda added: bool(added.packages))
    assert [one.title for one in done.taken] == ["Install Docker Compose from Debian's packages"]
    assert [one.title for one in done.kept] == [one.title for one in recorded(found.here.machine)]


def test_a_way_back_that_fails_keeps_its_record(found: Bare) -> None:
    run(found)
    found.here.system.outcomes["gpasswd -d ann docker"] = Ran(code=3, err="gpasswd: Permission denied.\n")
    with pytest.raises(EngineError, match="gpasswd -d ann docker"):
        undo(found.here.machine, lambda _: True)
    assert [one.group for one in recorded(found.here.machine)] == ["", "docker"]


def test_without_sudo_only_root_can_do_it(found: Bare) -> None:
    found.here.system.programs["sudo"] = ""
    with pytest.raises(EngineError, match="sudo is not installed"):
        run(found)
    assert found.here.system.ran == []
    found.here.system.who = User(name="root", uid=0)
    assert outcomes(run(found)) == {"engine": "done", "compose": "done"}


def test_the_restart_that_a_gpu_needs_names_the_containers_and_daemon_json_is_copied_aside(found: Bare) -> None:
    configure = ("nvidia-ctk", "runtime", "configure", "--runtime=docker")
    system, daemon = found.here.system, "/etc/docker/daemon.json"

    def write() -> None:
        system.texts[daemon] = '{"runtimes": {"nvidia": {}}}'

    found.add_compose()
    found.here.docker.link_ = replace(found.here.docker.link_, failure="")
    system.texts |= {daemon: "{}", "/proc/driver/nvidia/version": "NVRM version: NVIDIA  580.95.05  Release\n"}
    system.programs["nvidia-ctk"] = "/usr/bin/nvidia-ctk"
    system.effects[configure] = write
    done = run(found)
    assert system.ran == [configure, ("systemctl", "restart", "docker")]
    assert (outcomes(done), done.exit_code) == ({"runtime": "done"}, 0)
    (added,) = recorded(found.here.machine)
    assert [(one.path, system.texts[one.copy]) for one in added.replaced] == [(daemon, "{}")]


def test_a_file_that_a_setup_wrote_is_removed_by_its_undo(found: Bare) -> None:
    key = ("curl", "-fsSL", "https://download.docker.com/linux/debian/gpg", "-o", "/etc/apt/keyrings/docker.asc")
    system = found.here.system
    system.texts["/etc/os-release"] = OS_RELEASES["debian-12"]
    system.effects[key] = lambda: system.texts.update({"/etc/apt/keyrings/docker.asc": "key"})
    run(found, lambda step, _: step.adds == "docker repository")
    assert recorded(found.here.machine)[0].files == (
        "/etc/apt/keyrings/docker.asc",
        "/etc/apt/sources.list.d/docker.sources",
    )
    assert "Suites: bookworm" in system.written["/etc/apt/sources.list.d/docker.sources"]


# -- the command line

ON_A_TERMINAL = """
import sys
from dataclasses import replace
from pathlib import Path
from stackctl.cli import main
from tests.steps.setup.bare import bare
found = bare(Path(sys.argv[1])).here
try:
    main(sys.argv[2:], obj=lambda _, ui: replace(found.machine, ui=ui))
finally:
    print("ran:", *(" ".join(argv) for argv in found.system.ran), sep="\\n")
"""


def typed(folder: Path, answers: str, *words: str) -> tuple[int, str]:
    """The exit code and what was shown to a user who types these answers."""
    ours, theirs = pty.openpty()
    os.write(ours, answers.encode())
    argv = [sys.executable, "-c", ON_A_TERMINAL, str(folder), *words]
    with subprocess.Popen(argv, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        said, _ = process.communicate(timeout=60)
    for one in (ours, theirs):
        os.close(one)
    assert "Traceback" not in said
    return process.returncode, said


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ("y\ny\ny\n", [("apt-get", "update"), ENGINE, JOIN, ("apt-get", "update"), COMPOSE]),
        ("y\nn\ny\n", [("apt-get", "update"), ENGINE, ("apt-get", "update"), COMPOSE]),
        ("n\n", []),
        ("\n", []),  # no is the default
    ],
)
def test_on_a_terminal_the_commands_are_shown_and_each_step_is_asked(
    tmp_path: Path, answers: str, expected: list[tuple[str, ...]]
) -> None:
    code, said = typed(tmp_path, answers, "setup")
    assert code == 4
    assert said.index(f"sudo {shlex.join(ENGINE)}") < said.index("Install Docker from Debian's packages? [y/N]")
    assert said.partition("ran:\n")[2].splitlines() == [" ".join(argv) for argv in expected]


def test_on_a_terminal_print_and_json_ask_nothing(tmp_path: Path) -> None:
    for words in (("setup", "--print"), ("setup", "--json")):
        code, said = typed(tmp_path, "y\ny\ny\n", *words)
        assert (code, "[y/N]" in said, said.partition("ran:\n")[2]) == (4, False, "")


@pytest.mark.parametrize("words", [(), ("--print",), ("--print", "--yes"), ("--json",)])
def test_without_a_terminal_or_with_print_nothing_is_run(found: Bare, words: tuple[str, ...]) -> None:
    done = command(found, *words)
    assert (done.exit_code, found.here.system.ran, found.here.system.written) == (4, [], {})
    text = done.stdout if "--json" not in words else "\n".join(json.loads(done.stdout)["steps"][0]["commands"])
    assert f"sudo {shlex.join(ENGINE)}" in text


def test_yes_runs_every_step(found: Bare) -> None:
    done = command(found, "--yes")
    assert done.exit_code == 4  # only the login is left
    assert found.here.system.ran[1] == ENGINE
    assert "new packages: containerd, docker.io, runc, docker-compose" in done.stdout
    assert "new in the group docker: ann" in done.stdout
    assert "way back: run `stackctl setup --undo`" in done.stdout


def test_yes_with_json_prints_what_became_of_each_step(found: Bare) -> None:
    done = command(found, "--yes", "--json")
    values = json.loads(done.stdout)
    assert [one["outcome"] for one in values["steps"]] == ["done", "begun", "done"]
    assert values["added"][1]["way_back"] == ["sudo gpasswd -d ann docker"]


def test_undo_is_printed_without_a_terminal_and_run_with_yes(found: Bare) -> None:
    assert "added nothing here" in command(found, "--undo").stdout
    command(found, "--yes")
    found.here.system.ran.clear()
    printed = command(found, "--undo", "--print")
    assert (printed.exit_code, found.here.system.ran) == (0, [])
    assert "sudo gpasswd -d ann docker\n" in printed.stdout
    done = command(found, "--undo", "--yes")
    assert (done.exit_code, len(found.here.system.ran)) == (0, 4)
    assert recorded(found.here.machine) == ()


@pytest.mark.parametrize(
    "words", [("--driver", "--no-gpu"), ("--undo", "--driver"), ("--undo", "--from", "docker"), ("--from", "snap")]
)
def test_options_that_exclude_each_other_are_refused(found: Bare, words: tuple[str, ...]) -> None:
    assert command(found, *words).exit_code == 2
    assert found.here.system.ran == []


def test_packages_that_are_known_only_by_their_settings_are_not_there(found: Bare) -> None:
    found.here.system.answers[LISTING] = Ran(code=0, out="config-files docker.io\ninstalled apt\n")
    run(found)
    assert "docker.io" in recorded(found.here.machine)[0].packages
