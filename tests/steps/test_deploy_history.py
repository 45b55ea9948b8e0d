"""The history of a folder: one record for each good deploy, the newest 20, and nothing that fails a deploy."""

import hashlib
import json
import stat
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest

from stackctl import __version__
from stackctl.backends.contract import Offloaded
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.history import history
from stackctl.core import history as records
from stackctl.core.gpu.offload import GpuUse, Offload, Wanted
from stackctl.core.history import FileUsed
from stackctl.core.hub.source import RepoFile
from stackctl.core.hub.store import StoredModel
from stackctl.core.model import demo_model
from stackctl.core.observed import Observed
from stackctl.errors import NotReady
from stackctl.ports.page import Page
from stackctl.report.history import history as shown
from stackctl.secret import Secret
from stackctl.steps.deploy_history import record_deploy
from stackctl.steps.prove import Proof
from tests.commands.engines import Stage, Staged, container, staged
from tests.commands.test_words import PROOF
from tests.core.samples import KEY, a_plan, model, model_file, seen, wanted
from tests.fakes import FakeTavern

QUICK = Options(prove=False, timeout_s=20)
DEMO: dict[str, object] = {"model.path": "demo"}


@pytest.fixture
def here(tmp_path: Path) -> Staged:
    return staged(tmp_path, published=dict.fromkeys([one.image for one in a_plan().services], "sha256:1"))


def recorded(here: Staged, world: Observed | None = None, *, day: int = 1, proof: Proof | None = None) -> None:
    """Record a deploy of this stack on a day of November."""
    world = world or seen()
    at = datetime(2026, 11, day, 10, 0, 30, tzinfo=UTC)
    record_deploy(a_plan(world=world), world, here.machine, ready_s=3.456, proof=proof, clock=lambda: at)


# -- written


def test_a_good_deploy_is_recorded_for_the_owner_alone_and_without_its_key(here: Staged, tmp_path: Path) -> None:
    done = deploy(here.machine, DEMO, QUICK)
    file = tmp_path / records.FOLDER / "1.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.plan.key
    assert done.plan.key.reveal() not in file.read_text()
    (past,) = history(here.machine)
    one = past.record
    assert (one.backend, one.model, one.context, one.port) == ("llamacpp", demo_model.FILE_NAME, 8192, 8000)
    assert one.inputs == json.loads((tmp_path / "stack.lock").read_text())["rendered"]["inputs"]
    assert (one.stackctl, one.first_token_s, one.tokens_per_s) == (__version__, None, None)
    names = [service.image.removesuffix("@sha256:1") for service in done.plan.services]
    assert [image.name for image in one.images] == names
    assert [image.digest for image in one.images] == [names[0].partition("@")[2], "sha256:1"]
    assert one.model_files[0].size == len(demo_model.gguf_bytes())


@dataclass
class Gone(FakeTavern):
    """A SillyTavern that ends in the moment in which it is asked."""

    stage: Stage = field(default_factory=Stage)

    def open(self, url: str, login: tuple[str, Secret] | None) -> Page:
        self.stage.states_.clear()
        raise NotReady(f"nobody answers at {url} to {login}", hint="stackctl logs")


def test_a_deploy_that_fails_its_proof_is_not_recorded(here: Staged, tmp_path: Path) -> None:
    machine = replace(here.machine, tavern=Gone(stage=here.stage))
    with pytest.raises(NotReady, match="nobody answers"):
        deploy(machine, DEMO, replace(QUICK, prove=True))
    assert not (tmp_path / records.FOLDER).exists()


def test_the_proofs_figures_and_the_images_that_run_stand_in_it(here: Staged) -> None:
    here.stage.states_ = {"llamacpp": replace(container("llamacpp", state="running"), image_id="sha256:7")}
    recorded(here, proof=PROOF)
    (past,) = history(here.machine)
    assert [image.id for image in past.record.images] == ["sha256:7", ""]
    assert (past.record.ready_s, past.record.first_token_s, past.record.tokens_per_s) == (3.46, 0.25, 123.5)
    assert past.record.time == "2026-11-01T10:00:30Z"


