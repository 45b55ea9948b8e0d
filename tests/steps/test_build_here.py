"""The build that commands about models calculate with is the one that a deploy in this folder would run."""

from dataclasses import replace
from pathlib import Path

import pytest

from stackctl.backends import llamacpp
from stackctl.commands.render import render
from stackctl.steps.build_here import stack_here
from tests.commands.machines import quiet
from tests.core.samples import GPU


def test_in_an_empty_folder_it_is_what_a_new_stack_gets(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    assert stack_here(here.machine, "llamacpp", on_gpu=False).build == "b11459"
    assert stack_here(here.machine, "koboldcpp", on_gpu=False).build == "1.122.1"
    assert stack_here(here.machine, "textgen", on_gpu=False).build == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("cuda", "build"), [((12, 8), "b11459"), ((13, 4), "b11459"), ((), "b11459")])
def test_on_a_gpu_it_is_the_newest_that_its_driver_starts(tmp_path: Path, cuda: tuple[int, ...], build: str) -> None:
    here = quiet(tmp_path)
    here.gpus.found = (replace(GPU, cuda=cuda),)
    assert stack_here(here.machine, "llamacpp", on_gpu=True).build == build


def test_a_gpu_that_somebody_thinks_of_is_of_an_unknown_driver(tmp_path: Path) -> None:
    assert stack_here(quiet(tmp_path).machine, "llamacpp", on_gpu=True).build == "b11459"


@pytest.mark.parametrize(
    ("config", "build"),
    [
        ('[backend]\nbuild = "b9191"\n', "b9191"),
        ('[backend]\nimage = "ghcr.io/ggml-org/llama.cpp:server-b9000"\n', "b9000"),
        ('[backend]\nimage = "mine:1"\n', ""),
        ('images = "own"\n', "debian"),
        ('[backend]\nkind = "koboldcpp"\nimage = "mine:1"\n', "b11459"),  # that is no image of llama.cpp
        ('[backend]\nbuild = "b1"\n', ""),
        ('[backend]\nbuild = "debian"\n', "debian"),
        ("no TOML", "b11459"),
    ],
)
def test_stack_toml_of_this_folder_decides(tmp_path: Path, config: str, build: str) -> None:
    (tmp_path / "stack.toml").write_text(config)
    assert stack_here(quiet(tmp_path).machine, "llamacpp", on_gpu=False).build == build


def test_a_stack_of_an_older_stackctl_counts_as_its_image_does(tmp_path: Path) -> None:
    here = quiet(tmp_path)
    render(here.machine, {"model.path": "demo"}, to_stdout=False, absolute=False, replan=False)
    lock, image = tmp_path / "stack.lock", llamacpp.IMAGES["cpu"][0].name
    lock.write_text(lock.read_text().replace(image, "ghcr.io/ggml-org/llama.cpp:server-b9191"))
    assert stack_here(here.machine, "llamacpp", on_gpu=False).build == "b9191"
    assert stack_here(here.machine, "llamacpp", on_gpu=False).reserves.logits == "batch"
