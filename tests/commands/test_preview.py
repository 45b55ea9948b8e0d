"""`stackctl deploy --dry-run`: what it says of a deploy, and that it does none of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from stackctl.commands.deploy import Options, deploy
from stackctl.core.model import demo_model
from stackctl.core.observed import ContainerSeen
from stackctl.effects import chat_template
from stackctl.report import dry_run
from stackctl.report.contract.deploy import DryRun
from tests.commands.engines import Stage, container, quiet_stage
from tests.commands.machines import Quiet
from tests.core.samples import a_plan
from tests.fakes import FakeImages, hub_at
from tests.hub.server import running
from tests.shapes.demo_template import demo_with_template

BACKEND, PAGE = (service.image for service in a_plan().services)
DRY = Options(dry_run=True, prove=False, timeout_s=20)
DEMO: dict[str, object] = {"model.path": "demo", "name": "mine"}
RUNS = {"llamacpp": "1", "sillytavern": "2"}


def machine(folder: Path, **images: Any) -> Quiet:
    found = quiet_stage(folder, Stage(images=FakeImages(published={BACKEND: "sha256:1", PAGE: "sha256:1"}, **images)))
    found.orchestrator.hashes = dict(RUNS)
    return found


def said(here: Quiet, flags: dict[str, object], *, shows_file: bool = False) -> tuple[list[str], DryRun]:
    """The lines and values of a dry run."""
    done = deploy(here.machine, flags, DRY)
    text, values = dry_run(done, command="stackctl deploy --model demo", shows_file=shows_file)
    return [line.strip() for line in text.splitlines()], values


def deployed(here: Quiet) -> Quiet:
    """The machine with a stack that was deployed, and runs as it was written."""
    deploy(here.machine, DEMO, replace(DRY, dry_run=False))
    here.docker.containers_ = [
        ContainerSeen(id=f"id-{name}", service=name, folder=str(here.machine.path), config_hash=number)
        for name, number in RUNS.items()
    ]
    return here


def below(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_presets_that_a_model_brings_for_sillytavern_are_said(tmp_path: Path) -> None:
    model = tmp_path / "odd.gguf"
    model.write_bytes(demo_with_template())
    here = machine(tmp_path / "stack")
    here.host.rendering = chat_template.render
    lines, _ = said(here, {**DEMO, "model.path": str(model)})
    assert "Give SillyTavern the presets odd; what you changed in them stays." in lines


def test_of_a_first_deploy_every_step_is_said_and_the_last_line_is_the_command(tmp_path: Path) -> None:
    lines, values = said(machine(tmp_path, sizes={BACKEND: 900_000_000}), DEMO)
    data = f"{tmp_path}/sillytavern"
    settings = f"{data}/data/default-user/settings.json"
    assert lines == [
        f"A deploy would do this in {tmp_path}; this dry run changed nothing.",
        "",
        "Settings",
        'Set model.path = "demo" in stack.toml.',
        'Set name = "mine" in stack.toml.',
        f"Connect SillyTavern to llama.cpp in {settings}; what you changed there yourself stays.",
        "",
        "Files",
        "Create stack.toml.",
        "Create compose.yml.",
        "",
        "Images and downloads",
        f"Pull {BACKEND} (900.0 MB), for llamacpp.",
        f"Pull {PAGE} (size not known), for sillytavern.",
        "",
        "Containers",
        "Create llamacpp: it does not exist yet.",
        "Create sillytavern: it does not exist yet.",
        "",
        "Access",
        "SillyTavern opens http://127.0.0.1:8000 for this machine alone.",
        "llama.cpp itself opens no port of this machine.",
        "",
        "Never touched",
        f"Chats, characters and all that is yours in {data}.",
        "Model files, and the containers, networks and volumes of other programs.",
        "",
        "To see compose.yml: add --show",
        "To do it: stackctl deploy --model demo",
    ]
    assert values["command"] == "stackctl deploy --model demo"
    assert values["steps"]["images"][0] == {
        "image": BACKEND,
        "services": ["llamacpp"],
        "action": "pull",
        "size_bytes": 900_000_000,
    }
    assert values["steps"]["ports"] == [
        {"service": "sillytavern", "address": "127.0.0.1", "port": 8000, "others": False}
    ]


def test_nothing_is_written_fetched_built_or_started(tmp_path: Path) -> None:
    here = machine(tmp_path)
    said(here, {**DEMO, "images": "own"})
    assert (list(tmp_path.iterdir()), here.docker.images.done, here.docker.states_) == ([], [], {})
    deployed(here)
    before, done, asked = below(tmp_path), list(here.docker.images.done), beside_logs(here)
    said(here, {"backend.context": 4096, "sillytavern.expose": "none"})
    assert (below(tmp_path), here.docker.images.done) == (before, done)
    assert beside_logs(here) == asked  # it looks into no image, and takes no lock


def beside_logs(here: Quiet) -> list[str]:
    """What the engine was asked; a deploy's threads may still begin to follow logs at its end."""
    return [one for one in here.docker.asked if not one.startswith("log of ")]


