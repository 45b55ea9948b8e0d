"""Adoptions of made-up folders: what is taken, byte for byte; what is refused; interruptions; the way back."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stackctl.commands import adopt, undo_adopt
from stackctl.contracts.host import Owner
from stackctl.core.adoption import layout as adoption
from stackctl.core.observed import HostIdentity
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.core.tavern.settings_json import Presets
from stackctl.effects.storage import Folder
from stackctl.errors import ConfigError, DataError, DoesNotFit, StackctlError
from stackctl.machine import Machine
from stackctl.ports import disk
from stackctl.steps.config_request import load_config
from stackctl.steps.seed_tavern import WantedSettings, seed_tavern
from tests.commands import folders
from tests.commands.machines import quiet
from tests.core.samples import a_plan, seen, wanted
from tests.fakes import FakeDocker, FakeHost


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A stack's folder on a machine where nothing runs."""
    folder = tmp_path / "stack"
    folder.mkdir()
    around = HostIdentity(names=("box",), addresses=("192.168.1.9",), gateway="", is_wsl=False, windows=())
    here = quiet(folder)
    here.host.around = around
    return here.machine


def adopted(machine: Machine, folder: Path) -> adopt.Adopted:
    return adopt.adopt(machine, adopt.prepare(machine, folder))


def undone(machine: Machine) -> undo_adopt.Undone:
    return undo_adopt.undo(machine, undo_adopt.prepare(machine))


def actions(machine: Machine, folder: Path) -> dict[str, tuple[str, str, bool]]:
    return {row.what: (row.action, row.reason, row.is_changed) for row in adopt.prepare(machine, folder).rows}


HUGE = 1 << 43  # bytes, more than a test's disk has free
# what the stack's own folder has before an adoption
MINE: dict[str, str | bytes] = {
    "sillytavern/data/default-user/chats/Mine/1.jsonl": "mine",
    "sillytavern/.gitignore": "*\n",
}
MADE_ANEW = ("thumbnails", "_webpack")


