"""What a person reads fits a narrow terminal: a table breaks between words, and no word is lost or cut."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner

from stackctl import report
from stackctl.cli import main
from stackctl.commands.gpu import GpuLook
from stackctl.commands.history import Past
from stackctl.commands.images import ImageHere
from stackctl.commands.ls import Stacks, StackSeen
from stackctl.commands.models.stored import Entry
from stackctl.commands.status import Status, Trouble
from stackctl.commands.use import ModelHere
from stackctl.contracts.gpu_trial import GpuTrial
from stackctl.contracts.host import GpuHolder, GpuReading
from stackctl.contracts.service import GpuRequest
from stackctl.core.advice.inspection import About
from stackctl.core.gpu.driver import judge_driver
from stackctl.core.gpu.trial import judge_trial
from stackctl.core.history import Record
from stackctl.core.hub.source import RepoFile
from stackctl.core.hub.store import StoredModel
from stackctl.core.observed import Ram, ServiceState
from stackctl.core.plan.model_run import ModelRun
from stackctl.core.smoke.checks import CHECKS
from stackctl.core.smoke.reachability import Route
from stackctl.core.smoke.result import Outcome, Smoked
from stackctl.errors import GpuError
from stackctl.report import status_text, stored_models
from stackctl.report.gpu import gpu
from stackctl.report.history import history
from stackctl.report.inspect import inspected
from stackctl.report.ls import stacks
from stackctl.steps.memory_now import GpuNow, MemoryNow
from stackctl.terminal import cells, table, wrapped
from stackctl.ui import Ui
from tests.commands.json_scenes import CARD, CARD_NOW
from tests.shapes.header import sparse
from tests.shapes.measured import MODELS

PAGE, SERVER = "ghcr.io/sillytavern/sillytavern:1.19.0", "ghcr.io/ggml-org/llama.cpp:server-cuda-b6123"
STATUS = Status(
    name="chat",
    services=(
        ServiceState(name="sillytavern", container="a", state="running", health="healthy", image=PAGE),
        ServiceState(name="llamacpp", container="b", state="exited", restarts=3, image=SERVER),
    ),
    missing=("backend-door",),
    urls=(),
    troubles=(
        Trouble(
            service="llamacpp",
            problem="llamacpp: the model file is damaged or cut short, says its log",
            hint="x",
            issue="model-damaged",
        ),
    ),
)
BUSY = GpuReading(
    uuid="GPU-1", name="NVIDIA RTX 6000 Ada Generation", total_mib=49_140, free_mib=9000, utilisation=99,
    temperature_c=81, power_w=298.6,
)  # fmt: skip
OTHERS = tuple(GpuHolder(pid=number, name=name, mib=900) for number, name in enumerate(("Xorg", "firefox", "a", "b")))
RUN = ModelRun(
    name="Mistral-Small-24B-Instruct-2501-Q4_K_M.gguf", context=16384, gpu_layers=41, layers=41, cpu_experts=3
)
HOLDING = replace(
    STATUS,
    run=RUN,
    urls=("http://127.0.0.1:8000", "http://192.168.178.21:8000", "https://chat.example.org"),
    memory=MemoryNow(
        gpus=(GpuNow(reading=BUSY, own_mib=36_000, others=OTHERS), GpuNow(reading=BUSY, own_mib=None, others=())),
        ram_mib=1400,
        ram=Ram(total_mib=64_000, free_mib=31_000),
    ),
    pace=12.5,
)
STACKS = Stacks(
    stacks=(
        StackSeen(
            name="chat", folder="/home/somebody/stacks/chat", is_gone=False, state="ready", backend="llamacpp", run=RUN,
            vram_mib=36_000, ram_mib=1400, url="http://127.0.0.1:8000",
        ),
        StackSeen(
            name="text-generation", folder="/srv/text", is_gone=True, state="partial", backend="text-generation-webui",
            run=None, vram_mib=None, ram_mib=None, url="",
        ),
    ),
    gpu_error=GpuError("the NVIDIA driver does not answer within its time limit, as it hangs", hint="x"),
)  # fmt: skip
IMAGES = (
    ImageHere(service="sillytavern", name=PAGE, digest="sha256:" + "a" * 64, kind="tried"),
    ImageHere(service="llamacpp", name=SERVER, digest="", kind="unverified"),
)
RESERVED = GpuRequest(make="nvidia", driver="nvidia")
REFUSED = GpuTrial(drivers=("nvidia",), refusal='could not select device driver "nvidia" with capabilities: [[gpu]]')
HERE = ModelHere(name="small", path="/srv/models/a-model.gguf", context="16384", kv_cache="q8_0", is_used=True)
RECORD = Record(
    time="2026-11-25T10:00:00Z", stackctl="0.1.0", inputs="x", backend="text-generation-webui",
    model="Mistral-Small-24B-Q4_K_M.gguf", context=16384, kv_cache="q8_0", gpu_layers="33", port=8000, images=(),
    model_files=(), program=None, ready_s=3.0, first_token_s=0.2, tokens_per_s=31.25,
)  # fmt: skip
PAST = Past(
    number=12, record=RECORD, changes=("context 8192 -> 16384", "model a.gguf -> Mistral-Small-24B-Q4_K_M.gguf")
)
SMOKED = Smoked(
    name="chat",
    url="http://127.0.0.1:8000",
    outcomes=tuple(Outcome(name=one.name, status="passed", says=one.says, seconds=12.5) for one in CHECKS),
    ways=(
        Route(
            source="another container",
            target="llamacpp",
            address="172.30.0.3:8080",
            expected="closed",
            seen="open",
            is_open=True,
        ),
        Route(
            source="this machine",
            target="sillytavern",
            address="127.0.0.1:8000",
            expected="open",
            seen="open",
            is_open=True,
        ),
    ),
)
ABOUT = About(
    name="Mistral-Small-24B-Instruct-2501-Q4_K_M.gguf", format="GGUF 3", size=14_300_000_000, parts=1,
    title="Mistral Small 24B Instruct 2501", architecture="llama", parameters=24_000_000_000, quantisation="Q4_K_M",
    bits=4.85, types={"Q4_K": (241, 12_000_000_000), "Q6_K": (41, 2_000_000_000), "F32": (81, 1)},
    layers=40, heads=32, kv_heads=8, context=131072, good_context=32768, context_source="RULER", vocabulary=131072,
    tokenizer="gpt2", has_chat_template=True, template="Mistral V7",
    template_says="prompt template Mistral V7, by its chat template", licence="apache-2.0",
    languages=("en", "fr", "de", "es", "it", "pt", "zh", "ja", "ko"),
    backends={"llamacpp": "", "koboldcpp": "its newest build knows no tensors of the type MXFP4 yet"},
)  # fmt: skip
MISTRAL = RepoFile(name="Mistral-Small-Q4_K_M.gguf", size=14_300_000_000, sha256="a")
STORED = Entry(
    kept=StoredModel(
        place=PurePosixPath("bartowski/Mistral-Small-24B/Mistral-Small-Q4_K_M.gguf"),
        source="hf:a/b:Q4_K_M",
        commit="1",
        is_folder=False,
        files=(MISTRAL,),
        licence="apache-2.0",
        pulled="2026-11-25",
    ),
    path=Path("/a"),
    is_whole=True,
    users=("chat", "another-stack"),
)

LOOK = GpuLook(
    gpus=(CARD,),
    readings=(CARD_NOW,),
    engine=None,
    layers=(judge_driver((CARD,)), replace(judge_trial(RESERVED, REFUSED, 1, "Docker")[0], hint="Reboot.")),
)

REPORTS: dict[str, Callable[[Ui], str]] = {
    "status": lambda ui: status_text.status(STATUS, ui)[0],
    "status, holding": lambda ui: status_text.status(HOLDING, ui)[0],
    "ls": lambda ui: stacks(STACKS, ui)[0],
    "images": lambda ui: report.images(IMAGES, ui)[0],
    "use": lambda ui: report.models((HERE,), ui)[0],
    "gpu": lambda ui: gpu(LOOK, ui)[0],
    "history": lambda ui: history((PAST, PAST), ui)[0],
    "smoke": lambda ui: report.smoked(SMOKED, ui)[0],
    "models inspect": lambda ui: inspected(ABOUT, ui)[0],
    "models list": lambda ui: stored_models.listed((STORED, STORED), (), ui)[0],
    "no models": lambda ui: stored_models.listed((), (), ui)[0],
    "no history": lambda ui: history((), ui)[0],
}


def too_wide(text: str, columns: int) -> list[str]:
    """The lines that do not fit, but for a single word, which stays whole, and a command to copy."""
    wide = [line for line in text.splitlines() if cells(line) > columns and " " in line.strip()]
    return [line for line in wide if not line.startswith("stackctl ")]


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("name", REPORTS)
def test_a_report_fits_the_terminal_and_loses_no_word(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = REPORTS[name](Ui())
    monkeypatch.setenv("COLUMNS", str(columns))
    text = REPORTS[name](Ui())
    assert too_wide(text, columns) == []
    assert set(text.split()) >= set(whole.split())
    assert columns < 60 or max(map(cells, text.splitlines())) <= columns


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("words", [("fit",), ("fit", "--gpu-memory", "4000,8000", "--device", "vulkan"), ("inspect",)])
def test_what_is_computed_of_a_model_fits_the_terminal(tmp_path: Path, words: tuple[str, ...], columns: int) -> None:
    eight = MODELS["llama-3.1-8b"]
    model = sparse(tmp_path / "8b.gguf", eight.metadata(), eight.tensors())
    done = CliRunner().invoke(
        main, ["models", words[0], str(model), *words[1:]], env={"COLUMNS": str(columns)}, catch_exceptions=False
    )
    assert done.exit_code == 0
    assert too_wide(done.stdout, columns) == []


def test_a_recommendation_fits_the_terminal_but_for_the_commands_to_copy() -> None:
    done = CliRunner().invoke(main, ["models", "recommend"], env={"COLUMNS": "60"}, catch_exceptions=False)
    assert done.exit_code == 0
    wide = too_wide(done.stdout, 60)
    assert all(": stackctl " in line for line in wide)


def test_in_a_pipe_a_row_stays_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert len(history((PAST, PAST), Ui())[0].splitlines()) == 3


ROWS = [["NAME", "WHAT"], ["one", "a few words"], ["another", "some more words than fit"]]


def test_a_table_that_fits_is_the_usual_one() -> None:
    assert table(ROWS, 40) == table(ROWS)


def test_cells_break_between_words_below_the_head_of_their_column() -> None:
    assert table(ROWS, 24).splitlines() == [
        "NAME     WHAT",
        "one      a few words",
        "another  some more words",
        "         than fit",
    ]


def test_where_columns_leave_no_room_each_row_becomes_a_block() -> None:
    rows = [["NAME", "IMAGE"], ["one", "registry.example.org/a/b:1"], ["two", "x"]]
    assert table(rows, 28).splitlines() == [
        "NAME   one",
        "IMAGE",
        "  registry.example.org/a/b:1",
        "",
        "NAME   two",
        "IMAGE  x",
    ]


def test_without_a_head_the_names_of_the_rows_stay_beside_their_text() -> None:
    rows = [["title", "a"], ["licence", "a-word-of-28-cells-in-a-row-"]]
    assert table(rows, 30, has_head=False).splitlines() == ["title    a", "licence", "  a-word-of-28-cells-in-a-row-"]


def test_a_text_keeps_its_indentation_and_its_long_words() -> None:
    assert wrapped("  to be broken here", 10) == ["  to be", "  broken", "  here"]
    assert wrapped("a/very/long/path and more", 8) == ["a/very/long/path", "and more"]
    assert wrapped("\u65e5\u672c \u8a9e", 5) == ["\u65e5\u672c", "\u8a9e"]


def test_a_block_has_no_line_for_an_empty_cell() -> None:
    word = "a-name-that-is-too-long-for-a-column"
    found = table([("NAME", "SIZE", "WHY"), (word, "1 GB", ""), (word, "", "used")], 40)
    heads = [line.split()[0] for line in found.splitlines() if line and not line.startswith(" ")]
    assert heads == ["NAME", "SIZE", "NAME", "WHY"]
