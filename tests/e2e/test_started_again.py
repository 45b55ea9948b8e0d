"""What `start` and `restart` find missing is made: containers and networks that somebody took away, or `down`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
SERVICES = ("llamacpp", "sillytavern")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """A stack that was deployed once; each test leaves it ready."""
    del own_images
    with lasting(tmp_path_factory.mktemp("again") / "t-started-again", installed) as stack:
        stack.deploy("--no-proof")
        yield stack


def removed(*services: str) -> Callable[[Stack], object]:
    return lambda stack: stack.docker("rm", "-f", *map(stack.container, services))


def without_networks(stack: Stack) -> None:
    stack.run("stop")
    stack.docker("network", "rm", f"{stack.name}_inner", f"{stack.name}_edge")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda stack: stack.run("down"), ("restart",)),
        (lambda stack: stack.run("down"), ("start", "sillytavern")),
        (removed("llamacpp"), ("restart",)),
        (removed("sillytavern"), ("restart",)),
        (removed("llamacpp"), ("restart", "llamacpp")),
        (removed("llamacpp"), ("start", "llamacpp")),
        (removed("sillytavern"), ("restart", "sillytavern")),
        (removed(*SERVICES), ("restart", "sillytavern")),
        (removed(*SERVICES), ("start",)),
        (without_networks, ("start",)),
        (without_networks, ("restart",)),
        (without_networks, ("deploy", "--no-proof")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_missing_is_made(deployed: Stack, spoil: Callable[[Stack], object], words: tuple[str, ...]) -> None:
    spoil(deployed)
    deployed.run(*words, "--timeout", "60")
    assert deployed.run("status", check=False).returncode == 0


def test_a_restart_starts_each_container_again_and_makes_none_anew(deployed: Stack) -> None:
    before = {name: deployed.inspect(name) for name in SERVICES}
    deployed.run("restart")
    for name in SERVICES:
        now = deployed.inspect(name)
        assert now["Id"] == before[name]["Id"]
        assert now["State"]["StartedAt"] > before[name]["State"]["StartedAt"]