def test_a_record_that_cannot_be_written_is_a_note_and_the_deploy_is_good(here: Staged, tmp_path: Path) -> None:
    (tmp_path / ".stackctl").mkdir()
    (tmp_path / records.FOLDER).write_text("not a folder")
    assert deploy(here.machine, DEMO, QUICK).ready_s
    assert "note: this deploy could not be recorded in the history: " in here.said.getvalue()


def test_the_newest_twenty_stay_and_are_numbered_upward(here: Staged, tmp_path: Path) -> None:
    for day in range(1, 24):
        recorded(here, day=day)
    assert [past.number for past in history(here.machine)] == list(range(23, 3, -1))
    assert len(list((tmp_path / records.FOLDER).iterdir())) == records.KEPT
    (tmp_path / records.FOLDER / "12.json").unlink()
    recorded(here, day=24)
    assert history(here.machine)[0].number == 24


def test_a_pulled_models_checksum_is_that_of_its_download_while_its_size_is_the_same(
    here: Staged, tmp_path: Path
) -> None:
    library = here.machine.storage.library
    files = tuple(RepoFile(name=f"m-0000{n}-of-00002.gguf", size=n, sha256=f"{n}" * 64) for n in (1, 2))
    place = PurePosixPath("hf/owner/tiny") / files[0].name
    library.note(
        StoredModel(
            place=place,
            source="hf:owner/tiny",
            commit="",
            licence="",
            pulled="2026-11-25",
            is_folder=False,
            files=files,
        )
    )
    folder = PurePosixPath(library.path(place)).parent
    mine = model_file("mine.gguf", host=f"{tmp_path}/mine.gguf", size=3)
    shards = [model_file(one.name, host=f"{folder}/{one.name}", size=one.size) for one in files]
    recorded(here, seen(of=model(*shards)))
    recorded(here, seen(of=model(shards[0], replace(shards[1], size=9))))
    recorded(here, seen(of=model(mine)))
    sums = [[one.sha256 for one in past.record.model_files] for past in history(here.machine)]
    assert sums == [[""], ["1" * 64, ""], ["1" * 64, "2" * 64]]


def test_of_a_safetensors_folder_every_file_has_its_checksum(here: Staged) -> None:
    library = here.machine.storage.library
    files = tuple(RepoFile(name=name, size=5, sha256=name[0] * 64) for name in ("a.safetensors", "sub/b.json"))
    place = PurePosixPath("hf/owner/folder")
    library.note(
        StoredModel(
            place=place,
            source="hf:owner/folder",
            commit="",
            licence="",
            pulled="2026-11-25",
            is_folder=True,
            files=files,
        )
    )
    at = library.path(place)
    found = model(*(model_file(one.name, host=f"{at}/{one.name}", size=5) for one in files), folder="folder")
    world = seen(of=found)
    plan = a_plan(wanted(backend={"kind": "text-generation-webui"}), world)
    record_deploy(plan, world, here.machine, ready_s=1.0, proof=None)
    assert [one.sha256 for one in history(here.machine)[0].record.model_files] == ["a" * 64, "s" * 64]


def test_a_program_has_the_checksum_that_it_was_verified_by_or_else_its_size_and_time(
    here: Staged, tmp_path: Path
) -> None:
    raw = b"\x7fELF the program"
    mine, fetched = tmp_path / "mine", tmp_path / "store/programs/koboldcpp/1/koboldcpp"
    for file in (mine, fetched):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(raw)
    sha256, time = hashlib.sha256(raw).hexdigest(), fetched.stat().st_mtime_ns
    record = {"url": "https://x", "sha256": sha256, "size": len(raw), "mtime_ns": time}
    fetched.with_name("koboldcpp.json").write_text(json.dumps(record))
    for file in (mine, fetched, tmp_path / "gone"):
        world = replace(seen(), programs={"": PurePosixPath(file)})
        plan = a_plan(wanted(backend={"kind": "koboldcpp"}))
        record_deploy(replace(plan, program=""), world, here.machine, ready_s=1.0, proof=None)
    assert [past.record.program for past in history(here.machine)] == [
        FileUsed(path=str(tmp_path / "gone"), size=0, modified_ns=0),
        FileUsed(path=str(fetched), size=len(raw), modified_ns=time, sha256=sha256),
        FileUsed(path=str(mine), size=len(raw), modified_ns=mine.stat().st_mtime_ns),
    ]


