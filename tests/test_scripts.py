"""The JavaScript that we ship: it stands in files, node can read it, also as one line, and it does what it says.

Node is the one that playwright brings, so nothing has to be installed for it.
"""

import ast
import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import playwright
import pytest

from stackctl.companions import api_relay
from stackctl.scripts import one_line

PACKAGE = Path(__file__).parents[1] / "stackctl"
NODE = str(Path(playwright.__file__).parent / "driver" / "node")
SHIPPED = sorted(PACKAGE.rglob("*.js"))
SCRIPTS = sorted((PACKAGE / "scripts").glob("*.js"))


def complaint(text: str) -> str:
    """What node says of a text that is no JavaScript; "" for one that is."""
    is_module = re.search(r"^(import|export) ", text, re.MULTILINE)
    argv = [NODE, "--check", f"--input-type={'module' if is_module else 'commonjs'}", "-"]
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=30, check=False)
    return done.stderr


def test_node_is_a_judge() -> None:
    assert "SyntaxError" in complaint("let x=;")


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_what_we_ship_is_javascript_of_lines_that_can_be_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert complaint(text) == ""
    assert text.startswith("// "), "say what it is for"
    assert all(len(line) <= 120 and line == line.rstrip() and "\t" not in line for line in text.splitlines())
    assert not re.search(r"\bvar\b|[^=!]==[^=]|!=[^=]|\beval\b|\bwith\b *\(", "\n".join(without_comments(text)))


def without_comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if not line.lstrip().startswith("//")]


@pytest.mark.parametrize("path", SCRIPTS, ids=[path.name for path in SCRIPTS])
def test_a_script_is_the_same_as_one_line(path: Path) -> None:
    text = one_line(path.stem)
    assert "\n" not in text
    assert complaint(f"'use strict';{text}") == ""
    for line, following in zip(
        kept := without_comments(path.read_text(encoding="utf-8")), [*kept[1:], ""], strict=True
    ):
        assert "//" not in line.replace("://", ""), f"a comment needs a line for itself: {line}"
        assert "`" not in line, f"may go over several lines: {line}"
        assert not re.search(r"[\w$]$", line) or not re.match(r"\s*[\w$]", following), f"would grow together: {line}"


def test_no_javascript_stands_in_python() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"\brequire\(|=>[{(]|\bprocess\.(argv|exit)\b", node.value), path


def test_a_script_names_the_port_that_its_program_listens_on() -> None:
    assert f"connect({api_relay.PORT}," in one_line("api_relay_health")


# -- what they do


class Handler(BaseHTTPRequestHandler):
    """Says what it was asked; without the key it refuses."""

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        may_pass = self.headers.get("Authorization") == "Bearer key"
        raw = json.dumps([self.command, self.path, body]).encode()
        self.send_response(200 if may_pass else 403)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = answer  # noqa: N815 - http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        pass


@contextmanager
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield made.server_port
        made.shutdown()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as made:
        port: int = made.getsockname()[1]
    return port


def test_every_server_is_asked_and_what_fails_has_a_word(tmp_path: Path) -> None:
    with server() as port:
        urls = [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{free_port()}"]
        requests = [{"path": "/one", "body": ""}, {"path": "/two", "body": '{"a":1}'}]
        wish = tmp_path / "wish.json"
        asked = {"urls": urls, "requests": requests, "key": "key", "patience": 5000, "limit": 1000}
        wish.write_text(json.dumps(asked), encoding="utf-8")
        said = subprocess.check_output([NODE, "-e", one_line("ask_servers"), "--", str(wish)], timeout=30)
    here, nowhere = json.loads(said)["tried"]
    assert (here["url"], here["failure"]) == (urls[0], "")
    assert {path: json.loads(one["body"]) for path, one in here["answers"].items()} == {
        "/one": ["GET", "/one", ""],
        "/two": ["POST", "/two", '{"a":1}'],
    }
    assert nowhere == {"url": urls[1], "failure": "refused", "answers": {}}


@pytest.mark.parametrize(("key", "waits_s"), [("key", 60), ("wrong", 0)])
def test_the_wait_ends_with_the_loaded_model_or_in_time(key: str, waits_s: int, tmp_path: Path) -> None:
    keys = tmp_path / "secrets.json"
    keys.write_text(json.dumps({"api_key": [{"active": True, "value": key}]}), encoding="utf-8")
    with server() as port:
        argv = [f"http://127.0.0.1:{port}/ready", "", str(waits_s), str(keys), "api_key"]
        subprocess.run([NODE, "-e", one_line("wait_for_backend"), "--", *argv], timeout=30, check=True)


def test_one_request_is_sent_as_it_was_asked() -> None:
    with server() as port:
        headers = {"Host": "box", "Authorization": "Bearer key", "Content-Length": "5"}
        wish = {"url": f"http://127.0.0.1:{port}/a", "method": "POST", "body": "aGVsbG8=", "headers": headers}
        environment = {"STACKCTL_REQUEST": json.dumps(wish)}
        argv = [NODE, "-e", one_line("tavern_request")]
        said = subprocess.check_output(argv, env=environment, timeout=30).decode()
    head, _, body = said.partition("\n")
    assert json.loads(head)["status"] == 200
    assert json.loads(body) == ["POST", "/a", "hello"]


def test_several_pages_come_in_lines() -> None:
    with server() as port:
        urls = [f"http://127.0.0.1:{port}/{name}" for name in ("a", "b")]
        environment = {"STACKCTL_REQUEST": json.dumps({"urls": urls, "headers": {"Authorization": "Bearer key"}})}
        said = subprocess.check_output([NODE, "-e", one_line("tavern_pages")], env=environment, timeout=30)
    first, *pages = [json.loads(line) for line in said.splitlines()]
    assert first["status"] == 200
    assert [json.loads(one["text"])[1] for one in pages] == ["/a", "/b"]
