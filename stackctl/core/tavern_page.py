"""SillyTavern's page as files: what it needs beside itself to work in a browser.

Source: public/index.html and public/script.js of SillyTavern 1.19.0.
"""

import posixpath
import re
from html.parser import HTMLParser
from typing import Final

TITLE: Final = "<title>SillyTavern</title>"
# what a static import names: `import x from "./y.js"`, `import "./y.js"`, `export * from "./y.js"`
_IMPORT = re.compile(r"""^\s*(?:import|export)\b[^;'"]*?['"](\.{1,2}/[^'"]+)['"]""", re.MULTILINE)


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


def parts(html: str) -> tuple[dict[str, bool], tuple[str, ...]]:
    """(script -> whether it is a module, style sheets) that the page names on its own server."""
    found = _Parts()
    found.feed(html)
    scripts = {path: is_module for path, is_module in found.scripts.items() if _is_local(path)}
    return scripts, tuple(path for path in found.styles if _is_local(path))


def imports(script: str, path: str) -> tuple[str, ...]:
    """The scripts that a module at `path` imports before it runs."""
    folder = posixpath.dirname(path)
    return tuple(dict.fromkeys(posixpath.normpath(posixpath.join(folder, one)) for one in _IMPORT.findall(script)))


def _is_local(path: str) -> bool:
    return "://" not in path and not path.startswith(("//", "data:"))
