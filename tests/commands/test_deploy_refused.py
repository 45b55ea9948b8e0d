"""What stops a deploy before its start leaves the folder and a running stack exactly as they are."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from stackctl.cli import main
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.diff import diff
from stackctl.commands.lifecycle import down, start, stop
from stackctl.commands.render import render
from stackctl.commands.status import status
from stackctl.contracts.cdi import CdiFile, CdiSeen, Edits, PathSeen
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.core.container_paths import Bind
from stackctl.core.model.demo_model import gguf_bytes
from stackctl.core.observed import Ram
from stackctl.effects.storage.disk import Disk, Trees
from stackctl.errors import ConfigError, StackctlError
from stackctl.machine import Machine
from stackctl.orchestrators.compose.render import MARKER, services
from stackctl.ports.disk import Says
from stackctl.steps.deployed import deployed_plan
from tests.commands.engines import Stage, Staged, quiet_stage, staged
from tests.core.samples import a_plan
from tests.fakes import hub_at
from tests.hub import server as hub_server
from tests.shapes.tiny import DRAFT, MODEL

QUICK = Options(prove=False, timeout_s=20)
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")
WHOLE = gguf_bytes()


def on_stage(folder: Path) -> Staged:
    folder.mkdir(exist_ok=True)
    return staged(folder, published=IMAGES)


def files(folder: Path) -> dict[str, bytes]:
    """What lies in the folder, our own state left out."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and ".stackctl" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def refused(here: Staged, flags: Mapping[str, object] = {}, options: Options = QUICK) -> StackctlError:
    """The error of a deploy that must change neither a file nor a container."""
    before, ran = files(here.machine.path), dict(here.stage.states_)
    started = list(here.stage.models)
    with pytest.raises(StackctlError) as caught:
        deploy(here.machine, flags, options)
    assert files(here.machine.path) == before
    assert (here.stage.states_, here.stage.models, here.stage.stopped) == (ran, started, [])
    return caught.value


@pytest.fixture
def running(tmp_path: Path) -> Staged:
    """A stack that was deployed and runs."""
    here = on_stage(tmp_path / "chat")
    deploy(here.machine, {"model.path": "demo"}, QUICK)
    return here


def wish(here: Staged, text: str) -> None:
    (here.machine.path / "stack.toml").write_text(text)


# -- stack.toml, flags and stack.lock


def test_every_mistake_in_stack_toml_is_listed_with_its_line(running: Staged) -> None:
    wish(running, 'nme = "chat"\n[backend]\nkind = "kobold"\ncontext = "many"\n[sillytavern]\nport = 70000\n')
    error = refused(running)
    assert error.exit_code == 3
    assert "4 mistakes in stack.toml" in error.message
    for line in (
        "stack.toml:1: nme: unknown key (did you mean name?)",
        'stack.toml:3: backend.kind: must be one of "llamacpp"',
        "stack.toml:4: backend.context: must be a number of tokens",
        "stack.toml:6: sillytavern.port: must be a port from 1 to 65535",
    ):
        assert line in error.message


def test_a_stack_toml_that_is_not_toml_is_said_with_the_line(running: Staged) -> None:
    wish(running, 'name = "chat"\n[backend\n')
    error = refused(running)
    assert (error.exit_code, "stack.toml is not TOML" in error.message, "line 2" in error.message) == (3, True, True)


def test_a_wrong_value_on_the_command_line_is_not_written(running: Staged) -> None:
    error = refused(running, {"sillytavern.port": 70000})
    assert error.exit_code == 3
    assert error.hint == "Correct what was given on the command line: sillytavern.port = 70000. Nothing was written."


def test_a_broken_stack_lock_is_said_with_the_way_out(running: Staged) -> None:
    (running.machine.path / "stack.lock").write_text('{"decisions": {<<<<<<< HEAD\n')
    error = refused(running)
    assert error.exit_code == 3
    assert "stack.lock can't be read" in error.message
    assert "delete stack.lock" in error.hint


