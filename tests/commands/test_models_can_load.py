"""A model that the build in question does not know is refused by every command, before anything is fetched."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stackctl.cli import main
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.models.can_load import can_load, refuse
from stackctl.commands.models.fit import Asked, fit, quantisations_of
from stackctl.commands.models.pull import pull
from stackctl.commands.models.recommend import Asked as Wish
from stackctl.commands.models.recommend import recommend
from stackctl.errors import ModelError
from stackctl.steps.models.pull import parse_source
from tests.commands.engines import Staged, staged
from tests.commands.machines import Quiet, quiet
from tests.core.samples import a_plan
from tests.fakes import hub_at
from tests.hub.server import Hub, running
from tests.shapes.header import Value, header, sparse
from tests.shapes.measured import MODELS

NOBODY = "no build known to stackctl loads"
IMAGES = dict.fromkeys((service.image for service in a_plan().services), "sha256:1")


def model(path: Path, architecture: str = "llama", kind: str = "q8_0", **more: Value) -> Path:
    return sparse(path, *parts(architecture, kind, more))


def parts(
    architecture: str, kind: str, more: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, tuple[str, Sequence[int]]]]:
    small = MODELS["llama-3.1-8b"]
    metadata: dict[str, Value] = {
        key.replace("llama.", f"{architecture}."): value for key, value in small.metadata().items()
    }
    tensors = {name: (kind if one == "q4_k" else one, shape) for name, (one, shape) in small.tensors().items()}
    return {**metadata, "general.architecture": architecture, **more}, tensors


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["models", *words], catch_exceptions=False)


@pytest.mark.parametrize(
    ("architecture", "kind", "backend", "code"),
    [
        ("llama", "q8_0", "", 0),
        ("llama", "nvfp4", "koboldcpp", 0),
        ("muse-glimmer", "q8_0", "", 0),
        ("muse-glimmer", "q8_0", "llama.cpp", 0),
        ("muse-glimmer", "q8_0", "koboldcpp", 8),
        ("foo-2027", "q8_0", "", 8),
        ("llama", "iq4_kss", "", 8),
        ("llama", "q4_0_4_4", "textgen", 8),
    ],
)
def test_can_load_ends_with_0_for_yes_and_8_for_no(
    tmp_path: Path, architecture: str, kind: str, backend: str, code: int
) -> None:
    words = ("--backend", backend) if backend else ()
    done = run("can-load", str(model(tmp_path / "m.gguf", architecture, kind)), *words)
    assert done.exit_code == code, done.output
    assert ("can not load it" in done.output) >= (code == 8)


def test_its_json_says_for_which_build_and_why(tmp_path: Path) -> None:
    done = run("can-load", str(model(tmp_path / "m.gguf", "foo-2027")), "--backend", "koboldcpp", "--json")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[0] if done.stdout.startswith('{"') else done.stdout)
    assert (done.exit_code, found["loads"], found["architecture"]) == (8, False, "foo-2027")
    assert found["backends"] == {
        "koboldcpp": {
            "build": "1.122.1",
            "loads": False,
            "problem": "1.115.1, the nearest older build that stackctl has a list of, does not know the "
            "architecture foo-2027",
        }
    }


def test_what_is_no_chat_model_can_not_be_loaded(tmp_path: Path) -> None:
    done = run("can-load", str(sparse(tmp_path / "m.gguf", {"general.architecture": "clip"}, {"a": ("f16", (64,))})))
    assert done.exit_code == 8
    assert "is not a chat model" in done.output


def test_inspect_describes_what_no_backend_loads_and_ends_with_8(tmp_path: Path) -> None:
    done = run("inspect", str(model(tmp_path / "m.gguf", kind="iq4_kss")))
    assert done.exit_code == 8
    assert re.search(r"type 146 \(IQ4_KSS of ik_llama\.cpp\) [34]\.\d+ GB", done.output)
    assert NOBODY in done.output
    assert "can load it" not in done.output
    assert run("inspect", str(model(tmp_path / "m.gguf", "muse-glimmer"))).exit_code == 0


@pytest.mark.parametrize(("architecture", "kind"), [("foo-2027", "q8_0"), ("llama", "iq4_kss")])
def test_fit_refuses_what_no_build_loads(tmp_path: Path, architecture: str, kind: str) -> None:
    with pytest.raises(ModelError, match=NOBODY):
        fit(quiet(tmp_path).machine, str(model(tmp_path / "m.gguf", architecture, kind)), Asked())


def test_a_model_of_nvfp4_weighs_what_its_file_does(tmp_path: Path) -> None:
    path = model(tmp_path / "m.gguf", kind="nvfp4")
    found = fit(quiet(tmp_path).machine, str(path), Asked(device="cpu", context=4096))
    assert found.choice.fit.host.weights_mib == pytest.approx(path.stat().st_size / 2**20, rel=0.01)


def test_recommend_leaves_out_what_the_backend_does_not_load(tmp_path: Path) -> None:
    here, folder = quiet(tmp_path / "here"), tmp_path / "models"
    folder.mkdir()
    model(folder / "New-Q8_0.gguf", "muse-glimmer")
    wish = Wish(folder=folder, backend="koboldcpp")
    with pytest.raises(ModelError, match="does not know the architecture muse-glimmer"):
        recommend(here.machine, wish)
    model(folder / "Old-Q8_0.gguf")
    found = recommend(here.machine, wish)
    assert [one.name for one in (found.best, *found.others)] == ["Old-Q8_0.gguf"]
    assert recommend(here.machine, Wish(folder=folder)).others


# -- at the hub


@pytest.fixture
def server() -> Iterator[Hub]:
    with running() as hub:
        yield hub


def at_hub(server: Hub, here: Quiet | Staged, files: Mapping[str, tuple[str, str]]) -> None:
    """Offer files, by name, of an architecture and a type of tensors."""
    found = {}
    for name, (architecture, kind) in files.items():
        keys: dict[str, Value] = {"general.architecture": architecture, f"{architecture}.block_count": 1}
        head, size = header(keys, {"token_embd.weight": (kind, (256, 512))})
        found[name] = head.ljust(size, b"\0")
    server.add("owner/name", found)
    here.machine.hub = hub_at(server.url)


def test_pull_refuses_before_the_download_what_no_backend_loads(tmp_path: Path, server: Hub) -> None:
    here = quiet(tmp_path)
    at_hub(server, here, {"M-IQ4_KSS.gguf": ("llama", "iq4_kss"), "M-Q8_0.gguf": ("llama", "q8_0")})
    with pytest.raises(ModelError, match="IQ4_KSS of ik_llama"):
        pull(here.machine, parse_source("hf:owner/name/M-IQ4_KSS.gguf"), None)
    assert not list(here.machine.storage.library.folder.rglob("*.gguf*"))
    assert pull(here.machine, parse_source("hf:owner/name:Q8_0"), None).path.is_file()


def test_can_load_reads_only_the_header_at_the_source(tmp_path: Path, server: Hub) -> None:
    here = quiet(tmp_path)
    at_hub(server, here, {"M-Q8_0.gguf": ("foo-2027", "q8_0")})
    judged = can_load(here.machine, "hf:owner/name", "koboldcpp")
    with pytest.raises(ModelError, match=NOBODY):
        refuse(judged)
    assert not here.machine.storage.library.folder.exists() or not list(here.machine.storage.library.folder.iterdir())


def test_fit_of_a_repository_leaves_out_the_types_of_other_programs(tmp_path: Path, server: Hub) -> None:
    here = quiet(tmp_path)
    offered = {f"M-{label}.gguf": ("llama", kind) for label, kind in (("IQ2_KS", "iq4_kss"), ("Q8_0", "q8_0"))}
    at_hub(server, here, {**offered, "M-Q4_0_4_4.gguf": ("llama", "q4_0_4_4"), "M-Q4_0.gguf": ("llama", "q4_0")})
    rows = quantisations_of(here.machine, "hf:owner/name", Asked(device="cpu"))
    assert {one.label for one in rows} == {"Q8_0", "Q4_0"}


def test_fit_of_a_repository_that_no_build_loads_is_refused(tmp_path: Path, server: Hub) -> None:
    here = quiet(tmp_path)
    at_hub(server, here, {f"M-{label}.gguf": ("foo-2027", "q8_0") for label in ("Q4_0", "Q8_0")})
    with pytest.raises(ModelError, match=NOBODY):
        quantisations_of(here.machine, "hf:owner/name", Asked(device="cpu"))


# -- deploy

QUICK = Options(prove=False, timeout_s=20)


def test_deploy_refuses_it_before_anything_is_written_or_fetched(tmp_path: Path) -> None:
    here = staged(tmp_path / "chat", published=IMAGES)
    path = model(tmp_path / "m.gguf", kind="iq4_kss")
    with pytest.raises(ModelError, match="IQ4_KSS of ik_llama"):
        deploy(here.machine, {"model.path": str(path)}, QUICK)
    assert not (tmp_path / "chat/compose.yml").exists()
    assert not here.stage.models


def test_deploy_of_a_source_refuses_it_before_the_demo_model_starts(tmp_path: Path, server: Hub) -> None:
    here = staged(tmp_path / "chat", published=IMAGES)
    at_hub(server, here, {"M-Q8_0.gguf": ("foo-2027", "q8_0")})
    with pytest.raises(ModelError, match=NOBODY):
        deploy(here.machine, {"model.source": "hf:owner/name:Q8_0"}, QUICK)
    assert not here.stage.models


@pytest.mark.parametrize("flags", [{"backend.image": "example.org/mine:1"}, {}], ids=["own image", "forced"])
def test_a_program_of_the_user_s_own_and_force_make_it_a_warning(tmp_path: Path, flags: dict[str, object]) -> None:
    here = staged(tmp_path / "chat", published={**IMAGES, "example.org/mine:1": "sha256:2"})
    path = model(tmp_path / "m.gguf", "foo-2027")
    options = Options(prove=False, timeout_s=20, dry_run=True, force=not flags)
    assert deploy(here.machine, {"model.path": str(path), **flags}, options).preview
    assert f"{NOBODY} the architecture foo-2027; it is started all the same" in here.said.getvalue()
