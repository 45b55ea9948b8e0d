"""What a taken-over SillyTavern leaves in its data, on the real engine: no command hangs, fills the memory or obeys."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import secrets_json as tavern_secrets
from tests.e2e.conftest import Stack
from tests.e2e.failing import lasting

pytestmark = [pytest.mark.engine, pytest.mark.chaos]
HOME = "/home/node/app"
SETTINGS, SECRETS = (f"{HOME}/{name}" for name in (tavern.SETTINGS, tavern_secrets.FILE))
MOST_S, MOST_KIB = 60, 300_000  # a deploy that waits for nothing takes some seconds and some 80 MB
COMMANDS = (("logs",), ("diff", "--images", "own"), ("deploy", "--no-proof", "--images", "own"))


@pytest.fixture(scope="module")
def running(own_images: None, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all of these tests."""
    del own_images
    with lasting(tmp_path_factory.mktemp("hostile") / "t-hostile", installed) as stack:
        stack.deploy("--no-proof", "--model", "demo")
        yield stack


def in_container(stack: Stack, script: str) -> None:
    """Run a script in SillyTavern's container, as the user whom it runs as."""
    stack.docker("exec", stack.container("sillytavern"), "sh", "-ec", script)


# a process that begins as a copy of a large one counts that one's memory as its peak: so a small one starts it
_MEASURE = """
import resource, subprocess, sys
done = subprocess.run(["timeout", *sys.argv[1:]], stdin=subprocess.DEVNULL, capture_output=True)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, flush=True)
sys.stdout.buffer.write(done.stdout)
sys.stderr.buffer.write(done.stderr)
"""


def bounded(stack: Stack, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run stackctl; fail the test where it takes longer, or it or what it calls takes more memory, than it may."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(MOST_S), str(stack.program), *words],
        cwd=stack.folder,
        env={**os.environ, **stack.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    measured, _, out = done.stdout.partition("\n")
    code, peak_kib = map(int, measured.split())
    assert code != 124, f"stackctl {' '.join(words)} ran for {MOST_S} s"
    assert peak_kib < MOST_KIB
    return subprocess.CompletedProcess(words, code, out, done.stderr)


PLANTED = {
    "pipe": "rm -f {0}; mkfifo {0}",
    "endless": "rm -f {0}; ln -s /dev/zero {0}",
    "sparse": "rm -f {0}; truncate -s 40G {0}",
    "link": "rm -f {0}; ln -s /etc/passwd {0}",
    "folder is a link": "mv $(dirname {0}) $(dirname {0}).was; ln -s /etc $(dirname {0})",
}
KINDS = [pytest.param(kind, marks=pytest.mark.sample if kind == "pipe" else ()) for kind in PLANTED]
MENDED = "for d in {home}/data/default-user; do [ ! -L $d ] || {{ rm $d; mv $d.was $d; }}; done; rm -f {files}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", [SETTINGS, SECRETS])
def test_no_command_hangs_or_fills_the_memory(running: Stack, kind: str, file: str) -> None:
    in_container(running, PLANTED[kind].format(file))
    try:
        for words in COMMANDS:
            done = bounded(running, *words)
            said = done.stdout + done.stderr
            assert "Traceback" not in said, said
            assert "root:x:0:0" not in said
            if words[0] == "deploy":
                assert done.returncode == 9, said
                assert Path(file).name in said or "default-user" in said
                assert "hint:" in said
            else:
                assert done.returncode in {0, 1}, said
    finally:
        in_container(running, MENDED.format(home=HOME, files=f"{SETTINGS} {SECRETS}"))


@pytest.mark.parametrize("file", [SETTINGS, SECRETS])
def test_a_file_nested_without_end_is_kept_aside_and_the_stack_goes_on(running: Stack, file: str) -> None:
    in_container(running, f"head -c 200000 /dev/zero | tr '\\0' '[' > {file}")
    done = bounded(running, "deploy", "--images", "own")
    assert done.returncode == 0, done.stderr
    assert f"{Path(file).name} was damaged" in done.stderr


def test_an_entry_under_our_name_does_not_blot_out_the_output(running: Stack) -> None:
    entry = '{"api_key_x": [{"id": "stackctl", "value": "e", "label": "x", "active": true}]}'
    in_container(running, f"echo '{entry}' > {SECRETS}")
    assert "***" not in bounded(running, "logs", "sillytavern").stdout.replace("password=***", "")
    assert "sillytavern" in bounded(running, "status").stdout
    assert bounded(running, "deploy", "--images", "own").returncode == 0
