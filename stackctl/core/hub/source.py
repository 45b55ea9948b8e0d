"""The source of a model: `hf:OWNER/NAME[@REVISION][:QUANT|/FILE]`, or an http(s) address."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from stackctl.core.hub.companion import companion
from stackctl.core.hub.pages import INSIDE, NAME, REVISION, read_page
from stackctl.errors import ConfigError
from stackctl.terminal import is_plain

SCHEME: Final = "hf:"
_REPO: Final = re.compile(rf"hf:{NAME}(?:@{REVISION})?(?::(?P<quant>[\w.-]+)|/(?P<file>.+))?", re.ASCII)
_PAGE: Final = re.compile(rf"hf:{NAME}{INSIDE}", re.ASCII)
_LONGEST: Final = 1000  # bytes
_LONGEST_PART: Final = 200  # bytes; a disk allows 255, and stackctl's files next to it add to the name
_OURS: Final = (".part", ".part.json")  # a download's files next to the target; its other files begin with a dot
_QUANT: Final = re.compile(r"[\w.-]+", re.ASCII)
_COPY: Final = "Copy the whole address of the file, as `https://HOST/FILE.gguf`."
_ANY: Final = "latest"  # how Ollama writes that no label was named


@dataclass(frozen=True, kw_only=True)
class Source:
    """The source of a model: a repository at Hugging Face, or one quantisation or file of it; or a URL.

    url: "" means Hugging Face. quant and file: both "" if neither is chosen yet.
    """

    repo: str = ""  # "owner/name"
    revision: str = "main"
    quant: str = ""  # such as Q4_K_M
    file: str = ""  # path of a file or folder inside the repository
    url: str = ""

    def __str__(self) -> str:
        """Return the text from which parse() reads this source."""
        if self.url:
            return self.url
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"{SCHEME}{self.repo}{at}{f':{self.quant}' if self.quant else ''}{f'/{self.file}' if self.file else ''}"


@dataclass(frozen=True, kw_only=True)
class RepoFile:
    """One file. sha256: of its content, if the hub states it (for large files); else ""."""

    name: str  # path in the repository
    size: int  # bytes
    sha256: str = ""
    pieces: "tuple[RepoFile, ...]" = ()  # the files that are joined to this one, which the repository does not have


def can_name(label: str) -> bool:
    """Return whether a quantisation can be named as `:LABEL`; a label that is a whole file name may not."""
    return bool(_QUANT.fullmatch(label))


def is_main(name: str) -> bool:
    """Return whether a file is the model itself, by its name, and not an addition such as a projector for pictures."""
    return not companion(name)


def name_fault(name: str) -> str:
    """Return why a name can't be used for a file in its repository's folder; "" if it can.

    On every disk it must stay inside that folder, and differ from the names that stackctl uses there.
    """
    parts = name.split("/")
    if not name or "" in parts:
        return "it is no path inside a folder"
    if "\\" in name or not is_plain(name):
        return "it has a character that no file name needs"
    if any(part.startswith(".") for part in parts):
        return "it leads to a hidden file or out of its folder"
    if name.casefold().endswith(_OURS):
        return "stackctl uses such names for incomplete downloads"
    if len(name.encode()) > _LONGEST or any(len(part.encode()) > _LONGEST_PART for part in parts):
        return "it is too long"
    return ""


def parse(text: str) -> Source | None:
    """Return the source that a text names; None if the text is a path. Raise ConfigError for a malformed source.

    `pasted.read` makes such a text of the other ways to write a name.
    """
    if re.match(r"https?://", text, re.IGNORECASE):
        page = _read_address(text)
        if not page.startswith(SCHEME):
            return Source(url=page)
        text = page
    if not text.startswith(SCHEME):
        return None
    bare = text.rstrip("/")
    found = _PAGE.fullmatch(bare) or _REPO.fullmatch(bare)
    if not found or _climbs(text) or (found["file"] and name_fault(found["file"])):
        raise ConfigError(
            f"{text!r} names no model at Hugging Face",
            hint="Write `hf:OWNER/NAME`, `hf:OWNER/NAME:Q4_K_M` or `hf:OWNER/NAME/FILE`.",
            issue="model-name-wrong",
        )
    label = found.groupdict().get("quant") or ""
    return Source(
        repo=found["repo"],
        revision=found["revision"] or "main",
        quant="" if label.casefold() == _ANY else label,
        file=found["file"] or "",
    )


def _read_address(text: str) -> str:
    try:
        host = urlsplit(text).hostname
    except ValueError as e:
        raise ConfigError(f"{text!r} is no address: {e}", hint=_COPY, issue="model-name-wrong") from e
    if not host:
        raise ConfigError(f"{text!r} is no address: it names no server", hint=_COPY, issue="model-name-wrong")
    return read_page(text)


def _climbs(path: str) -> bool:
    return not {".", ".."}.isdisjoint(re.split(r"[/\\:@]", unquote(path))) or "\\" in path
