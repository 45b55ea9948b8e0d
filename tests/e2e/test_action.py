"""The action's own shell on the real engine, in the environment of a job: what a workflow of others gets."""

import json
from pathlib import Path

import pytest
import xmlschema

from stackctl.core.model.demo_model import SENTENCE
from tests.docs.test_action import SMOKE, environment, run
from tests.e2e.conftest import ROOT, Stack
from tests.e2e.failing import gguf_without_a_tensor

pytestmark = pytest.mark.engine
SCHEMA = xmlschema.XMLSchema(str(ROOT / "tests" / "core" / "smoke" / "junit.xsd"))


@pytest.fixture
def job(stack: Stack) -> Stack:
    """A job's folder, with stackctl where the action's first step puts it."""
    place = stack.folder / "runner_temp" / "stackctl" / "bin"
    place.mkdir(parents=True)
    (place / "stackctl").symlink_to(stack.program)
    return stack


def outputs(around: dict[str, str]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in Path(around["GITHUB_OUTPUT"]).read_text().splitlines())


def test_a_job_gets_a_summary_a_result_and_a_report_and_nothing_stays(job: Stack) -> None:
    around = environment(job.folder, SMOKE, images="own") | job.environment | {"GITHUB_JOB": job.name}
    done = run(SMOKE, job.folder, around)
    assert done.returncode == 0, done.stderr
    assert "::error" not in done.stderr
    result = json.loads(Path(outputs(around)["result"]).read_text())
    assert (result["name"], result["passed"]) == (f"smoke-{job.name}"[:63].rstrip("-_"), True)
    assert SENTENCE in next(one["message"] for one in result["checks"] if one["name"] == "reply")
    SCHEMA.validate(Path(outputs(around)["junit"]).read_text())
    assert "| deploy | ✅ passed |" in Path(around["GITHUB_STEP_SUMMARY"]).read_text()
    assert {path.name for path in Path(around["RUNNER_TEMP"]).iterdir()} == {"stackctl", "stackctl-results"}
    assert job.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={result['name']}") == ""


@pytest.mark.chaos
def test_a_failure_is_annotated_and_its_evidence_lies_where_it_is_uploaded_from(job: Stack) -> None:
    (job.folder / "broken.gguf").write_bytes(gguf_without_a_tensor())
    around = environment(job.folder, SMOKE, images="own", model="broken.gguf", name="t-action") | job.environment
    done = run(SMOKE, job.folder, around)
    assert done.returncode == 8, done.stderr
    assert "::error title=stackctl smoke%3A deploy::llamacpp: " in done.stderr
    assert "❌ failed" in Path(around["GITHUB_STEP_SUMMARY"]).read_text()
    kept = Path(around["RUNNER_TEMP"]) / "stackctl-results" / "evidence"
    assert {"compose.yml", "llamacpp.log"} <= {path.name for path in kept.iterdir()}