def test_a_compose_file_that_compose_refuses_is_written_nowhere(running: Staged) -> None:
    running.stage.refuses = "compose.override.yml: yaml: line 2"
    assert refused(running, {"backend.context": 4096}).message == "compose.override.yml: yaml: line 2"


# -- what others hold


def test_a_port_that_somebody_holds_is_named_with_its_holder(running: Staged) -> None:
    running.host.listening_ = {"127.0.0.1": {8123: "program (process 77)"}}
    error = refused(running, {"sillytavern.port": 8123})
    assert error.exit_code == 4
    assert "port 8123 is taken by program (process 77)" in error.message
    assert "stackctl deploy --port " in error.hint
    running.stage.held = {8124: "other"}
    assert "port 8124 is taken by container other" in refused(running, {"sillytavern.port": 8124}).message


def test_the_stack_s_own_port_is_not_taken(running: Staged) -> None:
    running.host.listening_ = {"127.0.0.1": {8000: "docker-proxy (process 77)"}}
    running.stage.own_ports = {8000}
    assert deploy(running.machine, {}, QUICK).plan.url == "http://127.0.0.1:8000"


def test_a_chosen_subnet_that_another_network_has_is_refused(running: Staged) -> None:
    running.stage.taken_subnets = ["10.211.5.0/24"]
    wish(running, '[network]\ninner = "10.211.5.0/25"\n')
    error = refused(running)
    assert error.exit_code == 4
    says = "network.inner 10.211.5.0/25 overlaps with 10.211.5.0/24, which this machine already uses"
    assert says in error.message
    assert '"auto"` in stack.toml' in error.hint


def test_two_subnets_that_overlap_each_other_are_refused(running: Staged) -> None:
    wish(running, '[network]\ninner = "10.211.5.0/25"\nedge = "10.211.5.0/24"\n')
    error = refused(running)
    assert error.exit_code == 4
    says = "network.edge 10.211.5.0/24 overlaps with 10.211.5.0/25, which network.inner already uses"
    assert says in error.message


def test_a_recorded_subnet_that_is_taken_is_asked_for_once_sillytavern_has_run(running: Staged) -> None:
    running.stage.states_.clear()
    recorded = deploy(running.machine, {}, replace(QUICK, dry_run=True)).plan.networks[0].subnet
    running.stage.taken_subnets = [recorded]
    error = refused(running)
    assert f"network.inner {recorded} overlaps with {recorded}" in error.message
    assert "Run `stackctl deploy --replan`" in error.hint
    anew = deploy(running.machine, {}, replace(QUICK, dry_run=True, replan=True))
    assert recorded not in anew.text


def test_a_stack_of_the_same_folder_under_another_name_is_refused(running: Staged) -> None:
    running.stage.projects = frozenset({("chat", str(running.machine.path))})
    error = refused(running, {"name": "other"})
    assert error.exit_code == 3
    says = "this folder already runs as stack 'chat'; starting a second one on the same chats would corrupt them"
    assert error.message == says
    assert "docker compose -p chat down" in error.hint
    deploy(running.machine, {}, QUICK)  # its own name is no second one


def moved(running: Staged, to: str) -> Staged:
    """The same engine and stack, whose folder was renamed."""
    before = running.machine.path
    here = on_stage(before.rename(before.with_name(to)))
    here.stage.projects, here.stage.foreign = frozenset({("chat", str(before))}), frozenset({"chat"})
    here.stage.states_ = running.stage.states_
    return here


def test_a_stack_whose_folder_was_moved_is_taken_over_under_its_name(running: Staged) -> None:
    there = moved(running, "moved")
    done = deploy(there.machine, {}, QUICK)
    assert done.plan.name == "chat"
    assert f"this folder was {running.machine.path}: its stack keeps the name 'chat'" in there.said.getvalue()
    assert 'name = "chat"' in (there.machine.path / "stack.toml").read_text()


