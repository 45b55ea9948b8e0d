"""stackctl from its own image, with the engine's socket mounted: what a NAS without Python runs."""

import json
import os
import subprocess
import sys
import tarfile
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.lan import cable

pytestmark = [pytest.mark.engine, pytest.mark.machines]
IMAGE = "localhost/stackctl/stackctl:1"
OWNER = 1234  # somebody, neither root nor who runs the tests


def build(*command: str) -> None:
    done = subprocess.run([*command, "images", "build", "stackctl"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def image(own_images: None, installed: Path) -> None:
    """The image, built by the installed wheel, whose files it gets."""
    del own_images
    build(str(installed))


class InContainer(Stack):
    """A deployment folder, and stackctl in a container. `at`: where the folder lies in there ("": at its own path)."""

    at: str = ""
    has_socket: bool = True
    sees_host: bool = True
    options: tuple[str, ...] = ()

    def run(self, *words: str, check: bool = True, timeout: float = 600) -> "subprocess.CompletedProcess[str]":
        socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        place = self.at or str(self.folder)
        mounts = ["-v", f"{self.folder}:{place}", "-w", place]
        if self.sees_host:
            mounts += ["--network", "host", "--pid", "host"]
        if self.has_socket:
            mounts += ["-v", f"{socket}:/var/run/docker.sock"]
        done = subprocess.run(
            ["docker", "run", "--rm", *mounts, *self.options, IMAGE, *self.words(*words)],
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode:
            pytest.fail(
                f"stackctl {' '.join(words)}: exit {done.returncode}\n{done.stdout}\n{done.stderr}", pytrace=False
            )
        return done


@pytest.fixture
def here(new_stack: Callable[..., Stack], image: None) -> InContainer:
    """One empty folder that belongs to an ordinary user."""
    del image
    made = new_stack()
    os.chown(made.folder, OWNER, OWNER)
    return InContainer(folder=made.folder, program=made.program)


def expose(stack: Stack, to: str) -> None:
    (stack.folder / "stack.toml").write_text(f'[sillytavern]\nexpose = "{to}"\n')


@pytest.mark.sample
def test_a_deploy_through_the_image_ends_with_the_sentence_and_its_files_belong_to_the_folders_owner(
    here: InContainer,
) -> None:
    done = here.run("deploy", "--json", "--images", "own")
    result = json.loads(done.stdout)
    assert result["reply"] == SENTENCE
    assert "RAM " in done.stderr  # this machine's memory is looked at
    assert "tini" not in done.stderr
    strangers = [
        path for path in here.folder.rglob("*") if path.lstat().st_uid != OWNER and ".stackctl" not in path.parts
    ]
    assert strangers == []
    for service in ("llamacpp", "sillytavern"):
        assert here.inspect(service)["Config"]["User"] == f"{OWNER}:{OWNER}"
    status = json.loads(here.run("status", "--json").stdout)
    assert (status["ready"], status["url"]) == (True, result["url"])
    assert here.run("diff").stdout.splitlines() == ["compose.yml stays as it is", "no container would be touched"]
    here.run("down")


@pytest.mark.sample
def test_the_image_has_at_most_200_mb_unpacked(image: None) -> None:
    del image
    made = subprocess.run(["docker", "create", IMAGE], capture_output=True, text=True, check=True).stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", made], stdout=subprocess.PIPE) as export:
            assert export.stdout is not None
            with tarfile.open(fileobj=export.stdout, mode="r|") as archive:
                size = sum(member.size for member in archive)
    finally:
        subprocess.run(["docker", "rm", made], capture_output=True, check=True)
    assert size <= 200_000_000


def test_in_the_image_the_lan_can_be_seen_as_on_its_host(here: InContainer) -> None:
    with cable() as lan:
        expose(here, lan.address)
        text = here.run("deploy", "--dry-run", "--show", "--images", "own").stdout
    assert f'"{lan.address}:' in text


def test_with_the_networks_of_a_container_exposure_says_what_lacks(here: InContainer) -> None:
    here.sees_host = False
    expose(here, "lan")
    assert "--network host --pid host" in here.fails(4, "deploy", "--images", "own")


@pytest.mark.parametrize("command", ["deploy", "diff"])
def test_a_folder_at_another_path_inside_is_refused_with_both_paths(here: InContainer, command: str) -> None:
    here.at = "/chat"
    said = here.fails(3, command)
    assert f"this folder is /chat in this container but {here.folder} on the host" in said
    assert f"-v {here.folder}:{here.folder}" in said
    assert here.docker("ps", "-aq", "--filter", "label=com.docker.compose.project=chat") == ""


def test_what_asks_the_engine_about_a_stack_refuses_another_path_too(here: InContainer) -> None:
    here.run("render")
    here.at = "/chat"
    for command in ("status", "stop", "start", "logs", "down"):
        assert "on the host" in here.fails(3, command)


@pytest.mark.sample
def test_a_folder_of_the_container_alone_is_refused(here: InContainer) -> None:
    here.options = ("-w", "/root")
    assert "/root is not mounted into this container" in here.fails(3, "deploy")


def test_a_model_must_be_mounted_and_at_its_own_path(here: InContainer, tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    (models / "tiny.gguf").write_bytes(gguf_bytes())
    missing = here.fails(3, "deploy", "--model", f"{models}/tiny.gguf")
    assert f"the model {models}/tiny.gguf is not mounted into this container" in missing
    assert f"-v {models}:{models}" in missing

    here.options = ("-v", f"{models}:/models:ro")
    moved = here.fails(3, "deploy", "--model", "/models/tiny.gguf")
    assert f"the model is /models/tiny.gguf in this container but {models}/tiny.gguf on the host" in moved

    here.options = ("-v", f"{models}:{models}:ro")
    shown = here.run("deploy", "--dry-run", "--show", "--images", "own", "--model", f"{models}/tiny.gguf").stdout
    assert f'source: "{models}/tiny.gguf"' in shown


def test_a_backends_program_is_kept_in_the_folder_where_the_host_sees_it(here: InContainer) -> None:
    text = here.run("deploy", "--dry-run", "--show", "--backend", "koboldcpp").stdout
    mounts = yaml.safe_load(text)["services"]["koboldcpp"]["volumes"]
    program = next(mount["source"] for mount in mounts if mount["target"] == "/opt/stackctl/koboldcpp")
    assert program.startswith(f"{here.folder}/.stackctl/stackctl/programs/koboldcpp/")


def test_in_the_image_a_signature_can_be_checked(here: InContainer) -> None:
    key = b64encode(bytes(32)).decode()
    done = here.run("models", "update", "--url", "http://127.0.0.1:1/c.toml", "--key", key, check=False)
    assert done.returncode == 8  # the key is read, and the address asked
    assert "http://127.0.0.1:1/c.toml can't be read" in done.stderr


def test_rendering_needs_no_socket(here: InContainer) -> None:
    here.options = ("-v", "/dev/null:/var/run/docker.sock")
    here.has_socket = False
    assert "services:" in here.run("render", "--stdout").stdout


def test_a_checkout_builds_it_as_well(here: InContainer) -> None:
    build(sys.executable, "-m", "stackctl")
    assert here.run("--version").stdout == "stackctl 0.1.0\n"
    assert here.run("schema").stdout.startswith("{")
