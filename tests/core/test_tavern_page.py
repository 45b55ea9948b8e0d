"""What SillyTavern's page needs beside itself."""

from stackctl.core.tavern_page import imports, parts

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