def test_so_is_one_whose_name_stands_in_its_stack_toml(running: Staged) -> None:
    text = (running.machine.path / "stack.toml").read_text().replace('name = "auto"', 'name = "chat"')
    (running.machine.path / "stack.toml").write_text(text)
    there = moved(running, "moved")
    assert deploy(there.machine, {}, QUICK).plan.name == "chat"


def test_who_asks_for_its_plan_before_that_is_told_so(running: Staged) -> None:
    there = moved(running, "moved")
    with pytest.raises(ConfigError, match=r"already runs as stack 'chat' \(started in") as caught:
        deployed_plan(there.machine)
    assert caught.value.hint == "Run `stackctl deploy` to take it over under its name."


def test_a_copy_is_none_that_was_moved_and_keeps_off_the_name(running: Staged) -> None:
    there = moved(running, "moved")
    running.machine.path.mkdir()
    error = refused(there, {"name": "chat"})
    assert error.message == "chat is another's"
    deploy(there.machine, {}, QUICK)  # its own name, after the folder
    assert "'chat'" not in there.said.getvalue()


@pytest.mark.parametrize("elsewhere", ["another machine's engine", "stackctl in a container"])
def test_a_place_that_is_not_seen_from_here_is_not_gone(running: Staged, elsewhere: str) -> None:
    there = moved(running, "moved")
    if elsewhere == "stackctl in a container":
        there.stage.own_binds = (Bind(PurePosixPath("/"), PurePosixPath("/")),)
    else:
        there.stage.is_local = False
    assert refused(there, {"name": "chat"}).message == "chat is another's"


def test_a_moved_stack_stops_and_goes_down_but_starts_by_a_deploy_alone(running: Staged) -> None:
    there = moved(running, "moved")
    assert stop(there.machine, None).name == "chat"
    assert down(there.machine, volumes=False).name == "chat"
    with pytest.raises(ConfigError, match="where the stack's containers still look for their files") as caught:
        start(there.machine, None, again=False, timeout_s=20)
    assert caught.value.hint.startswith("Run `stackctl deploy` to recreate them here")
    deploy(there.machine, {}, QUICK)
    there.stage.projects |= {("chat", str(there.machine.path))}  # the deploy left a container as it was
    assert start(there.machine, None, again=False, timeout_s=20).name == "chat"


def test_of_two_folders_with_one_name_the_second_is_refused_before_it_writes_or_starts_anything(tmp_path: Path) -> None:
    there = on_stage(tmp_path / "chat")

    class First(Stage):
        """The other folder's deploy comes to its end while this one waits for the name."""

        def claim(self, project: str, says: Says) -> AbstractContextManager[None]:
            self.foreign = frozenset({project})
            return super().claim(project, says)

    first = First(images=there.images)
    second = quiet_stage(there.machine.path, first)
    with pytest.raises(ConfigError, match="chat is another's"):
        deploy(second.machine, {"model.path": "demo"}, QUICK)
    assert (first.models, first.stopped) == ([], [])
    assert not (there.machine.path / "compose.yml").exists()


# -- the GPU, the engine, the disk


def test_a_cdi_device_that_the_engine_does_not_know_is_refused_with_the_command_that_makes_it(
    running: Staged,
) -> None:
    wish(running, '[gpu]\nmode = "cdi"\ndevices = ["no-such-gpu"]\n')
    error = refused(running)
    assert (error.exit_code, error.message) == (5, "the engine has no CDI device nvidia.com/gpu=no-such-gpu")
    assert "nvidia-ctk cdi generate" in error.hint


def test_a_stale_cdi_file_is_refused_before_anything_is_fetched_or_changed(running: Staged) -> None:
    name, gone = "nvidia.com/gpu=0", "/usr/lib/libcuda.so.550.54.14"
    stale = CdiFile(path="/var/run/cdi/nvidia.yaml", devices={name: Edits(mounts=(gone,))})
    running.stage.seen = replace(running.stage.seen, cdi_devices=(name,))
    running.stage.cdi_files = CdiSeen(files=(stale,), paths={gone: PathSeen()})
    wish(running, '[gpu]\nmode = "cdi"\ndevices = ["0"]\n')
    error = refused(running)
    assert (error.exit_code, gone in error.message) == (5, True)
    assert "--output=/var/run/cdi/nvidia.yaml" in error.hint
    running.stage.view = "desktop"
    assert "Docker Desktop" in refused(running).hint


