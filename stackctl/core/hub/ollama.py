"""Ollama's names of models, and its manifests, which say in which files a model lies.

Sources: ollama/ollama, types/model/name.go (HOST/NAMESPACE/MODEL:TAG and their defaults), manifest/paths.go
(manifests/HOST/NAMESPACE/MODEL/TAG next to blobs/sha256-HEX, with a colon before 0.1.33), server/images.go (media
types of layers), docs/faq (where models are stored).
"""

import json
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from stackctl.errors import ConfigError
from stackctl.terminal import shell_word

MANIFESTS: Final = "manifests"
BLOBS: Final = "blobs"
_PART: Final = r"[A-Za-z0-9_][\w.-]*"
_NAME: Final = re.compile(
    rf"(?:(?P<host>{_PART}(?::[0-9]+)?)/)?(?:(?P<owner>{_PART})/)?(?P<model>{_PART})(?::(?P<tag>{_PART}))?", re.ASCII
)
_HOST: Final = "registry.ollama.ai"
_OWNER: Final = "library"
_ADDRESS: Final = re.compile(r"(?:https?://)?(?:www\.|registry\.)?ollama\.(?:com|ai)/", re.IGNORECASE)
# its own folders apart, only a name with a tag is surely no path; a single letter would be a drive of Windows
_TAGGED: Final = re.compile(rf"[A-Za-z0-9_][\w.-]+:{_PART}|library/.+|registry\.ollama\.ai/.+", re.ASCII)
_SCHEME: Final = re.compile(r"ollama:/*", re.IGNORECASE)
_DIGEST: Final = re.compile(r"sha256[:-](?P<hex>[0-9a-f]{64})")
_LAYER: Final = "application/vnd.ollama.image."


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The layers of one of Ollama's models that hold tensors, each the hexadecimal digits of its sha256."""

    models: tuple[str, ...]
    projectors: tuple[str, ...] = ()
    adapters: tuple[str, ...] = ()


def model_name(text: str) -> str:
    """Return the full name of a model that only Ollama's library has, as `HOST/OWNER/MODEL:TAG`; "" for other texts.

    `mistral:7b`, `library/mistral`, `ollama://mistral` and addresses of ollama.com are such texts. A name without a
    tag or a word of Ollama's is none: it may be a file.
    """
    address = _ADDRESS.match(text)
    scheme = _SCHEME.match(text)
    start = address or scheme
    rest = (text[start.end() :] if start else text).partition("?")[0].strip("/")
    if address:
        rest = re.sub(r"/(?:tags|blobs/.*)$", "", rest)
    return full_name(rest) if start or _TAGGED.fullmatch(rest) else ""


def full_name(text: str) -> str:
    """Return `HOST/OWNER/MODEL:TAG` for a name as `ollama run` takes it; "" if it is no such name."""
    found = _NAME.fullmatch(text)
    if not found:
        return ""
    host, owner = found["host"], found["owner"]
    if host and not owner:
        host, owner = "", host
    return f"{host or _HOST}/{owner or _OWNER}/{found['model']}:{found['tag'] or 'latest'}"


def short_name(full: str) -> str:
    """Return a full name as `ollama list` prints it: `mistral:7b`, `owner/mistral:7b`, `hf.co/owner/name:Q4_K_M`."""
    return full.removeprefix(f"{_HOST}/").removeprefix(f"{_OWNER}/")


def manifest_place(full: str) -> PurePosixPath:
    """Return the path of a model's manifest, relative to Ollama's folder of models."""
    name, _, tag = full.rpartition(":")
    return PurePosixPath(MANIFESTS, name, tag)


def name_of_place(place: str) -> str:
    """Return the full name of the model whose manifest lies at `place`, relative to the folder of manifests."""
    name, _, tag = place.rpartition("/")
    return f"{name}:{tag}"


def read_manifest(text: str) -> Manifest | None:
    """Return what a manifest says; None if the text is none of Ollama's."""
    try:
        content = json.loads(text)
        layers = [(str(one["mediaType"]), str(one["digest"])) for one in content["layers"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not any(kind.startswith(_LAYER) for kind, _ in layers):
        return None

    def digests(kind: str) -> tuple[str, ...]:
        found = [_DIGEST.fullmatch(digest) for is_kind, digest in layers if is_kind == f"{_LAYER}{kind}"]
        return tuple(one["hex"] for one in found if one)

    return Manifest(models=digests("model"), projectors=digests("projector"), adapters=digests("adapter"))


def blob_digest(name: str) -> str:
    """Return the hexadecimal digits in the name of a file of `blobs`; "" if it is no such name."""
    found = _DIGEST.fullmatch(name)
    return found["hex"] if found else ""


def blob_names(digest: str) -> tuple[str, str]:
    """Return the names that a blob has in a folder of today's Ollama, and in one of before 0.1.33."""
    return f"sha256-{digest}", f"sha256:{digest}"


def file_name(full: str) -> str:
    """Return the name under which a program sees a model: `mistral-7b.gguf`."""
    return re.sub(r"[^\w.-]", "-", short_name(full), flags=re.ASCII) + ".gguf"


def hint_at_copy(manifest: str) -> str:
    """Return the hint at a model that Ollama has on this machine."""
    return f"Use the copy that Ollama has on this machine: `{shell_word(manifest)}`."


def refusal(text: str) -> ConfigError:
    """Return the error for a model that only Ollama can fetch."""
    return ConfigError(
        f"{text!r} is a model of Ollama's library, which stackctl does not download from",
        hint="Run `stackctl models recommend` for a model that suits this machine, or look for a GGUF of it at "
        "Hugging Face and write `hf:OWNER/NAME:Q4_K_M`.",
        issue="model-name-wrong",
    )