@pytest.mark.parametrize("make", [folders.native, folders.compose, folders.old])
def test_chats_characters_and_all_else_are_taken_byte_for_byte_and_the_original_stays(
    machine: Machine, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    source = make(tmp_path / "st")
    before = folders.sums(source)
    adopted(machine, source)
    assert folders.sums(source) == before
    there = folders.sums(machine.path / "sillytavern")
    prefix = "public/" if make is folders.old else "data/default-user/"
    for name, digest in before.items():
        if name.startswith(prefix) and name.removeprefix(prefix) in folders.user("") and "settings" not in name:
            assert there[f"data/default-user/{name.removeprefix(prefix)}"] == digest


def test_of_a_native_install_both_places_of_extensions_plugins_secrets_and_users_are_taken(
    machine: Machine, tmp_path: Path
) -> None:
    adopted(machine, folders.native(tmp_path / "st"))
    there = set(folders.sums(machine.path / "sillytavern"))
    assert {
        "extensions/Global/manifest.json",
        "data/default-user/extensions/Own/manifest.json",
        "plugins/mine/node_modules/y/index.js",
        "data/default-user/secrets.json",
        "data/_storage/abc",
        "data/bob/chats/Eve/1.jsonl",
        "config/config.yaml",
    } <= there
    assert not [name for name in there if "thumbnails" in name or "_webpack" in name]
    found = actions(replace(machine, path=tmp_path), tmp_path / "st")
    assert found["chats"] == ("copied", "", False)
    assert found["bob: chats"] == ("copied", "", False)
    assert found["_webpack, thumbnails"] == ("not_adopted", "created again", False)
    assert found["config.yaml"] == ("copied", "", True)
    assert found["node_modules"][0] == "not_adopted"
    assert found["notes.txt"] == ("not_adopted", "not SillyTavern's", False)
    assert found["the program"][0] == "not_adopted"


def test_the_layout_from_before_1_12_is_converted(machine: Machine, tmp_path: Path) -> None:
    source = folders.old(tmp_path / "st")
    assert actions(machine, source)["chats"] == ("converted", "", False)
    adopted(machine, source)
    user = machine.path / "sillytavern/data/default-user"
    assert json.loads((user / "secrets.json").read_text()) == {"api_key_ooba": "k"}
    assert (user / "extensions/Own/manifest.json").exists()
    assert (user / "vectors/1.json").exists()
    assert not (user / "index.html").exists()


def test_a_data_folder_elsewhere_is_followed(machine: Machine, tmp_path: Path) -> None:
    source = folders.native(tmp_path / "st")
    (source / "data").rename(tmp_path / "big")
    (source / "config.yaml").write_text(f"dataRoot: {tmp_path / 'big'}\n")
    adopted(machine, source)
    assert (machine.path / "sillytavern/data/default-user/characters/Alice.png").read_bytes() == folders.CARD
    assert 'dataRoot: "./data"' in (machine.path / "sillytavern/config/config.yaml").read_text()


@pytest.mark.parametrize("below", ["data", "data/default-user"])
def test_a_bare_data_folder_and_one_users_data_will_do(machine: Machine, tmp_path: Path, below: str) -> None:
    folders.compose(tmp_path / "st")
    adopted(machine, tmp_path / "st" / below)
    assert (machine.path / "sillytavern/data/default-user/characters/Alice.png").read_bytes() == folders.CARD


def test_the_compose_files_folder_in_a_checkout_is_found(machine: Machine, tmp_path: Path) -> None:
    folders.compose(tmp_path / "st/docker")
    (tmp_path / "st/server.js").touch()
    assert adopt.prepare(machine, tmp_path / "st").source == tmp_path / "st/docker"


def test_links_that_leave_the_folder_are_followed_and_said(machine: Machine, tmp_path: Path) -> None:
    source = folders.native(tmp_path / "st")
    (source / "data/default-user/chats").rename(tmp_path / "elsewhere")
    (source / "data/default-user/chats").symlink_to(tmp_path / "elsewhere")
    (source / "data/default-user/worlds/gone.json").symlink_to("nowhere")
    (source / "data/default-user/loop").symlink_to(".")
    found = adopt.prepare(machine, source)
    assert any("outside the folder: its target is copied" in note for note in found.notes)
    assert any("gone.json" in note for note in found.notes)
    adopt.adopt(machine, found)
    chats = machine.path / "sillytavern/data/default-user/chats"
    assert not chats.is_symlink()
    assert (chats / "Alice/Branch #1.jsonl").read_text() == folders.CHAT * 2


def test_times_are_kept_and_everything_can_be_written_by_sillytaverns_user(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    chat = "data/default-user/chats/Alice/Branch #1.jsonl"
    os.utime(source / chat, (1_600_000_000, 1_600_000_000))
    (source / chat).chmod(0o444)
    adopted(machine, source)
    found = (machine.path / "sillytavern" / chat).stat()
    assert found.st_mtime == 1_600_000_000
    assert found.st_mode & 0o600 == 0o600
    assert found.st_uid == machine.folder.owner.uid


# -- config.yaml and settings.json


def test_what_of_config_yaml_can_not_hold_is_changed_in_its_place_and_said(machine: Machine, tmp_path: Path) -> None:
    found = adopt.prepare(machine, folders.native(tmp_path / "st"))
    adopt.adopt(machine, found)
    text = (machine.path / "sillytavern/config/config.yaml").read_text()
    assert text == folders.CONFIG.replace("9000", "8000").replace("ssl:\n  enabled: true", "ssl:\n  enabled: false")
    assert any("port = 8000 (was 9000)" in note for note in found.notes)
    assert any("ssl.enabled = false (was True)" in note for note in found.notes)


def test_a_whitelist_of_hosts_stays_on_with_its_names_beside_those_of_stack_toml(
    machine: Machine, tmp_path: Path
) -> None:
    (machine.path / "stack.toml").write_text('[sillytavern]\nhost_names = ["mine.lan", "chat.lan"]\n')
    source = folders.native(tmp_path / "st")
    mine = "hostWhitelist:\n  enabled: true\n  hosts: [chat.lan, .example.org, 'bad:8000', chat.lan]\n"
    (source / "config.yaml").write_text(folders.CONFIG + mine)
    found = adopt.prepare(machine, source)
    assert any(note.endswith("sillytavern.host_names: .example.org") for note in found.notes)
    assert any("'bad:8000' in hostWhitelist.hosts is not a host name" in note for note in found.notes)
    adopt.adopt(machine, found)
    assert (machine.path / "sillytavern/config/config.yaml").read_text().endswith(mine)
    spec = load_config(machine, {}).spec
    assert spec.sillytavern.host_names == ("mine.lan", "chat.lan", ".example.org")
    environment = a_plan(spec, seen()).sillytavern.environment
    assert environment["SILLYTAVERN_HOSTWHITELIST_ENABLED"] == "true"
    assert json.loads(environment["SILLYTAVERN_HOSTWHITELIST_HOSTS"]) == ["mine.lan", "chat.lan", ".example.org"]


def test_of_a_whitelist_of_thousands_the_first_hundred_are_taken(machine: Machine, tmp_path: Path) -> None:
    source = folders.native(tmp_path / "st")
    hosts = ", ".join(f"h{number}.lan" for number in range(3000))
    (source / "config.yaml").write_text(f"hostWhitelist: {{hosts: [{hosts}]}}\n")
    found = adopt.prepare(machine, source)
    assert found.wishes["sillytavern.host_names"] == [f"h{number}.lan" for number in range(100)]
    assert any("the first 100 of 3000 names in hostWhitelist.hosts are taken" in note for note in found.notes)


def test_a_profile_for_this_machine_gets_a_copy_that_a_container_can_use(machine: Machine, tmp_path: Path) -> None:
    adopted(machine, folders.compose(tmp_path / "st"))
    text = (machine.path / "sillytavern/data/default-user/settings.json").read_text()
    mine, copy = json.loads(text)["extension_settings"]["connectionManager"]["profiles"]
    assert mine == folders.PROFILE
    assert copy["api-url"] == "http://host.docker.internal:5001/api"
    assert copy["name"] == "home (from the container)"
    assert copy["id"] != mine["id"]
    spec = load_config(machine, {}).spec
    assert spec.sillytavern.host_access == "on"
    assert a_plan(spec, seen()).sillytavern.reaches_host


def test_the_next_deploy_sets_the_connection_and_nothing_that_the_user_chose(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    adopted(machine, source)
    over = tavern_settings.overlay("llamacpp", "http://llamacpp:8080", 8192, Presets())
    owner = machine.folder.owner
    plan = a_plan(wanted(sillytavern={"uid": owner.uid, "gid": owner.gid}), seen())
    stock = {"main_api": "koboldhorde", "max_context": 8192}
    seed_tavern(plan, WantedSettings(overlay=over, stock=stock, made_from={"a": 1}), machine)
    settings = json.loads((machine.path / "sillytavern/data/default-user/settings.json").read_text())
    assert tavern_settings.connection(settings) == ("llamacpp", "http://llamacpp:8080")
    assert settings["power_user"]["auto_connect"] is True
    assert (settings["username"], settings["max_context"]) == ("Zoë", 4096)
    assert settings["textgenerationwebui_settings"]["server_urls"]["koboldcpp"] == "http://127.0.0.1:5001"


# -- refusals


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder.mkdir(), "no SillyTavern installation found"),
        (lambda folder: folders.write(folder, {"config.yaml": "a: [", "server.js": ""}), "is not YAML"),
        (lambda folder: folders.native(folders.old(folder)), "in both layouts"),
        (
            lambda folder: folders.write(
                folders.compose(folder), {"data/bob/settings.json": folders.settings("1.20.1")}
            ),
            "was written by SillyTavern 1.20.1",
        ),
    ],
)
def test_what_can_not_be_adopted_is_refused_with_a_hint_and_nothing_changes(
    machine: Machine, tmp_path: Path, make: Callable[[Path], Any], says: str
) -> None:
    make(tmp_path / "st")
    with pytest.raises(ConfigError, match=says) as caught:
        adopt.prepare(machine, tmp_path / "st")
    assert caught.value.hint
    assert list(machine.path.iterdir()) == []


