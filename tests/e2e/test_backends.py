"""KoboldCpp and text-generation-webui, by stand-ins that keep their launch contracts, with SillyTavern for real."""

import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.conftest import Stack
from tests.e2e.failing import gguf_without_a_tensor
from tests.standins.conftest import safetensors

pytestmark = pytest.mark.engine


class _Cut(http.server.SimpleHTTPRequestHandler):
    """Serves a folder; the first answer to each path in `cut` ends in the middle."""

    cut: ClassVar[set[str]] = set()

    def copyfile(self, source: object, outputfile: object) -> None:
        raw = source.read()  # type: ignore[attr-defined]
        if self.path in self.cut:
            self.cut.discard(self.path)
            raw = raw[: len(raw) // 2]
        outputfile.write(raw)  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def served(program: Path) -> Iterator[str]:
    """A loopback URL of the program, whose first download is cut off in the middle."""
    handler = functools.partial(_Cut, directory=str(program.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        _Cut.cut = {f"/{program.name}"}
        yield f"http://127.0.0.1:{server.server_port}/{program.name}"
        server.shutdown()
        thread.join()


def wish(stack: Stack, text: str) -> None:
    (stack.folder / "stack.toml").write_text(text)


def test_koboldcpp_is_fetched_once_verified_run_directly_and_answers(stack: Stack, served: str, program: Path) -> None:
    wish(stack, f'[backend]\nkind = "koboldcpp"\nprogram = "{served}"\n')
    refused = stack.fails(8, "deploy", "--images", "own")
    assert "--trust-first-download" in refused
    assert stack.docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={stack.name}") == ""

    result = stack.deploy("--trust-first-download")
    assert result["reply"] == SENTENCE
    assert result["model"] == "koboldcpp/stackctl-demo"
    assert result["context"] == 8192
    assert result["tokens_per_s"] > 0
    found = stack.inspect("koboldcpp")
    assert found["Path"] == "/opt/stackctl/koboldcpp"
    kept = next(Path(stack.environment["XDG_DATA_HOME"]).rglob(f"url-*/{program.name}"))
    assert hashlib.sha256(kept.read_bytes()).digest() == hashlib.sha256(program.read_bytes()).digest()

    fetched = kept.stat().st_mtime_ns
    assert stack.deploy()["reply"] == SENTENCE
    assert kept.stat().st_mtime_ns == fetched

    # though it sends what it wrote within its first third of a second in one piece
    smoked = json.loads(stack.run("smoke", "--json").stdout)
    assert {one["name"]: one["status"] for one in smoked["checks"]}["streaming"] == "passed"
    assert smoked["tokens_per_s"] > 0


@pytest.mark.chaos
def test_koboldcpp_from_a_local_file_with_a_noexec_scratch_fails_as_the_real_one_does(
    stack: Stack, program: Path
) -> None:
    wish(stack, f'[backend]\nkind = "koboldcpp"\nprogram = "{program}"\n')
    override = {"services": {"koboldcpp": {"environment": {"TMPDIR": "/noexec"}, "tmpfs": ["/noexec:mode=1777"]}}}
    (stack.folder / "compose.override.yml").write_text(json.dumps(override))
    said = stack.fails(7, "deploy", "--images", "own")
    assert "noexec" in said
    assert "failed to map segment from shared object" in said
    assert stack.inspect("koboldcpp")["State"]["Status"] == "exited"


@pytest.mark.chaos
def test_koboldcpp_reports_a_refused_argument(stack: Stack, program: Path) -> None:
    wish(stack, f'[backend]\nkind = "koboldcpp"\nprogram = "{program}"\nextra_args = ["--no-such-flag"]\n')
    said = stack.fails(3, "deploy", "--images", "own")
    assert "unrecognized arguments: --no-such-flag" in said
    assert "extra_args" in said


def test_text_generation_webui_answers_with_a_name_that_its_own_variable_can_not_carry(
    stack: Stack, textgen: str
) -> None:
    model = stack.folder / "My $Model 'v2' \"q\" 日本.gguf"
    model.write_bytes(gguf_bytes())
    model.chmod(0o600)
    os.chown(model, 1234, 1234)
    wish(
        stack,
        f'[model]\npath = {json.dumps(model.name)}\n[backend]\nkind = "ooba"\nimage = "{textgen}"\ncontext = 4096\n',
    )
    result = stack.deploy()
    assert result["reply"] == SENTENCE
    assert result["model"] == model.name
    assert result["tokens_per_s"] > 0
    found = stack.inspect("text-generation-webui")
    assert found["HostConfig"]["CapAdd"] in (["DAC_READ_SEARCH"], ["CAP_DAC_READ_SEARCH"])
    assert (model.stat().st_uid, model.stat().st_gid) == (1234, 1234)


@pytest.mark.chaos
def test_text_generation_webui_with_a_wrong_word_for_llama_server_names_the_word(stack: Stack, textgen: str) -> None:
    wish(stack, f'[backend]\nkind = "textgen"\nimage = "{textgen}"\nextra_args = ["--extra-flags=--no-such-flag"]\n')
    said = stack.fails(3, "deploy", "--images", "own")
    assert "llama-server does not know the argument --no-such-flag" in said
    assert "Check `--extra-flags` in `backend.extra_args`" in said
    assert "damaged" not in said


@pytest.mark.chaos
def test_text_generation_webui_whose_loader_refuses_a_folder_says_what_it_says(stack: Stack, textgen: str) -> None:
    safetensors(stack.folder / "folder", model_type="nosuch")
    wish(stack, f'[model]\npath = "folder"\n[backend]\nkind = "textgen"\nimage = "{textgen}"\n')
    said = stack.fails(8, "deploy", "--images", "own", "--force")
    assert "its loader says: The checkpoint you are trying to load has model type `nosuch`" in said
    assert "Use a newer image (`backend.image`), or another model" in said
    assert max(len(line) for line in said.splitlines()) < 400
    status = stack.fails(7, "status")
    assert "its loader says: The checkpoint" in status
    assert "stackctl deploy" in status


@pytest.mark.chaos
def test_text_generation_webui_that_runs_with_a_failed_model_is_never_called_ready(stack: Stack, textgen: str) -> None:
    (stack.folder / "broken.gguf").write_bytes(gguf_without_a_tensor())
    wish(stack, f'[model]\npath = "broken.gguf"\n[backend]\nkind = "textgen"\nimage = "{textgen}"\n')
    said = stack.fails(8, "deploy", "--images", "own")
    assert "text-generation-webui" in said
    assert stack.inspect("text-generation-webui")["State"]["Status"] == "exited"
    assert stack.inspect("text-generation-webui")["State"]["Running"] is False


@pytest.mark.machines
def test_a_change_of_backend_leaves_only_the_new_one_and_sillytavern_follows(stack: Stack, program: Path) -> None:
    stack.deploy()
    wish(stack, f'[backend]\nkind = "koboldcpp"\nprogram = "{program}"\n')
    settings = stack.folder / "sillytavern/data/default-user/settings.json"
    changed = json.loads(settings.read_text()) | {"username": "Alice"}
    settings.write_text(json.dumps(changed))
    result = stack.deploy("--context", "4096")
    assert (result["model"], result["reply"]) == ("koboldcpp/stackctl-demo", SENTENCE)
    after = json.loads(settings.read_text())
    assert (after["username"], after["max_context"]) == ("Alice", 4096)
    label = f"label=com.docker.compose.project={stack.name}"
    names = stack.docker("ps", "-a", "--filter", label, "--format", '{{.Label "com.docker.compose.service"}}').split()
    assert sorted(names) == ["koboldcpp", "sillytavern"]
