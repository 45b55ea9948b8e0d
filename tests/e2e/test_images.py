"""Our own images: laid out as the official ones, without a tool that those lack."""

import base64
import json
from collections.abc import Callable

import pytest

from stackctl import backends
from stackctl.core.tavern import container as tavern
from tests.backends import loadable
from tests.e2e.conftest import Stack

pytestmark = pytest.mark.engine
LLAMACPP = backends.BACKENDS["llamacpp"].OWN_IMAGES["cpu"]


def has(stack: Stack, image: str, tool: str) -> bool:
    found = stack.docker(
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "sh",
        image,
        "-c",
        f"command -v {tool} >/dev/null && echo yes; true",
    )
    return found.strip() == "yes"


@pytest.mark.parametrize("tool", [*tavern.IMAGE_TOOLS])
def test_sillytavern_has_the_tools_that_probes_may_use(stack: Stack, tool: str) -> None:
    assert has(stack, tavern.OWN_IMAGE, tool)


@pytest.mark.parametrize("tool", ["curl", "python3", "bash", "perl", "apt-get"])
def test_sillytavern_hides_what_the_official_image_lacks(stack: Stack, tool: str) -> None:
    assert not has(stack, tavern.OWN_IMAGE, tool)


def test_llamacpp_has_curl_and_hides_python_and_wget(stack: Stack) -> None:
    assert has(stack, LLAMACPP, "curl")
    assert not has(stack, LLAMACPP, "python3")
    assert not has(stack, LLAMACPP, "wget")


def test_entrypoints_are_the_official_ones(stack: Stack) -> None:
    found = {
        image: json.loads(stack.docker("image", "inspect", image))[0]["Config"]["Entrypoint"]
        for image in (LLAMACPP, tavern.OWN_IMAGE)
    }
    assert found == {
        LLAMACPP: ["/app/llama-server"],
        tavern.OWN_IMAGE: ["tini", "--", "./docker-entrypoint.sh"],
    }


def test_images_list_shows_what_is_here(stack: Stack) -> None:
    listed = json.loads(stack.run("images", "list", "--images", "own", "--json").stdout)["images"]
    assert [(i["image"], i["kind"], bool(i["digest"])) for i in listed] == [
        (LLAMACPP, "own", True),
        (tavern.OWN_IMAGE, "own", True),
    ]


def test_auto_takes_ours_only_after_a_failed_pull_and_only_the_image_line_differs(
    new_stack: Callable[..., Stack],
) -> None:
    """Where the registry answers, the official images are taken; where it does not, ours, and that is said."""
    official, auto = new_stack("-a"), new_stack("-b")
    text = official.run("render", "--stdout", "--gpu", "none", "--name", "same").stdout
    done = auto.run("deploy", "--name", "same", "--no-proof")
    auto.docker("compose", "-p", "same", "down")
    lines = (auto.folder / "compose.yml").read_text().splitlines()
    changed = [line for line in lines if line not in text.splitlines() and "interval" not in line]
    if "using stackctl's own image instead" in done.stderr:
        assert [line.strip() for line in changed if "image:" in line] == [
            f'image: "{LLAMACPP}"',
            f'image: "{tavern.OWN_IMAGE}"',
        ]
    allowed = ("image:", "source:", "# built here", "stackctl.content", '- "127.0.0.1:')  # the port: the next free one
    # a render asks no engine, and looks for no names of this machine
    looked_for = ("driver_opts:", "com.docker.network.bridge.gateway_mode_", '"SILLYTAVERN_HOSTWHITELIST_HOSTS"', "# ")
    assert [line for line in changed if not line.strip().startswith((*allowed, *looked_for))] == []
    lock = json.loads((auto.folder / "stack.lock").read_text())
    assert lock["decisions"]["llamacpp.image"]["value"] in text or "using stackctl's own image" in done.stderr


def test_the_list_of_what_debians_llama_cpp_loads_is_that_of_its_libraries(stack: Stack) -> None:
    known = json.loads((loadable.HOME / "llamacpp-debian.json").read_text(encoding="utf-8"))
    command = "base64 /usr/lib/*/libllama.so.0; echo; base64 /usr/lib/*/libggml-base.so.0"
    words = ("--rm", "--network", "none", "--entrypoint", "sh", LLAMACPP, "-c", command)
    libllama, libggml = (base64.b64decode(one) for one in stack.docker("run", *words).split("\n\n"))
    newest = json.loads((loadable.HOME / "llamacpp-b11459.json").read_text(encoding="utf-8"))
    found = loadable.of_libraries(libllama, libggml, newest)
    assert {key: sorted(found[key]) for key in loadable.KEYS} == {key: known[key] for key in loadable.KEYS}
