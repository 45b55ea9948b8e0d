"""Adoptions by a compose file's mounts, or a container's: binds and volumes wherever they lie."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from stackctl.commands import adopt, undo_adopt
from stackctl.core.adoption.mounted import APP, Mount, Service
from stackctl.core.observed import EngineView
from stackctl.errors import ConfigError, DataError, EngineError, StackctlError
from stackctl.machine import Machine
from tests.commands import folders
from tests.commands.machines import Quiet, quiet
from tests.fakes import FakeOrchestrator

CHAT = "data/default-user/chats/Alice/Branch #1.jsonl"
EXTENSIONS = f"{APP}/public/scripts/extensions/third-party"


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    (tmp_path / "stack").mkdir()
    return quiet(tmp_path / "stack")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder of a compose file."""
    (tmp_path / "st").mkdir()
    return tmp_path / "st"


def knows(here: Quiet, found: dict[Path, tuple[Service, ...] | StackctlError]) -> Machine:
    """The machine, with compose files in these folders."""
    assert isinstance(here.machine.orchestrator, FakeOrchestrator)
    here.machine.orchestrator.others = found
    return here.machine


def tavern(mounts: dict[str, Path | str], name: str = "sillytavern") -> Service:
    """A service with these mounts: a path, or a volume by its name."""
    given = tuple(
        Mount(target=target, source=str(one)) if isinstance(one, Path) else Mount(target=target, volume=one)
        for target, one in mounts.items()
    )
    return Service(name=name, container=f"st-{name}-1", image="ghcr.io/sillytavern/sillytavern", mounts=given)


def user(folder: Path) -> Path:
    """A data folder with one user."""
    folders.write(folder, folders.user("default-user/"))
    return folder


def adopted(machine: Machine, folder: Path, service: str | None = None) -> adopt.Adoption:
    found = adopt.prepare(machine, folder, service=service)
    adopt.adopt(machine, found)
    return found


def test_binds_of_any_name_inside_the_folder_and_outside_of_it_are_followed(
    here: Quiet, place: Path, tmp_path: Path
) -> None:
    folders.write(place, {"cfg/config.yaml": folders.CONFIG, "ext/One/manifest.json": "{}", "notes.txt": "mine"})
    data = user(tmp_path / "big/data")
    one = tavern(
        {f"{APP}/config": place / "cfg", f"{APP}/data": data, EXTENSIONS: place / "ext", "/etc/x": place / "x"}
    )
    other = Service(name="kobold", container="k", image="koboldai/koboldcpp")
    machine = knows(here, {place: (one, other)})
    before = folders.sums(tmp_path / "big")
    found = adopted(machine, place)
    there = machine.path / "sillytavern"
    assert (there / CHAT).read_text() == folders.CHAT * 2
    assert (there / "extensions/One/manifest.json").exists()
    assert "port: 8000" in (there / "config/config.yaml").read_text()
    assert folders.sums(tmp_path / "big") == before
    assert any(note == f"data is mounted from {data}: what is there is copied" for note in found.notes)
    assert any(note.startswith("not adopted: ") and note.endswith(": kobold") for note in found.notes)
    actions = {row.what: row.action for row in found.rows}
    assert actions["notes.txt"] == actions["the mount of /etc/x"] == "not_adopted"


def test_a_chat_goes_back_to_where_the_mount_had_it(here: Quiet, place: Path, tmp_path: Path) -> None:
    data = user(tmp_path / "big/data")
    machine = knows(here, {place: (tavern({f"{APP}/data": data}),)})
    adopted(machine, place)
    (machine.path / "sillytavern" / CHAT).with_name("new.jsonl").write_text("new")
    undo_adopt.undo(machine, undo_adopt.prepare(machine))
    assert (data / "default-user/chats/Alice/new.jsonl").read_text() == "new"
    assert not (machine.path / "sillytavern").exists()


def test_a_named_volume_is_read_where_the_engine_keeps_it(here: Quiet, place: Path, tmp_path: Path) -> None:
    here.docker.volumes["st_data"] = PurePosixPath(user(tmp_path / "volumes/st_data/_data"))
    machine = knows(here, {place: (tavern({f"{APP}/data": "st_data", f"{APP}/plugins": "never_made"}),)})
    found = adopted(machine, place)
    assert (machine.path / "sillytavern" / CHAT).exists()
    assert any("data is in a volume of the engine" in note for note in found.notes)


def test_what_the_container_has_counts_where_the_file_names_no_volume_or_one_of_another_project(
    here: Quiet, place: Path, tmp_path: Path
) -> None:
    here.docker.volumes["f00"] = PurePosixPath(user(tmp_path / "volumes/f00"))
    one = tavern({f"{APP}/data": ""})
    here.docker.services[one.container] = replace(one, mounts=(Mount(target=f"{APP}/data", volume="f00"),))
    machine = knows(here, {place: (one,)})
    adopted(machine, place)
    assert (machine.path / "sillytavern" / CHAT).exists()


