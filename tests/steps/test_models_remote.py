"""A model at its source: its header alone is read, and the plan is the one of the file itself."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.models.fit import Asked, fit, models_looked_at, quantisations_of
from stackctl.commands.models.inspect import inspect
from stackctl.commands.models.published import published_source
from stackctl.commands.models.recommend import Asked as Wish
from stackctl.commands.models.recommend import recommend
from stackctl.core.hub.source import Source
from stackctl.errors import ModelError
from stackctl.machine import Machine
from stackctl.report.recommend import proposal, recommended
from stackctl.steps.models.pull import offered_download, parse_source
from stackctl.steps.models.remote import describe_remote
from tests.commands.machines import quiet
from tests.fakes import hub_at
from tests.hub.server import Fault, running
from tests.hub.server import Hub as Server
from tests.shapes.family import Model
from tests.shapes.header import header
from tests.shapes.vocabularies import VOCABULARIES

# a vocabulary of real size makes a header of several MB; its later pieces are longer, as those of a real one
WORDS = [f"{'o' * (number // 16_000)}{number}" for number in range(128_256)]
MERGES = [f"{'o' * (number // 32_000)}{number} o" for number in range(200_000)]
SMALL = Model(arch="llama", layers=8, embd=256, ff=512, heads=8, kv_heads=2, vocab=len(WORDS))
HEAD, SIZE = header(
    {**SMALL.metadata(), "tokenizer.ggml.tokens": WORDS, "tokenizer.ggml.merges": MERGES}, SMALL.tensors("q8_0")
)
MODEL = HEAD + b"\0" * (SIZE - len(HEAD))
SOURCE = "hf:owner/name/M-Q8_0.gguf"


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("owner/name", {"M-Q8_0.gguf": MODEL, "M-F16.gguf": MODEL + b"\0" * 64})
        yield hub


@pytest.fixture
def machine(tmp_path: Path, server: Server) -> Machine:
    machine = quiet(tmp_path).machine
    machine.hub = hub_at(server.url)
    return machine


def test_inspect_takes_licence_and_languages_from_the_repository(machine: Machine, server: Server) -> None:
    server.repos["owner/name"].languages = ("de", "ja")
    found = inspect(machine, SOURCE, force=False)
    assert (found.licence, found.languages) == ("apache-2.0", ("de", "ja"))


@pytest.mark.parametrize("model", ["hf:owner/gated:Q8_0", "hf:owner/gated/M-Q8_0.gguf"])
def test_a_gated_model_whose_header_is_refused_names_its_licence(machine: Machine, server: Server, model: str) -> None:
    server.add("owner/gated", {"M-Q8_0.gguf": MODEL}, token="hf_secret", gated="manual")
    for read in (lambda: inspect(machine, model, force=False), lambda: fit(machine, model, Asked())):
        with pytest.raises(ModelError, match="owner/gated is gated") as caught:
            read()
        assert "https://huggingface.co/owner/gated" in caught.value.hint


def tensors_in(names: tuple[str, ...], data: int) -> dict[str, bytes]:
    """A repository of safetensors, each file with one matrix of so many bytes."""
    head = json.dumps({"a.weight": {"dtype": "BF16", "shape": [data // 2], "data_offsets": [0, data]}}).encode()
    config = {"architectures": ["LlamaForCausalLM"], "num_hidden_layers": 9, "max_position_embeddings": 4096}
    small = {
        "config.json": json.dumps(config).encode(), "tokenizer_config.json": b'{"chat_template": "<|im_start|>"}',
        "tokenizer.json": b"{}", "README.md": b"---\nlicense: apache-2.0\nlanguage: en\n---\n",
    }  # fmt: skip
    return {**small, **{name: len(head).to_bytes(8, "little") + head + b"\0" * data for name in names}}


PARTS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.mark.parametrize("names", [("model.safetensors",), PARTS])
def test_safetensors_elsewhere_are_told_as_those_here_and_their_weights_are_not_read(
    machine: Machine, server: Server, tmp_path: Path, names: tuple[str, ...]
) -> None:
    content = tensors_in(names, 3 << 20)
    server.add("owner/tensors", {**content, "consolidated.safetensors": b"another form"})
    far = inspect(machine, "hf:owner/tensors", force=False)
    assert server.sent <= (1 << 20) * len(names) + 20_000
    assert len(server.asked) <= 3 + 2 * len(names)  # listing, config, tokenizer; a header is asked of hub and CDN
    (tmp_path / "tensors").mkdir()
    for name, raw in content.items():
        (tmp_path / "tensors" / name).write_bytes(raw)
    assert far == inspect(machine, str(tmp_path / "tensors"), force=False)
    assert (far.parameters, far.template, far.parts) == (len(names) * (3 << 19), "ChatML", len(names))


def test_safetensors_elsewhere_that_are_not_whole_or_damaged_are_said(machine: Machine, server: Server) -> None:
    server.add("owner/half", tensors_in(PARTS[:1], 64))
    with pytest.raises(ModelError, match="is incomplete: 1 of its 2 parts are missing: model-00002"):
        inspect(machine, "hf:owner/half", force=False)
    server.add("owner/cut", {**tensors_in(PARTS, 64), PARTS[1]: tensors_in(PARTS, 64)[PARTS[1]][:-9]})
    with pytest.raises(ModelError, match=f"{PARTS[1]} is cut short"):
        inspect(machine, "hf:owner/cut", force=False)
    server.add("owner/odd", {**tensors_in(PARTS, 64), "config.json": b"<html>"})
    with pytest.raises(ModelError, match=r"config\.json is a web page"):
        inspect(machine, "hf:owner/odd", force=False)


def test_the_header_is_all_that_is_read(machine: Machine, server: Server) -> None:
    assert 4 << 20 < len(HEAD) < 8 << 20
    found = describe_remote(machine, offered_download(machine, parse_source(SOURCE)))
    assert len([one for one in server.asked if one.where == "cdn"]) <= 3
    assert len(server.asked) <= 5
    assert server.sent <= len(HEAD) + (1 << 20)
    assert found.read >= len(HEAD)
    assert found.bytes_per_s > 0
    assert not machine.storage.library.folder.exists()


@pytest.mark.chaos
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.sample if name == "gemma3" else ()) for name in VOCABULARIES]
)
def test_the_header_of_a_model_with_a_real_vocabulary_takes_four_requests(
    machine: Machine, server: Server, name: str
) -> None:
    """Listing, redirect, and two ranges; no listing where the file is named, and by its address the ranges alone."""
    head, size = header({**SMALL.metadata(), **VOCABULARIES[name].metadata()}, SMALL.tensors("q8_0"))
    server.add("owner/real", {"R-Q8_0.gguf": head + b"\0" * (size - len(head)), "README.md": b"about"})
    address = f"http://127.0.0.1:{server.cdn.server_address[1]}/owner/real/R-Q8_0.gguf"
    for model, most in (
        (address, 2),
        ("hf:owner/real/R-Q8_0.gguf", 3),
        ("hf:owner/real:Q8_0", 4),
        ("hf:owner/real", 4),
    ):
        machine.hub = hub_at(server.url)  # which knows nothing yet
        server.asked.clear()
        server.sent = 0
        assert models_looked_at(machine, model).size == size
        assert len(server.asked) <= most
        assert server.sent <= len(head) + (1 << 20)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("hf:owner/name/M-Q9_0.gguf", "Use `hf:owner/name/M-Q8_0.gguf` if you meant that."),
        ("hf:owner/none/M-Q8_0.gguf", "no model owner/none"),
        ("hf:owner/name/M-Q8_0-00002-of-00002.gguf", "if you meant that"),
    ],
)
def test_of_a_file_that_is_not_there_the_repository_tells_what_is(machine: Machine, source: str, says: str) -> None:
    with pytest.raises(ModelError) as caught:
        models_looked_at(machine, source)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_nothing_is_asked_where_the_hub_is_to_be_left_alone(
    machine: Machine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids"):
        models_looked_at(machine, SOURCE)
    assert server.asked == []


def test_what_is_planned_from_it_is_what_the_file_itself_gives(machine: Machine, tmp_path: Path) -> None:
    path = tmp_path / "M-Q8_0.gguf"
    path.write_bytes(MODEL)
    here, there = (fit(machine, one, Asked(context=4096)) for one in (str(path), SOURCE))
    assert here.choice.fit == there.choice.fit
    assert here.model.header == there.model.header
    assert here.model.size == there.model.size


def test_an_address_is_read_likewise(machine: Machine, server: Server) -> None:
    url = f"http://127.0.0.1:{server.cdn.server_address[1]}/owner/name/M-Q8_0.gguf"
    found = fit(machine, url, Asked(context=4096))
    assert found.model.size == len(MODEL)
    assert {one.where for one in server.asked} == {"cdn"}


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(ignores_range=True)],
        [Fault(status=503)],
        [Fault(status=429, headers={"Retry-After": "0"})],
        [Fault(cut_after=1 << 20)],
    ],
)
def test_a_server_that_stumbles_is_survived(machine: Machine, server: Server, faults: list[Fault]) -> None:
    server.faults.extend(faults)
    assert describe_remote(machine, offered_download(machine, parse_source(SOURCE))).model.shape is not None


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(body=b"<!DOCTYPE html><html>log in</html>", ignores_range=True), "web page"),
        (Fault(status=404), "nothing at that address"),
        (Fault(body=HEAD[:1000], ignores_range=True), "cut short"),
        (Fault(body=b"GGUF" + b"\xff" * 4000, ignores_range=True), "version"),
    ],
)
def test_what_is_no_model_is_said(machine: Machine, server: Server, fault: Fault, says: str) -> None:
    server.usual["cdn"] = fault
    with pytest.raises(ModelError) as caught:
        describe_remote(machine, offered_download(machine, parse_source(SOURCE)))
    assert says in caught.value.message
    assert caught.value.hint


def test_every_part_of_a_split_model_counts(machine: Machine, server: Server) -> None:
    tensors = SMALL.tensors("q8_0")
    half = len(tensors) // 2
    names = list(tensors)
    first, size = header(SMALL.metadata(), {name: tensors[name] for name in names[:half]})
    other, more = header({"split.no": 1}, {name: tensors[name] for name in names[half:]})
    parts = {
        "S-Q8_0-00001-of-00002.gguf": first + b"\0" * (size - len(first)),
        "S-Q8_0-00002-of-00002.gguf": other + b"\0" * (more - len(other)),
    }
    server.add("owner/split", parts)
    found = describe_remote(machine, offered_download(machine, parse_source("hf:owner/split:Q8_0"))).model
    whole = describe_remote(machine, offered_download(machine, parse_source(SOURCE))).model
    assert found.shape is not None
    assert whole.shape is not None
    assert found.shape.weights == whole.shape.weights
    assert json.dumps([one.name for one in found.files]) == json.dumps(list(parts))


def test_a_repository_shows_all_its_quantisations_from_one_header(machine: Machine, server: Server) -> None:
    rows = quantisations_of(machine, "hf:owner/name", Asked(context=4096))
    assert [(one.label, one.size) for one in rows] == [("Q8_0", len(MODEL)), ("F16", len(MODEL) + 64)]
    assert [str(one.source) for one in rows] == ["hf:owner/name:Q8_0", "hf:owner/name:F16"]
    assert rows[0].choice.fit.host.weights_mib <= rows[1].choice.fit.host.weights_mib
    assert len([one for one in server.asked if one.where == "cdn"]) <= 4
    assert quantisations_of(machine, SOURCE, Asked()) == ()


def test_the_best_of_a_repository_is_the_least_quantised_that_fits(machine: Machine) -> None:
    found = recommend(machine, Wish(repo="hf:owner/name", context=4096))
    assert found.best.label == "F16"
    assert [one.label for one in found.others] == ["Q8_0"]


def test_a_proposed_quantisation_that_its_repository_lacks_gives_way_to_the_best_that_is_there(
    machine: Machine,
) -> None:
    found = recommend(machine, Wish(repo="hf:owner/name", context=4096))
    gone = replace(found.best, source=Source(repo="owner/name", quant="Q5_K_M"))
    done = replace(found, asked=Wish(context=4096))
    assert str(published_source(machine, done, found.best)) == "hf:owner/name:F16"
    assert str(published_source(machine, done, gone)) == "hf:owner/name:F16"
    with pytest.raises(ModelError):
        published_source(machine, done, replace(gone, source=Source(repo="owner/gone", quant="Q5_K_M")))


def test_the_best_of_a_folder_is_one_of_its_files(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "M-Q8_0.gguf").write_bytes(MODEL)
    (folder / "broken.gguf").write_bytes(MODEL[:1000])
    raw, size = header({**SMALL.metadata(), "general.type": "mmproj"}, SMALL.tensors("f16"))
    (folder / "N-mmproj-F16.gguf").write_bytes(raw + b"\0" * (size - len(raw)))
    found = recommend(machine, Wish(folder=folder, context=4096))
    assert found.paths[found.best.name] == folder / "M-Q8_0.gguf"


@pytest.mark.parametrize("name", ["$(touch x)-Q8_0.gguf", 'it\'s `id` "a b";x-Q8_0.gguf', "-x-Q8_0.gguf"])
def test_the_command_that_runs_the_best_is_read_by_a_shell_as_it_was_meant(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(MODEL)
    text, _ = recommended(recommend(machine, Wish(folder=Path(), context=4096)), machine.ui)
    (line,) = [one.removeprefix("to run it: ") for one in text.splitlines() if one.startswith("to run it: ")]
    asked = subprocess.run(
        ["bash", "-c", f'stackctl() {{ printf "%s\\0" "$@"; }}; {line}'], capture_output=True, text=True, check=True
    )
    *words, path, _ = asked.stdout.split("\0")
    assert words == ["deploy", "--model"]
    assert not path.startswith("-")
    assert Path(path).read_bytes() == MODEL
    assert not Path("x").exists()


def test_the_commands_for_a_repository_name_it_in_one_word(machine: Machine, server: Server) -> None:
    server.add("owner/odd", {"$(id) a.gguf": MODEL})
    text, _ = recommended(recommend(machine, Wish(repo="hf:owner/odd", context=4096)), machine.ui)
    assert "to download it: stackctl models pull 'hf:owner/odd/$(id) a.gguf'\n" in text
    assert "run it: stackctl deploy --model 'hf:owner/odd/$(id) a.gguf'" in text


def test_of_a_repository_only_what_is_known_is_said(machine: Machine, server: Server) -> None:
    server.add("owner/one", {"M-Q8_0.gguf": MODEL})
    best = recommend(machine, Wish(repo="hf:owner/one", context=4096)).best
    assert proposal(best)[3:] == ["  licence apache-2.0; languages: en"]
    assert proposal(replace(best, licence="", template="ChatML"))[3:] == ["  languages: en; prompt template ChatML"]
    assert proposal(replace(best, licence="", languages=()))[3:] == []


def test_of_a_repository_with_one_quantisation_nothing_is_asked_twice(machine: Machine, server: Server) -> None:
    server.add("owner/one", {"M-Q8_0.gguf": MODEL, "README.md": b"about"})
    assert quantisations_of(machine, "hf:owner/one", Asked(context=4096)) == ()
    assert fit(machine, "hf:owner/one", Asked(context=4096)).choice.fits
    assert len([one for one in server.asked if one.path.startswith("/api/")]) == 1
    assert len(server.asked) <= 5
