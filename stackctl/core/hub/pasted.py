"""Names of models as people paste them: from a browser, a chat, or another program's command line.

Sources: llama.cpp, common/arg.cpp (-hf USER/MODEL[:QUANT], -hff, -mu, -m); huggingface_hub, `hf download REPO [FILE]`;
ollama run and pull; huggingface.js, packages/tasks/src/local-apps.ts (what the hub's "Use this model" offers).
"""

import re
import shlex
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import parse_qs, unquote

from stackctl.core.hub import ollama, source
from stackctl.core.hub.labels import find_label
from stackctl.core.hub.source import SCHEME
from stackctl.errors import ConfigError
from stackctl.terminal import shell_word

_QUOTES: Final = {"'": "'", '"': '"', "`": "`", "<": ">", "“": "”", "‘": "’", "«": "»", "「": "」"}
_LINK: Final = re.compile(r"!?\[[^\]]*\]\(<?(\S+?)>?(?:\s+[\"'][^)]*)?\)")
_HOST: Final = re.compile(
    r"(?:www\.)?(?:huggingface\.co|hf\.co|ollama\.com|modelscope\.(?:cn|ai)|registry\.ollama\.ai)/", re.IGNORECASE
)
_HUB: Final = re.compile(r"(?:hf|huggingface|git@hf\.co|git@huggingface\.co)\s*:\s*/*", re.IGNORECASE)
_SCHEMES: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)://")
_SPACED: Final = re.compile(r"(hf:[\w.-]+/[\w.-]+(?:@[\w.-]+)?)\s*:\s*([\w.-]+)", re.ASCII)
_REPOSITORY: Final = re.compile(r"(?P<owner>\w[\w.-]*)/\w[\w.-]*(?:@[\w.-]+)?(?P<label>:[\w.-]+)?/?", re.ASCII)
_INSIDE: Final = re.compile(r"\w[\w.-]*/\w[\w.-]*/.+", re.ASCII)  # a file or folder of a repository
_DRIVE: Final = re.compile(r"/?([A-Za-z]):[\\/](.*)", re.DOTALL)
_WSL: Final = re.compile(r"[\\/]{2}wsl(?:\$|\.localhost)[\\/][^\\/]+(.*)", re.IGNORECASE | re.DOTALL)
_INSTEAD: Final = "Look for a GGUF of it at Hugging Face and write `hf:OWNER/NAME:Q4_K_M`."
_FILES: Final = (".gguf", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".ggml")
_DOCKER: Final = re.compile(r"(?:docker\.io/|index\.docker\.io/|hub\.docker\.com/|https?://hub\.docker\.com/|ai/).+")
# options of other programs that take a model or one of its files
_REPO_OPTIONS: Final = ("-hf", "-hfr", "--hf-repo")
_FILE_OPTIONS: Final = ("-hff", "--hf-file")
_MODEL_OPTIONS: Final = ("-mu", "--model-url", "-m", "--model", "--hf_model", "--model_id")
_RUNNERS: Final = {"ollama": 2, "lms": 2, "vllm": 2, "docker": 3, "ramalama": 2}  # words before the model
_DOWNLOADERS: Final = ("hf", "huggingface-cli")
_FETCHERS: Final = ("git", "wget", "curl", "aria2c", "axel")


def read(text: str, is_here: Callable[[str], bool]) -> str:
    """Return the model that a text names: as `hf:...`, as the address of a file, or as a path.

    `is_here` says whether a path exists: one that does always wins. Raise ConfigError for a name that surely means a
    model, but none that stackctl can fetch.
    """
    bare = _unwrap(text)
    for path in (text, bare):
        if is_here(path):
            return path
    name = _of_command(bare)
    if is_here(name):
        return name
    return _canonical(name, is_here)


def read_source(text: str) -> str:
    """Return the source that a text names, which can't be a path. Raise ConfigError if it names none."""
    found = read(text, lambda _: False)
    found = f"{SCHEME}{found}" if is_inside(found) else found
    if parsed := source.parse(found):
        return str(parsed)
    raise ConfigError(
        f"{text!r} is neither a model at Hugging Face nor an address",
        hint="Write `hf:OWNER/NAME:Q4_K_M`, `hf:OWNER/NAME/FILE` or `https://...`.",
        issue="model-name-wrong",
    )


def unwrapped(text: str) -> str:
    """Return the name in a text, without quotes, brackets and another program's command line around it."""
    return _of_command(_unwrap(text))


def is_inside(path: str) -> bool:
    """Return whether a path could be a file or folder of a repository: `OWNER/NAME/FILE`."""
    return bool(_INSIDE.fullmatch(path))


def likely_source(text: str) -> str:
    """Return the source that a text may name; "" if it can be none."""
    try:
        return read_source(text)
    except ConfigError:
        return ""


def hint_at_source(path: str) -> str:
    """Return the hint for a path that does not exist and could name a model at a hub; "" if it could not."""
    found = likely_source(path)
    if not found:
        return ""
    return f"Check the path. If the model is at Hugging Face, write `{shell_word(found)}`, in stack.toml as `source`."