def test_a_container_alone_is_adopted_by_its_name(here: Quiet, tmp_path: Path) -> None:
    folders.write(tmp_path / "cfg", {"config.yaml": folders.CONFIG})
    here.docker.volumes["v"] = PurePosixPath(user(tmp_path / "volumes/v"))
    here.docker.services["old"] = replace(tavern({f"{APP}/data": "v", f"{APP}/config": tmp_path / "cfg"}), name="")
    found = adopted(here.machine, Path("old"))
    assert found.source == tmp_path / "volumes/v"
    assert (here.machine.path / "sillytavern" / CHAT).exists()
    assert (here.machine.path / "sillytavern/config/config.yaml").exists()
    for name in ("gone", "no/such/folder"):
        with pytest.raises(ConfigError, match=r"no folder .*, and no container of that name"):
            adopt.prepare(here.machine.at(tmp_path / "volumes"), Path(name))


def test_a_container_that_runs_on_a_volume_is_refused_with_the_command_that_stops_it(
    here: Quiet, place: Path, tmp_path: Path
) -> None:
    here.docker.volumes["v"] = PurePosixPath(user(tmp_path / "v"))
    one = tavern({f"{APP}/data": "v"})
    here.docker.services[one.container] = replace(one, is_running=True)
    views: tuple[EngineView, ...] = ("", "desktop")
    for view in views:  # before the files are copied out of it, too
        here.docker.view = view
        with pytest.raises(ConfigError, match="runs on the volume v") as caught:
            adopt.prepare(knows(here, {place: (one,)}), place)
        assert caught.value.hint == "Stop it: docker stop st-sillytavern-1"


@pytest.mark.parametrize(("view", "folder"), [("desktop", "/"), ("", ".")])
def test_for_a_volume_that_can_not_be_read_the_commands_that_copy_it_out_are_named(
    here: Quiet, place: Path, view: EngineView, folder: str
) -> None:
    here.docker.view = view
    here.docker.volumes["v"] = PurePosixPath(folder)
    one = tavern({f"{APP}/data": "v", f"{APP}/config": place})
    machine = knows(here, {place: (one,)})
    with pytest.raises(DataError, match="the engine's volume v") as caught:
        adopt.prepare(machine, place)
    copy = f"docker cp st-sillytavern-1:{APP}/data st/data && docker cp st-sillytavern-1:{APP}/config st/config"
    made = f"docker compose --project-directory {place} create sillytavern"
    assert caught.value.hint.endswith(f": {made} && mkdir st && {copy} && stackctl adopt st")
    here.docker.services[one.container] = one
    with pytest.raises(DataError) as caught:
        adopt.prepare(machine, place)
    assert caught.value.hint.endswith(f": mkdir st && {copy} && stackctl adopt st")


def test_of_several_sillytaverns_one_is_chosen_by_its_service(here: Quiet, place: Path) -> None:
    both = (
        tavern({f"{APP}/data": user(place / "a")}, "mine"),
        tavern({f"{APP}/data": user(place / "b")}, "yours"),
    )
    machine = knows(here, {place: both})
    with pytest.raises(ConfigError, match="several SillyTavern services: mine, yours") as caught:
        adopt.prepare(machine, place)
    assert caught.value.hint == f"Choose one: stackctl adopt {place} --service mine"
    with pytest.raises(ConfigError, match="no SillyTavern service 'theirs'"):
        adopt.prepare(machine, place, service="theirs")
    assert adopt.prepare(machine, place, service="yours").layout.title.endswith("the service yours")


def test_two_services_of_the_same_mounts_are_one(here: Quiet, place: Path) -> None:
    mounts: dict[str, Path | str] = {f"{APP}/data": user(place / "a")}
    machine = knows(here, {place: (tavern(mounts, "dev"), tavern(mounts, "prod"))})
    assert adopt.prepare(machine, place).trees[0].files


def test_a_compose_file_without_sillytavern_is_refused_with_what_is_in_it(here: Quiet, place: Path) -> None:
    services = tuple(Service(name=name, container=name, image=name) for name in ("koboldcpp", "ollama"))
    with pytest.raises(ConfigError, match="has no SillyTavern; its services are koboldcpp, ollama"):
        adopt.prepare(knows(here, {place: services}), place)


def test_a_sillytavern_beside_a_compose_file_without_one_is_found(here: Quiet, place: Path) -> None:
    folders.native(place / "SillyTavern")
    machine = knows(here, {place: (Service(name="koboldcpp", container="k", image="koboldcpp"),)})
    assert adopt.prepare(machine, place).source == place / "SillyTavern"


