"""The speed of the RAM: measured within moments, and kept in the user's cache."""

import json
import os
import time
from pathlib import Path

import pytest

from stackctl.contracts.host import ReadSpeed
from stackctl.effects.host import read_speed

FILE = Path("stackctl/read-speed.json")


class Measuring:
    """Returns these speeds, one after another."""

    def __init__(self, *speeds: float) -> None:
        self.speeds = list(speeds)

    def __call__(self) -> ReadSpeed | None:
        speed = self.speeds.pop(0)
        return ReadSpeed(one_gb_per_s=speed / 2, all_gb_per_s=speed, cores=2) if speed else None


def asked(folder: Path, measure: Measuring, now: float) -> float:
    found = read_speed.read_speed(folder=folder, measure=measure, now=now)
    return found.all_gb_per_s if found else 0.0


def test_it_is_measured_in_moments() -> None:
    began = time.process_time()
    found = read_speed.measured()
    assert found
    assert 0.1 < found.one_gb_per_s <= found.all_gb_per_s < 5000
    assert found.cores >= 1
    assert time.process_time() - began < 2


def test_a_fresh_measurement_is_kept_and_an_old_one_is_repeated(tmp_path: Path) -> None:
    measure = Measuring(20, 30)
    assert [asked(tmp_path, measure, now) for now in (1000, 1001, 1599, 1601)] == [20, 20, 20, 30]
    assert measure.speeds == []


def test_what_is_known_stays_where_it_can_not_be_measured_again(tmp_path: Path) -> None:
    measure = Measuring(20, 0)
    assert [asked(tmp_path, measure, now) for now in (0, 1000)] == [20, 20]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "[1", "[" * 99_999, "[" * 3000, '{"boot": 1, "at": 0}'])
def test_a_cache_that_something_else_wrote_is_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(text)
    assert asked(tmp_path, Measuring(20), 1000) == 20
    assert json.loads((tmp_path / FILE).read_text())["all_gb_per_s"] == 20


@pytest.mark.parametrize(
    "change", [{"boot": "another"}, {"at": "yesterday"}, {"cores": 0}, {"all_gb_per_s": -1}, {"all_gb_per_s": 1e300}]
)
def test_what_was_measured_before_the_machine_started_or_is_impossible_does_not_count(
    tmp_path: Path, change: dict[str, object]
) -> None:
    asked(tmp_path, Measuring(90), 1000)
    kept = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(kept | change))
    assert asked(tmp_path, Measuring(20), 1001) == 20


def test_a_pipe_or_a_device_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / FILE).parent.mkdir()
    os.mkfifo(tmp_path / FILE)
    assert asked(tmp_path, Measuring(20), 1000) == 20
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).symlink_to("/dev/zero")
    assert asked(tmp_path, Measuring(20), 1000) == 20
    assert asked(tmp_path, Measuring(), 1001) == 20


def test_a_clock_that_was_set_back_makes_nothing_fresh_forever(tmp_path: Path) -> None:
    measure = Measuring(20, 30)
    assert [asked(tmp_path, measure, now) for now in (5000, 1000)] == [20, 30]


def test_a_home_that_can_not_be_written_to_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "stackctl").write_text("a file")
    assert asked(tmp_path, Measuring(20), 1000) == 20
    assert asked(tmp_path, Measuring(0), 1000) == 0
