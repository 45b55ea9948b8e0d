"""SillyTavern's container: environment, health, waiting."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from stackctl.core.tavern import container as tavern

# -- environment


def test_the_whitelist_is_json_of_loopback_and_the_edge_gateway() -> None:
    environment = tavern.environment("10.64.3.1")
    assert json.loads(environment["SILLYTAVERN_WHITELIST"]) == ["127.0.0.1", "::1", "10.64.3.1"]


def test_no_variable_is_set_that_opens_a_door_or_stops_it() -> None:
    environment = tavern.environment("10.64.3.1")
    assert environment["SILLYTAVERN_BROWSERLAUNCH_ENABLED"] == "false"
    assert not {"SILLYTAVERN_WHITELISTMODE", "SILLYTAVERN_SECURITYOVERRIDE"} & set(environment)
    assert not {"PUID", "PGID"} & set(environment)  # they need capabilities that are dropped


def test_a_foreign_name_and_a_foreign_origin_are_refused_always() -> None:
    environment = tavern.environment("10.64.3.1", names=("box", ".example.org"))
    assert environment["SILLYTAVERN_HOSTWHITELIST_ENABLED"] == "true"
    assert json.loads(environment["SILLYTAVERN_HOSTWHITELIST_HOSTS"]) == ["box", ".example.org"]
    assert environment["SILLYTAVERN_CORS_ENABLED"] == "false"
    assert json.loads(tavern.environment("10.64.3.1")["SILLYTAVERN_HOSTWHITELIST_HOSTS"]) == []


# -- health and waiting: only what the image has


ANSWERS = {  # what busybox's wget -S says, run against SillyTavern 1.19.0 and against none
    200: "Connecting to 127.0.0.1:8000 (127.0.0.1:8000)\n  HTTP/1.1 200 OK\n  X-Powered-By: x\n",
    401: "  HTTP/1.1 401 Unauthorized\nwget: server returned error: HTTP/1.1 401 Unauthorized\n",
    403: "  HTTP/1.1 403 Forbidden\nwget: server returned error: HTTP/1.1 403 Forbidden\n",
    500: "  HTTP/1.1 500 Internal Server Error\nwget: server returned error: HTTP/1.1 500 Internal Server Error\n",
    0: "wget: can't connect to remote host (127.0.0.1): Connection refused\n",
}


@pytest.mark.parametrize(("status", "lives"), [(200, True), (401, True), (403, False), (500, False), (0, False)])
def test_the_health_check_starts_no_node_and_passes_once_sillytavern_answers(
    status: int, lives: bool, tmp_path: Path
) -> None:
    (tmp_path / "answer").write_text(ANSWERS[status])
    wget = tmp_path / "wget"
    wget.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/asked\ncat {tmp_path}/answer >&2\nexit {int(status != 200)}\n')
    wget.chmod(0o755)
    kind, *argv = tavern.health()
    done = subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=False)
    assert (kind, done.returncode == 0) == ("CMD", lives)
    assert (tmp_path / "asked").read_text().split()[-1] == f"http://127.0.0.1:{tavern.PORT}/version"  # needs no login
    assert {argv[0], "wget", "grep"} <= set(tavern.IMAGE_TOOLS)
    assert "node" not in " ".join(argv)


def test_the_wait_takes_its_words_as_arguments_never_as_script() -> None:
    hostile = "http://x/$(touch y)'\"`"
    argv = tavern.entrypoint(hostile, '{"text":"a b"}', 70, "ooba")
    assert argv[:2] == ("sh", "-c")
    assert argv[-5:] == (hostile, '{"text":"a b"}', "70", *KEYS)
    assert hostile not in argv[2]
    assert {"sh", "node"} <= set(tavern.IMAGE_TOOLS)


KEYS = ("/home/node/app/data/default-user/secrets.json", "api_key_ooba")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder like the image's: a node that notes its words, and the official entrypoint that notes its start."""
    (tmp_path / "bin").mkdir()
    scripts = {
        "bin/node": '#!/bin/sh\nfor word; do printf "%s\\n" "$word"; done >node.txt\nexit ${NODE_EXIT:-0}\n',
        "docker-entrypoint.sh": '#!/bin/sh\necho "$# $$" >started.txt\n',
    }
    for name, script in scripts.items():
        (tmp_path / name).write_text(script, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("node_exit", ["0", "1"])
@pytest.mark.parametrize("body", ["", '{"text":"hello"}'])
def test_the_wait_hands_its_words_to_node_and_then_becomes_the_images_own_entrypoint(
    image: Path, node_exit: str, body: str
) -> None:
    argv = tavern.entrypoint("http://b:1/$x", body, 70, "ooba")
    path = f"{image / 'bin'}:{os.defpath}"
    done = subprocess.Popen(argv, cwd=image, env={"PATH": path, "NODE_EXIT": node_exit})
    assert done.wait(timeout=20) == 0
    words = (image / "node.txt").read_text(encoding="utf-8").splitlines()
    assert words == ["-e", argv[4], "--", "http://b:1/$x", body, "70", *KEYS]
    assert (image / "started.txt").read_text(encoding="utf-8") == f"0 {done.pid}\n"  # exec: signals reach it


def test_the_script_ends_the_wait_by_itself_and_asks_by_get_or_by_post() -> None:
    script = tavern.entrypoint("u", "", 1, "ooba")[4]
    assert "process.argv.slice(1)" in script
    assert "method:'POST'" in script
    assert "AbortSignal.timeout" in script
    assert "process.exit()" in script
    assert "\n" not in script


def test_the_image_is_pinned_and_ours_has_the_same_version_under_our_name() -> None:
    assert tavern.IMAGE.rsplit(":", 1)[1] == tavern.OWN_IMAGE.rsplit(":", 1)[1] == "1.19.0"
    assert tavern.IMAGE.rsplit(":", 1)[0] != tavern.OWN_IMAGE.rsplit(":", 1)[0]


def test_every_folder_of_the_image_that_is_written_to_is_mounted() -> None:
    places = {place.removeprefix(f"{tavern.APP}/") for place in tavern.FOLDERS.values()}
    assert places == {"config", "data", "plugins", "public/scripts/extensions/third-party"}
    assert tavern.SETTINGS.split("/")[0] in tavern.FOLDERS
