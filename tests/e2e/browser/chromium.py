"""Debian's Chromium, headless, in a container of the engine; it sees this host's loopback through a proxy."""

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.e2e.browser.socks import proxy

IMAGE = "stackctl-test/browser:1"
_HERE = Path(__file__).parent


def docker(*words: str) -> str:
    done = subprocess.run(
        ["docker", *words], env={**os.environ, "DOCKER_BUILDKIT": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def build() -> None:
    """Build its image, which is quick the second time."""
    ca = os.environ.get("SSL_CERT_FILE")
    docker("build", "-q", "-t", IMAGE, *(["--secret", f"id=ca,src={ca}"] if ca else []), str(_HERE))


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Build its image and run it."""
    build()
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
    raise AssertionError(f"Chromium does not answer:\n{docker('logs', container)}")
