"""Model files in forms that no program loads: each is said by `inspect`, `fit` and `deploy`, with what to do."""

import os
import subprocess
from pathlib import Path

import pytest

from stackctl.commands.models.inspect import inspect
from stackctl.errors import ModelError
from tests.commands.doors import refusals
from tests.commands.machines import quiet
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