def test_a_gpu_that_the_engine_can_not_give_is_refused_before_anything_is_written(running: Staged) -> None:
    wish(running, f'[backend]\nimage = "{next(iter(IMAGES))}"\n[gpu]\nmode = "nvidia"\n')
    running.stage.trials["nvidia"] = GpuTrial(refusal='could not select device driver "nvidia"')
    error = refused(running)
    assert error.exit_code == 5
    assert "stackctl deploy --gpu none" in error.hint


def test_a_model_that_takes_more_than_is_free_is_refused_unless_the_user_insists(running: Staged) -> None:
    running.host.memory = Ram(total_mib=2048, free_mib=50)
    error = refused(running)
    assert (error.exit_code, "does not fit" in error.message) == (6, True)
    assert "--force" in error.hint
    assert refused(running, options=replace(QUICK, dry_run=True)).exit_code == 6
    assert deploy(running.machine, {}, replace(QUICK, force=True)).ready_s is not None


class Full(Trees):
    """A disk with so little room."""

    def __init__(self, left: int) -> None:
        self.left = left

    def free_mib(self, folder: Path) -> int:
        del folder
        return self.left


def fill(machine: Machine, left: int) -> None:
    """Leave so many MiB on the disk."""
    assert isinstance(machine.storage, Disk)
    machine.storage.trees = Full(left)


@pytest.mark.parametrize("left", [0, 199])
def test_a_first_deploy_wants_room_for_sillytaverns_data(tmp_path: Path, left: int) -> None:
    here = on_stage(tmp_path)
    fill(here.machine, left)
    error = refused(here, {"model.path": "demo"})
    assert error.message == f"only {left} MiB are free on the disk of {tmp_path}; at least 200 are needed"
    assert error.exit_code == 6
    fill(here.machine, 200)
    deploy(here.machine, {"model.path": "demo"}, QUICK)


def test_a_stack_that_has_run_needs_no_room_for_another_deploy_or_a_diff(running: Staged) -> None:
    fill(running.machine, 0)
    assert diff(running.machine, {}).text == ""
    assert deploy(running.machine, {}, QUICK).ready_s is not None


# -- images and programs


def test_an_image_that_is_not_to_be_had_ends_the_deploy(running: Staged) -> None:
    wish(running, '[model]\npath = "demo"\n[backend]\nimage = "localhost:1/none:1"\n')
    error = refused(running)
    assert (error.exit_code, error.message) == (4, "the image localhost:1/none:1 can't be pulled")


# -- models

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4920000000\n"
AGAIN = "Download it again"


@pytest.mark.parametrize(
    ("content", "says", "advice"),
    [
        pytest.param(WHOLE[:200_000], f"is cut short: 200000 bytes of at least {len(WHOLE)}", AGAIN, id="truncated"),
        pytest.param(WHOLE[:500], "is cut short: its header ends after 500 bytes", AGAIN, id="truncated-header"),
        pytest.param(b"\x93\x11" * 3000, "is not a GGUF model", "Use a .gguf file", id="garbage"),
        pytest.param(POINTER, "is a Git LFS pointer of 75 bytes", "git lfs pull", id="lfs"),
        pytest.param(b"<!DOCTYPE html>\n<html>", "is a web page, not a GGUF", "/resolve/, not /blob/", id="page"),
        pytest.param(b"PK\x03\x04" + bytes(600), "is a zip archive", "Use a .gguf file", id="zip"),
        pytest.param(b"", "is empty", "", id="empty"),
        pytest.param(bytes(4096), "begins with zeros: space was reserved for it", "", id="zeros"),
    ],
)
def test_a_file_that_is_no_model_is_called_what_it_is(tmp_path: Path, content: bytes, says: str, advice: str) -> None:
    here = with_files(tmp_path, {"model.gguf": content})
    error = refused(here, {"model.path": "model.gguf"})
    assert error.exit_code == 8
    assert f"model.gguf {says}" in error.message
    assert advice in error.hint


