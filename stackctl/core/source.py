"""Where a model can be had: `hf:OWNER/NAME[@REVISION][:QUANT|/FILE]`, or an http(s) address."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from stackctl.errors import ConfigError

SCHEME: Final = "hf:"
_REPO: Final = re.compile(
    r"hf:(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+))?(?::(?P<quant>[\w.-]+)|/(?P<file>.+))?", re.ASCII
)
# what a browser shows and what its download button gives, for one file of a repository
_PAGE: Final = re.compile(
    r"/(?P<repo>[\w.-]+/[\w.-]+)(?:/(?:resolve|blob|raw)/(?P<revision>[\w.%-]+)/(?P<file>.+))?/?", re.ASCII
)
_NO_MODEL: Final = re.compile(r"(^|[-_./])(mmproj|imatrix)", re.IGNORECASE)
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


def is_main(name: str) -> bool:
    """Whether a file is the model itself, by its name: not what goes beside one, as a projector for pictures."""
    return not _NO_MODEL.search(name)


def parse(text: str) -> Source | None:
    """The source that a text names; None for anything else, which is a path. Raises ConfigError for a wrong one."""
    if text.startswith(SCHEME):
        found = _REPO.fullmatch(text)
        if not found or _climbs(text):
            raise ConfigError(
                f"{text!r} names no model at Hugging Face",
                hint="write hf:OWNER/NAME, hf:OWNER/NAME:Q4_K_M or hf:OWNER/NAME/FILE",
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
        raise ConfigError(f"{text!r} is no address: {e}", hint="copy it again") from e
    if not host:
        raise ConfigError(f"{text!r} is no address: it names no server", hint="copy it again")
    page = _PAGE.fullmatch(unquote(split.path)) if host.lower() in _PAGES else None
    if page and not _climbs(split.path):
        return Source(repo=page["repo"], revision=page["revision"] or "main", file=page["file"] or "")
    return Source(url=text)


def _climbs(path: str) -> bool:
    return ".." in re.split(r"[/\\:@]", unquote(path)) or "\\" in path
