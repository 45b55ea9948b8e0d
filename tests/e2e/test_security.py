"""What keeps a stack shut on the real engine: foreign host names and origins, the way to this machine, a limit of
processes; and a stack that an older stackctl made, which gets all of it with its next plain deploy."""

import hashlib
import json
import re
import socket
import tomllib
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network
from pathlib import Path

import httpx
import pytest
import yaml

from stackctl.core.model.demo_model import SENTENCE
from stackctl.effects.host.names import names
from tests.e2e import outside
from tests.e2e.conftest import Stack, free_port
from tests.e2e.failing import lasting, wish

pytestmark = pytest.mark.engine
NEW = ("pids_limit", "driver_opts", "gateway_mode_ipv", "HOSTWHITELIST", "CORS", "# and no address of this machine")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, installed: Path, own_images: None) -> Iterator[Stack]:
    """A default stack, with its API open to other programs, and a name of the user's."""
    del own_images
    with lasting(tmp_path_factory.mktemp("security") / "t-security", installed) as stack:
        page, door = free_port(), free_port()
        wish(
            stack,
            f'[sillytavern]\nport = {page}\nhost_names = ["Chat.lan", ".example.org"]\n'
            f'[backend]\npublish = "127.0.0.1:{door}"\n',
        )
        assert stack.deploy()["reply"] == SENTENCE
        yield stack


def url(stack: Stack) -> str:
    settings = tomllib.loads((stack.folder / "stack.toml").read_text())
    return f"http://127.0.0.1:{settings['sillytavern']['port']}"


def asked(stack: Stack, host: str, path: str = "/csrf-token", **headers: str) -> httpx.Response:
    """What somebody gets whose browser took this machine for that host."""
    return httpx.get(f"{url(stack)}{path}", headers={"Host": host, **headers}, trust_env=False)


def gateway(stack: Stack) -> str:
    """This machine's address in the inner network, were it in there."""
    inner = yaml.safe_load((stack.folder / "compose.yml").read_text())["networks"]["inner"]
    return str(inner["ipam"]["config"][0]["gateway"])


def reaches(stack: Stack, address: str, port: int) -> bool:
    """Whether a connection from the backend's container comes about."""
    script = f"timeout 4 bash -c 'exec 3<>/dev/tcp/{address}/{port}' && echo open || echo shut"
    said = stack.docker("exec", stack.container("llamacpp"), "sh", "-c", script).split()
    assert said in (["open"], ["shut"])
    return said == ["open"]


def started(stack: Stack) -> list[str]:
    return [stack.inspect(service)["State"]["StartedAt"] for service in ("llamacpp", "sillytavern")]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "lan"]
)
def test_a_page_that_leads_its_own_name_here_gets_nothing(good: Stack, host: str) -> None:
    for path in ("/", "/csrf-token", "/version", "/scripts/extensions/third-party/stackctl/stamp.json"):
        assert asked(good, host, path).status_code == 403, path
    for method in ("POST", "PUT", "OPTIONS", "HEAD"):
        answer = httpx.request(method, f"{url(good)}/api/settings/get", headers={"Host": host}, trust_env=False)
        assert answer.status_code == 403, method


def test_this_machine_its_own_names_and_the_users_are_served(good: Stack) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "192.168.1.5", "chat.lan", "example.org", "a.b.example.org:80"):
        assert asked(good, host).status_code == 200, host
    for host in names():
        assert asked(good, f"{host}:8000").status_code == 200, host


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://chat.lan:1"])
def test_a_page_of_another_origin_may_neither_read_nor_change(good: Stack, origin: str) -> None:
    assert "Access-Control-Allow-Origin" not in asked(good, "127.0.0.1", Origin=origin).headers
    for kind, body in (("application/json", "{}"), ("text/plain", "{}"), ("application/x-www-form-urlencoded", "a=1")):
        headers = {"Origin": origin, "Content-Type": kind}
        answer = httpx.post(f"{url(good)}/api/settings/save", content=body, headers=headers, trust_env=False)
        assert answer.status_code == 403, kind
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_backend_does_not_reach_what_listens_on_this_machine(good: Stack) -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104 - as many services do
        port = server.getsockname()[1]
        assert not reaches(good, gateway(good), port)
        assert not reaches(good, outside.gateway(), port)
    said = good.run("smoke").stdout
    assert re.search(r"^isolation +passed .* t-security_inner alone, which has no way out", said, re.MULTILINE)
    assert re.search(r"^llamacpp .*nothing leads into its network|llamacpp +- +closed", said, re.MULTILINE)
    assert re.search(r"^origin +passed", said, re.MULTILINE)


