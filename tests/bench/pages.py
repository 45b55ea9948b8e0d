"""From the load of SillyTavern's page to "connected": ours, beside a SillyTavern that was configured by hand.

By hand means: the same image, the same backend, a data folder of its own with SillyTavern's stock settings, changed as
a guide tells (API type, server URL, "auto-connect to last server", the first dialogue answered), without stackctl's
templates and extension. The clicks that a person needs for that are not counted. Cold profiles, in turn.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stackctl.core.model.demo_model import FILE_NAME
from stackctl.core.tavern import container as tavern
from stackctl.core.tavern import secrets_json as tavern_secrets
from stackctl.core.tavern import settings_json as tavern_settings
from stackctl.effects.docker.engine import Engine
from tests.e2e.browser.chromium import chromium, docker
from tests.e2e.browser.page import Tavern


def connected(runs: int, stack: Path, url: str) -> tuple[list[float], list[float]]:
    """(ours, by hand): seconds of each run. The stack of this folder must be up, with llama.cpp and the demo model."""
    ours: list[float] = []
    by_hand: list[float] = []
    with _configured_by_hand(stack.name, stack) as other, chromium() as browser:
        for number in range(runs + 1):
            for address, times in ((url, ours), (other, by_hand)):
                context = browser.new_context()
                seconds = Tavern(context.new_page(), address, stack / "screens").connected(FILE_NAME)
                context.close()
                if number:  # the first round warms SillyTavern's own caches
                    times.append(seconds)
    return ours, by_hand


@contextmanager
def _configured_by_hand(project: str, folder: Path) -> Iterator[str]:
    """A second SillyTavern in the networks of the stack; yields its URL."""
    stock = json.loads(Engine().read_files(tavern.OWN_IMAGE, (tavern.STOCK_SETTINGS,))[tavern.STOCK_SETTINGS])
    changes: dict[str, Any] = {
        "firstRun": False,
        "main_api": "textgenerationwebui",
        "textgenerationwebui_settings": {"type": "llamacpp", "server_urls": {"llamacpp": "http://llamacpp:8080"}},
        "power_user": {"auto_connect": True},
    }
    gateway = docker("network", "inspect", f"{project}_edge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    with tempfile.TemporaryDirectory() as made:
        data = Path(made) / "data"
        settings = data / "default-user" / "settings.json"
        settings.parent.mkdir(parents=True)
        settings.write_text(json.dumps(tavern_settings.merge(stock, changes)))
        # the backend's key, as a person would paste it
        shutil.copy(folder / "sillytavern" / tavern_secrets.FILE, settings.with_name("secrets.json"))
        user = f"{os.getuid()}:{os.getgid()}"
        container = docker(
            "run", "-d", "--network", f"{project}_edge", "-p", "127.0.0.1::8000", "--user", user,
            "-e", f"SILLYTAVERN_WHITELIST={json.dumps(['127.0.0.1', '::1', gateway])}", "-e", "HOME=/tmp",
            "-v", f"{data}:{tavern.APP}/data", "--tmpfs", f"{tavern.APP}/config:mode=1777",
            "--tmpfs", f"{tavern.APP}/backups:mode=1777", tavern.OWN_IMAGE,
        )  # fmt: skip
        try:
            docker("network", "connect", f"{project}_inner", container)
            url = f"http://{docker('port', container, '8000/tcp').splitlines()[0]}"
            subprocess.run(
                [
                    "curl",
                    "-fsS",
                    "--retry",
                    "60",
                    "--retry-delay",
                    "1",
                    "--retry-all-errors",
                    "-o",
                    os.devnull,
                    f"{url}/version",
                ],
                check=True,
                capture_output=True,
            )
            yield url
        finally:
            docker("rm", "-f", container)
