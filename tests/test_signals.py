"""A run that was started with Ctrl-C ignored, as a shell's `&` starts it, tests Ctrl-C all the same."""

import os
import signal
import subprocess
import sys
from pathlib import Path

INNER = "STACKCTL_TEST_IGNORES_CTRL_C"


def test_what_a_test_starts_can_be_interrupted_however_the_run_was_started() -> None:
    if INNER not in os.environ:
        pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
        ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *pytest]
        done = subprocess.run(
            ignoring,
            cwd=Path(__file__).parents[1],
            env={**os.environ, INNER: "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert "1 passed" in done.stdout
        return
    with subprocess.Popen(["sleep", "60"]) as child:
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == -signal.SIGINT
