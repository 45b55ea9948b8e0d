"""`stackctl smoke --up`: a stack of its own for one run, whatever becomes of the run; KoboldCpp and TGW under smoke."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import gguf_bytes
from tests.e2e import outside
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import gguf_without_a_tensor, override, within
from tests.e2e.test_smoke import SCHEMA, again, smoke, statuses

pytestmark = pytest.mark.engine


@pytest.fixture
def job(stack: Stack) -> Iterator[Stack]:
    """A job's folder; its stack is called t-up."""
    stack.folder = stack.folder.rename(stack.folder.with_name("t-up"))  # so that what it left would be cleaned
    yield stack
    assert left(stack) == []


def left(job: Stack) -> list[str]:
    """What of its stack is on the engine and on the disk."""
    label = ("--filter", "label=com.docker.compose.project=t-up")
    found = [*job.docker("ps", "-aq", *label).split(), *job.docker("network", "ls", "-q", *label).split()]
    found += job.docker("network", "ls", "-q", "--filter", "name=t-up_smoke").split()
    return found + [str(path) for path in job.folder.glob("stackctl-smoke*")]


UP = ("--up", "--name", "t-up", "--at", ".", "--images", "own")


def test_a_stack_is_brought_up_checked_and_gone_with_its_folder(job: Stack) -> None:
    found = smoke(job, 0, *UP, "--context", "4096", "--artefacts", "kept")
    assert statuses(found, "failed") | statuses(found, "not_run") == set()
    assert list(found)[1] == "deploy"
    assert found["context"]["message"].startswith("4096 tokens")
    assert not (job.folder / "kept").exists()


@pytest.mark.chaos
def test_a_failed_deploy_is_a_failed_check_and_leaves_evidence_and_nothing_else(job: Stack) -> None:
    (job.folder / "broken.gguf").write_bytes(gguf_without_a_tensor())
    reports = ("--artefacts", "kept", "--junit", "junit.xml", "--summary", "summary.md", "--annotate")
    done = job.run("smoke", *UP, "--model", "broken.gguf", *reports, check=False)
    assert done.returncode == 8, done.stderr
    assert "::error title=stackctl smoke%3A deploy::" in done.stderr
    report = (job.folder / "junit.xml").read_text()
    SCHEMA.validate(report)
    assert report.count("because deploy failed") > 10
    kept = {path.name for path in (job.folder / "kept").iterdir()}
    assert {"compose.yml", "stack.toml", "stack.lock", "llamacpp.log"} <= kept
    assert "'blk.0.ffn_down.weight' not found" in (job.folder / "kept" / "llamacpp.log").read_text()


def test_a_run_that_can_not_even_begin_is_reported_likewise(job: Stack) -> None:
    found = smoke(job, 8, *UP, "--model", "missing.gguf", "--junit", "junit.xml")
    assert statuses(found, "failed") == {"deploy"}
    SCHEMA.validate((job.folder / "junit.xml").read_text())


def test_without_an_engine_there_is_a_report_all_the_same(job: Stack) -> None:
    lost = within(job, DOCKER_HOST="unix:///nowhere/docker.sock")
    found = smoke(lost, 4, *UP, "--junit", "junit.xml", "--artefacts", "kept")
    assert statuses(found, "failed") == {"deploy"}
    SCHEMA.validate((job.folder / "junit.xml").read_text())


