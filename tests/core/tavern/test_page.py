"""What SillyTavern's page needs beside itself."""

from stackctl.core.tavern.page import TITLE, imports, is_page, parts

PAGE = """
<html><head><title>SillyTavern</title>
<link rel="stylesheet" type="text/css" href="style.css"><link rel="icon" href="favicon.ico">
<link href="https://example.org/other.css" rel="stylesheet"></head>
<body><script src="lib/jquery.min.js"></script><script type="module" src="script.js"></script>
<script>import "./not-a-file.js";</script></body></html>
"""
SCRIPT = """
import {
    showdown,
    default as libs,
} from './lib.js';
import { a } from "./scripts/a.js"; // import 'b'
import './scripts/side.js';
export * from '../other.js';
import path from 'node:path';
const late = await import('./late.js');
"""


def test_its_own_scripts_and_style_sheets_are_found_and_modules_told() -> None:
    scripts, styles = parts(PAGE)
    assert scripts == {"lib/jquery.min.js": False, "script.js": True}
    assert styles == ("style.css",)


def test_what_a_module_imports_before_it_runs_is_found_by_its_path_on_the_server() -> None:
    assert imports(SCRIPT, "sub/script.js") == ("sub/lib.js", "sub/scripts/a.js", "sub/scripts/side.js", "other.js")
    assert imports(SCRIPT, "script.js")[0] == "lib.js"


def test_a_script_of_any_kind_is_read_in_one_pass() -> None:
    assert imports("\nexport" * 500_000, "a.js") == ()
    assert imports("\n" * 1_000_000 + "import './b.js'", "a.js") == ("b.js",)
    assert imports("import 'x' './y.js'; let a = './z.js'", "a.js") == ()


def test_a_page_that_takes_too_long_to_read_is_not_sillytaverns() -> None:
    assert is_page(PAGE)
    assert not is_page("<title>Other</title>")
    assert not is_page(TITLE + "<" * 50_001)
