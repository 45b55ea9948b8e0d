"""Where a model can be had: `hf:OWNER/NAME[@REVISION][:QUANT|/FILE]`, or an http(s) address."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from stackctl.errors import ConfigError
from stackctl.terminal import is_plain

SCHEME: Final = "hf:"
_REPO: Final = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?::(?P<quant>[\w.-]+)|/(?P<file>.+))?", re.ASCII
)
# what a browser shows and what its download button gives, for one file of a repository
_PAGE: Final = re.compile(
    r"/(?P<repo>[\w.-]+/[\w.-]+)(?:/(?:resolve|blob|raw)/(?P<revision>[\w.%-]+)/(?P<file>.+))?/?", re.ASCII
)
_LONGEST: Final = 1000  # bytes
_LONGEST_PART: Final = 200  # bytes; a disk takes 255, and what lies beside a file has a longer name than it
_OURS: Final = (".part", ".part.json")  # what a download puts beside a file; its other files begin with a dot
_QUANT: Final = re.compile(r"[\w.-]+", re.ASCII)
_NO_MODEL: Final = re.compile(r"(^|[-_./])(mmproj|imatrix)", re.IGNORECASE)
_COPY: Final = "Copy the whole address of the file, as `https://HOST/FILE.gguf`."
_PAGES: Final = frozenset({"huggingface.co", "hf.co", "www.huggingface.co"})


@dataclass(frozen=True, kw_only=True)
class Source:
    """One place a model comes from: a repository of Hugging Face's, whole, or one quantisation or file of it; or a URL.

    `url` "" means Hugging Face; `quant` and `file` both "" mean that nobody chose yet.
    """

    repo: str = ""  # "owner/name"
    revision: str = "main"
    quant: str = ""  # such as Q4_K_M
    file: str = ""  # path inside the repository
    url: str = ""

    def __str__(self) -> str:
        """As `parse` reads it."""
        if self.url:
            return self.url
        at = "" if self.revision == "main" else f"@{self.revision}"
        return f"{SCHEME}{self.repo}{at}{f':{self.quant}' if self.quant else ''}{f'/{self.file}' if self.file else ''}"


@dataclass(frozen=True, kw_only=True)
class RepoFile:
    """One file. `sha256`: of its bytes, where the hub states it (for large files); else ""."""

    name: str  # path in the repository
    size: int  # bytes
    sha256: str = ""


def can_name(label: str) -> bool:
    """Whether a quantisation can be named by its label, as `:LABEL`; one that is a file's whole name may not."""
    return bool(_QUANT.fullmatch(label))


def is_main(name: str) -> bool:
    """Whether a file is the model itself, by its name: not what goes beside one, as a projector for pictures."""
    return not _NO_MODEL.search(name)


def name_fault(name: str) -> str:
    """Why a name can't be that of a file below its repository's folder, in words; "" where it can.

    It must lead nowhere else, on no disk, and be none of the names that stackctl uses there itself.
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
    """The source that a text names; None for anything else, which is a path. Raises ConfigError for a wrong one."""
    if text.startswith(SCHEME):
        found = _REPO.fullmatch(text)
        if not found or _climbs(text) or (found["file"] and name_fault(found["file"])):
            raise ConfigError(
                f"{text!r} names no model at Hugging Face",
                hint="Write `hf:OWNER/NAME`, `hf:OWNER/NAME:Q4_K_M` or `hf:OWNER/NAME/FILE`.",
            )
        return Source(
            repo=found["repo"],
            revision=found["revision"] or "main",
            quant=found["quant"] or "",
            file=found["file"] or "",
        )
    if not re.match(r"https?://", text, re.IGNORECASE):
        return None
    return _of_url(text)


def _of_url(text: str) -> Source:
    try:
        split = urlsplit(text)
        host = split.hostname or ""
    except ValueError as e:
        raise ConfigError(f"{text!r} is no address: {e}", hint=_COPY) from e
    if not host:
        raise ConfigError(f"{text!r} is no address: it names no server", hint=_COPY)
    page = _PAGE.fullmatch(unquote(split.path)) if host.lower() in _PAGES else None
    if page and not _climbs(split.path) and not (page["file"] and name_fault(page["file"])):
        return Source(repo=page["repo"], revision=page["revision"] or "main", file=page["file"] or "")
    return Source(url=text)


def _climbs(path: str) -> bool:
    return ".." in re.split(r"[/\\:@]", unquote(path)) or "\\" in path
