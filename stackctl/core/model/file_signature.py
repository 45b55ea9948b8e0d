"""What a file is, by its first bytes: the explanation for a file of the wrong kind."""

import re
from typing import Final

_FEW: Final = 16  # bytes that may be readable by chance
ENOUGH: Final = 512  # bytes that tell the kind
AGAIN: Final = "Download it again, and compare its checksum with the one that its page shows."
CUT_SHORT: Final = "Download it again: an interrupted download leaves such a file."
SUCCESSOR: Final = "Look for a GGUF of the same model: Hugging Face lists them under Quantizations."
_UNPACK: Final = "Unpack it, and name the model that it holds."
_CHOOSE: Final = "Choose the .gguf, or the folder of .safetensors, of a language model."
_ITSELF: Final = "Download the file itself: on Hugging Face by the link with /resolve/, not /blob/."
_PICKLES: Final = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
# Sources: llama.cpp's ggml.h and llama.h of August 2023 (LLAMA_FILE_MAGIC_*, little-endian), file(1)'s magic
# what a file begins with (from this byte on), what it is, and a hint; "": the usual one
_SIGNATURES: Final[tuple[tuple[int, tuple[bytes, ...], str, str], ...]] = (
    (0, (b"version https://git-lfs",), "is a Git LFS pointer of {size} bytes, not the file itself",
     "Run `git lfs pull` in that repository, or download the file from its page."),
    (0, _PICKLES, "is a PyTorch pickle, which can run any code when it is loaded", SUCCESSOR),
    (0, (b"lmgg", b"fmgg", b"tjgg"), "is a GGML model from before GGUF", SUCCESSOR),
    (0, (b"algg",), "is a LoRA adapter in the GGML format from before GGUF", _CHOOSE),
    (0, (b"nsgg", b"qsgg"), "is a saved session of llama.cpp, not {wanted}", _CHOOSE),
    (0, (b"GGUF",), "is a GGUF, not {wanted}", ""),
    (0, (b"FUGG",), "is a big-endian GGUF", ""),
    (0, (b"MZqFpD",), "is a llamafile, a program with a model inside",
     "Unpack its .gguf with `unzip`, or download the GGUF."),
    (0, (b"\x7fELF", b"MZ"), "is a program, not {wanted}", _CHOOSE),
    (257, (b"ustar",), "is a tar archive, not {wanted}", _UNPACK),
    (0, (b"7z\xbc\xaf\x27\x1c",), "is a 7z archive, not {wanted}", _UNPACK),
    (0, (b"Rar!\x1a\x07",), "is a RAR archive, not {wanted}", _UNPACK),
    (0, (b"\x1f\x8b",), "is compressed with gzip, and not {wanted} as it is", _UNPACK),
    (0, (b"BZh",), "is compressed with bzip2, and not {wanted} as it is", _UNPACK),
    (0, (b"\xfd7zXZ\0",), "is compressed with xz, and not {wanted} as it is", _UNPACK),
    (0, (b"\x28\xb5\x2f\xfd",), "is compressed with zstd, and not {wanted} as it is", _UNPACK),
    (0, (b"\x89HDF\r\n\x1a\n",), "is an HDF5 file (of Keras), which no backend reads", SUCCESSOR),
    (4, (b"TFL3",), "is a TensorFlow Lite model, which no backend reads", SUCCESSOR),
    (0, (b"\x93NUMPY",), "is an array of NumPy, not {wanted}", _CHOOSE),
    (0, (b"\x89PNG", b"\xff\xd8\xff"), "is a picture, not {wanted}",
     "Choose a model here; load the picture in SillyTavern if it is a character card."),
    (0, (b"%PDF",), "is a PDF, not {wanted}", _CHOOSE),
    (0, (b"d8:announce", b"d13:announce", b"d10:created"), "is a torrent, not the file itself",
     "Load the file with a BitTorrent program first, and name what it has downloaded."),
)  # fmt: skip
_REFUSALS: Final = (b'{"error', b"entry not found", b"access to model", b"invalid credentials", b"<?xml")


def describe_mismatch(start: bytes, size: int, wanted: str) -> str:
    """Return what a file of `size` bytes with this start is, where it is not `wanted`: "is a web page, ...".

    "" if the start is unknown.
    """
    lowered = start.lstrip().lower()
    if found := _signature(start):
        return found[0].format(size=size, wanted=wanted)
    if lowered.startswith((b"<!doctype", b"<html")):
        return f"is a web page, not {wanted}"
    if start.startswith(b"PK\x03\x04"):
        return f"is a zip archive (perhaps a PyTorch .bin), not {wanted}"
    if _is_onnx(start):
        return "is an ONNX model, which no backend reads"
    if size >= 10 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < size:
        return f"is a safetensors file, not {wanted}"
    if not size:
        return "is empty"
    if not any(start):
        return "begins with zeros: space was reserved for it, but it was not downloaded"
    if lowered.startswith(_REFUSALS):
        return f"is a server's refusal, saved as a file, not {wanted}"
    return ""


def advice(start: bytes, otherwise: str = AGAIN) -> str:
    """Return the hint for a file with this start."""
    if start.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return _ITSELF
    if _is_onnx(start):
        return SUCCESSOR
    found = _signature(start)
    return (found and found[1]) or otherwise


def is_pickle(start: bytes) -> bool:
    """Return whether torch.save wrote the file: it is a pickle, or a zip archive whose first entry is one."""
    return start.startswith(_PICKLES) or (start.startswith(b"PK\x03\x04") and b"data.pkl" in start)


def is_text(start: bytes) -> bool:
    """Return whether a file is readable text, by its start."""
    return len(start) > _FEW and not re.search(rb"[^\t\n\r -~]", start)


def _signature(start: bytes) -> tuple[str, str] | None:
    return next(((what, hint) for at, begins, what, hint in _SIGNATURES if start.startswith(begins, at)), None)


def _is_onnx(start: bytes) -> bool:
    """Return whether it begins as ONNX's ModelProto does: its version (field 1), then one of its next fields."""
    return bool(re.match(rb"\x08[\x01-\x14][\x12\x1a\x22\x2a\x30\x3a\x42]", start))
