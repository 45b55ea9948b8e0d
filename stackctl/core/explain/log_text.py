"""A log as it was read, and whether it is text at all."""

from dataclasses import dataclass
from typing import Final

_MARKS: Final = (  # what a file that is no text begins with, and what to do with it
    (b"\x1f\x8b", "it is compressed (gzip)", "Unpack it: `zcat FILE | stackctl explain -`."),
    (b"(\xb5/\xfd", "it is compressed (zstd)", "Unpack it: `zstdcat FILE | stackctl explain -`."),
    (b"\xfd7zXZ", "it is compressed (xz)", "Unpack it: `xzcat FILE | stackctl explain -`."),
    (b"PK\x03\x04", "it is a zip archive", "Unpack it, and name the log in it."),
    (b"GGUF", "it is a model", "Run `stackctl models inspect FILE` for a model."),
    (b"\x7fELF", "it is a program", "Save what the program prints, and name that file."),
    (b"\x89PNG", "it is a picture", "Copy the log as text, and name that file."),
    (b"LPKSHHRH", "it is a journal of systemd", "Run `journalctl --file FILE | stackctl explain -`."),
)
_CONTROL: Final = frozenset(range(32)) - {8, 9, 10, 12, 13, 27}
_SAMPLE: Final = 64 << 10
_TEXT_PER_CONTROL: Final = 20  # bytes; of random ones every tenth is a control character
_TEXT: Final = "Name a file with the log as text."


@dataclass(frozen=True, kw_only=True)
class LogText:
    """A log as it was read. tail: its end, where the middle was left out; size: its bytes, as far as they were seen."""

    name: str
    head: str
    tail: str = ""
    size: int = 0


def why_no_text(raw: bytes) -> tuple[str, str]:
    """Return why bytes are no text, and what to do; ("", "") if they are."""
    for mark, says, hint in _MARKS:
        if raw.startswith(mark):
            return says, hint
    sample = raw[:_SAMPLE]
    if _utf_16(raw):
        return "", ""
    sample = sample.replace(b"\0", b"")  # a log that was cut while it was written begins with these
    if sum(sample.count(one) for one in _CONTROL) * _TEXT_PER_CONTROL > len(sample):
        return "it is binary data", _TEXT
    return "", ""


def decode(raw: bytes) -> str:
    """Return bytes as text, whatever their encoding: PowerShell writes UTF-16."""
    if encoding := _utf_16(raw):
        return raw[: len(raw) & ~1].decode(encoding, "replace").removeprefix("\ufeff")
    return raw.decode("utf-8-sig", "replace")


def _utf_16(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16-le" if raw.startswith(b"\xff\xfe") else "utf-16-be"
    sample = raw[: 4 << 10]
    for encoding, at in (("utf-16-le", 1), ("utf-16-be", 0)):  # the end of such a file has no mark
        if len(sample) > 8 and sample[at::2].count(0) * 10 > len(sample) * 4 and not sample[1 - at :: 2].count(0):
            return encoding
    return ""
