"""Writing compose.yml and stack.lock: ours, somebody else's, another version's."""

import hashlib
import json
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from stackctl.commands.deploy import Options, deploy
from stackctl.commands.render import render
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import secrets_json
from stackctl.core.tavern.settings_json import connection
from stackctl.errors import ConfigError, EngineError, NoAnswer
from stackctl.orchestrators.compose.render import services
from stackctl.steps.config_request import load_config
from stackctl.steps.first_model import is_open
from tests.commands.engines import staged
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan
from tests.fakes import FakeImages


def rendered(here: Quiet, flags: Mapping[str, object] = {}, *, replan: bool = False) -> str:
    return render(here.machine, flags, to_stdout=False, absolute=False, replan=replan).text


def test_rendering_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    first = rendered(here)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()}
    assert rendered(here) == first
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()} == before
    assert set(before) == {"compose.yml", "stack.lock", "stack.toml", ".gitignore", "stackctl-demo.gguf"}


def test_an_edited_compose_file_is_kept_aside_and_said(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    text = rendered(here)
    (tmp_path / "compose.yml").write_text(text + "# mine\n")
    assert rendered(here) == text
    assert (tmp_path / "compose.yml.kept-1").read_text() == text + "# mine\n"
    assert "compose.yml.kept-1" in here.said.getvalue()


def test_a_foreign_compose_file_is_kept_aside_too(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("services: {}\n")
    here = quiet(tmp_path)
    rendered(here)
    assert (tmp_path / "compose.yml.kept-1").read_text() == "services: {}\n"


def test_a_newer_stackctl_leaves_what_an_older_one_wrote_until_replan_or_a_change(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    rendered(here)
    # as an older version would have written it: other text, recorded as its own
    older = (tmp_path / "compose.yml").read_text().replace("10m", "9m")
    (tmp_path / "compose.yml").write_text(older)
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"] |= {"by": "0.0.1", "sha256": here.machine.folder.sha256("compose.yml")}
    (tmp_path / "stack.lock").write_text(json.dumps(lock))
    here.said.truncate(0)

    assert rendered(here) == older
    assert "as stackctl 0.0.1 wrote it" in here.said.getvalue()
    assert (tmp_path / "compose.yml").read_text() == older
    assert "10m" in rendered(here, replan=True)
    assert not list(tmp_path.glob("*.kept-*"))


def test_what_is_a_matter_of_security_a_newer_stackctl_does_not_leave_as_it_was_and_says_so(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    rendered(here)
    older = (
        (tmp_path / "compose.yml").read_text().replace('HOSTWHITELIST_ENABLED": "true"', 'HOSTWHITELIST_SCAN": "true"')
    )
    (tmp_path / "compose.yml").write_text(older)
    lock = json.loads((tmp_path / "stack.lock").read_text())
    lock["rendered"] = {"by": "0.0.1", "inputs": "of another kind", "sha256": here.machine.folder.sha256("compose.yml")}
    (tmp_path / "stack.lock").write_text(json.dumps(lock))

    here.said.truncate(0)
    assert "HOSTWHITELIST_ENABLED" in rendered(here)
    said = here.said.getvalue()
    assert "note: new, for security: each container has a limit" in said
    assert "to no other name" in said
    assert json.loads((tmp_path / "stack.lock").read_text())["rendered"]["security"].split()[0] == "host-names"
    here.said.truncate(0)
    rendered(here)
    notes = [line for line in here.said.getvalue().splitlines() if "note:" in line]
    assert ["NO GPU" in note for note in notes] == [True]


def test_paths_can_be_written_absolute(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    text = render(here.machine, {}, to_stdout=True, absolute=True, replan=False).text
    assert f'source: "{tmp_path}/sillytavern/data"' in text
    assert list(tmp_path.iterdir()) == []


# -- what Compose needs beside the file


def last_line(here: Quiet) -> str:
    return here.said.getvalue().strip().splitlines()[-1].strip()


def with_image(folder: Path) -> Quiet:
    """A machine whose engine has the images."""
    here = quiet(folder)
    for service in a_plan().services:
        here.docker.images.here[service.image] = "sha256:1"
    here.docker.files = {tavern.STOCK_SETTINGS: '{"firstRun": true}'}
    return here


def test_where_its_image_is_here_the_folder_has_all_that_compose_needs(tmp_path: Path) -> None:
    here = with_image(tmp_path)
    rendered(here)
    for name in tavern.FOLDERS:
        assert (tmp_path / "sillytavern" / name).is_dir()
    settings = json.loads((tmp_path / "sillytavern" / tavern.SETTINGS).read_text())
    assert connection(settings) == ("llamacpp", "http://llamacpp:8080")
    key = (tmp_path / ".stackctl/api-key").read_text().strip()
    assert key in (tmp_path / "sillytavern" / secrets_json.FILE).read_text()
    assert last_line(here) == "the folder is complete: `docker compose up -d` starts the stack"
    for service in services((tmp_path / "compose.yml").read_text()).values():
        for mount in service.get("volumes", ()):
            assert (tmp_path / mount["source"]).exists(), mount["source"]


def test_without_the_image_the_last_line_names_it_and_the_command(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    rendered(here)
    assert (tmp_path / "sillytavern/data").is_dir()
    assert last_line(here) == (
        f"still missing: SillyTavern's settings, which are made from its image ({tavern.IMAGE}). "
        f"Run `docker pull {tavern.IMAGE} && stackctl render`."
    )


class SilentImages(FakeImages):
    """Those of an engine that does not answer in time."""

    def digest(self, name: str) -> str | None:
        self.asked.append(name)
        raise NoAnswer("the container engine does not answer (tcp://192.0.2.1:2375)", hint="check DOCKER_HOST")


def test_an_engine_that_does_not_answer_is_said_and_waited_for_once(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    here.docker.images = SilentImages()
    render(here.machine, {"images": "own"}, to_stdout=False, absolute=False, replan=False)
    said = "note: the container engine does not answer (tcp://192.0.2.1:2375); the folder is prepared without it"
    assert here.said.getvalue().count(said) == 1
    assert len(here.docker.images.asked) == 1
    assert (tmp_path / "compose.yml").is_file()


def test_an_image_that_no_registry_has_is_named_with_the_command_that_builds_it(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    render(here.machine, {"images": "own"}, to_stdout=False, absolute=True, replan=False)
    command = "Run `stackctl images build sillytavern && stackctl render --paths absolute`."
    assert last_line(here).endswith(command)
    here.docker.images.here[tavern.OWN_IMAGE] = "sha256:1"
    rendered(here)
    assert last_line(here).endswith("which no registry has. Run `stackctl images build llamacpp`.")


def test_a_program_that_is_not_fetched_yet_is_named(tmp_path: Path) -> None:
    here = with_image(tmp_path)
    rendered(here, {"backend.kind": "koboldcpp"})
    assert last_line(here).startswith("still missing: ")
    assert last_line(here).endswith("koboldcpp-linux-x64-nocuda. Run `stackctl deploy`.")


def test_where_sillytavern_has_run_rendering_leaves_its_settings_alone(tmp_path: Path) -> None:
    here = with_image(tmp_path)
    rendered(here)
    (tmp_path / ".stackctl/sillytavern-has-run").touch()
    data = tmp_path / "sillytavern"
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    rendered(here, {"backend.context": 2048})
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_before_that_they_follow(tmp_path: Path) -> None:
    here = with_image(tmp_path)
    rendered(here)
    rendered(here, {"backend.context": 2048})
    assert json.loads((tmp_path / "sillytavern" / tavern.SETTINGS).read_text())["max_context"] == 2048


def test_a_demo_that_was_rendered_is_none_that_was_deployed(tmp_path: Path) -> None:
    here = with_image(tmp_path)
    rendered(here)
    assert is_open(here.machine, load_config(here.machine, {}))
    (tmp_path / ".stackctl/sillytavern-has-run").touch()
    assert not is_open(here.machine, load_config(here.machine, {}))


# -- as an archive


def archived(here: Quiet, target: Path, flags: Mapping[str, object] = {}) -> dict[str, str]:
    """What an archive holds: path -> text, "" for a folder."""
    render(here.machine, flags, to_stdout=False, absolute=False, replan=False, archive=target)
    with tarfile.open(target) as tar:
        streams = {one.name: tar.extractfile(one) for one in tar}
        return {name: stream.read().decode(errors="replace") if stream else "" for name, stream in streams.items()}


@pytest.fixture
def chat(tmp_path: Path) -> Quiet:
    (tmp_path / "chat").mkdir()
    return with_image(tmp_path / "chat")


def test_an_archive_has_all_that_its_compose_file_mounts(chat: Quiet, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf_bytes())
    (tmp_path / "chat/compose.override.yml").write_text("services: {}\n")
    found = archived(chat, tmp_path / "out.tar", {"model.path": str(tmp_path / "tiny.gguf")})
    mounted = [mount["source"] for one in services(found["chat/compose.yml"]).values() for mount in one["volumes"]]
    assert "./models/tiny.gguf" in mounted
    assert {f"chat/{source.removeprefix('./')}" for source in mounted} <= found.keys()
    assert tomllib.loads(found["chat/stack.toml"])["model"]["path"] == "./models/tiny.gguf"
    assert found["chat/compose.override.yml"] == "services: {}\n"
    assert str(tmp_path) not in found["chat/compose.yml"]
    recorded = json.loads(found["chat/stack.lock"])["rendered"]["sha256"]
    assert recorded == hashlib.sha256(found["chat/compose.yml"].encode()).hexdigest()
    ours = {name for name in found if "/.stackctl/" in name}
    assert ours == {f"chat/.stackctl/{name}" for name in (".gitignore", "api-key", "sillytavern.json")}


def test_in_an_archive_the_model_in_use_keeps_its_name_and_settings_and_those_left_out_are_named(
    chat: Quiet, tmp_path: Path
) -> None:
    (tmp_path / "tiny.gguf").write_bytes(gguf_bytes())
    (tmp_path / "chat/stack.toml").write_text(
        '[model]\nuse = "tiny"\n[models.tiny]\npath = "../tiny.gguf"\ncontext = 4096\n'
        '[models.other]\npath = "../tiny.gguf"\n'
    )
    found = archived(chat, tmp_path / "out.tar")
    wish = tomllib.loads(found["chat/stack.toml"])
    assert wish["model"] == {"use": "tiny"}
    assert wish["models"]["tiny"] == {"path": "./models/tiny.gguf", "context": 4096}
    assert "'other' of stack.toml is not in the archive" in chat.said.getvalue()


def test_an_archive_that_would_lack_something_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    with pytest.raises(EngineError, match="the archive would lack SillyTavern's settings") as caught:
        archived(quiet(tmp_path / "chat"), tmp_path / "out.tar")
    assert caught.value.hint == f"Run `docker pull {tavern.IMAGE} && stackctl render`."
    assert not (tmp_path / "out.tar").exists()


def test_while_sillytavern_runs_nothing_is_packed(chat: Quiet, tmp_path: Path) -> None:
    chat.docker.mounted = {tmp_path / "chat/sillytavern": ("chat-sillytavern-1",)}
    with pytest.raises(ConfigError, match=r"chat-sillytavern-1 has .*sillytavern mounted"):
        archived(chat, tmp_path / "out.tar")
    assert not (tmp_path / "out.tar").exists()


def test_an_archive_holds_nothing_that_this_engine_alone_knows(tmp_path: Path) -> None:
    (tmp_path / "chat").mkdir()
    here = staged(tmp_path / "chat", published={one.image: "sha256:1" for one in a_plan().services})
    deploy(here.machine, {"model.path": "demo"}, Options(prove=False, timeout_s=20))
    before = (tmp_path / "chat/compose.yml").read_text()
    render(here.machine, {}, to_stdout=False, absolute=False, replan=False, archive=tmp_path / "out.tar")
    assert (tmp_path / "chat/compose.yml").read_text() == before
    with tarfile.open(tmp_path / "out.tar") as tar:
        found = tar.extractfile("chat/compose.yml")
        assert found is not None
        text = found.read().decode()
    for word in ("start_interval", "gateway_mode_ipv4"):
        assert word in before
        assert word not in text
