"""SillyTavern's page and the files that it needs to work in a browser.

Source: public/index.html and public/script.js of SillyTavern 1.19.0.
"""

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

TITLE: Final = "<title>SillyTavern</title>"
PATHS: Final = "stackctl.paths"  # extension of an HTTP request for several of its files at once
_MOST_TAGS = 50_000  # Python's parser slows down with each tag; the real page has a few thousand
# the file in a static import: `import x from "./y.js"`, `import "./y.js"`, `export * from "./y.js"`
_STATEMENT = re.compile(r"^[ \t]*(?:import|export)\b", re.MULTILINE)
_ENDS = re.compile(r"""([;'"])""")
_QUOTES = ("'", '"')


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: dict[str, bool] = {}  # path -> whether it is a module
        self.styles: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "script" and (source := found.get("src")):
            self.scripts[source] = found.get("type") == "module"
        elif tag == "link" and found.get("rel") == "stylesheet" and (source := found.get("href")):
            self.styles.append(source)


def is_page(html: str) -> bool:
    """Return whether the text is SillyTavern's page; False if it would take too long to read."""
    return TITLE in html and html.count("<") <= _MOST_TAGS


def parts(html: str) -> tuple[dict[str, bool], tuple[str, ...]]:
    """Return (script -> whether it is a module, style sheets) that the page names on its own server."""
    found = _Parts()
    found.feed(html)
    scripts = {path: is_module for path, is_module in found.scripts.items() if _is_local(path)}
    return scripts, tuple(path for path in found.styles if _is_local(path))


def imports(script: str, path: str) -> tuple[str, ...]:
    """Return the scripts that a module at `path` imports before it runs."""
    folder = posixpath.dirname(path)
    return tuple(dict.fromkeys(posixpath.normpath(posixpath.join(folder, one)) for one in _imported(script)))


def _imported(script: str) -> Iterator[str]:
    """Yield the text in the first quotes of each such statement, in one pass over the script."""
    text, ends = _ENDS.split(script)[::2], _ENDS.findall(script)
    for at in range(len(ends) - 1):
        is_quoted = ends[at] in _QUOTES and ends[at + 1] in _QUOTES
        if is_quoted and text[at + 1].startswith(("./", "../")) and _STATEMENT.search(text[at]):
            yield text[at + 1]


def _is_local(path: str) -> bool:
    return "://" not in path and not path.startswith(("//", "data:"))
