"""The lines of a program's log that say something of the program alone: what a chat brought into a log is left out.

KoboldCpp prints the request and the reply of each message, llama-server and text-generation-webui do with the option
to be verbose, and SillyTavern prints the whole prompt. So a line stays only if it begins as a program's line does, and
each of its words is one that programs use; of any other line only its length stays.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from stackctl.core.doctor.log_words import WORDS

_LONGEST: Final = 500  # characters of a line that stays
_PART: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]")
_STARTS: Final = re.compile(
    r"""
    (?:\d{1,3}(?:\.\d{1,6}){1,4}\ )?            # llama-server's clock
    (?:[DIWE]\ )?
    (?:
        (?:srv|slot|cmn|que|res|main|build|load|print_info|system_info|warn|warning|error|llm|info|init)\b[\w\ ]{0,40}:
      | [a-z]+(?:_[a-z0-9]+)+\b[\w\ ]{0,40}:    # a function of llama.cpp
    )
  | \d\d:\d\d:\d\d-\d{6}\ +[A-Z]{4,8}\b         # text-generation-webui
  | (?:INFO|WARNING|ERROR|CRITICAL|DEBUG):
  | \[?(?:INFO|WARN|WARNING|ERROR|DEBUG)\]
  | Traceback\ \(most\ recent
  | \ {2,8}File\ "/[^"]{1,300}",\ line\ \d+
  | \ {4,8}at\ [\w$.<>\[\]\ ]{1,120}\(?(?:file|node|/)[^()]{1,200}:\d+:\d+\)?
  | (?:[A-Za-z_]+\.)*[A-Za-z]*(?:Error|Exception|Warning|Interrupt)(?:\ \[[A-Z_]+\])?(?:$|:\ )
  | \ {2}Device\ \d+:
  | CUDA\ error | GGML_ASSERT | Segmentation\ fault | Illegal\ instruction | Killed | Aborted | terminate\ called
  | Initializing\ dynamic | Loading\ Text\ Model | Load\ Text\ Model\ OK | Attempting\ to\ Load | Identified\ as\ G
  | Auto\ Selected\ Default | Unable\ to\ detect\ V | Trying\ to\ automatically\ determine | Using\ automatic\ RoPE
  | Starting\ Kobold\ API | The\ reported\ GGUF | Welcome\ to\ KoboldCpp | Processing\ Prompt\ [\[(]
  | (?:\[\d\d:\d\d:\d\d\]\ )?CtxLimit: | ===\ Running\ text-generation-webui | model\ has\ unused\ tensor
  | Failed\ to\ resolve\ whitelist | Using\ (?:config\ path|data\ root): | Mode:
  | SillyTavern\ \d | Node\ version: | SillyTavern\ is\ listening | Streaming\ request\ finished | Error\ loading\ model
  | failed\ to\ (?:mlock|alloc|load|open) | fatal:\  | chown:\  | mkdir:\  | cp:\  | sh:\  | exec\ /
    """,
    re.VERBOSE,
)
_MARKS: Final = re.compile(r"[.=*_#\- ]+")  # a bar
# words after which a line holds what somebody wrote, even if all its words are known
_SAID: Final = re.compile(
    r"(?i)\b(?:input|prompt|output|content|messages?|text|reply|response|history|story|user|assistant|system)[\"']?\s*[:=]\s*(?=\S)"
    r"|\b(?:next|last|sampled|accepted)\ token"
)
_SAFE_AFTER: Final = re.compile(r"(?i)\b(?:output|system)\s*[:=]\s*[\d.]+|eval time|prompt eval|prompt processing")
_QUOTED: Final = re.compile(r"\"([^\"]*)\"|'([^']*)'|`([^`]*)`")
_REQUEST: Final = re.compile(r'"(?:GET|POST|PUT|HEAD|OPTIONS|DELETE) /[\w/.-]{0,100} HTTP/[\d.]+"')
_REDACTED: Final = re.compile(r"\[redacted [^\]\n]{1,60}\]")
_MOST_QUOTED: Final = 2  # words between quotes


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A log as a report has it. left_out: the lines that are not in it."""

    text: str
    left_out: int


def of_program(line: str, names: frozenset[str] = frozenset()) -> bool:
    """Return whether a line is a program's own. names: words of this stack: its model, its images, its GPUs."""
    line = line.rstrip()
    if not line or _MARKS.fullmatch(line):
        return len(line) <= _LONGEST
    if len(line) > _LONGEST or not line.isascii() or not _STARTS.match(line):
        return False
    line = _REDACTED.sub("", _REQUEST.sub("", line))
    if _SAID.search(line) and not _SAFE_AFTER.search(line):
        return False
    quoted = (next(filter(None, one.groups()), "") for one in _QUOTED.finditer(line))
    if any(len(one.split()) > _MOST_QUOTED for one in quoted):
        return False
    return all(len(one) == 1 or one in WORDS or one in names for one in parts(line))


def parts(text: str) -> Iterator[str]:
    """Give the words of a text in small letters, also those that are joined in a name: llama_kv_cache, cudaMalloc."""
    return (one.lower() for one in _PART.findall(text))


def program_lines(lines: Iterable[str], names: frozenset[str] = frozenset()) -> Kept:
    """Return the lines of a program's own, and what was left out between them."""
    kept: list[str] = []
    left = lost = characters = 0
    for line in (*lines, None):
        if line is not None and lost and not line.strip():
            continue
        if line is not None and not of_program(line, names):
            lost, characters = lost + 1, characters + len(line)
            continue
        if lost:
            kept.append(f"[{lost} {'line' if lost == 1 else 'lines'} of {characters} characters left out]")
            left, lost, characters = left + lost, 0, 0
        if line is not None:
            kept.append(line)
    return Kept(text="\n".join(kept) + "\n" if kept else "", left_out=left)
