"""Free memory, and what one container's processes hold of it: real processes, and NVML's stand-in."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from stackctl.effects.host import memory
from tests.standins import nvml

HOLD = "held = bytearray({mib} << 20); print('here', flush=True); input()"
PARENT = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, '-c', sys.argv[1]]))"
ASK = """
import json, sys
from stackctl.machine import held
print(json.dumps(held(int(sys.argv[1]))))
"""


@contextmanager
def holding(mib: int) -> Iterator[int]:
    """A process whose child holds that much; its pid."""
    argv = [sys.executable, "-c", PARENT, HOLD.format(mib=mib)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "here\n"
        try:
            yield process.pid
        finally:
            process.communicate("\n")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return nvml.build(tmp_path_factory.mktemp("nvml"))


def held(folder: Path, pid: int, **answers: str) -> dict[str, int]:
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": os.pathsep.join(sys.path), **answers}
    argv = [sys.executable, "-c", ASK, str(pid)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


def test_free_is_what_can_be_had_without_swapping() -> None:
    found = memory.ram()
    assert found.total_mib == psutil.virtual_memory().total >> 20
    assert 0 < found.free_mib < found.total_mib
    assert found.own_mib == 0


@pytest.mark.parametrize("text", [None, "", "MemTotal: 1 kB\n", "MemTotal: much\nMemAvailable: 5 kB\n", "no table"])
def test_where_the_kernel_does_not_say_another_way_is_known(tmp_path: Path, text: str | None) -> None:
    table = tmp_path / "meminfo"
    if text is not None:
        table.write_text(text)
    total, free = memory._now(table)
    assert total == psutil.virtual_memory().total
    assert 0 < free < total


def test_the_kernels_table_is_in_kib(tmp_path: Path) -> None:
    table = tmp_path / "meminfo"
    table.write_text("MemTotal:        2048 kB\nMemFree:  512 kB\nMemAvailable:    1024 kB\nHugePages_Total: 0\n")
    assert memory._now(table) == (2 << 20, 1 << 20)


def test_what_a_container_holds_is_that_of_all_its_processes() -> None:
    with holding(300) as pid:
        assert 300 <= memory.ram(pid).own_mib < 400


def test_a_container_that_has_ended_holds_nothing() -> None:
    with holding(1) as pid:
        pass
    assert memory.ram(pid).own_mib == 0


def test_each_gpu_says_what_the_containers_processes_hold(library: Path) -> None:
    with holding(1) as pid:
        child = psutil.Process(pid).children()[0].pid
        answers = {"STANDIN_NVML_MIB": "12288,24576", "STANDIN_NVML_HELD": str(child)}
        assert held(library, pid, **answers) == {"GPU-00000000-stand-in": 3072, "GPU-00000001-stand-in": 6144}


def test_what_others_hold_is_not_ours(library: Path) -> None:
    with holding(1) as pid:
        assert held(library, pid, STANDIN_NVML_MIB="12288", STANDIN_NVML_HELD=str(os.getpid())) == {}


def test_without_a_driver_nothing_is_held(tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_text("not a library")
    assert held(tmp_path, os.getpid()) == {}


@pytest.mark.parametrize("code", ["9", "999"])
def test_a_driver_that_does_not_answer_says_nothing(library: Path, code: str) -> None:
    answers = {"STANDIN_NVML_MIB": "12288", "STANDIN_NVML_HELD": str(os.getpid()), "STANDIN_NVML_INIT": code}
    assert held(library, os.getpid(), **answers) == {}