def with_files(folder: Path, content: Mapping[str, bytes]) -> Staged:
    here = on_stage(folder / "new")
    for name, raw in content.items():
        (here.machine.path / name).parent.mkdir(exist_ok=True)
        (here.machine.path / name).write_bytes(raw)
    return here


NEIGHBOURS = {"my-model-Q4.gguf": WHOLE, "other.gguf": WHOLE}
PARTS = {"big-00001-of-00003.gguf": WHOLE, "big-00003-of-00003.gguf": WHOLE}


@pytest.mark.parametrize(
    ("content", "path", "says", "advice"),
    [
        pytest.param(
            NEIGHBOURS,
            "my-model-Q5.gguf",
            "there is no model at {}/my-model-Q5.gguf",
            "Choose from that folder: my-model-Q4.gguf, other.gguf.",
            id="neighbours",
        ),
        pytest.param(
            {},
            "nas/model.gguf",
            "there is no model at {}/nas/model.gguf",
            "Check whether its disk or share is mounted: {}/nas does not exist, either.",
            id="share",
        ),
        pytest.param(
            {},
            "owner/my model",
            "there is no model at {}/owner/my model",
            "Write a model at Hugging Face as `hf:OWNER/NAME:Q4_K_M` or `hf:OWNER/NAME/FILE`, or check the path.",
            id="nearly-a-source",
        ),
        pytest.param(
            {},
            "hf.co/owner/name:Q4_K_M",
            "there is no model at {}/hf.co/owner/name:Q4_K_M",
            "Check the path. If the model is at Hugging Face, write `hf:owner/name:Q4_K_M`, in stack.toml as `source`.",
            id="source",
        ),
        pytest.param(
            {},
            "owner/name:Q8_0:Q4_K_M",
            "there is no model at {}/owner/name:Q8_0:Q4_K_M",
            "Write a model at Hugging Face as `hf:OWNER/NAME:Q4_K_M` or `hf:OWNER/NAME/FILE`, or check the path.",
            id="no-path",
        ),
        pytest.param(
            {},
            "owner/name/model.gguf",
            "there is no model at {}/owner/name/model.gguf",
            "write `hf:owner/name/model.gguf`",
            id="file-of-a-source",
        ),
        pytest.param(
            {}, "mistral:7b", "there is no model at {}/mistral:7b", "Run `stackctl models recommend`", id="ollama"
        ),
        pytest.param(
            {"models/a.gguf": WHOLE, "models/b.gguf": WHOLE},
            "models",
            "{}/models holds 2 models",
            "Name one: {}/models/a.gguf, {}/models/b.gguf",
            id="two",
        ),
        pytest.param(
            PARTS,
            "big-00001-of-00003.gguf",
            "is one of 3 parts, and 1 is missing in {}: big-00002-of-00003.gguf",
            "Put all parts into one folder.",
            id="part",
        ),
        pytest.param(
            {"model/pytorch_model.bin": b"{}", "model/config.json": b"{}"},
            "model",
            "holds PyTorch pickles",
            ".safetensors",
            id="pickles",
        ),
        pytest.param({"model/README.md": b"{}"}, "model", "no model found in", "a .gguf file", id="nothing"),
        pytest.param(
            {"model/config.json": b"{}", "model/model.safetensors": b"\2" + bytes(7) + b"{}"},
            "model",
            "llama.cpp can't load safetensors models",
            ".gguf",
            id="safetensors",
        ),
    ],
)
def test_what_can_not_be_taken_as_the_model_is_said_with_the_way_out(
    tmp_path: Path, content: Mapping[str, bytes], path: str, says: str, advice: str
) -> None:
    here = with_files(tmp_path, content)
    error = refused(here, {"model.path": path})
    assert error.exit_code == 8
    assert says.replace("{}", str(here.machine.path)) in error.message
    assert advice.replace("{}", str(here.machine.path)) in error.hint


