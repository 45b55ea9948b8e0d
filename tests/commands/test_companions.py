"""What comes with a model and is not the model, in folders: told by the header, and by the name where it is not."""

from pathlib import Path

import pytest

from stackctl.commands.models.fit import Asked, fit
from stackctl.commands.models.inspect import inspect
from stackctl.commands.models.recommend import Asked as Wish
from stackctl.commands.models.recommend import recommend
from stackctl.errors import ModelError
from stackctl.machine import Machine
from tests.commands.machines import quiet
from tests.shapes.tiny import DRAFT, EMBEDDING, IMATRIX, LORA, MODEL, PROJECTOR, VOCABULARY, tiny_gguf

KINDS = {
    "projector": (PROJECTOR, "multimodal projector"),
    "drafter": (DRAFT, "draft model"),
    "eagle": (tiny_gguf(architecture="eagle3"), "draft model"),
    "dflash": (tiny_gguf(architecture="dflash"), "draft model"),
    "embedding": (EMBEDDING, "embedding model"),
    "LoRA": (LORA, "adapter (LoRA)"),
    "imatrix": (IMATRIX, "importance matrix"),
    "vocabulary": (VOCABULARY, "vocabulary without weights"),
    "control vector": (tiny_gguf(architecture="controlvector"), "control vector"),
    "speech": (tiny_gguf(architecture="qwen3tts"), "into speech"),
    "sound": (tiny_gguf(architecture="wavtokenizer-dec"), "into sound"),
}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return quiet(tmp_path).machine


def in_folder(folder: Path, files: dict[str, bytes]) -> str:
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return str(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_with_one_model_and_companions_is_that_model(machine: Machine, tmp_path: Path, kind: str) -> None:
    content, _ = KINDS[kind]
    folder = in_folder(tmp_path / "m", {"a.gguf": content, "model.gguf": MODEL, "z.gguf": PROJECTOR})
    assert inspect(machine, folder, force=False).name == "model.gguf"
    assert fit(machine, folder, Asked()).model.name == "model.gguf"
    found = recommend(machine, Wish(folder=Path(folder)))
    assert (found.best.name, found.others) == ("model.gguf", ())


@pytest.mark.parametrize(("content", "says"), KINDS.values(), ids=KINDS)
def test_a_companion_is_described_and_never_run_or_recommended(
    machine: Machine, tmp_path: Path, content: bytes, says: str
) -> None:
    folder = in_folder(tmp_path / "m", {"thing.gguf": content})
    for name in (folder, f"{folder}/thing.gguf"):
        assert says in inspect(machine, name, force=False).purpose
        with pytest.raises(ModelError, match=r"thing\.gguf is not a chat model: ") as caught:
            fit(machine, name, Asked())
        assert says in caught.value.message
    with pytest.raises(ModelError, match=r"holds no chat model, only files that come with one: thing\.gguf: it "):
        recommend(machine, Wish(folder=Path(folder)))


def test_a_folder_of_companions_alone_says_what_they_are(machine: Machine, tmp_path: Path) -> None:
    folder = in_folder(tmp_path / "m", {"a.gguf": PROJECTOR, "b.gguf": DRAFT})
    with pytest.raises(ModelError, match="holds no chat model") as caught:
        inspect(machine, folder, force=False)
    assert "a.gguf: it is a multimodal projector" in caught.value.message
    assert "b.gguf: it is a draft model" in caught.value.message


def test_a_header_decides_before_a_name_and_a_name_where_headers_do_not_tell(machine: Machine, tmp_path: Path) -> None:
    alone = in_folder(tmp_path / "a", {"M-imatrix.gguf": MODEL, "M-Q8_0.gguf": DRAFT})
    assert inspect(machine, alone, force=False).name == "M-imatrix.gguf"
    small = in_folder(tmp_path / "b", {"M-Q8_0.gguf": MODEL, "M-0.6B-draft.gguf": MODEL})
    assert inspect(machine, small, force=False).name == "M-Q8_0.gguf"
    two = in_folder(tmp_path / "c", {"M-Q8_0.gguf": MODEL, "N_iq3xxs_imatrix.gguf": MODEL})
    with pytest.raises(ModelError, match="holds 2 models"):
        inspect(machine, two, force=False)


def test_the_last_blocks_of_a_model_alone_are_a_draft_model(machine: Machine, tmp_path: Path) -> None:
    from tests.shapes.header import header

    tensors = {"blk.2.attn_q.weight": ("q8_0", (64, 64)), "blk.2.nextn.eh_proj.weight": ("q8_0", (128, 64))}
    head, size = header({"general.architecture": "qwen35", "qwen35.block_count": 3}, tensors)
    (tmp_path / "x.gguf").write_bytes(head + b"\0" * (size - len(head)))
    assert "draft model" in inspect(machine, str(tmp_path / "x.gguf"), force=False).purpose


def test_safetensors_are_the_model_beside_a_projector(machine: Machine, tmp_path: Path) -> None:
    weights = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    content = len(weights).to_bytes(8, "little") + weights + b"\0" * 4
    folder = in_folder(
        tmp_path / "m", {"mmproj-F16.gguf": PROJECTOR, "model.safetensors": content, "config.json": b"{}"}
    )
    assert inspect(machine, folder, force=False).format == "safetensors"


@pytest.mark.parametrize("there", [(1, 3), (2, 3), (3,)])
def test_parts_that_are_missing_in_a_folder_are_named(machine: Machine, tmp_path: Path, there: tuple[int, ...]) -> None:
    names = [f"M-0000{number}-of-00003.gguf" for number in range(1, 4)]
    folder = in_folder(tmp_path / "m", {names[number - 1]: MODEL for number in there})
    for model in (folder, f"{folder}/{names[there[0] - 1]}"):
        with pytest.raises(ModelError, match="is one of 3 parts, and") as caught:
            inspect(machine, model, force=False)
        assert all(
            (name in caught.value.message.split(": ")[1]) is (number + 1 not in there)
            for number, name in enumerate(names)
        )


def test_a_folders_best_is_a_complete_model_that_is_listed_once(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    part = {"a-00001-of-00002.gguf": MODEL, "a-00002-of-00002.gguf": MODEL, "b-00001-of-00002.gguf": MODEL}
    folder = in_folder(tmp_path / "m", {**part, "a-0.6B-draft.gguf": MODEL})
    found = recommend(here.machine, Wish(folder=Path(folder)))
    assert (found.best.name, found.others) == ("a-00001-of-00002.gguf", ())
    said = " ".join(here.said.getvalue().split())
    assert "not compared: b-00001-of-00002.gguf is one of 2 parts, and 1 is missing in" in said


def test_the_model_in_a_folder_below_is_told_from_its_companions_as_well(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    folder.mkdir()
    in_folder(folder / "Q8_0", {"M-Q8_0-00001-of-00002.gguf": MODEL, "M-Q8_0-00002-of-00002.gguf": MODEL})
    in_folder(folder / "vision", {"encoder.gguf": PROJECTOR})
    in_folder(folder / "MTP", {"M-Q8_0.gguf": MODEL})
    assert inspect(machine, str(folder), force=False).name == "M-Q8_0-00001-of-00002.gguf"
    (folder / "Q8_0" / "M-Q8_0-00001-of-00002.gguf").unlink()
    with pytest.raises(ModelError, match=r"1 is missing in .*Q8_0/M-Q8_0-00001-of-00002"):
        inspect(machine, str(folder), force=False)
