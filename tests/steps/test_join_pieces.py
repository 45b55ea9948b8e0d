"""A model that a repository has in raw pieces: it is listed, fitted and pulled as the one file that they make."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.commands.models.fit import Asked, fit, quantisations_of
from stackctl.commands.models.inspect import inspect
from stackctl.effects.storage.model_library import Library
from stackctl.errors import DataError, ModelError
from stackctl.machine import Machine
from stackctl.steps.models.join_pieces import path_under_way, remaining
from stackctl.steps.models.pull import Pulled, offered_download, parse_source, pull
from tests.commands.machines import Quiet, quiet
from tests.fakes import hub_at
from tests.hub.server import Fault, running
from tests.hub.server import Hub as Server
from tests.shapes.header import header

HEAD, SIZE = header(
    {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 4096},
    {"token_embd.weight": ("q8_0", (64, 4096)), "blk.0.attn_k.weight": ("q8_0", (64, 64))},
)
MODEL = HEAD + bytes(range(256)) * ((SIZE - len(HEAD)) // 256) + bytes((SIZE - len(HEAD)) % 256)
THIRD = SIZE // 3 + 1
PIECES = {f"Tess.Q8_0.gguf.part{n + 1}of3": MODEL[n * THIRD :][:THIRD] for n in range(3)}
SOURCE = "hf:owner/tess:Q8_0"
WHOLE = "hf/owner/tess/Tess.Q8_0.gguf"


@pytest.fixture
def server() -> Iterator[Server]:
    with running() as hub:
        hub.add("owner/tess", {"README.md": b"x", "Tess.Q4_K_M.gguf": MODEL, **PIECES})
        hub.add("owner/only", PIECES)
        yield hub


@pytest.fixture
def here(tmp_path: Path, server: Server) -> Quiet:
    found = quiet(tmp_path)
    found.machine.hub = hub_at(server.url)
    return found


@pytest.fixture
def machine(here: Quiet) -> Machine:
    return here.machine


def get(machine: Machine, source: str = SOURCE) -> Pulled:
    return pull(machine, offered_download(machine, parse_source(source)))


def files(machine: Machine) -> list[str]:
    folder = machine.storage.library.folder
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in {".lock", ".json"})
    return sorted(str(path.relative_to(folder)) for path in found)


def test_a_repository_lists_the_form_and_offers_it_by_each_of_its_names(machine: Machine) -> None:
    with pytest.raises(ModelError, match=r"Q4_K_M \(0\.0 GB\), Q8_0 \(0\.0 GB, in 3 pieces\)"):
        offered_download(machine, parse_source("hf:owner/tess"))
    for name in (":Q8_0", "/Tess.Q8_0.gguf", *(f"/{one}" for one in PIECES)):
        (found,) = offered_download(machine, parse_source(f"hf:owner/tess{name}")).files
        assert (found.name, found.size, len(found.pieces)) == ("Tess.Q8_0.gguf", len(MODEL), 3)
    assert {row.label for row in quantisations_of(machine, "hf:owner/tess", Asked())} == {"Q4_K_M", "Q8_0"}


def test_it_is_read_by_the_beginning_of_its_first_piece(machine: Machine, server: Server) -> None:
    assert fit(machine, "hf:owner/only", Asked()).model.size == len(MODEL)
    assert inspect(machine, "hf:owner/only/Tess.Q8_0.gguf.part2of3", force=False).size == len(MODEL)
    assert {one.path.rpartition("part")[2][:4] for one in server.asked if one.where == "cdn"} == {"1of3"}


def test_the_pieces_become_one_file_with_its_record(here: Quiet, machine: Machine) -> None:
    done = get(machine)
    assert done.path.read_bytes() == MODEL
    assert files(machine) == [WHOLE]
    record = json.loads(done.path.with_name(".Tess.Q8_0.gguf.stackctl.json").read_text())
    assert record["files"] == [
        {"name": "Tess.Q8_0.gguf", "size": len(MODEL), "sha256": hashlib.sha256(MODEL).hexdigest()}
    ]
    assert "in 3 pieces, which are joined" in here.said.getvalue()


def test_what_is_here_is_not_fetched_again(machine: Machine, server: Server) -> None:
    get(machine)
    sent = server.sent
    assert get(machine).took_s == 0.0
    assert server.sent == sent


def test_a_piece_that_arrives_damaged_takes_no_part_and_the_next_call_goes_on_behind_the_others(
    machine: Machine, server: Server
) -> None:
    lies = server.repos["owner/tess"].lies
    lies["Tess.Q8_0.gguf.part2of3"] = bytes(THIRD)
    with pytest.raises(ModelError, match="is not the expected file"):
        get(machine)
    assert WHOLE not in files(machine)
    lies.clear()
    server.asked.clear()
    assert get(machine).path.read_bytes() == MODEL
    assert not [one for one in server.asked if one.where == "cdn" and "part1of3" in one.path]
    assert files(machine) == [WHOLE]


def test_a_call_that_ended_amid_a_piece_continues_there(machine: Machine, server: Server) -> None:
    get(machine)
    path = machine.storage.library.folder / WHOLE
    server.faults.extend(Fault(on="cdn", cut_after=1000) for _ in range(2))
    path.unlink()
    assert get(machine).path.read_bytes() == MODEL


def test_a_piece_that_was_appended_and_not_yet_deleted_is_neither_fetched_nor_kept(
    machine: Machine, server: Server
) -> None:
    (file,) = offered_download(machine, parse_source(SOURCE)).files
    target = machine.storage.library.folder / WHOLE
    target.parent.mkdir(parents=True)
    path_under_way(file, target).write_bytes(MODEL[: THIRD + 5])
    target.with_name("Tess.Q8_0.gguf.part1of3").write_bytes(MODEL[:THIRD])
    assert get(machine).path.read_bytes() == MODEL
    assert files(machine) == [WHOLE]
    assert not [one for one in server.asked if one.where == "cdn" and "part1of3" in one.path]


def test_a_piece_that_lacks_is_said_before_a_byte_comes(machine: Machine, server: Server) -> None:
    server.add("owner/lacks", {name: one for name, one in PIECES.items() if "part2" not in name})
    with pytest.raises(ModelError, match=r"lacks 1 of the 3 parts of Q8_0: Tess\.Q8_0\.gguf\.part2of3"):
        offered_download(machine, parse_source("hf:owner/lacks"))


def test_the_whole_file_counts_where_a_repository_has_both(machine: Machine, server: Server) -> None:
    server.add("owner/both", {"Tess.Q8_0.gguf": MODEL, **PIECES})
    (found,) = offered_download(machine, parse_source("hf:owner/both")).files
    assert found.pieces == ()


def test_a_disk_needs_room_for_what_is_missing_and_one_piece(machine: Machine, tmp_path: Path) -> None:
    (file,) = offered_download(machine, parse_source(SOURCE)).files
    target = tmp_path / "Tess.Q8_0.gguf"
    assert remaining(file, target) == len(MODEL) + THIRD
    path_under_way(file, target).write_bytes(MODEL[: 2 * THIRD])
    assert remaining(file, target) == 2 * (len(MODEL) - 2 * THIRD)


def test_a_pipe_in_the_place_of_the_file_under_way_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "piece").write_bytes(b"piece")
    os.mkfifo(tmp_path / "whole")
    with pytest.raises(DataError):
        Library(tmp_path).append(tmp_path / "piece", tmp_path / "whole", 0)
    assert (tmp_path / "piece").exists()


def test_a_piece_is_written_from_its_place_on_and_again_makes_no_difference(tmp_path: Path) -> None:
    for _ in range(2):
        for at, content in ((0, b"abc"), (3, b"def")):
            (tmp_path / "piece").write_bytes(content)
            Library(tmp_path).append(tmp_path / "piece", tmp_path / "whole", at)
    assert (tmp_path / "whole").read_bytes() == b"abcdef"
    assert not (tmp_path / "piece").exists()