# -- read


def test_damaged_and_foreign_files_are_passed_over_with_a_note(here: Staged, tmp_path: Path) -> None:
    recorded(here, day=1)
    recorded(here, day=2)
    recorded(here, day=3)
    folder = tmp_path / records.FOLDER
    (folder / "2.json").write_text("{")
    (folder / "mine.txt").write_text("x")
    assert [past.number for past in history(here.machine)] == [3, 1]
    said = here.said.getvalue()
    assert "note: .stackctl/history/2.json is damaged, or another version of stackctl wrote it: it is skipped" in said
    assert "note: .stackctl/history/mine.txt is not a record of a deploy" in said


def test_each_deploy_says_what_it_changed_against_the_one_before(here: Staged) -> None:
    deploy(here.machine, DEMO, QUICK)
    deploy(here.machine, {}, QUICK)
    deploy(here.machine, {"backend.context": 4096}, QUICK)
    assert [past.changes for past in history(here.machine)] == [("context 8192 -> 4096",), (), None]


def test_the_table_and_the_list_tell_the_same(here: Staged) -> None:
    recorded(here, day=1, proof=PROOF)
    recorded(here, seen(of=model(model_file("other.gguf"))), day=2)
    text, values = shown(history(here.machine), here.machine.ui)
    rows = [line.split() for line in text.splitlines()]
    assert rows[0] == ["N", "WHEN", "STACKCTL", "BACKEND", "MODEL", "CONTEXT", "TOKENS/S", "CHANGED"]
    new = ["model", "tiny.gguf", "->", "other.gguf"]
    assert rows[1] == ["2", "2026-11-02T10:00:30Z", __version__, "llamacpp", "other.gguf", "8192", "-", *new]
    assert rows[2] == ["1", "2026-11-01T10:00:30Z", __version__, "llamacpp", "tiny.gguf", "8192", "123.5", "-"]
    last, first = values["deploys"]
    assert (last["number"], first["number"]) == (2, 1)
    assert last["changes"] == ["model tiny.gguf -> other.gguf"]
    assert first["changes"] is None
    assert (first["ready_s"], first["first_token_s"], first["tokens_per_s"]) == (3.46, 0.25, 123.5)
    assert first["deployed_at"] == "2026-11-01T10:00:30Z"
    assert KEY.reveal() not in json.dumps(values)


def test_what_was_planned_of_each_gpu_lies_beside_what_its_driver_saw(here: Staged) -> None:
    recorded(here, day=1)
    first = GpuUse(uuid="GPU-1", name="RTX 3060", planned_mib=8000, held_mib=7900)
    second = GpuUse(uuid="GPU-2", name="RTX 3090", planned_mib=9000, before_mib=24000, after_mib=14900)
    silent = GpuUse(uuid="GPU-3", name="RTX 4090", planned_mib=9000)
    layers = Offloaded(layers=33, of=33)
    offload = Offload(wanted=Wanted(), reported=(layers,), gpus=(first, second, silent))
    record_deploy(a_plan(), seen(), here.machine, ready_s=1.0, proof=None, offload=offload)
    text, values = shown(history(here.machine), here.machine.ui)
    assert "33/33 layers, 7900/8000 MiB, 9100/9000 MiB" in text
    last, before = values["deploys"]
    assert (last["layers_on_gpu"], last["layers"]) == (33, 33)
    assert [(one["planned_mib"], one["seen_mib"], one["seen_by"]) for one in last["gpus"]] == [
        (8000, 7900, "process"),
        (9000, 9100, "free memory"),
        (9000, None, None),
    ]
    assert (before["layers_on_gpu"], before["gpus"]) == (None, [])


def test_where_nothing_was_deployed_that_is_said(here: Staged) -> None:
    text, values = shown(history(here.machine), here.machine.ui)
    assert (text, values) == ("no deploy is recorded in this folder yet", {"version": 1, "deploys": []})