def test_a_link_that_leads_nowhere_is_no_model(running: Staged) -> None:
    (running.machine.path / "model.gguf").symlink_to("../blobs/0f3c")
    error = refused(running, {"model.path": "model.gguf"})
    assert error.exit_code == 8
    assert "there is no model at" in error.message


def test_a_model_that_its_owner_may_not_read_says_how_to_change_that(tmp_path: Path) -> None:
    here = with_files(tmp_path, {"model.gguf": WHOLE})
    model = here.machine.path / "model.gguf"
    model.chmod(0o007)
    error = refused(here, {"model.path": "model.gguf"})
    assert error.exit_code == 8
    assert f"model.gguf can't be read by user {model.stat().st_uid}, its model's owner" in error.message
    assert f"chmod u+r {model}" in error.hint


# -- a folder that is not as it should be


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("services: [\n", "compose.yml:2 is not YAML", id="yaml"),
        pytest.param("version: 3\n", "compose.yml has no services", id="services"),
        pytest.param("a: 1\na: 2\n", "a twice in one mapping", id="twice"),
    ],
)
def test_a_broken_compose_yml_is_said_by_what_reads_it(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        services(text)
    assert says in caught.value.message


def test_an_empty_folder_has_no_stack_to_look_at(tmp_path: Path) -> None:
    here = on_stage(tmp_path)
    for verb in (status, partial(stop, service=None)):
        with pytest.raises(ConfigError, match=f"there is no stack in {tmp_path}") as caught:
            verb(here.machine)
        assert "Run `stackctl deploy` to make one." in caught.value.hint


def test_a_compose_yml_that_is_not_as_we_wrote_it_is_kept_aside_each_time_and_said(tmp_path: Path) -> None:
    theirs = "services:\n  web:\n    image: nginx\n"
    compose = tmp_path / "compose.yml"
    compose.write_text(theirs)
    assert "kept as compose.yml.kept-1" in said_by_render(tmp_path)
    rendered = compose.read_text()
    assert (rendered.startswith(MARKER), (tmp_path / "compose.yml.kept-1").read_text()) == (True, theirs)
    for number in (2, 3):
        mine = f"{rendered}# my change {number}\n"
        compose.write_text(mine)
        assert (
            f"compose.yml was not as stackctl wrote it: that version is kept as compose.yml.kept-{number}"
            in said_by_render(tmp_path)
        )
        assert (tmp_path / f"compose.yml.kept-{number}").read_text() == mine
        assert compose.read_text() == rendered
    assert "kept" not in said_by_render(tmp_path)


def said_by_render(folder: Path) -> str:
    here = on_stage(folder)
    render(here.machine, {"model.path": "demo"}, to_stdout=False, absolute=False, replan=False)
    return here.said.getvalue()


def test_a_folder_that_does_not_exist_is_a_mistake_of_usage(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["-C", str(tmp_path / "nowhere"), "deploy"])
    assert done.exit_code == 2
    assert "does not exist" in done.output


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("Q4_K_M", "o/miss lacks 1 of the 3 parts of Q4_K_M: m-Q4_K_M-00002-of-00003.gguf"),
        ("Q8_0", "M-MTP-Q8_0.gguf is not a chat model: it is a draft model"),
    ],
)
def test_a_model_that_can_not_run_is_refused_before_it_is_fetched_and_before_the_demo(
    tmp_path: Path, label: str, says: str
) -> None:
    here = on_stage(tmp_path / "stack")
    names = ("m-Q4_K_M-00001-of-00003.gguf", "m-Q4_K_M-00003-of-00003.gguf")
    with hub_server.running() as server:
        server.add("o/miss", {**dict.fromkeys(names, MODEL), "M-MTP-Q8_0.gguf": DRAFT + b"\0" * (2 << 20)})
        here.machine.hub = hub_at(server.url)
        assert says in refused(here, {"model.source": f"hf:o/miss:{label}"}).message
        assert server.sent <= 1 << 20  # the beginning of one file at most
