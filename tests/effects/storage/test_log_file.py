"""A log of any size is read with bounds; what is no text is refused."""

import gzip
import hashlib
import os
from pathlib import Path

import pytest

from stackctl.commands.explain import explain_log
from stackctl.effects.storage.log_file import now, read_log
from stackctl.errors import ConfigError

FAILS = "llama_model_load: error loading model: unknown model architecture: 'x'"


def read(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    found = explain_log(read_log(str(path), path)).explanation.found
    return found.cause.issue if found else ""


def test_a_file_of_2_gib_is_read_at_its_beginning_and_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as stream:
        stream.write(b"Welcome to KoboldCpp\n")
        stream.seek(2 << 30)
        stream.write(f"\n{FAILS}\n".encode())
    log = read_log("a.log", path)
    assert (log.size > 2 << 30, len(log.head) + len(log.tail) <= 2 << 20) == (True, True)
    found = explain_log(log).explanation.found
    assert found
    assert (found.cause.issue, found.line) == ("model-too-new", 0)


def test_a_line_of_100_mib_is_no_trouble(tmp_path: Path) -> None:
    assert read(tmp_path / "a.log", b"a" * (100 << 20) + b"\n" + FAILS.encode()) == "model-too-new"


def test_a_pipe_is_read_to_its_end_and_its_middle_left_out(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    if not (child := os.fork()):
        with path.open("wb") as stream:
            stream.write(b"Welcome to KoboldCpp\n" * 200_000 + FAILS.encode())
        os._exit(0)
    log = read_log("pipe", path)
    os.waitpid(child, 0)
    assert log.size == 21 * 200_000 + len(FAILS)
    assert log.tail.endswith(FAILS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_powershell_and_others_write_in_another_encoding(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path / "a.log", f"é\r\n{FAILS}\r\n".encode(encoding)) == "model-too-new"


def test_nul_bytes_and_escapes_of_a_terminal_hide_nothing(tmp_path: Path) -> None:
    assert (
        read(tmp_path / "a.log", b"\0" * 4096 + b"\x1b[31m" + FAILS.encode() + b"\x1b[0m\x1b]0;x\x07\n")
        == "model-too-new"
    )


NO_TEXT = {
    "compressed (gzip)": gzip.compress(b"a log"),
    "a model": b"GGUF\x03\x00\x00\x00",
    "binary data": bytes(range(1, 32)) * 100,
}


@pytest.mark.parametrize("says", NO_TEXT)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, says: str) -> None:
    with pytest.raises(ConfigError, match="is no text") as caught:
        read(tmp_path / "a.log", NO_TEXT[says])
    assert says in caught.value.message
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("name", "says"), [(".", "is a folder"), ("none.log", "can't be read"), ("/dev/zero", "a device")]
)
def test_what_is_no_file_is_refused(tmp_path: Path, name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        read_log(name, tmp_path / name)


def test_random_bytes_are_no_text(tmp_path: Path) -> None:
    noise = b"".join(hashlib.sha256(bytes([one])).digest() for one in range(256))
    with pytest.raises(ConfigError, match="it is binary data"):
        read(tmp_path / "a.log", noise * 4)


def test_what_waits_for_more_ends_where_nothing_is_there() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, b"one")
    assert (now(reader, 10), now(reader, 10)) == (b"one", b"")
    os.close(reader)
    os.close(writer)