def test_a_huge_config_yaml_is_not_read(machine: Machine, tmp_path: Path) -> None:
    source = folders.native(tmp_path / "st")
    os.truncate(source / "config.yaml", (1 << 20) + 1)
    with pytest.raises(DataError, match="larger than the 1,048,576 bytes"):
        adopt.prepare(machine, source)


def test_a_folder_in_use_is_refused(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    inside = [path for path in source.rglob("*") if path.is_dir()]
    with pytest.raises(ConfigError, match="process 42") as caught:
        adopt.prepare(replace(machine, host=FakeHost(node_ids=dict.fromkeys(inside, (42,)))), source)
    assert "kill 42" in caught.value.hint
    with pytest.raises(ConfigError, match="container tavern has") as caught:
        adopt.prepare(replace(machine, docker=FakeDocker(mounted=dict.fromkeys(inside, ("tavern",)))), source)
    assert "docker stop tavern" in caught.value.hint


def test_the_stacks_own_running_sillytavern_is_stopped_first(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    own = machine.path / "sillytavern"
    own.mkdir()
    busy = replace(machine, docker=FakeDocker(mounted={own: ("mine",)}))
    with pytest.raises(ConfigError) as caught:
        adopt.prepare(busy, source)
    assert caught.value.hint == "Stop it with `stackctl stop`."


def test_neither_itself_nor_a_second_one_is_adopted(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    adopted(machine, source)
    with pytest.raises(ConfigError, match=r"already adopted a SillyTavern: .*st"):
        adopt.prepare(machine, source)
    for own in (machine.path, machine.path / "sillytavern/data"):
        with pytest.raises(ConfigError, match="own folder"):
            adopt.prepare(machine, own)


def test_without_such_profiles_settings_are_taken_byte_for_byte_and_no_stack_toml_is_written(
    machine: Machine, tmp_path: Path
) -> None:
    source = folders.compose(tmp_path / "st")
    folders.write(source, {"data/default-user/settings.json": folders.settings(extension_settings={})})
    adopted(machine, source)
    name = "data/default-user/settings.json"
    assert (machine.path / "sillytavern" / name).read_bytes() == (source / name).read_bytes()
    assert not (machine.path / "stack.toml").exists()


def test_damaged_settings_are_taken_as_they_are_and_said(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    folders.write(source, {"data/default-user/settings.json": b"\0\xff"})
    found = adopt.prepare(machine, source)
    assert any("damaged" in note for note in found.notes)
    adopt.adopt(machine, found)
    assert (machine.path / "sillytavern/data/default-user/settings.json").read_bytes() == b"\0\xff"


# -- interruptions


class Pulled(BaseException):
    """The plug."""


@pytest.mark.parametrize("at", range(12))
def test_an_interrupted_adoption_leaves_the_stacks_folder_as_it_was_and_a_rerun_works(
    machine: Machine, tmp_path: Path, at: int
) -> None:
    source = folders.compose(tmp_path / "st")
    folders.write(machine.path, MINE)
    mine = folders.sums(machine.path / "sillytavern")
    found = adopt.prepare(machine, source)
    steps = 0

    class Breaking(type(machine.ui)):  # type: ignore[misc]
        def progress(self, text: str) -> None:
            nonlocal steps
            if steps == at:
                raise Pulled(text)
            steps += 1

    with pytest.raises(Pulled):
        adopt.adopt(replace(machine, ui=Breaking()), found)
    assert folders.sums(machine.path / "sillytavern") == mine
    done = adopted(machine, source)
    assert (machine.path / "sillytavern/data/default-user/characters/Alice.png").read_bytes() == folders.CARD
    assert done.aside
    assert folders.sums(done.aside) == mine
    assert not [path for path in machine.path.iterdir() if "adopting" in path.name]


class BreakingFolder(Folder):
    """A folder in which the plug is pulled at the nth file that is written."""

    def __init__(self, folder: disk.Folder, at: int) -> None:
        super().__init__(folder.path, folder.owner)
        self.left = at

    def write(self, name: str, content: str | bytes, *, mode: int = 0o644, reader: Owner | None = None) -> bool:
        if not self.left:
            raise Pulled(name)
        self.left -= 1
        return super().write(name, content, mode=mode, reader=reader)


@pytest.mark.parametrize("at", range(3))  # the record of the settings, stack.toml, .gitignore
def test_an_interruption_before_the_exchange_loses_nothing_of_the_stacks_former_state(
    machine: Machine, tmp_path: Path, at: int
) -> None:
    source = folders.compose(tmp_path / "st")
    folders.write(machine.path, {**MINE, ".stackctl/sillytavern.json": '{"made_from": 1}'})
    mine = folders.sums(machine.path / "sillytavern")
    broken = replace(machine)
    broken.folder = BreakingFolder(machine.folder, at)
    with pytest.raises(Pulled):
        adopted(broken, source)
    assert folders.sums(machine.path / "sillytavern") == mine
    adopted(machine, source)
    assert (machine.path / "sillytavern/data/default-user/characters/Alice.png").exists()
    undone(machine)
    assert folders.sums(machine.path / "sillytavern") == mine
    assert (machine.path / ".stackctl/sillytavern.json").read_text() == '{"made_from": 1}'


def test_an_interrupted_undo_goes_on_and_brings_nothing_twice(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    folders.write(machine.path, {"sillytavern/data/x": "x", ".stackctl/sillytavern.json": "{}"})
    adopted(machine, source)
    chat = "data/default-user/chats/Alice/new.jsonl"
    folders.write(machine.path / "sillytavern", {chat: "new"})
    broken = replace(machine)
    broken.folder = BreakingFolder(machine.folder, 0)
    with pytest.raises(Pulled):
        undone(broken)
    assert (source / chat).read_text() == "new"
    done = undone(machine)
    assert done.returns == ()
    assert folders.sums(machine.path / "sillytavern").keys() == {".gitignore", "data/x"}
    assert (done.aside / chat).read_text() == "new"


# -- the way back


@pytest.mark.parametrize("make", [folders.native, folders.compose, folders.old])
def test_undo_brings_newer_chats_back_into_the_originals_own_layout(
    machine: Machine, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    source = make(tmp_path / "st")
    folders.write(machine.path, MINE)
    mine = folders.sums(machine.path / "sillytavern")
    before = folders.sums(source)
    adopted(machine, source)
    user = machine.path / "sillytavern/data/default-user"
    there = source / ("public" if make is folders.old else "data/default-user")
    (user / "chats/Alice/new.jsonl").write_text("new")
    (user / "characters/Bea.png").write_bytes(b"bea")
    with (user / "chats/Alice/Branch #1.jsonl").open("a") as chat:
        chat.write("one more\n")
    (user / "group chats/1700000000.jsonl").write_text("theirs")
    (there / "group chats/1700000000.jsonl").write_text("meanwhile")
    (user / "settings.json").write_text("{}")

    done = undone(machine)
    assert (there / "chats/Alice/new.jsonl").read_text() == "new"
    assert (there / "characters/Bea.png").read_bytes() == b"bea"
    assert (there / "chats/Alice/Branch #1.jsonl").read_text() == folders.CHAT * 2 + "one more\n"
    assert (there / "group chats/1700000000.jsonl").read_text() == "meanwhile"
    assert (there / "group chats/1700000000.from-stackctl.jsonl").read_text() == "theirs"
    assert folders.sums(machine.path / "sillytavern") == mine
    assert (done.aside / "data/default-user/chats/Alice/new.jsonl").exists()
    assert done.replaced
    assert folders.CHAT * 2 in {path.read_text() for path in done.replaced.rglob("*.jsonl")}
    changed = {name for name, digest in folders.sums(source).items() if before.get(name) != digest}
    assert {Path(name).name for name in changed} == {
        "new.jsonl", "Bea.png", "Branch #1.jsonl", "1700000000.jsonl", "1700000000.from-stackctl.jsonl",
    }  # fmt: skip


def test_undo_without_changes_leaves_the_original_byte_for_byte_and_the_stack_empty(
    machine: Machine, tmp_path: Path
) -> None:
    source = folders.old(tmp_path / "st")
    before = folders.sums(source)
    adopted(machine, source)
    assert undone(machine).returns == ()
    assert folders.sums(source) == before
    assert not (machine.path / "sillytavern").exists()
    with pytest.raises(ConfigError, match="was not adopted"):
        undo_adopt.prepare(machine)


def test_what_the_old_layout_has_no_place_for_is_left_and_said(machine: Machine, tmp_path: Path) -> None:
    adopted(machine, folders.old(tmp_path / "st"))
    folders.write(machine.path, {"sillytavern/data/bob/chats/Eve/1.jsonl": "x"})
    found = undo_adopt.prepare(machine)
    assert found.not_adopted == ("data/bob/chats/Eve/1.jsonl",)
    assert found.returns == ()


def test_a_repeated_undo_brings_nothing_twice(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    adopted(machine, source)
    chat = "data/default-user/chats/Alice/Branch #1.jsonl"
    (machine.path / "sillytavern" / chat).write_text("ours")
    (source / chat).write_text("theirs")
    first = undo_adopt.prepare(machine).returns
    assert [one.how for one in first] == ["beside"]
    first[0].to.write_text("ours")  # as an undo would have, that was interrupted then
    assert undo_adopt.prepare(machine).returns == ()


def test_the_former_record_of_the_settings_comes_back_with_the_former_folder(machine: Machine, tmp_path: Path) -> None:
    folders.write(machine.path, {".stackctl/sillytavern.json": '{"made_from": 1}', "sillytavern/data/x": "x"})
    adopted(machine, folders.compose(tmp_path / "st"))
    assert "made_from" in (machine.path / ".stackctl/sillytavern.json").read_text()
    undone(machine)
    assert (machine.path / ".stackctl/sillytavern.json").read_text() == '{"made_from": 1}'


def test_an_original_that_is_gone_or_a_damaged_record_stops_the_undo(machine: Machine, tmp_path: Path) -> None:
    source = folders.compose(tmp_path / "st")
    adopted(machine, source)
    source.rename(tmp_path / "away")
    with pytest.raises(DataError, match="is gone"):
        undo_adopt.prepare(machine)
    (machine.path / "sillytavern/adopted.json").write_text("{}")
    with pytest.raises(StackctlError, match="damaged"):
        undo_adopt.prepare(machine)


# -- what a container, or somebody else, has planted


def test_undo_follows_no_link_out_of_the_folder_and_names_it(machine: Machine, tmp_path: Path) -> None:
    source = folders.native(tmp_path / "st")
    (tmp_path / "root-only").write_text("of the host")
    (tmp_path / "of the host").mkdir()
    (tmp_path / "of the host/1.jsonl").write_text("of the host")
    adopted(machine, source)
    chats = machine.path / "sillytavern/data/default-user/chats"
    (chats / "Alice/link.jsonl").symlink_to(tmp_path / "root-only")
    (chats / "Eve").symlink_to(tmp_path / "of the host")
    os.mkfifo(chats / "Alice/pipe.jsonl")
    (chats / "Alice/new.jsonl").write_text("new")
    found = undo_adopt.prepare(machine)
    assert [Path(one.leaf.target).name for one in found.returns] == ["new.jsonl"]
    below = "data/default-user/chats"
    assert found.lost == (f"{below}/Alice/link.jsonl", f"{below}/Alice/pipe.jsonl", f"{below}/Eve")
    undo_adopt.undo(machine, found)
    there = source / "data/default-user/chats"
    assert not [path for path in there.rglob("*") if path.is_file() and "of the host" in path.read_text()]


@pytest.mark.parametrize("name", ["planted.jsonl", "Branch #1.jsonl"])
def test_undo_says_before_it_reads_or_writes_a_huge_file_that_there_is_no_room(
    machine: Machine, tmp_path: Path, name: str
) -> None:
    source = folders.native(tmp_path / "st")
    adopted(machine, source)
    before = folders.sums(source)
    chat = f"data/default-user/chats/Alice/{name}"
    (machine.path / "sillytavern" / chat).touch()
    os.truncate(machine.path / "sillytavern" / chat, HUGE)  # sparse: to read it would take hours
    with pytest.raises(DoesNotFit, match="the copy takes") as caught:
        undo_adopt.prepare(machine)
    assert f"{chat} ({HUGE >> 20} MiB)" in caught.value.hint
    assert folders.sums(source) == before


def test_a_folder_where_a_new_file_belongs_stays_and_the_file_goes_beside_it(machine: Machine, tmp_path: Path) -> None:
    source = folders.native(tmp_path / "st")
    adopted(machine, source)
    chat = "data/default-user/chats/Alice/new.jsonl"
    folders.write(machine.path / "sillytavern", {chat: "new"})
    (source / chat).mkdir()
    assert [one.to.name for one in undone(machine).returns] == ["new.from-stackctl.jsonl"]
    assert (source / chat).is_dir()


DAMAGES: dict[str, tuple[object, ...]] = {
    "aside": ("../../etc", "a/b", ".", "..", "x/", "", 3, [], "data", "../x.kept-1"),
    "files": ([], None, {"a": ["b"]}, {"a": None}),
    "pieces": (
        None, {}, [3], [{}], [{"source": ["x"], "target": 5}], [{"source": None, "target": "data"}],
        [{"source": "a\0", "target": "data"}],
    ),
    "from": (None, 3, "", "st", "/a\0", "/\ud800"),
    "seeded": ({},),
}  # fmt: skip


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in DAMAGES.items() for value in values])
def test_a_record_that_is_not_what_adopt_writes_is_damaged(
    machine: Machine, tmp_path: Path, key: str, value: object
) -> None:
    adopted(machine, folders.native(tmp_path / "st"))
    record = machine.path / "sillytavern" / adoption.RECORD
    record.write_text(json.dumps({**json.loads(record.read_text()), key: value}))
    with pytest.raises(DataError, match="is damaged"):
        undo_adopt.prepare(machine)


@pytest.mark.parametrize("name", ["chats", "settings.json"])
def test_a_link_in_the_original_is_named_and_its_target_taken_where_that_is_not_root_s_to_judge(
    machine: Machine, tmp_path: Path, name: str
) -> None:
    source = folders.native(tmp_path / "st")
    place = source / "data/default-user" / name
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    found = adopt.prepare(machine, source)
    assert any(f"{place} is a link to " in note for note in found.notes)
    assert adopt.adopt(machine, found).files
    assert (machine.path / "sillytavern/data/default-user" / name).exists()


@pytest.mark.parametrize("data", [".", ".."])
def test_a_data_folder_that_holds_the_stack_itself_is_refused(machine: Machine, tmp_path: Path, data: str) -> None:
    (machine.path / "stack.toml").write_text(f'[sillytavern]\ndata = "{data}"\n')
    with pytest.raises(ConfigError, match="holds the stack's own files") as caught:
        adopt.prepare(machine, folders.native(tmp_path / "elsewhere/st"))
    assert "sillytavern.data" in caught.value.hint
    assert (machine.path / "stack.toml").exists()