@contextlib.contextmanager
def running(job: Stack, until: str) -> Iterator["subprocess.Popen[str]"]:
    """A run under way that has just said this."""
    argv = [str(job.program), "smoke", *UP]
    environment = {**os.environ, **job.environment, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        argv, cwd=job.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr
        said = next((line for line in process.stderr if until in line), "")
        assert said
        yield process


@pytest.mark.chaos
@pytest.mark.parametrize(("sent", "until"), [(signal.SIGINT, "llamacpp is ready"), (signal.SIGTERM, "Checking t-up")])
def test_an_interrupted_run_takes_its_stack_down(job: Stack, sent: signal.Signals, until: str) -> None:
    with running(job, until) as process:
        process.send_signal(sent)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert left(job) == []


@pytest.mark.chaos
def test_what_a_killed_run_left_is_removed_by_the_next_one_of_its_name(job: Stack) -> None:
    with running(job, "Checking t-up") as process:
        process.kill()
        process.communicate(timeout=60)
    before = left(job)
    assert before
    time.sleep(0.1)
    found = smoke(job, 0, *UP, "--only", "reply")
    assert set(found) == {"", "deploy", "reply"}


@pytest.mark.chaos
def test_a_users_stack_of_that_name_is_never_touched(job: Stack) -> None:
    job.deploy("--name", "t-up", "--port", str(free_port()))
    before = job.inspect("llamacpp")["Id"]
    said = job.fails(3, "smoke", *UP)
    assert f"the name 't-up' belongs to the stack in {job.folder}" in said
    assert job.inspect("llamacpp")["Id"] == before
    assert (job.folder / "compose.yml").exists()
    job.run("down")


@pytest.mark.chaos
def test_a_kept_stack_stays_until_the_next_run_of_its_name(job: Stack) -> None:
    smoke(job, 0, *UP, "--only", "services", "--keep")
    status = job.run("-C", "stackctl-smoke/t-up/stack", "status", "--json").stdout
    assert json.loads(status)["ready"]
    smoke(job, 0, *UP, "--only", "services")


def test_options_of_up_are_refused_without_it(job: Stack) -> None:
    for words in (("--model", "demo"), ("--keep",), ("--at", "x"), ("--gpu", "none")):
        done = job.run("smoke", *words, check=False)
        assert (done.returncode, f"{words[0]} needs --up" in done.stderr) == (2, True), done.stderr


# -- other backends; KoboldCpp and text-generation-webui by their stand-ins


@pytest.mark.machines
def test_a_backend_elsewhere_passes_but_for_what_only_a_service_has(job: Stack) -> None:
    models = job.folder / "models"
    models.mkdir()
    (models / "demo.gguf").write_bytes(gguf_bytes())
    host = outside.gateway()
    with outside.llamacpp(models, host) as port:
        found = smoke(job, 0, *UP, "--url", f"http://{host}:{port}")
    assert statuses(found, "not_run") == {"key", "isolation", "restart"}
    assert found["restart"]["message"] == "the backend runs elsewhere"
    assert found["context"]["message"].startswith("4096 tokens")


@pytest.mark.machines
def test_koboldcpp_passes(stack: Stack, program: Path) -> None:
    (stack.folder / "stack.toml").write_text(f'[backend]\nkind = "koboldcpp"\nprogram = "{program}"\n')
    stack.deploy("--port", str(free_port()))
    found = smoke(stack, 0, "--restart")
    assert statuses(found, "not_run") == set()


@pytest.mark.machines
def test_text_generation_webui_passes_and_one_with_a_failed_model_does_not(stack: Stack, textgen: str) -> None:
    wish = f'[backend]\nkind = "textgen"\nimage = "{textgen}"\ncontext = 4096\n'
    (stack.folder / "stack.toml").write_text(wish)
    stack.deploy("--port", str(free_port()))
    found = smoke(stack, 0, "--restart")
    assert statuses(found, "not_run") == set()
    assert "does not report its context" in found["context"]["message"]

    (stack.folder / "broken.gguf").write_bytes(gguf_without_a_tensor())
    (stack.folder / "stack.toml").write_text(f'[model]\npath = "broken.gguf"\n{wish}')
    stack.fails(8, "deploy", "--images", "own")  # which stops it; its own word for all being well is no proof
    stack.docker("start", stack.container("text-generation-webui"))
    time.sleep(3)
    found = smoke(stack, 8)
    assert statuses(found, "failed") >= {"services"}
    assert "text-generation-webui: " in found["services"]["message"]

    override(stack, **{"text-generation-webui": {"healthcheck": {"test": ["CMD", "true"]}}})
    again(stack)
    found = smoke(stack, 7)  # healthy, it says; and its list of models names the one that failed
    assert {"services", "model"} <= statuses(found, "passed")
    assert statuses(found, "failed") >= {"reply"}
    assert "refused to generate (500)" in found["reply"]["message"]
