"""A container that requests a GPU and is looked into (the engine's SDK is played; the script runs in a real shell)."""

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests

from stackctl.contracts.host import Owner
from stackctl.contracts.service import GpuRequest
from stackctl.effects.docker.gpu_trial import read_inside, script, try_gpu
from stackctl.errors import EngineError
from stackctl.gpus import nvidia

ASKED = GpuRequest(make="nvidia", driver="nvidia", devices=("GPU-5f1c",))
SEES = b"stackctl-sees looks\nstackctl-sees node /dev/nvidiactl\nstackctl-sees node /dev/nvidia0\n"
NO_SHELL = 'exec: "/bin/sh": stat /bin/sh: no such file or directory'


class GpuApi:
    """The SDK's calls. `says`: the engine's refusal to start; `prints`: what the container writes."""

    def __init__(self, says: str = "", drivers: tuple[str, ...] = ("nvidia",), prints: bytes = SEES) -> None:
        self.timeout = 120
        self._says, self._drivers, self._prints, self.removed = says, drivers, prints, list[str]()
        self.create_error: Exception | None = None
        self.start_error: Exception | None = None

    def create_host_config(self, **options: Any) -> Any:
        return options

    def create_container(self, image: str, **options: Any) -> dict[str, str]:
        assert image == "image:1"
        if self.create_error:
            raise self.create_error
        self.options, self.host = options, options["host_config"]
        return {"Id": "c"}

    def inspect_container(self, container: str) -> dict[str, Any]:
        assert container == "c"
        return {"HostConfig": {"DeviceRequests": [{"Driver": one} for one in self._drivers]}}

    def start(self, container: str) -> None:
        assert self.timeout <= 60
        if self.start_error:
            raise self.start_error
        if self._says:
            raise docker.errors.APIError(container, explanation=self._says)

    def wait(self, container: str, *, timeout: int) -> None:
        assert timeout <= 60
        if not self._prints.startswith(SEES):
            raise requests.ReadTimeout(container)

    def logs(self, container: str, **options: Any) -> bytes:
        assert (container, options["tail"]) == ("c", 200)
        return self._prints

    def remove_container(self, container: str, *, force: bool) -> None:
        assert force
        self.removed.append(container)


def engine(api: GpuApi) -> Any:
    return SimpleNamespace(client=SimpleNamespace(api=api))


def test_the_image_is_started_with_the_planned_request_and_no_rights_and_removed() -> None:
    api = GpuApi()
    found = try_gpu(engine(api), "image:1", ASKED, Owner(uid=1000, gid=1001))
    (asked,) = api.host["device_requests"]
    assert (asked["Driver"], asked["DeviceIDs"], api.options["user"]) == ("nvidia", ["GPU-5f1c"], "1000:1001")
    assert (api.host["network_mode"], api.host["cap_drop"], api.host["read_only"]) == ("none", ["ALL"], True)
    assert found.inside
    assert (found.refusal, found.inside.nodes) == ("", ("/dev/nvidiactl", "/dev/nvidia0"))
    assert (api.removed, api.timeout) == (["c"], 120)


def test_device_files_that_are_named_are_requested_as_the_api_has_them() -> None:
    api = GpuApi(drivers=())
    try_gpu(engine(api), "image:1", GpuRequest(make="nvidia", files=("nvidia.com/gpu=all", "/dev/dri")), None)
    (asked,) = api.host["device_requests"]
    assert (asked["Driver"], asked["DeviceIDs"], api.host["devices"]) == ("cdi", ["nvidia.com/gpu=all"], ["/dev/dri"])
    assert "/dev/dri" in api.options["entrypoint"][2]
    assert "user" not in api.options


def test_what_the_engine_says_against_it_is_kept_and_the_container_goes() -> None:
    api = GpuApi('could not select device driver "nvidia"')
    assert try_gpu(engine(api), "image:1", ASKED, None).refusal == 'could not select device driver "nvidia"'
    assert api.removed == ["c"]


