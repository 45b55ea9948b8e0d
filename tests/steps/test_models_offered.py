"""What a repository offers: models and never their companions, complete sets, and each of several by its address."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.commands.models.fit import Asked, fit, quantisations_of
from stackctl.commands.models.inspect import inspect
from stackctl.commands.models.pull import pull
from stackctl.commands.models.recommend import Asked as Wish
from stackctl.commands.models.recommend import recommend
from stackctl.errors import ModelError
from stackctl.steps.models.pull import parse_source
from tests.commands.machines import Quiet, quiet
from tests.fakes import hub_at
from tests.hub.server import Hub as Server
from tests.hub.server import running
from tests.shapes.tiny import DRAFT, EMBEDDING, IMATRIX, MODEL, PROJECTOR

PARTS = {f"Q4_K_M/m-Q4_K_M-0000{number}-of-00003.gguf": MODEL + b"\0" * (2 << 20) for number in (1, 3)}


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add(
            "u/vision",
            {"M-Q4_K_M.gguf": MODEL, "M-MTP-Q8_0.gguf": DRAFT, "encoder/M-vision-encoder-f16.gguf": PROJECTOR,
             "mmproj-BF16.gguf": PROJECTOR, "imatrix_unsloth.gguf": IMATRIX},
        )  # fmt: skip
        hub.add("u/embed", {"E-Q8_0.gguf": EMBEDDING + b"\0" * (2 << 20)})
        hub.add("u/parts", PARTS)
        yield hub


@pytest.fixture
def here(tmp_path: Path, server: Server) -> Quiet:
    found = quiet(tmp_path)
    found.machine.hub = hub_at(server.url)
    return found


def test_only_the_model_of_a_repository_is_offered(here: Quiet) -> None:
    assert quantisations_of(here.machine, "hf:u/vision", Asked()) == ()
    assert fit(here.machine, "hf:u/vision", Asked()).model.name == "M-Q4_K_M.gguf"
    found = recommend(here.machine, Wish(repo="hf:u/vision"))
    assert (str(found.best.source), found.others) == ("hf:u/vision:Q4_K_M", ())


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("hf:u/vision:F16", "M-vision-encoder-f16.gguf is not a chat model: it is a multimodal projector"),
        ("hf:u/vision:BF16", "mmproj-BF16.gguf is not a chat model: it is a multimodal projector"),
        ("hf:u/vision:q8", "M-MTP-Q8_0.gguf is not a chat model: it is a draft model"),
        ("hf:u/embed", "E-Q8_0.gguf is not a chat model: it is an embedding model"),
    ],
)
def test_a_label_that_only_a_companion_has_is_refused_with_what_it_is(here: Quiet, source: str, says: str) -> None:
    for act in (
        lambda: fit(here.machine, source, Asked()),
        lambda: pull(here.machine, parse_source(source), None),
    ):
        with pytest.raises(ModelError) as caught:
            act()
        assert caught.value.message.startswith(says)
    assert not here.machine.storage.library.folder.exists()


def test_a_companion_whose_file_is_named_is_pulled_with_a_note(here: Quiet) -> None:
    done = pull(here.machine, parse_source("hf:u/vision/mmproj-BF16.gguf"), None)
    assert done.path.read_bytes() == PROJECTOR
    assert "mmproj-BF16.gguf is not a chat model: it is a multimodal projector" in " ".join(
        here.said.getvalue().split()
    )
    assert "projector" in inspect(here.machine, "hf:u/vision/mmproj-BF16.gguf", force=False).purpose


@pytest.mark.parametrize("source", ["hf:u/parts", "hf:u/parts:Q4_K_M", f"hf:u/parts/{next(iter(PARTS))}"])
def test_a_set_that_lacks_a_part_is_refused_from_the_listing(here: Quiet, server: Server, source: str) -> None:
    for act in (
        lambda: inspect(here.machine, source, force=False),
        lambda: fit(here.machine, source, Asked()),
        lambda: pull(here.machine, parse_source(source), None),
    ):
        with pytest.raises(ModelError, match=r"u/parts lacks 1 of the 3 parts of Q4_K_M: .*m-Q4_K_M-00002-of-00003"):
            act()
    assert server.sent == 0


def test_a_set_that_lacks_a_part_is_not_compared_and_noted(here: Quiet, server: Server) -> None:
    server.add("u/mixed", {**PARTS, "m-Q8_0.gguf": MODEL, "m-Q6_K.gguf": MODEL})
    rows = quantisations_of(here.machine, "hf:u/mixed", Asked())
    assert [one.label for one in rows] == ["Q6_K", "Q8_0"]
    said = " ".join(here.said.getvalue().split())
    assert "not compared: hf:u/mixed:Q4_K_M lacks Q4_K_M/m-Q4_K_M-00002-of-00003.gguf" in said


def test_several_models_of_a_repository_are_compared_each_by_its_address(here: Quiet, server: Server) -> None:
    server.add(
        "u/two", {"M-v1-Q4_K_M.gguf": MODEL, "M-v2-Q4_K_M.gguf": MODEL + b"\0", "M-v2-Q8_0.gguf": MODEL + b"\0\0"}
    )
    rows = quantisations_of(here.machine, "hf:u/two", Asked())
    assert [str(one.source) for one in rows] == [
        "hf:u/two/M-v1-Q4_K_M.gguf",
        "hf:u/two/M-v2-Q4_K_M.gguf",
        "hf:u/two:Q8_0",
    ]
    assert [one.form for one in rows] == ["M-v1-Q4_K_M.gguf", "M-v2-Q4_K_M.gguf", "Q8_0"]


def test_of_many_models_the_first_few_are_compared_and_the_others_named(here: Quiet, server: Server) -> None:
    server.add("u/many", {f"M{number}-Q4_K_M.gguf": MODEL for number in range(6)})
    assert len(quantisations_of(here.machine, "hf:u/many", Asked())) == 4
    assert "not compared: hf:u/many/M4-Q4_K_M.gguf, hf:u/many/M5-Q4_K_M.gguf" in " ".join(here.said.getvalue().split())


def test_a_model_that_is_none_by_its_header_is_left_out_of_the_comparison(here: Quiet, server: Server) -> None:
    server.add("u/odd", {"M-Q4_K_M.gguf": MODEL, "odd-Q8_0.gguf": PROJECTOR})
    assert [one.label for one in quantisations_of(here.machine, "hf:u/odd", Asked())] == ["Q4_K_M"]
    assert "odd-Q8_0.gguf is not a chat model: it is a multimodal projector" in " ".join(here.said.getvalue().split())


def test_safetensors_whose_index_names_files_that_the_repository_lacks_are_refused(here: Quiet, server: Server) -> None:
    index = {"weight_map": {"a": "model-a.safetensors", "b": "model-b.safetensors"}}
    files = {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-a.safetensors": MODEL,
    }
    server.add("u/index", files)
    for act in (
        lambda: inspect(here.machine, "hf:u/index", force=False),
        lambda: pull(here.machine, parse_source("hf:u/index"), None),
    ):
        with pytest.raises(
            ModelError, match=r"hf:u/index is incomplete: 1 of its 2 parts are missing: model-b\.safetensors"
        ):
            act()
    assert server.sent == 0


@pytest.mark.parametrize(
    ("kind", "says"), [("BertModel", "an embedding model"), ("LlamaForCausalLMEagle3", "a draft model")]
)
def test_safetensors_that_are_no_chat_model_are_refused_by_their_config(
    here: Quiet, server: Server, kind: str, says: str
) -> None:
    config = json.dumps({"architectures": [kind]}).encode()
    server.add("u/bert", {"config.json": config, "model.safetensors": b"\0" * 2000})
    for act in (
        lambda: fit(here.machine, "hf:u/bert", Asked()),
        lambda: pull(here.machine, parse_source("hf:u/bert"), None),
    ):
        with pytest.raises(ModelError, match=f"is not a chat model: it is {says}"):
            act()
    assert server.sent == 0
