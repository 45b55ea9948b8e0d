"""TOML from elsewhere ends in a table or an error, soon and in little memory."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from stackctl.core.formats.bounded_toml import NoToml, parse

MIB = 1 << 20
HOSTILE = {
    "nested arrays": "a=" + "[" * (MIB - 2),
    "nested tables": "a=" + "{a=" * 349_000,
    "a key of half a million parts": "a" + ".a" * 524_000 + "=1",
    "keys of 500 parts": "\n".join(f"k{number}{'.a' * 500}=1" for number in range(1000)),
    "keys of 60 parts": "\n".join(f"k{number}{'.a' * 60}=1" for number in range(8000)),
    "keys of 60 parts below one table": "\n".join(f"a{'.a' * 60}.k{number}=1" for number in range(8000)),
    "as many keys of 60 parts as are read": "\n".join(f"k{number}{'.a' * 60}=1" for number in range(620)),
    "as many keys of 60 parts below one table": "\n".join(f"a{'.a' * 60}.k{number}=1" for number in range(620)),
    "as many tables as are read": "\n".join(f"[{number}]" for number in range(19_000)),
    "tables of 50,000 parts": "\n".join(f"[k{number}{'.a' * 50_000}]" for number in range(10)),
    "a hundred thousand keys": "\n".join(f"{number}=1" for number in range(100_000)),
    "a hundred thousand tables": "\n".join(f"[{number}]" for number in range(100_000)),
    "an array of tables": "[[a]]\n" * 170_000,
    "half a million values": f"a=[{'1,' * 500_000}]",
    "a huge number": "a=" + "9" * 1_000_000,
    "a huge hexadecimal number": "a=0x" + "f" * 1_000_000,
    "a huge exponent": "a=1e" + "9" * 1_000_000,
    "a number of 1900 digits a line": "\n".join(f"k{number}={'9' * 1900}" for number in range(500)),
    "one string": f'a="{"x" * (MIB - 5)}"',
    "a string that does not end": 'a="' + "x" * (MIB - 3),
    "half a million comments": "#\n" * 500_000,
    "a million empty lines": "\n" * MIB,
    "the same key again": "a=1\n" * 200_000,
    "blanks": " " * MIB,
    "too many bytes": "x" * (MIB + 1),
    "a NUL": "a='\0'",
    "a date that is none": "a=2026-99-99",
    "half a character": 'a="\\ud800"',
}
SCRIPT = """
import sys, time
from stackctl.core.formats.bounded_toml import NoToml, parse
text, began = sys.stdin.read(), time.process_time()
try:
    parse(text, 40_000)
except NoToml:
    pass
print(time.process_time() - began)
"""


def test_a_usual_text_is_read() -> None:
    assert parse('a.b = 1\n[[c]]\nd = { e = [1.5, "x"] }\n', 20) == {"a": {"b": 1}, "c": [{"d": {"e": [1.5, "x"]}}]}


def test_more_entries_than_wanted_are_refused() -> None:
    with pytest.raises(NoToml, match="more entries"):
        parse("a = [1, 2, 3, 4]\n", 3)


@pytest.mark.parametrize("text", ["a = ", "a = 1\na = 2", "\ufeffa = 1", "a = nan.", "]"])
def test_what_is_no_toml_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(NoToml, match="is no TOML"):
        parse(text, 100)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_ends_within_two_seconds_and_200_mb(name: str) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (200_000_000, 200_000_000))

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=HOSTILE[name], cwd=Path(__file__).parents[3], preexec_fn=limit,
        capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    assert float(done.stdout) < 2