def test_an_engine_that_drops_the_request_has_started_nothing() -> None:
    api = GpuApi("never asked", drivers=())
    found = try_gpu(engine(api), "image:1", ASKED, None)
    assert (found.drivers, found.refusal, found.inside, api.removed) == ((), "", None, ["c"])


def test_a_refusal_at_the_making_of_the_container_is_one_of_the_gpu_and_another_error_is_the_engines() -> None:
    api = GpuApi()
    says = "setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=7"  # Podman
    api.create_error = docker.errors.APIError("500", explanation=says)
    assert try_gpu(engine(api), "image:1", ASKED, None).refusal == says
    api.create_error = docker.errors.APIError("404", explanation="No such image: image:1")
    with pytest.raises(EngineError, match="No such image"):
        try_gpu(engine(api), "image:1", ASKED, None)


def test_an_image_without_a_shell_was_given_the_gpu_and_is_not_looked_into() -> None:
    found = try_gpu(engine(GpuApi(NO_SHELL)), "image:1", ASKED, None)
    assert (found.refusal, found.inside, found.unseen) == ("", None, "the image has no shell by which to look inside")


def test_a_hook_that_hangs_ends_the_trial_and_so_does_a_program_that_hangs() -> None:
    api = GpuApi()
    api.start_error = requests.ReadTimeout("c")
    assert "did not start the container within 60 s" in try_gpu(engine(api), "image:1", ASKED, None).refusal
    assert api.removed == ["c"]
    slow = GpuApi(prints=b"stackctl-sees looks\nstackctl-sees node /dev/nvidiactl\nstackctl-sees listing\n")
    found = try_gpu(engine(slow), "image:1", ASKED, None).inside
    assert found
    assert (found.nodes, found.listing, found.listing_code) == (("/dev/nvidiactl",), (), 124)


def test_what_a_container_prints_is_bounded_and_harmless() -> None:
    flood = (
        "stackctl-sees looks\nstackctl-sees listing\n" + "\x1b]0;title\x07GPU 0: " + "x" * 9000 + "\n" + "GPU\n" * 9000
    )
    found = read_inside(flood, has_ended=True)
    assert found
    assert found.listing
    assert (len(found.listing), len(found.listing[0]), "\x1b" in found.listing[0]) == (64, 200, False)
    assert read_inside("anything else\n", has_ended=True) is None


def shell(tmp_path: Path, tool: str) -> Any:
    """What the script sees on a machine with two device files, one of which can't be opened, and this nvidia-smi."""
    for name in ("nvidiactl", "nvidia0", "nvidia-uvm"):
        (tmp_path / name).write_text("")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "nvidia-smi").write_text(f"#!/bin/sh\n{tool}\n")
    (tmp_path / "bin" / "nvidia-smi").chmod(0o755)
    promised = (str(tmp_path / "not there"), f"{tmp_path}/nvidia0")
    text = script(nvidia, GpuRequest(make="nvidia", files=("/proc/self/mem",)), promised)
    text = text.replace("/dev/", f"{tmp_path}/")
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "NVIDIA_VISIBLE_DEVICES": "void"}
    done = subprocess.run(["/bin/sh", "-c", text], capture_output=True, text=True, env=environment, check=True)
    return read_inside(done.stdout, has_ended=True)


def test_the_script_prints_device_files_variables_and_the_list_of_gpus(tmp_path: Path) -> None:
    found = shell(tmp_path, 'echo "GPU 0: A (UUID: GPU-1)"')
    assert found.nodes == (f"{tmp_path}/nvidiactl", f"{tmp_path}/nvidia0", "/proc/self/mem")
    assert found.variables == {"NVIDIA_VISIBLE_DEVICES": "void"}
    assert (found.listing, found.listing_code) == (("GPU 0: A (UUID: GPU-1)",), 0)


def test_the_script_keeps_the_words_and_the_exit_code_of_a_tool_that_fails(tmp_path: Path) -> None:
    found = shell(tmp_path, 'echo "Failed to initialize NVML: Unknown Error"; exit 255')
    assert (found.listing, found.listing_code) == (("Failed to initialize NVML: Unknown Error",), 255)
