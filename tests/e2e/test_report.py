"""`stackctl doctor --report` of a real stack: no key, no password and nothing of a chat is in the archive."""

import base64
import gzip
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.e2e.conftest import Stack, free_port

pytestmark = [pytest.mark.engine, pytest.mark.machines]

CHAT = "Aurelius wept over the violet letter that Seraphina had hidden"
TOKEN = "hf_" + "pLanted0" * 4


def address() -> str:
    """An address of this machine that is not its loopback's."""
    return subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split()[0]


def chat(url: str, password: str) -> None:
    """Send a message through SillyTavern, as its page does."""
    with httpx.Client(base_url=url, auth=("stackctl", password), timeout=60) as page:
        page.headers["X-CSRF-Token"] = page.get("/csrf-token").raise_for_status().json()["token"]
        body = {"api_type": "llamacpp", "api_server": "http://llamacpp:8080", "prompt": CHAT, "n_predict": 4}
        page.post("/api/backends/text-completions/generate", json=body).raise_for_status()


@pytest.mark.sample
def test_a_report_of_a_stack_that_was_chatted_with_holds_no_secret_and_no_chat(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    settings = f'[sillytavern]\nport = {port}\nexpose = "{address()}"\n[backend]\noverride_args = ["--verbose"]\n'
    (stack.folder / "stack.toml").write_text(settings)
    stack.deploy("--no-proof")
    secrets = [(stack.folder / ".stackctl" / one).read_text().strip() for one in ("api-key", "sillytavern-password")]
    chat(f"http://127.0.0.1:{port}", secrets[1])
    logs = "".join(stack.docker("logs", stack.container(one)) for one in ("llamacpp", "sillytavern"))
    assert "violet letter" in logs, "no log holds the chat: this test would prove nothing"
    report = tmp_path / "report.tar.gz"
    stack.environment["HF_TOKEN"] = TOKEN
    said = stack.run("doctor", "--report", str(report), check=False)
    assert report.exists(), said.stderr
    text = gzip.decompress(report.read_bytes()).decode()
    for one in (*secrets, TOKEN):
        for form in (one, base64.b64encode(one.encode()).decode().rstrip("="), one.encode().hex()):
            assert form not in text
    for word in ("Aurelius", "violet", "Seraphina"):
        assert word not in text
    for name in ("MANIFEST.txt", "stack/compose.yml", "logs/llamacpp.txt", "logs/sillytavern.txt", "engine.json"):
        assert f"stackctl-report/{name}" in text
    assert "print_info: " in text  # what the backend tells of itself
    again = stack.run("doctor", "--report", str(report), check=False)
    assert (again.returncode, "is there already" in again.stderr) == (3, True)