def test_several_services_are_no_reason_to_take_a_folder_below(here: Quiet, place: Path) -> None:
    folders.compose(place / "sillytavern")
    both = (tavern({f"{APP}/data": place / "sillytavern/data"}, "a"), tavern({f"{APP}/data": user(place / "b")}, "b"))
    with pytest.raises(ConfigError, match="several SillyTavern services"):
        adopt.prepare(knows(here, {place: both}), place)


def test_a_compose_file_of_any_name_is_read_by_its_path(here: Quiet, place: Path) -> None:
    folders.write(place, {"stack.prod.yml": "", "backup.zip": ""})
    machine = knows(here, {place / "stack.prod.yml": (tavern({f"{APP}/data": user(place / "d")}),)})
    found = adopt.prepare(machine, place / "stack.prod.yml")
    assert found.source == place
    with pytest.raises(ConfigError, match=r"backup\.zip is a file, and no compose file") as caught:
        adopt.prepare(machine, place / "backup.zip")
    assert "unpack an archive first" in caught.value.hint


def test_a_mount_of_this_stacks_own_folder_or_of_one_that_holds_it_is_refused(here: Quiet, place: Path) -> None:
    for folder in (here.machine.path / "sillytavern/data", here.machine.path.parent):
        user(folder)
        machine = knows(here, {place: (tavern({f"{APP}/data": folder}),)})
        with pytest.raises(ConfigError, match="own folder"):
            adopt.prepare(machine, place)


def test_an_original_whose_volume_is_gone_stops_the_undo(here: Quiet, place: Path, tmp_path: Path) -> None:
    here.docker.volumes["v"] = PurePosixPath(user(tmp_path / "volumes/v"))
    machine = knows(here, {place: (tavern({f"{APP}/data": "v"}),)})
    adopted(machine, place)
    (tmp_path / "volumes/v").rename(tmp_path / "volumes/w")
    with pytest.raises(DataError, match="volumes/v is gone"):
        undo_adopt.prepare(machine)
    assert (machine.path / "sillytavern" / CHAT).exists()


