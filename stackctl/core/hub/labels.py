"""The label of a quantisation in a file's name, in all the ways in which uploaders write it.

Sources: llama.cpp's and ik_llama.cpp's llama-quantize (the names of the types and mixes); the files of bartowski,
mradermacher (i1-), unsloth (UD-, _XL), ubergarm (smol-), TheBloke, DavidAU (-imat) and others at Hugging Face.
"""

import re
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Final

from stackctl.core.hub.part_names import stem_of

_S: Final = "[-_. ]?"
_REPACKED: Final = rf"(?:{_S}(R[48]|R16))?"
_BODY: Final = re.compile(
    rf"""
      (IQ[1-8]) (?:{_S}(XXS|XS|XL|NL|KSS|KS|KL|KT|KV|K|S|M|L) {_REPACKED})?
    | (Q[1-8]) (?: {_S}([01]) (?:_([48]_[48])|{_REPACKED})
                 | {_S}(KV)
                 | {_S}(K) (?:{_S}(XXXL|XXL|XXS|XL|XS|[SMLP])|_([A-Z]))? {_REPACKED}
                 | _([A-Z]) )?
    | (P?TQ[12]){_S}(0) | (I[28]){_S}(S) | (TL[12]) | (BF16){_REPACKED} | (F16|FP16|F32|FP32|FP8)
    | (MXFP[468])(?:{_S}(MOE))? | (NVFP4)
    """,
    re.IGNORECASE | re.VERBOSE,
)
# the recipe before it is a part of the label: Unsloth's dynamic mixes, those with an imatrix, ubergarm's smaller ones
_LABEL: Final = re.compile(
    rf"(?<![A-Za-z0-9])(?:(UD|i1|smol|pure)[-_.])?(?:{_BODY.pattern})(?![A-Za-z0-9])", re.IGNORECASE | re.VERBOSE
)
_OF_A_PART: Final = re.compile(r"[-_. ](?:embd?|embed(?:ding)?s?|output|head)(?![A-Za-z0-9])", re.IGNORECASE)
_FLOATS: Final = frozenset({"BF16", "F16", "FP16", "F32", "FP32"})
_NOISE: Final = re.compile(r"(?<![A-Za-z0-9])(?:imatrix|imat\d*|gguf)(?![A-Za-z0-9])", re.IGNORECASE)
_SAME: Final = {"FP16": "F16", "FP32": "F32", "Q8": "Q8_0", "Q6": "Q6_K"}
_WITHOUT: Final = re.compile(r"^(?:UD|I1)-|_MOE$")  # a user may leave it out where only one is offered


def label(name: str) -> str:
    """Return the quantisation's label in a file name, in capitals; the whole name if it has none."""
    return find_label(PurePosixPath(name).name) or find_label(name) or PurePosixPath(name).name


def find_label(text: str) -> str:
    """Return the last label in a text, in capitals: Q4_K_M, UD-IQ3_XXS, SMOL-IQ2_KS; "" if it has none.

    A label of some tensors alone (`Q8_0-embed`), and that of the unquantised model beside another, do not count.
    """
    found = list(_LABEL.finditer(text))
    labels = [_plain(one) for one in found if not _OF_A_PART.match(text, one.end())] or list(map(_plain, found))
    return next((one for one in reversed(labels) if one not in _FLOATS), labels[-1] if labels else "")


def model_name(name: str) -> str:
    """Return the model's name in a file name, which is the same for all its quantisations."""
    base = stem_of(PurePosixPath(name).name)
    return re.sub(r"[-_. ]+", "-", _NOISE.sub("", _LABEL.sub("", base))).strip("-").lower()


def without_labels(name: str) -> str:
    """Return a file name without its labels, and without the words that name the part which a label is for."""
    return re.sub(rf"(?:{_LABEL.pattern})(?:{_OF_A_PART.pattern})?", "", name, flags=re.IGNORECASE | re.VERBOSE)


def matches(label: str, asked: str) -> bool:
    """Return whether a label is the one that a user asks for, in whatever spelling: q4km is Q4_K_M, FP16 is F16."""
    return _key(label) == _key(asked)


def matches_loosely(label: str, asked: str) -> bool:
    """Return whether a label is the one that a user asks for without its recipe: UD-Q4_K_XL by Q4_K_XL."""
    return _WITHOUT.sub("", _key(label)) == _key(asked)


def bits(name: str) -> int:
    """Return roughly the bits of a weight, by the label in a file's name; 4 if it has none."""
    found = re.search(r"F(?:P)?(\d+)|Q(\d)|I(\d)_S|TL(\d)", label(name)) if find_label(name) else None
    return int(next(filter(None, found.groups()))) if found else 4


@lru_cache(maxsize=4096)
def _key(text: str) -> str:
    found = _LABEL.fullmatch(text.strip())
    plain = _plain(found) if found else text.strip().upper()
    return _SAME.get(plain, plain)


def _plain(found: re.Match[str]) -> str:
    recipe, *pieces = found.groups()
    body = "_".join(filter(None, pieces)).upper()
    return f"{recipe.upper()}-{body}" if recipe else body
