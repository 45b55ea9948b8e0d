"""What a file is, by its first bytes: said of one that is not what it should be."""

from typing import Final

ENOUGH: Final = 512  # bytes, to tell
_AGAIN: Final = "download it again and compare its checksum"
_PICKLES: Final = frozenset(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


def describe_mismatch(start: bytes, size: int, wanted: str) -> str:
    """Say what a file of `size` bytes is that begins so and is not `wanted`: "is a web page, ..."; "" if unknown."""
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


def advice(start: bytes, otherwise: str = _AGAIN) -> str:
    """What to do with a file that begins so."""
    if start.startswith(b"version https://git-lfs"):
        return "in that repository run: git lfs pull; or download the file from its page"
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "download the file itself: on Hugging Face the link with /resolve/, not /blob/"
    return otherwise


def is_pickle(start: bytes) -> bool:
    """Whether it is what torch.save writes: a pickle, or a zip archive whose first entry is one."""
    return start[:2] in _PICKLES or (start.startswith(b"PK\x03\x04") and b"data.pkl" in start)
