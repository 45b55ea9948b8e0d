"""What the engine says of itself, as engines of several years say it (an HTTP server that answers as they do)."""

import http.server
import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from stackctl.core.observed import EngineSeen
from stackctl.effects.docker.engine import Engine, hides_clients
from stackctl.errors import EngineError

COMPOSE = (("docker", "compose"), (2, 40, 3))
PODMAN = ("Podman Engine", "Conmon", "OCI Runtime (crun)")
CDI_FILE = "cdiVersion: 0.6.0\nkind: nvidia.com/gpu\ndevices: [{name: '0'}, {name: all}]\n"


class _Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    info: ClassVar[dict[str, Any]] = {}
    api: ClassVar[str] = ""
    components: ClassVar[list[dict[str, str]]] = []
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        version = {"ApiVersion": self.api, "Components": self.components}
        body = json.dumps(version if self.path.endswith("/version") else self.info).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class _UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[Any, Any]:
        connection, _ = super().get_request()
        return connection, ("unix", 0)  # http.server wants an address to log


@contextmanager
def _running(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Engine]]:
    """Make an engine of which docker info says this; reached by a socket, or by TCP as a remote one."""
    with ExitStack() as stack:

        def make(*, api: str = "1.51", remote: bool = False, parts: tuple[str, ...] = (), **info: object) -> Engine:
            _Answers.components = [{"Name": name} for name in parts]
            _Answers.info, _Answers.api, _Answers.asked = {"ServerVersion": "28.5.2", **info}, api, []
            if remote:
                tcp = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
                stack.enter_context(_running(tcp))
                monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{tcp.server_port}")
            else:
                stack.enter_context(_running(_UnixServer(str(tmp_path / "docker.sock"), _Answers)))
                monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
            made = Engine()
            stack.callback(made.client.close)
            return made

        yield make


def look(engine: Engine) -> EngineSeen:
    return engine.look(*COMPOSE)


def test_an_engine_of_2020_is_spoken_to_in_its_own_api_and_knows_neither_cdi_nor_its_devices(
    engine: Callable[..., Engine],
) -> None:
    found = look(engine(api="1.41", ServerVersion="20.10.24+dfsg1", CpuCfsQuota=True, Runtimes={"runc": {}}))
    assert (found.version, found.cdi_devices, found.runtimes) == ((20, 10, 24), (), ("runc",))
    assert found.has_cpu_quota
    assert any(path.startswith("/v1.41/info") for path in _Answers.asked)


@pytest.mark.parametrize("says", ["19.03.15", "18.09.1", "20.9.0", ""])
def test_an_engine_that_is_too_old_is_refused(engine: Callable[..., Engine], says: str) -> None:
    with pytest.raises(EngineError, match="too old") as caught:
        look(engine(ServerVersion=says))
    assert caught.value.exit_code == 4
    assert "install" in caught.value.hint


def test_podman_is_called_by_its_name(engine: Callable[..., Engine]) -> None:
    found = look(engine(api="1.44", parts=PODMAN, ServerVersion="5.8.6"))
    assert (found.product, found.version) == ("Podman Engine", (5, 8, 6))


def test_podman_is_held_against_its_own_versions(engine: Callable[..., Engine]) -> None:
    with pytest.raises(EngineError, match=r"Podman 4\.3\.1 is too old; 5 or newer is needed"):
        look(engine(api="1.41", parts=PODMAN, ServerVersion="4.3.1"))


def test_a_rootless_engine_is_seen_with_the_user_that_it_runs_as(engine: Callable[..., Engine]) -> None:
    found = look(engine(SecurityOptions=["name=seccomp,profile=builtin", "name=rootless"]))
    assert found.is_rootless
    assert found.user is not None
    assert found.user.uid == os.geteuid()
    remote = look(engine(remote=True, SecurityOptions=["name=rootless"]))
    assert (remote.is_rootless, remote.user) == (True, None)


def test_an_engine_of_root_is_no_rootless_one(engine: Callable[..., Engine]) -> None:
    assert not look(engine(SecurityOptions=["name=seccomp,profile=builtin"])).is_rootless


@pytest.mark.parametrize(("says", "has"), [(True, True), (False, False), (None, True)])
def test_a_kernel_without_cpu_quota_is_seen(engine: Callable[..., Engine], says: bool | None, has: bool) -> None:
    info = {} if says is None else {"CpuCfsQuota": says}  # what says nothing is taken to have it
    assert look(engine(**info)).has_cpu_quota == has


def test_the_toolkits_runtime_is_seen(engine: Callable[..., Engine]) -> None:
    found = look(engine(Runtimes={"runc": {}, "nvidia": {"path": "nvidia-container-runtime"}}))
    assert found.runtimes == ("runc", "nvidia")


def test_cdi_devices_are_those_that_the_engine_lists(engine: Callable[..., Engine], tmp_path: Path) -> None:
    (tmp_path / "nvidia.yaml").write_text(CDI_FILE)
    listed = [{"Source": "cdi", "ID": "nvidia.com/gpu=7"}, {"Source": "other", "ID": "x"}]
    found = look(engine(DiscoveredDevices=listed, CDISpecDirs=[str(tmp_path)]))
    assert found.cdi_devices == ("nvidia.com/gpu=7",)
    assert look(engine(remote=True, DiscoveredDevices=listed)).cdi_devices == ("nvidia.com/gpu=7",)


def test_an_engine_that_lists_none_has_those_of_its_files(engine: Callable[..., Engine], tmp_path: Path) -> None:
    folder = tmp_path / "cdi"
    folder.mkdir()
    (folder / "nvidia.yaml").write_text(CDI_FILE)
    (folder / "other.json").write_text(json.dumps({"kind": "a.b/c", "devices": [{"name": "x"}]}))
    (folder / "broken.yaml").write_text("{[")
    (folder / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "folder.yaml").mkdir()
    info = {"ServerVersion": "26.1.5", "CDISpecDirs": [str(folder), str(tmp_path / "missing")]}
    assert look(engine(**info)).cdi_devices == ("nvidia.com/gpu=0", "nvidia.com/gpu=all", "a.b/c=x")
    remote = look(engine(remote=True, **info))  # its folders are not ours
    assert (remote.cdi_devices, remote.is_local) == ((), False)


def test_an_engine_behind_a_socket_of_a_process_here_is_local(engine: Callable[..., Engine]) -> None:
    assert look(engine()).is_local


@pytest.mark.parametrize(
    ("info", "who"),
    [
        (
            {"OperatingSystem": "Docker Desktop", "SecurityOptions": ["name=seccomp,profile=unconfined"]},
            "Docker Desktop",
        ),
        (
            {"OperatingSystem": "Ubuntu 24.04", "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless"]},
            "a rootless engine",
        ),
        (
            {"OperatingSystem": "Debian GNU/Linux 12 (bookworm)", "SecurityOptions": ["name=seccomp,profile=builtin"]},
            "",
        ),
        ({"OperatingSystem": "Ubuntu Core 24", "SecurityOptions": None}, ""),
    ],
)
def test_an_engine_that_hides_the_clients_addresses_is_known_by_what_it_says(info: dict[str, Any], who: str) -> None:
    assert hides_clients(info) == who
