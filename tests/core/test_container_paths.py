"""Paths of a container that stackctl runs in, against the host's."""

from pathlib import PurePosixPath

import pytest

from stackctl.core.container_paths import Bind, on_host, own_ids, refuse_elsewhere
from stackctl.errors import ConfigError

P = PurePosixPath
ID = "ab" * 32
BINDS = (Bind(P("/home/me"), P("/home/me")), Bind(P("/mnt/big"), P("/home/me/models")), Bind(P("/srv/x"), P("/x")))


@pytest.mark.parametrize(
    ("here", "host"),
    [
        ("/home/me/chat", "/home/me/chat"),
        ("/home/me", "/home/me"),
        ("/home/me/models/a.gguf", "/mnt/big/a.gguf"),  # the mount nearest to it counts
        ("/x/y", "/srv/x/y"),
        ("/xy", None),
        ("/", None),
    ],
)
def test_the_nearest_mount_says_where_a_path_lies_on_the_host(here: str, host: str | None) -> None:
    assert on_host(P(here), BINDS) == (host and P(host))


def test_the_own_container_is_found_by_the_engines_files_mounted_into_it() -> None:
    mountinfo = f"602 585 254:0 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda rw\n"
    assert own_ids(mountinfo, "0123456789ab") == (ID, "0123456789ab")
    assert own_ids("", "nas") == ()


@pytest.mark.parametrize("binds", [None, BINDS])
def test_the_same_path_is_right_in_a_container_or_in_none(binds: tuple[Bind, ...] | None) -> None:
    refuse_elsewhere("this folder", P("/home/me/chat"), binds, is_folder=True)


@pytest.mark.parametrize(
    ("path", "says", "hint"),
    [
        (
            "/x/chat",
            "this folder is /x/chat in this container but /srv/x/chat on the host",
            "-v /srv/x/chat:/srv/x/chat -w",
        ),
        ("/x/$(id) x", "on the host", "-v '/srv/x/$(id) x:/srv/x/$(id) x' -w '/srv/x/$(id) x' localhost/stackctl"),
        ("/chat", "this folder /chat is not mounted into this container", '-v "$PWD:$PWD" -w "$PWD"'),
    ],
)
def test_another_path_is_refused_with_the_way_to_mount_it(path: str, says: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        refuse_elsewhere("this folder", P(path), BINDS, is_folder=True)
    assert hint in caught.value.hint


def test_a_file_is_mounted_by_its_folder() -> None:
    with pytest.raises(ConfigError) as caught:
        refuse_elsewhere("the model", P("/m/a.gguf"), BINDS)
    assert caught.value.hint == "Mount it at the same path: `-v /m:/m`."
    with pytest.raises(ConfigError) as caught:
        refuse_elsewhere("the model", P("/m m/a.gguf"), BINDS)
    assert caught.value.hint == "Mount it at the same path: `-v '/m m:/m m'`."