@pytest.mark.parametrize(("service", "limit"), [("llamacpp", 4096), ("sillytavern", 1024), ("api", 128)])
def test_every_program_stays_far_under_its_limit_of_processes(good: Stack, service: str, limit: int) -> None:
    assert good.inspect(service)["HostConfig"]["PidsLimit"] == limit
    has = int(good.docker("stats", "--no-stream", "--format", "{{.PIDs}}", good.container(service)))
    assert 0 < has < limit / 4  # while a health check runs, too


@pytest.mark.machines
def test_a_stack_of_an_older_stackctl_gets_it_with_its_next_plain_deploy_and_is_told(
    new_stack: Callable[..., Stack],
) -> None:
    stack = new_stack()
    wish(stack, f"[sillytavern]\nport = {free_port()}\n")
    stack.deploy()
    lock = older(stack)
    assert asked(stack, "evil.example").status_code == 200  # as it was
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104
        port = server.getsockname()[1]
        assert reaches(stack, gateway(stack), port)

        before, inner = started(stack), f"{stack.name}_inner"
        named = stack.run("deploy", "--dry-run", "--images", "own").stderr
        with outside.running(outside.BASE, "--network", inner, "--name", "t-in-the-way", words=("sleep", "600")):
            said = stack.fails(4, "deploy", "--images", "own")
        assert f"the network {inner} has to be made anew, and t-in-the-way is in it" in said
        assert f"docker network disconnect {inner} t-in-the-way" in said
        assert started(stack) == before

        done = stack.run("deploy", "--json", "--images", "own")
        assert json.loads(done.stdout)["reply"] == SENTENCE
        assert not reaches(stack, gateway(stack), port)
    assert asked(stack, "evil.example").status_code == 403
    assert asked(stack, "localhost").status_code == 200
    assert f"the network {inner} is made anew" in done.stderr
    for words in ("to no other name", "limit of processes", "no longer reaches", "another origin"):
        assert words in named, words
        assert words in said, words
    after = json.loads((stack.folder / "stack.lock").read_text())["decisions"]
    assert {key: after[key] for key in lock["decisions"]} == lock["decisions"]
    assert not list(stack.folder.glob("*.kept-*"))
    running = started(stack)
    again = stack.run("deploy", "--images", "own")
    assert "for security" not in again.stderr
    assert started(stack) == running
    stack.run("smoke")


@pytest.mark.machines
def test_another_subnet_makes_the_network_anew_and_all_find_each_other_in_it(new_stack: Callable[..., Stack]) -> None:
    stack, plain = new_stack(), f"[sillytavern]\nport = {free_port()}\n"
    wish(stack, plain)
    stack.deploy()
    inner = str(subnet_of(stack))
    wish(stack, f'{plain}[network]\ninner = "{inner.replace(".0/24", ".128/25")}"\n')
    assert stack.deploy()["reply"] == SENTENCE
    assert str(subnet_of(stack)) == inner.replace(".0/24", ".128/25")
    stack.run("smoke", "--only", "isolation", "--only", "wiring")


def subnet_of(stack: Stack) -> IPv4Network:
    found = json.loads(stack.docker("network", "inspect", f"{stack.name}_inner"))
    return IPv4Network(found[0]["IPAM"]["Config"][0]["Subnet"])


def older(stack: Stack) -> dict[str, dict[str, str]]:
    """Make of a stack what a stackctl from before all this and a Compose of its time left; its stack.lock."""
    stack.run("down")
    compose = stack.folder / "compose.yml"
    lines = compose.read_text().splitlines(keepends=True)
    compose.write_text("".join(line for line in lines if not any(word in line for word in NEW)))
    lock: dict[str, dict[str, str]] = json.loads((stack.folder / "stack.lock").read_text())
    del lock["decisions"]["sillytavern.names"]
    sha256 = hashlib.sha256(compose.read_bytes()).hexdigest()
    lock["rendered"] = {"by": "0.0.9", "inputs": "0" * 16, "sha256": sha256}
    (stack.folder / "stack.lock").write_text(json.dumps(lock))
    inner = yaml.safe_load(compose.read_text())["networks"]["inner"]["ipam"]["config"][0]
    project, label = f"com.docker.compose.project={stack.name}", "com.docker.compose.network=inner"
    place = ("--internal", "--subnet", inner["subnet"], "--gateway", inner["gateway"])
    # without a hash of its settings, by which a newer Compose would see that they have changed
    stack.docker("network", "create", *place, "--label", project, "--label", label, f"{stack.name}_inner")
    files = ("--project-directory", str(stack.folder), "-f", str(compose))
    stack.docker("compose", "-p", stack.name, *files, "up", "-d", "--wait")
    return lock
