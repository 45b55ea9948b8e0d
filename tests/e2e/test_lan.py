"""Exposure on the real engine, asked from another machine of a LAN and from somebody else's container."""

import json
import os
import pty
import stat
import subprocess
from collections.abc import Iterator

import httpx
import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.lan import Lan, cable, foreign, password_header

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]

# what Docker's own proxy passes on looks like this machine: a spoofed header must not make more of it
SPOOFED = ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Host: localhost")
PATHS = (
    "/",
    "/csrf-token",
    "/version",
    "/api/ping",
    "/robots.txt",
    "/scripts/extensions/third-party/stackctl/stamp.json",
)


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with cable() as made:
        yield made


def deployed(stack: Stack, expose: str) -> int:
    """A deployed stack with this exposure; its port."""
    port = free_port()
    (stack.folder / "stack.toml").write_text(f'[sillytavern]\nport = {port}\nexpose = "{expose}"\n')
    assert stack.deploy()["reply"] == SENTENCE
    return port


def test_without_exposure_nobody_else_gets_an_answer(stack: Stack, lan: Lan) -> None:
    port = deployed(stack, "none")
    for address in (lan.address, f"[{lan.address6}]"):
        assert lan.ask(f"http://{address}:{port}/", *SPOOFED) == "ConnectError"
    assert foreign(stack, f"http://{lan.address}:{port}/", *SPOOFED[:2]) == "shut"
    assert (
        foreign(
            stack, f"http://host.docker.internal:{port}/", extra=("--add-host", "host.docker.internal:host-gateway")
        )
        == "shut"
    )
    assert not (stack.folder / ".stackctl/sillytavern-password").exists()
    assert "only this machine can open that" in stack.run("url").stderr


def typed(stack: Stack, answer: str, *words: str) -> str:
    """What a deploy says to somebody who came by SSH and types this answer."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    try:
        done = subprocess.run(
            [str(stack.program), *stack.words("deploy", "--images", "own", "--no-proof", *words)],
            cwd=stack.folder,
            env={**os.environ, **stack.environment, "SSH_CONNECTION": "198.51.100.7 50000 203.0.113.9 22"},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 0, done.stdout
    return done.stdout


QUESTION = "Open it to other devices of this network, with a password? [y/N]"


def test_over_ssh_it_is_asked_once_whether_others_may_open_it_and_a_yes_opens_it(stack: Stack, lan: Lan) -> None:
    said = typed(stack, "y\n")
    assert QUESTION in said
    line = next(line for line in said.splitlines() if line.startswith(f"from other devices: http://{lan.address}:"))
    page = f"{line.rpartition(' ')[2]}/version"
    assert lan.ask(page, password_header(stack)) == "200"
    assert said.splitlines()[-1].endswith("the password in .stackctl/sillytavern-password")
    assert "\N{LOWER HALF BLOCK}" in said or "\N{FULL BLOCK}" in said
    assert 'expose = "lan"' in (stack.folder / "stack.toml").read_text()
    assert QUESTION not in typed(stack, "n\n", "--expose", "none")
    assert QUESTION not in typed(stack, "y\n")
    assert lan.ask(page) == "ConnectError"


def test_open_shows_the_page_in_the_browser_and_over_ssh_says_how_to_reach_it(stack: Stack) -> None:
    port = deployed(stack, "none")
    browser = stack.folder / "browser"
    browser.write_text('#!/bin/sh\necho "$1" >>"$0.log"\n')
    browser.chmod(0o755)
    stack.environment |= {"BROWSER": str(browser), "SSH_CONNECTION": ""}
    assert stack.run("open").stdout.strip() == f"opened http://127.0.0.1:{port}"
    stack.environment["SSH_CONNECTION"] = "198.51.100.7 50000 203.0.113.9 22"
    assert f"ssh -L {port}:127.0.0.1:{port} 203.0.113.9" in stack.run("open").stdout
    assert browser.with_suffix(".log").read_text().splitlines() == [f"http://127.0.0.1:{port}"]
    stack.run("stop", "sillytavern")
    assert "not ready" in stack.fails(7, "open")


@pytest.mark.sample
def test_the_lan_gets_in_with_the_password_only_and_other_networks_not_at_all(stack: Stack, lan: Lan) -> None:
    port = deployed(stack, lan.interface)
    url, login = f"http://{lan.address}:{port}", password_header(stack)
    assert lan.ask(f"{url}/version", login) == "200"
    for path in PATHS:
        assert lan.ask(f"{url}{path}") == "401", path
        assert lan.ask(f"{url}{path}", *SPOOFED) == "401", path
    assert lan.ask(f"{url}/version", "Authorization: Basic dXNlcjpwYXNzd29yZA==") == "401"  # SillyTavern's stock login
    assert lan.ask(f"{url}/version", login, source=lan.outsider) == "403"
    assert lan.ask(f"{url}/version", login, f"X-Forwarded-For: {lan.other}", source=lan.outsider) == "403"
    over6 = f"http://[{lan.address6}]:{port}/version"
    assert (lan.ask(over6), lan.ask(over6, *SPOOFED), lan.ask(over6, login)) == ("401", "401", "200")
    # the published port is opened to containers by Docker's own proxy, under the gateway's address
    assert foreign(stack, f"{url}/") == "401"
    assert foreign(stack, f"{url}/", *SPOOFED[:2]) == "401"
    assert httpx.get(f"http://127.0.0.1:{port}/").status_code == 401


def test_the_password_is_in_no_place_where_others_look_and_goes_with_the_exposure(stack: Stack, lan: Lan) -> None:
    deployed(stack, lan.interface)
    place = stack.folder / ".stackctl/sillytavern-password"
    config = stack.folder / "sillytavern/config/config.yaml"
    password = place.read_text().strip()
    assert stat.S_IMODE(place.stat().st_mode) == stat.S_IMODE(config.stat().st_mode) == 0o600
    assert password in config.read_text()
    public = [(stack.folder / name).read_text() for name in ("compose.yml", "stack.toml", "stack.lock")]
    seen = [*public, json.dumps(stack.inspect("sillytavern")), stack.docker("logs", stack.container("sillytavern"))]
    assert not [text for text in seen if password in text]
    before = stack.inspect("sillytavern")["Id"]
    again = stack.run("deploy", "--images", "own")
    assert stack.inspect("sillytavern")["Id"] == before
    assert place.read_text().strip() == password
    assert f"from other devices: http://{lan.address}:" in again.stdout
    assert ".stackctl/sillytavern-password" in again.stdout
    assert password not in again.stdout + again.stderr
    address = stack.run("url").stdout.strip()
    assert lan.ask(f"{address}/version") == "401"
    assert address in stack.run("url", "--qr").stdout
    stack.run("smoke")
    config.write_text(f"# mine\n{config.read_text()}extra: 1  # kept\n")
    text = (stack.folder / "stack.toml").read_text()
    (stack.folder / "stack.toml").write_text(text.replace(lan.interface, "none"))
    url = stack.deploy()["url"]
    assert httpx.get(f"{url}/version").status_code == 200
    assert not place.exists()
    after = config.read_text()
    assert password not in after
    assert after.startswith("# mine\n")
    assert "extra: 1  # kept" in after