def test_what_lies_in_the_folder_is_taken_where_its_compose_file_can_not_be_read(here: Quiet, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    broken = EngineError("the docker command is not installed", hint="Install it.")
    found = adopt.prepare(knows(here, {source: broken}), source)
    assert any("the compose file there was not read" in note for note in found.notes)


def test_where_neither_says_where_the_data_is_the_error_of_the_compose_file_is_shown(here: Quiet, place: Path) -> None:
    broken = EngineError("the docker command is not installed", hint="The compose file mounts /big.")
    with pytest.raises(EngineError) as caught:
        adopt.prepare(knows(here, {place: broken}), place)
    assert caught.value.hint == "The compose file mounts /big."


@pytest.mark.parametrize("below", ["gone", "st/gone"])
def test_a_data_folder_that_is_not_there_is_named(here: Quiet, place: Path, tmp_path: Path, below: str) -> None:
    machine = knows(here, {place: (tavern({f"{APP}/data": tmp_path / below}),)})
    with pytest.raises(ConfigError, match=f"{below}, which the service sillytavern mounts as its data folder"):
        adopt.prepare(machine, place)


def test_chats_that_no_mount_holds_are_copied_out_by_hand(here: Quiet, place: Path) -> None:
    one = tavern({f"{APP}/config": place})
    machine = knows(here, {place: (one,)})
    with pytest.raises(ConfigError, match=f"mounts nothing at {APP}/data") as caught:
        adopt.prepare(machine, place)
    assert "docker ps -a" in caught.value.hint
    here.docker.services[one.container] = one
    with pytest.raises(ConfigError) as caught:
        adopt.prepare(machine, place)
    assert f"docker cp st-sillytavern-1:{APP}/data ./st-data; then run: stackctl adopt ./st-data" in caught.value.hint


def test_a_volume_that_the_engine_does_not_have_is_named(here: Quiet, place: Path) -> None:
    machine = knows(here, {place: (tavern({f"{APP}/data": "st_data"}),)})
    with pytest.raises(ConfigError, match="in the volume st_data, which this engine does not have") as caught:
        adopt.prepare(machine, place)
    assert "docker volume ls" in caught.value.hint


def test_the_layout_of_1_11_in_config_is_converted_and_its_rest_named(here: Quiet, place: Path) -> None:
    folders.write(place, {**folders.user("config/"), "config/secrets.json": "{}", "config/bg_load.css": "x"})
    machine = knows(here, {place: (tavern({f"{APP}/config": place / "config"}),)})
    found = adopted(machine, place)
    assert (machine.path / "sillytavern" / CHAT).exists()
    rows = {row.what: (row.action, row.reason) for row in found.rows}
    assert rows["chats"][0] == "converted"
    assert rows["config/bg_load.css"] == ("not_adopted", "not SillyTavern's")
    (machine.path / "sillytavern" / CHAT).with_name("new.jsonl").write_text("new")
    undo_adopt.undo(machine, undo_adopt.prepare(machine))
    assert (place / "config/chats/Alice/new.jsonl").exists()


def test_a_mount_within_the_data_is_taken_instead_of_what_lies_below_it(here: Quiet, place: Path) -> None:
    user(place / "data")
    folders.write(place, {"chats/Alice/inner.jsonl": "inner"})
    mounts: dict[str, Path | str] = {
        f"{APP}/data": place / "data",
        f"{APP}/data/default-user/chats": place / "chats",
    }
    machine = knows(here, {place: (tavern(mounts),)})
    found = adopted(machine, place)
    chats = machine.path / "sillytavern/data/default-user/chats"
    assert [path.name for path in chats.rglob("*.jsonl")] == ["inner.jsonl"]
    assert not [row for row in found.rows if row.reason == "created again"]


def test_the_data_root_of_a_mounted_config_yaml_is_followed(here: Quiet, place: Path) -> None:
    folders.write(place, {"config/config.yaml": f"dataRoot: {APP}/mine\n"})
    mounts: dict[str, Path | str] = {f"{APP}/config": place / "config", f"{APP}/mine": user(place / "mine")}
    adopted(knows(here, {place: (tavern(mounts),)}), place)
    assert (here.machine.path / "sillytavern" / CHAT).exists()


# -- folders without a compose file


@pytest.mark.parametrize("names", [("Config", "Data"), ("config", "DATA")])
def test_capital_names_are_the_same_folders(here: Quiet, tmp_path: Path, names: tuple[str, str]) -> None:
    config, data = names
    folders.write(
        tmp_path / "SillyTavern", {f"{config}/config.yaml": folders.CONFIG, **folders.user(f"{data}/default-user/")}
    )
    adopted(here.machine, tmp_path)
    assert (here.machine.path / "sillytavern" / CHAT).exists()
    assert (here.machine.path / "sillytavern/config/config.yaml").exists()


def test_what_an_archive_of_the_program_unpacks_to_is_found_but_not_one_of_two(here: Quiet, tmp_path: Path) -> None:
    place = tmp_path / "Downloads"
    folders.native(place / "SillyTavern-1.12.4")
    assert adopt.prepare(here.machine, place).source == place / "SillyTavern-1.12.4"
    folders.native(place / "SillyTavern-release")
    with pytest.raises(ConfigError, match=r"several SillyTaverns: .*1\.12\.4, .*-release") as caught:
        adopt.prepare(here.machine, place)
    assert caught.value.hint.endswith(f"stackctl adopt {place / 'SillyTavern-1.12.4'}")


TEXT = "# naïve\nport: 9000\n"


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TEXT.encode(), ""),
        (b"\xef\xbb\xbf" + TEXT.encode(), ""),
        (TEXT.replace("\n", "\r\n").encode(), ""),
        (TEXT.encode("utf-16"), "UTF-16"),
        (TEXT.encode("utf-16-be"), "UTF-16-BE"),
        (TEXT.encode("latin-1"), "Latin-1"),
    ],
)
def test_a_config_yaml_of_any_encoding_is_read_and_its_copy_is_utf_8(
    here: Quiet, tmp_path: Path, raw: bytes, encoding: str
) -> None:
    source = folders.compose(tmp_path / "st")
    (source / "config/config.yaml").write_bytes(raw)
    found = adopted(here.machine, source)
    copy = (here.machine.path / "sillytavern/config/config.yaml").read_bytes().decode()
    assert copy.replace("\r\n", "\n") == TEXT.replace("9000", "8000")
    assert any(f"config.yaml is {encoding}," in note for note in found.notes) == bool(encoding)


def test_another_stack_is_adopted_without_a_word_on_its_backend(here: Quiet, place: Path) -> None:
    user(place / "sillytavern/data")
    folders.write(place, {".stackctl/plan.json": "{}", "stack.toml": "", "compose.yml": ""})
    one = replace(tavern({f"{APP}/data": place / "sillytavern/data"}), environment=("SILLYTAVERN_LISTEN",))
    machine = knows(here, {place: (one, Service(name="koboldcpp", container="k"))})
    found = adopted(machine, place)
    assert not any("not adopted" in note for note in found.notes)
    record = json.loads((machine.path / "sillytavern/adopted.json").read_text())
    assert record["from"] == str(place)
