"""What a file is, by its first bytes: the explanation for a file of the wrong kind."""

from typing import Final

ENOUGH: Final = 512  # bytes that tell the kind
AGAIN: Final = "Download it again, and compare its checksum with the one that its page shows."
CUT_SHORT: Final = "Download it again: an interrupted download leaves such a file."
_PICKLES: Final = frozenset(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def describe_mismatch(start: bytes, size: int, wanted: str) -> str:
    """Return what a file of `size` bytes with this start is, where it is not `wanted`: "is a web page, ...".

    "" if the start is unknown.
    """
    lowered = start.lstrip().lower()
    if start.startswith(b"version https://git-lfs"):
        return f"is a Git LFS pointer of {size} bytes, not the file itself"
    if lowered.startswith((b"<!doctype", b"<html")):
        return f"is a web page, not {wanted}"
    if start.startswith(b"PK\x03\x04"):
        return f"is a zip archive (perhaps a PyTorch .bin), not {wanted}"
    if start.startswith(b"GGUF"):
        return f"is a GGUF, not {wanted}"
    if size >= 10 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size:
        return f"is a safetensors file, not {wanted}"
    if not size:
        return "is empty"
    if not any(start):
        return "begins with zeros: space was reserved for it, but it was not downloaded"
    if start.startswith(b"FUGG"):
        return "is a big-endian GGUF"
    if lowered.startswith((b'{"error', b"entry not found", b"access to model", b"invalid credentials")):
        return f"is a server's refusal, saved as a file, not {wanted}"
    return ""


def advice(start: bytes, otherwise: str = AGAIN) -> str:
    """Return the hint for a file with this start."""
    if start.startswith(b"version https://git-lfs"):
        return "Run `git lfs pull` in that repository, or download the file from its page."
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "Download the file itself: on Hugging Face by the link with /resolve/, not /blob/."
    return otherwise


def is_pickle(start: bytes) -> bool:
    """Return whether torch.save wrote the file: it is a pickle, or a zip archive whose first entry is one."""
    return start[:2] in _PICKLES or (start.startswith(b"PK\x03\x04") and b"data.pkl" in start)
