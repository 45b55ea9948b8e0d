"""The gate lets nothing through that it is there to stop."""

import json
from pathlib import Path

import pytest

from tests.coverage_gate import LEAST, line_coverage, main, too_low


def report(**folders: tuple[int, int]) -> dict[str, dict[str, dict[str, int]]]:
    """Lines and lines that ran of one file of each folder, as in coverage's own report."""
    return {
        f"stackctl/{name}/one.py": {"summary": {"num_statements": lines, "covered_lines": ran}}
        for name, (lines, ran) in folders.items()
    }


def test_the_files_of_a_folder_count_together() -> None:
    files = report(core=(10, 5)) | {
        "stackctl/core/plan/plan.py": {"summary": {"num_statements": 30, "covered_lines": 30}}
    }
    assert line_coverage(files) == {"core": 87.5}


def test_a_folder_below_its_bound_is_named_and_one_that_is_not_there_is_not() -> None:
    assert too_low({"core": 94.9, "steps": 90.0}, {"core": 95, "steps": 90, "gpus": 95}) == ["core"]


@pytest.mark.parametrize(("ran", "code"), [(100, 0), (94, 1)])
def test_what_is_too_low_ends_with_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ran: int, code: int
) -> None:
    (tmp_path / "coverage.json").write_text(json.dumps({"files": report(core=(100, ran))}))
    assert main(str(tmp_path / "coverage.json")) == code
    assert ("error: unit tests run 94.0 % of stackctl/core/, and must run 95 %" in capsys.readouterr().out) == bool(
        code
    )


def test_every_folder_where_deploys_are_decided_has_a_bound() -> None:
    assert LEAST.keys() == {"core", "contracts", "companions", "gpus", "backends", "steps", "commands"}
    assert min(LEAST.values()) >= 80
