"""The words of the house: the verbs that a hint may begin with, and the words that no text of the program may use.

A hint is what the reader does next. It begins with a verb as a sentence does, with a capital letter ("Run `stackctl
logs`."), ends with a full stop, and asks no question; commands, keys and options stand in backticks. The message before
it begins in lower case, as it stands behind "error: ", and has no full stop.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

VERBS = frozenset(
    re.findall(
        r"\w+",
        """
        Accept Add Allow Ask
        Build
        Change Check Choose Close Combine Compare Copy Correct Create
        Delete Deploy Disable Download
        Edit Enable End
        Find Fix Free
        Give
        Increase Install
        Join Keep
        Leave Let Lift Load Log Look Lower
        Make Mount Move
        Name
        Open
        Pass Pull Put
        Quote
        Raise Read Reboot Remove Rename Repair Replace Report Restart Restore Run
        Save See Select Send Set Shorten Show Start Stop Switch
        Try Turn Type
        Unpack Unset Update Upgrade Use
        Wait Wake Write
        """,
    )
)

# pattern -> what to write instead
FORBIDDEN = {
    r"\b(is|are|was|were|be|been|being) (not )?told\b": "name who says it, and what is done with it",
    r"\bto be (had|seen)\b": "available; found",
    r"\blikewise\b": "also; or say the reason again",
    r"\banew\b": "again",
    r"\bof (its|their|your|our|his|her|ours|one's) own\b": "its own X; another X; a separate X",
    r"\bwhat of\b": "what part of X; or a sentence with a subject",
    r"\b(?<!user )nobody('s)?\b(?! \(65534\))": "no user; no program; nothing",
    r"\bmend(s|ed|ing)?\b": "fix, repair",
    r"\b(take|takes|took|taken|taking) (it|them|that|this|its [\w{}]+) (all )?out\b": "remove",
    r"\bown words (are|is)\b": "its log says",
    r"\bgo(es)? on\b(?! (a|the)\b)": "continue, resume",
    r"\bno such\.": "None if X has none",
    r"\bis it (the|a)\b": "an action: check that it is",
    r"\b(said|says) nothing\b": "no output; no reason given",
    r"\bhalf-written\b": "incomplete",
    r"\btroubles (its|their|the)\b": "the report comes from",
    r"\bnone of (this|its) \w+'s business\b": "returns at once",
    r"\bnote: note\b": "note, once",
}
_FORBIDDEN = {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in FORBIDDEN.items()}


def faults_of_hint(heads: frozenset[str], pieces: frozenset[str]) -> Iterator[str]:
    """What is wrong with a hint: heads are all the texts that it may begin with, pieces is all the text in it."""
    for head in sorted(heads):
        first = re.match(r"[A-Za-z]*", head.lstrip())
        if head and (not first or first[0] not in VERBS):
            yield f"begins with no verb of tests/words.py: {head[:60]!r}"
    for piece in sorted(pieces):
        if "?" in re.sub(r"`[^`]*`|https?://\S+", "", piece):
            yield f"asks: {piece[:60]!r}"


def faults_of_text(text: str) -> Iterator[str]:
    """The words that the house does not use, each with what to write instead."""
    flat = " ".join(text.split())
    for pattern, instead in _FORBIDDEN.items():
        for found in pattern.finditer(flat):
            around = flat[max(found.start() - 25, 0) : found.end() + 15]
            yield f"{found[0]!r} in {around!r}: {instead}"


def texts_of_python(code: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every string and docstring of a module, and of its comments, which may run over several lines."""
    tree = ast.parse(code)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.lineno, node.value
    comments: list[tuple[int, str]] = []
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            text = token.string.lstrip("# ")
            if comments and comments[-1][0] == token.start[0] - 1:
                comments[-1] = (token.start[0], f"{comments[-1][1]} {text}")
            else:
                comments.append((token.start[0], text))
    yield from comments


def texts_of(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of all that a file says: a Python module's strings and comments, of any other file all of it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        yield from texts_of_python(text)
    else:
        yield 1, re.sub(r"^\s*(#|//|\*)+", "", text, flags=re.MULTILINE)
