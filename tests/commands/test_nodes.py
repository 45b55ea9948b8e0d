"""`stackctl nodes` and `models pull --nodes`: what is said of each node, and the exit code."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stackctl.cli import main
from stackctl.commands.nodes import bring_model
from stackctl.contracts.node import Brought
from stackctl.machine import Machine
from stackctl.ui import Ui
from tests.commands.engines import Stage, quiet_stage
from tests.commands.json_scenes import BROUGHT, LACKING, NODE, NOT_BROUGHT
from tests.commands.machines import Quiet


@pytest.fixture
def here(tmp_path: Path) -> Quiet:
    (tmp_path / "stack.toml").write_text('name = "chat"\n[model]\npath = "demo"\n')
    return quiet_stage(tmp_path, Stage())


def run(here: Quiet, *words: str, **has: Any) -> Result:
    """Run a command on a machine whose orchestrator has these reports."""
    fakes: Any = here.machine.orchestrator
    fakes.reports, fakes.brought = has.get("reports", ()), has.get("brought", ())

    def machine(_: Path, ui: Ui) -> Machine:
        return replace(here.machine, ui=ui)

    return CliRunner().invoke(main, ["-C", str(here.machine.path), *words], obj=machine, catch_exceptions=False)


def test_the_table_has_each_node_and_the_reasons_stand_below_with_what_to_do(here: Quiet) -> None:
    done = run(here, "nodes", reports=(NODE, LACKING))
    assert done.exit_code == 0
    first, lacking = done.stdout.splitlines()[1:3]
    words = "gpu1 yes NVIDIA GeForce RTX 3060 24.0 GiB of 32.0 GiB free there llamacpp"
    assert first.split() == words.split()
    assert lacking.split()[:2] == ["gpu2", "no"]
    assert "missing" in lacking
    assert f"gpu2: {LACKING.problem}\n  {LACKING.hint}\n" in done.stdout
    assert done.stdout.endswith("can run on 1 of 2 nodes\n")


def test_nodes_with_the_same_reason_share_it(here: Quiet) -> None:
    twin = replace(LACKING, node=replace(LACKING.node, name="gpu3"))
    done = run(here, "nodes", reports=(NODE, LACKING, twin))
    assert done.stdout.count(LACKING.problem) == 1
    assert f"gpu2, gpu3: {LACKING.problem}" in done.stdout


def test_no_node_that_passes_is_exit_code_4(here: Quiet) -> None:
    assert run(here, "nodes", reports=(LACKING,)).exit_code == 4


def test_what_became_of_the_copies_is_said_and_one_that_failed_is_exit_code_4(here: Quiet) -> None:
    there = Brought(node="nas", state="there")
    left = Brought(node="gpu3", state="left out", problem="it is down", hint="Start it.", issue="swarm-no-node")
    done = run(here, "models", "pull", "--nodes", brought=(there, replace(BROUGHT, copied_bytes=5 * 10**9), left))
    assert done.exit_code == 0
    assert done.stdout.splitlines()[:4] == [
        "nas: it is there already",
        "gpu1: copied 5.00 GB in 2 s, checksum verified",
        "gpu3: nothing was copied: it is down",
        "  Start it.",
    ]
    assert done.stdout.endswith(
        "is on 2 of 3 nodes\nRun `stackctl deploy`, which lets the backend run where the model is new.\n"
    )
    failed = run(here, "models", "pull", "--nodes", brought=(BROUGHT, NOT_BROUGHT))
    assert failed.exit_code == 4
    assert f"gpu2: failed: {NOT_BROUGHT.problem}\n  {NOT_BROUGHT.hint}\n" in failed.stdout


def test_the_progress_of_all_nodes_is_one_line(here: Quiet) -> None:
    class Told(Ui):
        lines: tuple[str, ...] = ()

        def progress(self, text: str, **amounts: int | None) -> None:
            self.lines = (*self.lines, f"{text}: {amounts}")

    fakes: Any = here.machine.orchestrator
    fakes.brought, ui = (BROUGHT, replace(BROUGHT, node="gpu2")), Told()
    bring_model(replace(here.machine, ui=ui))
    assert ui.lines[-1].startswith("gpu1 copies (1 %), gpu2 copies (1 %): {'done_bytes': 8192, 'total_bytes': ")


@pytest.mark.parametrize("words", [("hf:owner/tiny:Q4_K_M",), ("--to", "elsewhere")])
def test_nodes_takes_no_other_source_or_target(here: Quiet, words: tuple[str, ...]) -> None:
    done = run(here, "models", "pull", "--nodes", *words)
    assert done.exit_code == 2
    assert "--nodes takes neither SOURCE nor --to" in done.stderr


def test_a_source_is_asked_for_without_nodes(here: Quiet) -> None:
    done = run(here, "models", "pull")
    assert done.exit_code == 2
    assert "SOURCE" in done.stderr
