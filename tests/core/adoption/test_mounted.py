"""Which mount of a container's SillyTavern holds what, by its path in the container."""

import pytest

from stackctl.core.adoption import mounted
from stackctl.core.adoption.mounted import Mount, Service

APP = "/home/node/app"


def service(*mounts: tuple[str, str], image: str = "ghcr.io/sillytavern/sillytavern:latest") -> Service:
    """A service with these (source, target)."""
    given = tuple(Mount(source=source, target=target) for source, target in mounts)
    return Service(name="tavern", container="st-tavern-1", image=image, mounts=given)


def pieces(one: Service, *, data_root: str = "data", is_old: bool = False) -> dict[str, str]:
    found = mounted.layout(one, mounted.places(one, data_root), is_old=is_old).pieces
    return {piece.source: piece.target for piece in found}


def test_each_known_mount_goes_to_its_place_and_others_are_named() -> None:
    one = service(
        ("/a/cfg", f"{APP}/config"),
        ("/a/st-data", f"{APP}/data"),
        ("/a/plug", f"{APP}/plugins"),
        ("/a/ext", f"{APP}/public/scripts/extensions/third-party"),
        ("/a/one", f"{APP}/public/scripts/extensions/third-party/One"),
        ("/a/backups", f"{APP}/backups"),
        ("/etc/localtime", "/etc/localtime"),
    )
    assert pieces(one) == {
        "/a/cfg": "config",
        "/a/st-data": "data",
        "/a/plug": "plugins",
        "/a/ext": "extensions",
        "/a/one": "extensions/One",
    }
    left = [row.what for row in mounted.mounts_left(one, mounted.places(one))]
    assert left == [f"the mount of {APP}/backups", "the mount of /etc/localtime"]


def test_mounts_within_the_data_and_single_files_keep_their_place() -> None:
    one = service(
        ("/a/me", f"{APP}/data/default-user"),
        ("/b/chats", f"{APP}/data/default-user/chats"),
        ("/a/c.yaml", f"{APP}/config/config.yaml"),
    )
    assert pieces(one) == {
        "/a/me": "data/default-user",
        "/b/chats": "data/default-user/chats",
        "/a/c.yaml": "config/config.yaml",
    }
    assert mounted.has_data(mounted.places(one))
    assert mounted.config_file(mounted.places(one)) == "/a/c.yaml"


@pytest.mark.parametrize("data_root", ["my/st", f"{APP}/my/st"])
def test_the_data_folder_that_config_yaml_names_is_the_data(data_root: str) -> None:
    one = service(("/a/x", f"{APP}/my/st"), ("/a/c", f"{APP}/config"))
    assert pieces(one, data_root=data_root) == {"/a/x": "data", "/a/c": "config"}


def test_the_layout_of_1_11_in_config_is_taken_apart_as_that_of_a_native_one() -> None:
    one = service(("/a/config", f"{APP}/config"), ("/a/ext", f"{APP}/public/scripts/extensions/third-party"))
    places = mounted.places(one)
    assert mounted.is_old(places, ["config.yaml", "settings.json", "chats"])
    assert not mounted.is_old(places, ["config.yaml"])
    found = pieces(one, is_old=True)
    assert found["/a/config/chats"] == "data/default-user/chats"
    assert found["/a/config/secrets.json"] == "data/default-user/secrets.json"
    assert found["/a/config/config.yaml"] == "config/config.yaml"
    assert found["/a/ext"] == "data/default-user/extensions"


def test_config_beside_a_data_folder_is_never_taken_for_the_layout_of_1_11() -> None:
    both = mounted.places(service(("/a/config", f"{APP}/config"), ("/a/data", f"{APP}/data")))
    assert not mounted.is_old(both, ["settings.json", "chats"])


def test_a_sillytavern_is_told_by_its_mounts_or_by_its_image() -> None:
    by_mounts = service(("/a", f"{APP}/data"), image="localhost/mine")
    by_image = service(("/a", "/app/data"), image="someone/SillyTavern:1")
    other = Service(name="kobold", container="k", image="koboldai/koboldcpp", mounts=(Mount(target="/app/data"),))
    assert mounted.taverns((other, by_mounts, by_image)) == (by_mounts, by_image)
    assert pieces(by_image) == {"/a": "data"}


def test_what_else_the_service_has_is_said_without_any_value() -> None:
    one = Service(name="t", container="c", environment=("NODE_ENV", "SILLYTAVERN_PORT"), ports=("8000", "9000"))
    environment, port, others = mounted.remarks(one, ("kobold",), "auto")
    assert environment == "not adopted: the environment variables SILLYTAVERN_PORT of its container"
    assert port == "not adopted: its port 9000; sillytavern.port in stack.toml is auto"
    assert others.endswith(": kobold")
    assert mounted.remarks(Service(name="t", container="c", ports=("8000",)), (), "8000") == ()


def test_what_to_copy_out_of_a_container_lies_as_adopt_finds_it() -> None:
    one = service(("", f"{APP}/data"), ("/e", f"{APP}/public/scripts/extensions/third-party"), ("/b", f"{APP}/backups"))
    assert mounted.copies(one) == {
        "data": f"{APP}/data",
        "extensions": f"{APP}/public/scripts/extensions/third-party",
    }
