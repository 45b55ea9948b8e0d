"""Behind a real Caddy: its clients get in with the password, and no header makes a client of somebody else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stackctl.core.model.demo_model import SENTENCE
from tests.e2e.conftest import Stack, free_port
from tests.e2e.lan import Lan, cable, foreign, password_header
from tests.e2e.outside import docker, running
from tests.standins import build

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.machines]
NAME, NETWORK, HOST = "t-caddy-of-the-tests", "t-proxy-of-the-tests", "chat.example.test"


@pytest.fixture(scope="module")
def lan() -> Iterator[Lan]:
    with cable() as made:
        yield made


@pytest.fixture
def proxy(tmp_path: Path, own_images: None, lan: Lan) -> Iterator[str]:
    """A Caddy that the LAN reaches, in a network of its own; its URL."""
    del own_images
    port, file = free_port(), tmp_path / "Caddyfile"
    file.write_text("{\n admin off\n auto_https off\n}\n:80 {\n reverse_proxy sillytavern:8000\n}\n")
    docker("network", "create", NETWORK)
    try:
        options = (
            "--name",
            NAME,
            "--network",
            NETWORK,
            "-p",
            f"{lan.address}:{port}:80",
            "-v",
            f"{file}:/Caddyfile:ro",
        )
        words = ("run", "--config", "/Caddyfile", "--adapter", "caddyfile")
        with running(build.caddy_image(), *options, words=words):
            yield f"http://{lan.address}:{port}"
    finally:
        docker("network", "rm", NETWORK)


def test_only_the_proxys_own_clients_get_in_whatever_the_headers_say(stack: Stack, lan: Lan, proxy: str) -> None:
    (stack.folder / "stack.toml").write_text(
        f'[sillytavern.proxy]\nnetwork = "{NETWORK}"\ncontainer = "{NAME}"\nhosts = ["{HOST}"]\n'
        'labels = ["traefik.enable=true"]\n'
    )
    try:
        assert stack.deploy()["reply"] == SENTENCE
        page = stack.inspect("sillytavern")
        assert page["HostConfig"]["PortBindings"] in ({}, None)
        assert page["Config"]["Labels"]["traefik.enable"] == "true"
        assert stack.run("url").stdout.strip() == f"https://{HOST}"
        login, host, url = password_header(stack), f"Host: {HOST}", f"{proxy}/version"
        assert lan.ask(url, host, login) == "200"
        assert lan.ask(url, host) == "401"
        assert lan.ask(url, "Host: evil.example.test", login) == "403"
        for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "CF-Connecting-IP"):
            for told in ("127.0.0.1", lan.other):
                assert lan.ask(url, host, login, f"{header}: {told}", source=lan.outsider) == "403", header
                assert lan.ask(url, host, f"{header}: {told}") == "401", header
        for at, network in ((f"http://{NAME}", NETWORK), ("http://sillytavern:8000", NETWORK)):
            for spoofed in ((), ("X-Forwarded-For: 127.0.0.1",), (f"X-Forwarded-For: {lan.other}",)):
                assert foreign(stack, f"{at}/version", login, *spoofed, network=network) == "403"
        own = page["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
        assert foreign(stack, f"http://{own}:8000/version", login) == "shut"
        assert f"is ready: https://{HOST}" in stack.run("status").stdout
        stack.run("smoke")
        docker("stop", NAME)
        assert f"no running container {NAME}" in stack.fails(3, "deploy", "--images", "own")
    finally:
        stack.clean()
