"""One Chromium for all tests, in a container of the same engine; a fresh profile for each page."""

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser.page import Tavern
from tests.e2e.browser.socks import proxy
from tests.e2e.conftest import ARTEFACTS

IMAGE = "stackctl-test/browser:1"
_HERE = Path(__file__).parent


def docker(*words: str) -> str:
    done = subprocess.run(
        ["docker", *words], env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def browser(own_images: None) -> Iterator[Browser]:
    """Debian's Chromium, headless, which sees this host's loopback through a proxy."""
    del own_images
    ca = os.environ.get("SSL_CERT_FILE")
    docker("build", "-q", "-t", IMAGE, *(["--secret", f"id=ca,src={ca}"] if ca else []), str(_HERE))
    gateway = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    with proxy(gateway) as url:
        # <-loopback>: a browser asks no proxy for loopback addresses unless it is told to
        flags = [f"--proxy-server={url}", "--proxy-bypass-list=<-loopback>"]
        container = docker("run", "-d", "-p", "127.0.0.1::9223", "--shm-size", "512m", IMAGE, *flags)
        try:
            driver = f"http://{docker('port', container, '9223/tcp').splitlines()[0]}"
            _wait(driver, container)
            with sync_playwright() as playwright:
                yield playwright.chromium.connect_over_cdp(driver)
        finally:
            docker("rm", "-f", container)


def _wait(driver: str, container: str) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{driver}/json/version", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    pytest.fail(f"Chromium does not answer:\n{docker('logs', container)}", pytrace=False)


@pytest.fixture
def tavern(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Tavern]]:
    """Open SillyTavern's page at a URL. Whatever went wrong in a page fails the test at its end."""
    shots = ARTEFACTS / "screens" / request.node.name.removeprefix("test_")
    opened: list[Tavern] = []

    def open_page(url: str) -> Tavern:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
        opened.append(Tavern(context.new_page(), url, shots))
        return opened[-1]

    yield open_page
    troubles = [trouble for one in opened for trouble in one.troubles]
    for one in opened:
        one.page.context.close()
    assert not troubles, troubles