def test_what_stays_is_said_to_stay_and_what_changes_is_said_with_the_reason(tmp_path: Path) -> None:
    here = deployed(machine(tmp_path))
    lines, _ = said(here, {})
    assert "Settings" not in lines
    assert {"Leave stack.toml as it is.", "Leave compose.yml as it is."} < set(lines)
    assert any(line.startswith(f"Use {BACKEND}") and line.endswith(", which is here, for llamacpp.") for line in lines)
    assert "Leave sillytavern: it runs, and its settings stay." in lines

    here.orchestrator.hashes["llamacpp"] = "9"
    here.docker.states_["sillytavern"] = container("sillytavern", state="exited")
    lines, values = said(here, {"backend.context": 4096})
    assert {"Set backend.context = 4096 in stack.toml.", "Change stack.toml.", "Change compose.yml."} < set(lines)
    assert "Recreate llamacpp: changed: command, mem_limit." in lines
    assert "Start sillytavern: it is stopped; its settings stay." in lines
    assert [one["action"] for one in values["steps"]["containers"]] == ["recreate", "start"]


def test_a_file_that_was_edited_by_hand_is_said_to_be_kept(tmp_path: Path) -> None:
    here = deployed(machine(tmp_path))
    (tmp_path / "compose.yml").write_text((tmp_path / "compose.yml").read_text() + "# mine\n")
    lines, _ = said(here, {})
    assert "Write compose.yml again; the one that is there was edited, and is kept under another name." in lines


def test_a_model_that_must_be_downloaded_is_said_with_its_size_and_what_answers_meanwhile(tmp_path: Path) -> None:
    with running() as server:
        content = demo_model.gguf_bytes()
        server.add("owner/tiny", {"Tiny-Q4_K_M.gguf": content})
        here = machine(tmp_path)
        here.machine.hub = hub_at(server.url)
        lines, values = said(here, {"model.path": "auto", "model.source": "hf:owner/tiny:Q4_K_M"})
    size = f"{max(len(content), 1e5) / 1e6:.1f} MB"
    assert f"Download the model Tiny-Q4_K_M.gguf ({size}) from hf:owner/tiny:Q4_K_M." in lines
    assert "Meanwhile the demo model answers; the backend is started again once the model is there." in lines
    assert values["steps"]["downloads"] == [
        {"kind": "model", "file": "Tiny-Q4_K_M.gguf", "source": "hf:owner/tiny:Q4_K_M", "size_bytes": len(content)}
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_backends_program_that_is_not_here_is_said_with_its_size(tmp_path: Path) -> None:
    lines, values = said(machine(tmp_path), {**DEMO, "backend.kind": "koboldcpp"})
    (program,) = values["steps"]["downloads"]
    assert (program["kind"], (program["size_bytes"] or 0) > 10_000_000) == ("program", True)
    assert any(line.startswith(f"Download the program {program['file']} (") for line in lines)


def test_another_sillytavern_is_said_to_have_its_data_copied_first(tmp_path: Path) -> None:
    here = deployed(machine(tmp_path))
    here.docker.states_["sillytavern"] = replace(here.docker.states_["sillytavern"], image_id="sha256:0")
    lines, values = said(here, {})
    assert "Before SillyTavern's image changes, its data is copied beside it." in lines
    assert values["steps"]["copies_data"] is True


def test_who_can_open_it_is_said_of_every_port(tmp_path: Path) -> None:
    here = machine(tmp_path)
    here.host.own_interfaces = {"eth0": ("192.168.1.5/24",)}
    lines, values = said(here, {**DEMO, "sillytavern.expose": "lan", "backend.publish": "127.0.0.1:5001"})
    password = ".stackctl/sillytavern-password"
    assert f"Make a password for SillyTavern in {password}, unless one is there." in lines
    assert f"SillyTavern opens http://127.0.0.1:8000 for this machine alone, with the password in {password}." in lines
    reached = "SillyTavern opens http://192.168.1.5:8000 for devices that reach this address"
    assert f"{reached}, with the password in {password}." in lines
    assert "api opens http://127.0.0.1:5001 for this machine alone, with the key in .stackctl/api-key." in lines
    assert [one["others"] for one in values["steps"]["ports"]] == [False, True, False]


def test_the_file_alone_is_printed_where_that_is_asked_for(tmp_path: Path) -> None:
    lines, values = said(machine(tmp_path), DEMO, shows_file=True)
    assert "services:" in lines
    assert [line.strip() for line in values["compose"].splitlines()] == lines