def _canonical(name: str, is_here: Callable[[str], bool]) -> str:
    if path := _local_path(name):
        return path
    name = _with_scheme(re.sub(r"^ollama:/*(?=(?:hf|huggingface)\.co/)", "", name, flags=re.IGNORECASE))
    if _DOCKER.fullmatch(name):
        raise ConfigError(
            f"{name!r} is a model of Docker Hub, which stackctl does not download from",
            hint=_INSTEAD,
            issue="model-name-wrong",
        )
    if parsed := source.parse(name):
        return str(parsed)
    if ollama.model_name(name):
        raise ollama.refusal(name)
    if scheme := _SCHEMES.match(name):
        return _of_scheme(name, scheme["scheme"].lower())
    repository = _REPOSITORY.fullmatch(name)
    is_path = name.rstrip("/").lower().endswith(_FILES)
    if repository and not is_path and (repository["label"] or not is_here(repository["owner"])):
        return str(source.parse(f"{SCHEME}{name}"))
    return name


def _local_path(name: str) -> str:
    """Return the path of a file:// address, or of a path of Windows as WSL mounts it; "" for any other name."""
    if re.match(r"file:/", name, re.IGNORECASE):
        name = unquote(re.sub(r"^file:(?://(?:localhost)?(?=/))?", "", name, flags=re.IGNORECASE))
        return _local_path(name) or name
    if drive := _DRIVE.fullmatch(name):
        return f"/mnt/{drive[1].lower()}/{drive[2]}".replace("\\", "/")
    inside = _WSL.fullmatch(name)
    return inside[1].replace("\\", "/") if inside else ""


def _with_scheme(name: str) -> str:
    """Return a name at a hub as `hf:...` or with https://; any other name as it is."""
    if _HOST.match(name):
        return f"https://{name}"
    hub = _HUB.match(name)
    if not hub:
        return name
    rest = name[hub.end() :]
    if re.match(r"https?:/", rest, re.IGNORECASE):
        return rest
    return f"https://{rest}" if _HOST.match(rest) else _SPACED.sub(r"\1:\2", f"{SCHEME}{_decoded(rest)}")


def _of_scheme(name: str, scheme: str) -> str:
    """Return the model of an address that another program opens, as the hub's buttons have them."""
    query = parse_qs(name.partition("?")[2].partition("#")[0])
    if scheme == "lmstudio" and (model := query.get("model", [""])[0]):
        file = query.get("file", [""])[0]
        return str(source.parse(f"{SCHEME}{model}{f'/{file}' if file else ''}"))
    if scheme == "jan" and (found := re.search(r"huggingface/([\w.-]+/[\w.-]+)", name, re.ASCII)):
        return f"{SCHEME}{found[1]}"
    raise ConfigError(
        f"{name!r}: stackctl does not fetch from {scheme}:// addresses",
        hint="Download the model yourself and name its path, or write `hf:OWNER/NAME:Q4_K_M` or an https address.",
        issue="model-name-wrong",
    )


def _unwrap(text: str) -> str:
    """Return a name without the blanks, quotes, brackets and commas around it, or the target of a link in Markdown."""
    before = None
    while text != before:
        before = text
        text = text.strip().rstrip(",;")
        if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
            text = text[1:-1]
        if link := _LINK.fullmatch(text):
            text = link[1]
    return text


def _decoded(text: str) -> str:
    """Return a text without the %20 of addresses."""
    return unquote(text) if re.search(r"%[0-9A-Fa-f]{2}", text) else text


def _of_command(text: str) -> str:
    """Return the model that a command line of another program names; the text itself if it is no command line."""
    if not re.search(r"\s", text):
        return text
    try:
        words = shlex.split(text.removeprefix("$ ").removeprefix("sudo "))
    except ValueError:
        return text
    options = {name: value for name, _, value in (word.partition("=") for word in words) if value}
    options |= {name: value for name, value in pairwise(words) if name.startswith("-")}
    repository, file, model = (
        next((options[one] for one in names if one in options), "")
        for names in (_REPO_OPTIONS, _FILE_OPTIONS, _MODEL_OPTIONS)
    )
    if repository:
        return f"{SCHEME}{repository.partition(':')[0]}/{file}" if file else f"{SCHEME}{repository}"
    if model:
        return model
    return _of_program(words, options.get("--include", "")) or text


def _of_program(words: Sequence[str], include: str) -> str:
    """Return the model among the words of a command line; "" if they begin with no program that is known here.

    include: the pattern of the files to download; "" for all.
    """
    program = PurePosixPath(words[0]).name
    if program in _DOWNLOADERS and words[1:2] == ["download"]:
        given = [word for before, word in pairwise(words[1:]) if not _is_option(word, before)]
        if len(given) == 1 and include.lower().endswith(".gguf") and not re.search(r"[*?[]", include):
            return f"{SCHEME}{given[0]}/{include}"
        if len(given) == 1 and (label := find_label(include)):
            return f"{SCHEME}{given[0]}:{label}"
        return f"{SCHEME}{'/'.join(given[:2])}" if given else ""
    if program in _FETCHERS:
        return next((word for word in words[1:] if re.match(r"https?://|git@", word)), "")
    if program not in _RUNNERS:
        return ""
    name = next((word for word in words[_RUNNERS[program] :] if not word.startswith("-")), "")
    is_ollamas = program == "ollama" and name and not _HOST.match(name)
    return f"ollama://{name}" if is_ollamas else name


def _is_option(word: str, before: str) -> bool:
    return word.startswith("-") or (before.startswith("--") and "=" not in before)
