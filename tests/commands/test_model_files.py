"""Model files in forms that no program loads: each is said by `inspect`, `fit` and `deploy`, with what to do."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.commands.models.inspect import inspect
from stackctl.core.config.lock import Lock
from stackctl.core.model.model import Header
from stackctl.core.plan.plan import plan
from stackctl.errors import ModelError
from tests.commands.doors import refusals
from tests.commands.machines import quiet
from tests.core.samples import model, seen, wanted
from tests.shapes.header import Value, header

SMALL = {"token_embd.weight": ("q8_0", (64, 2048)), "output_norm.weight": ("f32", (64,))}
LLAMA: dict[str, Value] = {"general.architecture": "llama", "llama.block_count": 1}


def gguf(**extra: Value) -> bytes:
    raw, size = header({**LLAMA, **{key.replace("_", "."): value for key, value in extra.items()}}, SMALL)
    return raw + bytes(size - len(raw))


def part(number: int, count: int) -> bytes:
    return gguf(split_no=number, split_count=count)


def hint(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        inspect(quiet(path.parent).machine, str(path), force=False)
    assert caught.value.exit_code == 8
    return caught.value.hint


def run_first_command(hint: str, folder: Path) -> None:
    """What a reader does with a hint: runs the command in it."""
    subprocess.run(hint.split("`")[1], shell=True, check=True, cwd=folder)  # noqa: S602


def test_the_command_that_renames_parts_makes_a_model_of_them(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"My Model-Q8_0 ({number + 1} of 3).gguf").write_bytes(part(number, 3))
        (tmp_path / f"other-Q8_0-{number + 1}-of-3.gguf").write_bytes(part(number, 3))
    first = tmp_path / "My Model-Q8_0 (1 of 3).gguf"
    assert all(
        said == f"{first} is part 1 of 3 under a name that llama.cpp does not accept" for said in refusals(first)
    )
    run_first_command(hint(first), tmp_path)
    assert inspect(quiet(tmp_path).machine, str(tmp_path / "My Model-Q8_0-00001-of-00003.gguf"), force=False).parts == 3
    assert len(list(tmp_path.glob("other-*"))) == 3


def test_parts_joined_by_cat_and_two_models_in_one_file_are_refused(tmp_path: Path) -> None:
    joined, two = tmp_path / "joined.gguf", tmp_path / "two.gguf"
    joined.write_bytes(part(0, 2) + part(1, 2))
    two.write_bytes(gguf() + gguf())
    assert all("is parts of a split model (2 in all) joined by cat" in said for said in refusals(joined))
    assert all("holds another GGUF behind its first" in said for said in refusals(two))


def test_a_file_with_something_appended_is_right_again_after_the_command_of_the_hint(tmp_path: Path) -> None:
    path = tmp_path / "long.gguf"
    path.write_bytes(gguf() + os.urandom(100_000))
    assert all("is much larger than its tensors" in said for said in refusals(path))
    run_first_command(hint(path), tmp_path)
    assert path.read_bytes() == gguf()


PIECES = [
    ("part1of2", "part2of2"),
    ("aa", "ab"),
    ("001", "002"),
    ("00", "01"),
]


@pytest.mark.parametrize("endings", PIECES, ids=lambda endings: endings[0])
def test_the_command_that_joins_pieces_makes_the_model_of_them(tmp_path: Path, endings: tuple[str, str]) -> None:
    folder = tmp_path / "My models"
    folder.mkdir()
    whole, half = gguf(), len(gguf()) // 2
    first, last = (folder / f"It's 7B.Q8_0.gguf.{end}" for end in endings)
    first.write_bytes(whole[:half])
    last.write_bytes(whole[half:])
    for path in (first, last):
        says = f"{path} is one of 2 pieces of It's 7B.Q8_0.gguf, and no program loads pieces"
        assert refusals(path) == [says] * 3
    assert all("holds It's 7B.Q8_0.gguf in 2 pieces" in said for said in refusals(folder))
    assert hint(folder) == hint(first) == hint(last) == hint(folder / "It's 7B.Q8_0.gguf")
    run_first_command(hint(folder), tmp_path)
    assert (folder / "It's 7B.Q8_0.gguf").read_bytes() == whole
    assert "Use " in hint(first)
    assert inspect(quiet(tmp_path).machine, str(folder), force=False).parts == 1


def test_pieces_with_the_ending_behind_the_number_are_told_from_parts_by_their_bytes(tmp_path: Path) -> None:
    whole, half = gguf(), len(gguf()) // 2
    first, last = (tmp_path / f"7B.Q8_0.part{number}of2.gguf" for number in (1, 2))
    first.write_bytes(whole[:half])
    last.write_bytes(whole[half:])
    for path in (first, last):
        assert refusals(path) == [f"{path} is one of 2 pieces of 7B.Q8_0.gguf, and no program loads pieces"] * 3
    run_first_command(hint(first), tmp_path)
    assert (tmp_path / "7B.Q8_0.gguf").read_bytes() == whole
    first.write_bytes(part(0, 2)[:-9])
    last.write_bytes(part(1, 2))
    assert all("is cut short" in said for said in refusals(first))
    assert all("is part 2 of 2 under a name" in said for said in refusals(last))


def test_pieces_that_lack_are_said(tmp_path: Path) -> None:
    whole, third = gguf(), len(gguf()) // 3
    for number, ending in enumerate(("part1of3", "part2of3", "aa", "ab")):
        (tmp_path / f"{'a' if number < 2 else 'b'}.gguf.{ending}").write_bytes(whole[number % 2 * third :][:third])
    assert all("some are missing: a.gguf.part3of3" in said for said in refusals(tmp_path / "a.gguf.part1of3"))
    assert all("some are missing: those after its last one" in said for said in refusals(tmp_path / "b.gguf.ab"))


def test_a_second_copy_that_wget_named_is_a_model(tmp_path: Path) -> None:
    for name in ("m.gguf", "m.gguf.1"):
        (tmp_path / name).write_bytes(gguf())
    assert inspect(quiet(tmp_path).machine, str(tmp_path / "m.gguf.1"), force=False).parts == 1


def test_an_unfinished_download_is_said_by_its_name_and_by_aria2s_file(tmp_path: Path) -> None:
    for name in ("a.gguf.crdownload", "b.gguf.part", "c.gguf.!qB"):
        (tmp_path / name).write_bytes(gguf()[:-9])
        assert refusals(tmp_path / name) == [f"{tmp_path / name} is an unfinished download"] * 3
    assert "only an unfinished download: a.gguf.crdownload" in refusals(tmp_path)[0]
    assert "Wait until b.gguf.part is complete" in hint(tmp_path / "b.gguf")
    whole = tmp_path / "d.gguf"
    whole.write_bytes(gguf())
    (tmp_path / "d.gguf.aria2").write_bytes(b"\0\1")
    for path in (whole, tmp_path):
        assert all(said.startswith(f"{whole} is an unfinished download: d.gguf.aria2") for said in refusals(path))


@pytest.mark.parametrize("name", ["ggml-model-q4_0.bin", "m.ggmlv3.q4_0.bin", "m.ggml", "m.gguf"])
def test_a_ggml_model_is_no_pickle(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"tjgg\x03\0\0\0" + bytes(600))
    assert refusals(tmp_path / name) == [f"{tmp_path / name} is a GGML model from before GGUF"] * 3
    assert "Look for a GGUF" in hint(tmp_path / name)
    assert all("GGML model from before GGUF" in said for said in refusals(tmp_path))


@pytest.mark.parametrize("name", ["MODEL-Q8_0.GGUF", "Model.Gguf"])
def test_capitals_in_the_ending_make_no_difference(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(gguf())
    machine = quiet(tmp_path).machine
    for path in (tmp_path, tmp_path / name):
        assert inspect(machine, str(path), force=False).name == name
        assert machine.model(str(path)).files[0].name == name
    assert name in hint(tmp_path / "other.gguf")


def test_parts_with_capitals_in_their_ending_are_renamed_for_llama_cpp(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"M-{number + 1:05d}-of-00002.GGUF").write_bytes(part(number, 2))
    first = tmp_path / "M-00001-of-00002.GGUF"
    assert all("under a name that llama.cpp does not accept" in said for said in refusals(first))
    run_first_command(hint(first), tmp_path)
    assert inspect(quiet(tmp_path).machine, str(tmp_path), force=False).parts == 2


def test_one_part_with_capitals_in_its_ending_is_there_and_renamed(tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(part(0, 2))
    last = tmp_path / "m-00002-of-00002.GGUF"
    last.write_bytes(part(1, 2))
    assert all(f"{last} is part 2 of 2 under a name" in said for said in refusals(tmp_path))
    run_first_command(hint(tmp_path), tmp_path)
    assert inspect(quiet(tmp_path).machine, str(tmp_path), force=False).parts == 2


def test_a_folder_of_parts_under_other_names_is_one_model_whose_parts_are_renamed(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"m-{number + 1}-of-3.gguf").write_bytes(part(number, 3))
    assert all("m-1-of-3.gguf is part 1 of 3 under a name" in said for said in refusals(tmp_path))
    run_first_command(hint(tmp_path), tmp_path)
    assert inspect(quiet(tmp_path).machine, str(tmp_path), force=False).parts == 3
    (tmp_path / "m-00002-of-00003 (1).gguf").write_bytes(part(1, 3))  # as a browser names what it fetches again
    assert inspect(quiet(tmp_path).machine, str(tmp_path), force=False).parts == 3


def test_a_folder_of_later_parts_alone_says_that_they_are_such(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"m-{number + 1}-of-3.gguf").write_bytes(part(number, 3))
    assert all("m-2-of-3.gguf: it is part 2 of a split model" in said for said in refusals(tmp_path))


def test_a_folder_without_a_model_is_told_by_its_largest_file(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# A model")
    (tmp_path / "model.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(900))
    says = f"no model found in {tmp_path}: model.7z is a 7z archive, not a model"
    assert refusals(tmp_path) == [says] * 3
    assert "Unpack it" in hint(tmp_path)
    (tmp_path / "model.7z").unlink()
    assert refusals(tmp_path) == [f"no model found in {tmp_path}"] * 3


def test_settings_of_koboldcpp_are_imported(tmp_path: Path) -> None:
    path = tmp_path / "my chat.kcpps"
    path.write_text('{"model_param": "/m/x.gguf"}')
    assert refusals(path) == [f"{path} holds KoboldCpp's settings, and no model"] * 3
    assert hint(path) == f"Run `stackctl import '{path}'`."


@pytest.mark.parametrize("packing", ["exl2", "gptq", "mlx"])
def test_a_folder_packed_for_other_programs_is_no_model_for_any_backend(packing: str) -> None:
    header = Header(format="safetensors", packing=packing)
    found = seen(of=replace(model(folder="m"), header=header))
    for backend in ("llamacpp", "text-generation-webui"):
        with pytest.raises(ModelError, match=f"can't load .*packed as {packing.upper()}") as caught:
            plan(wanted(backend={"kind": backend}), found, Lock())
        assert "Use a .gguf of the same model" in caught.value.hint
