"""Pages of model hubs, as a browser shows their addresses, read as the models that they are about.

Sources: huggingface.co's addresses /OWNER/NAME/{tree,blob,resolve,raw}/REVISION/PATH and ?show_file_info=PATH, and
hf.co/OWNER/NAME:LABEL, which its pages offer for Ollama; modelscope.cn's /models/OWNER/NAME/file/view/REVISION/PATH and
/models/OWNER/NAME/resolve/REVISION/PATH; ollama.com's /library/NAME:TAG and /OWNER/NAME:TAG.
"""

import re
from typing import Final
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from stackctl.core.hub import ollama
from stackctl.errors import ConfigError
from stackctl.terminal import shell_word

NAME: Final = r"(?P<repo>[\w.-]+/[\w.-]+)"
REVISION: Final = r"(?P<revision>(?:refs/(?:pr|convert)/)?[\w.-]+)"
# a repository's files, one of its folders, a file's page, and a file's download button
INSIDE: Final = rf"/(?:tree|resolve|blob|raw)/{REVISION}(?:/(?P<file>.+))?"
# what else a repository has pages for; any other word behind its name is likely a file's
_NO_PAGE: Final = r"/(?!(?:discussions|commits?|blame|edit|new|settings|activity|tree|resolve|blob|raw)(?:/|$))"
_HUB: Final = re.compile(r"(?:www\.)?(?:huggingface|hf)\.co", re.IGNORECASE)
# the paths of addresses: a model's page at Hugging Face, any page about it, ModelScope's, a file's view there, and a
# file's page at any other host
_PATHS: Final = {
    "page": re.compile(rf"/(?!api/){NAME}(?::(?P<quant>[\w.-]+)|{INSIDE}|{_NO_PAGE}(?P<short>.+))?", re.ASCII),
    "about": re.compile(rf"/(?:api/models/|(?!api/)){NAME}(?:/.+)?", re.ASCII | re.DOTALL),
    "modelscope": re.compile(r"/models/(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<below>.*))?", re.ASCII),
    "view": re.compile(r"file/view/(?P<revision>[^/]+)(?:/(?P<file>.+))?"),
    "foreign": re.compile(rf"/{NAME}/(?:blob|tree)/{REVISION}(?:/(?P<file>.+))?", re.ASCII),
}
_REPO_PAGE: Final = re.compile(rf"https?://{_HUB.pattern}/{NAME}(?:[/?#].*)?", re.ASCII | re.IGNORECASE | re.DOTALL)
_OTHERS: Final = {
    "datasets": "a data set",
    "spaces": "a Space, which is a web page with a program",
    "collections": "a list of models",
    "papers": "a paper",
    "models": "a search for models",
    **dict.fromkeys(("blog", "docs", "learn", "posts", "tasks", "organizations", "settings", "join"), "no model"),
}
_OPEN: Final = "Open the model's own page and copy its address, or write `hf:OWNER/NAME`."
_SCOPE: Final = re.compile(r"(?:www\.)?modelscope\.(?:cn|ai)", re.IGNORECASE)
_LIBRARY: Final = re.compile(r"(?:www\.|registry\.)?ollama\.(?:com|ai)", re.IGNORECASE)


def _matched(which: str, path: str) -> re.Match[str] | None:
    return _PATHS[which].fullmatch(path.rstrip("/"))


def repo_of(address: str) -> str:
    """Return OWNER/NAME of a page of a model at Hugging Face; "" for any other address."""
    found = _REPO_PAGE.fullmatch(address)
    return found["repo"] if found else ""


def read_page(address: str) -> str:
    """Return the model that an http(s) address names: as `hf:...`, or as the address of a file.

    An address of any other kind is returned as it is. Raise ConfigError for a page that has no model.
    """
    split = urlsplit(address)
    host = split.hostname or ""
    if _HUB.fullmatch(host):
        return _of_hub(address, split)
    if _SCOPE.fullmatch(host):
        return _of_scope(address, split)
    if _LIBRARY.fullmatch(host):
        raise ollama.refusal(address)
    if page := _matched("foreign", unquote(split.path)):
        model = f"hf:{page['repo']}" + (f"/{page['file']}" if page["file"] else "")
        raise ConfigError(
            f"{address!r} is a page about a file, not the file itself",
            hint="Copy the address of its download button. "
            f"If {host} is a mirror of Hugging Face, set HF_ENDPOINT to its address and use `{shell_word(model)}`.",
            issue="model-name-wrong",
        )
    return address


def _of_hub(address: str, split: SplitResult) -> str:
    path = re.sub(r"\.git$", "", unquote(split.path).rstrip("/"))
    first = path.strip("/").partition("/")[0]
    if first in _OTHERS:
        raise ConfigError(
            f"{address!r} is {_OTHERS[first]} at Hugging Face, not a model", hint=_OPEN, issue="model-name-wrong"
        )
    page = _matched("page", path)
    about = page or _matched("about", path)
    if about is None:
        raise ConfigError(f"{address!r} is no page of a model at Hugging Face", hint=_OPEN, issue="model-name-wrong")
    model = f"hf:{about['repo']}"
    if page is None:
        raise ConfigError(
            f"{address!r} is a page about {about['repo']}, not about its files",
            hint=f"Use `{shell_word(model)}`.",
            issue="model-name-wrong",
        )
    revision = page["revision"] or "main"
    if "/" not in revision and re.search(r"/(?:tree|resolve|blob|raw)/[^/]*%2f", split.path, re.IGNORECASE):
        raise ConfigError(
            f"{address!r} names a branch with a slash, which stackctl can't name",
            hint=f"Name its commit: `{shell_word(f'{model}@COMMIT')}`.",
            issue="model-name-wrong",
        )
    shown = parse_qs(split.query).get("show_file_info", [""])[0]
    at = "" if revision == "main" else f"@{revision}"
    file = page["file"] or page["short"] or shown
    quant = f":{page['quant']}" if page["quant"] else ""
    return f"{model}{at}{f'/{file}' if file else quant}"


def _of_scope(address: str, split: SplitResult) -> str:
    page = _matched("modelscope", unquote(split.path))
    if not page or (page["below"] or "").startswith("resolve/"):
        return address
    base = f"https://{split.hostname}/models/{page['repo']}/resolve"
    view = _matched("view", page["below"] or "")
    file = view and (view["file"] or parse_qs(split.query).get("fileName", [""])[0])
    if view and file:
        return f"{base}/{quote(view['revision'])}/{quote(file)}"
    model = shell_word(f"hf:{page['repo']}")
    raise ConfigError(
        f"{address!r} is a page of ModelScope, whose repositories stackctl does not list",
        hint=f"Name one of its files: `{base}/master/FILE.gguf`. If Hugging Face has the model, too, use `{model}`.",
        issue="model-name-wrong",
    )
