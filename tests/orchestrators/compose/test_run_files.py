"""What Compose would read in a folder is looked at first: no pipe is waited for, and no link leads root elsewhere."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stackctl.contracts.host import Owner
from stackctl.effects.storage import Folder
from stackctl.effects.storage.opening import Reach, links_for, regular_file
from stackctl.errors import DataError
from stackctl.orchestrators.compose.run import Compose

NAMES = ("compose.override.yml", "docker-compose.override.yaml", ".env", "compose.yml")
ME = Owner(uid=os.geteuid(), gid=os.getegid())
ALICE = Owner(uid=4321, gid=4321)

Act = Callable[[Compose], object]
ACTS: tuple[Act, ...] = (
    lambda compose: compose.check("chat", "{}"),
    lambda compose: compose.hashes("chat", "{}"),
    lambda compose: compose.config("chat"),
    lambda compose: compose.start("chat", "up"),
)


@pytest.fixture(autouse=True)
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` that writes down how it was called, in this file."""
    place, ran = tmp_path / "bin", tmp_path / "ran"
    place.mkdir()
    (place / "docker").write_text(f'#!/bin/sh\n[ "$2" = version ] && echo 2.40.3 && exit\necho "$@" >>{ran}\n')
    (place / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.defpath}")
    return ran


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    (tmp_path / "stack").mkdir()
    return tmp_path / "stack"


class AsRoot(Folder):
    """A folder of alice's, as root sees it."""

    def has_file(self, name: str) -> bool:
        try:
            with regular_file(self.path / name, Reach(follow=links_for(ALICE, is_root=True))):
                return True
        except FileNotFoundError:
            return False


def readers(name: str) -> tuple[Act, ...]:
    """Those who read a file: compose.yml's text is given to the first two."""
    return ACTS[2:] if name == "compose.yml" else ACTS


@pytest.mark.parametrize("name", NAMES)
def test_a_link_that_root_must_not_follow_is_refused_before_compose_runs(stack: Path, name: str, ran: Path) -> None:
    (stack / name).symlink_to("/etc/hostname")
    if ME.uid == 0:
        os.chown(stack / name, ALICE.uid, ALICE.gid, follow_symlinks=False)
    for act in readers(name):
        with pytest.raises(DataError, match=f"{name} is a link that user .* made: root does not follow it"):
            act(Compose(AsRoot(stack, ALICE), print))
    assert not ran.exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("plant", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_regular_file_is_refused_and_not_passed_over(
    stack: Path, name: str, plant: Callable[[Path], None], ran: Path
) -> None:
    plant(stack / name)
    for act in readers(name):
        with pytest.raises(DataError, match=f"{name} is not a regular file"):
            act(Compose(Folder(stack, ME), print))
    assert not ran.exists()


def test_the_users_own_files_are_read_also_by_a_link(stack: Path, ran: Path) -> None:
    (stack / "mine.yml").write_text("{}")
    (stack / "compose.override.yml").symlink_to("mine.yml")
    (stack / ".env").write_text("A=1\n")
    compose = Compose(Folder(stack, ME), print)
    assert compose.is_overridden
    compose.config("chat")
    assert ran.read_text() == "compose -p chat -f compose.override.yml config --format json\n"


@pytest.mark.parametrize("name", NAMES)
def test_what_runs_is_stopped_and_shown_without_any_file(
    stack: Path, name: str, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(stack / name)
    for variable in ("COMPOSE_FILE", "COMPOSE_ENV_FILES"):
        monkeypatch.setenv(variable, "/no/such/file")
    (ran.parent / "bin/docker").write_text(
        '#!/bin/sh\n[ "$2" = version ] && echo 2.40.3 && exit\n'
        f'echo "$*, in $PWD"$COMPOSE_FILE$COMPOSE_ENV_FILES >>{ran}\n'
    )
    compose = Compose(Folder(stack, ME), print)
    compose.run("chat", "stop", "llamacpp")
    compose.pass_through("chat", "logs", out=print, coloured=False)
    assert ran.read_text().splitlines() == [
        "compose -p chat stop llamacpp, in /",
        "compose --ansi never -p chat logs, in /",
    ]
