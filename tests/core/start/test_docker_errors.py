"""What Docker and Compose say where they refuse, and what is made of it."""

import pytest

from stackctl.core.start.docker_errors import from_output, no_engine
from stackctl.errors import ConfigError, DataError, EngineError, GpuError, StackctlError, Taken, Unmountable

HOST = "unix:///run/docker.sock"
SAYS = "Error response from daemon: "


@pytest.mark.parametrize(
    ("line", "error", "says", "advice"),
    [
        (
            "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated",
            Taken,
            "another program has taken the port in the meantime",
            "stackctl deploy --port PORT",
        ),
        (
            "listen tcp4 127.0.0.1:80: bind: address already in use",
            Taken,
            "another program has taken the port",
            "--port PORT",
        ),
        ("Ports are not available: exposing port TCP", Taken, "another program has taken the port", "--port PORT"),
        (
            'could not select device driver "nvidia" with capabilities: [[gpu]]',
            GpuError,
            "the engine does not offer the NVIDIA driver to containers",
            "nvidia-ctk runtime configure --runtime=docker",
        ),
        (
            "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=7",
            GpuError,
            "the GPU can't be given to the container",
            "stackctl deploy --gpu none",
        ),
        (
            'error gathering device information while adding custom device "/dev/kfd": no such file or directory',
            GpuError,
            "a device file of the GPU does not exist on the engine's machine",
            "ls -l /dev/dri /dev/kfd",
        ),
        ("nvidia-container-cli: initialization error", GpuError, "the GPU can't be given", "`nvidia-smi` works"),
        (  # NVIDIA/nvidia-container-toolkit#394
            "nvidia-container-cli: initialization error: nvml error: driver/library version mismatch: unknown",
            GpuError,
            "the loaded NVIDIA driver is not the installed one",
            "Reboot",
        ),
        (  # canonical/docker-snap#148, docker/for-win#13835
            (
                "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot open "
                "shared object file: no such file or directory: unknown"
            ),
            GpuError,
            "the engine finds no running NVIDIA driver",
            "Docker from a snap",
        ),
        (  # NVIDIA/nvidia-container-toolkit#1269
            "nvidia-container-cli: initialization error: nvml error: driver not loaded: unknown",
            GpuError,
            "the engine finds no running NVIDIA driver",
            "`nvidia-smi` works",
        ),
        (  # NVIDIA/nvidia-docker#536
            "nvidia-container-cli: requirement error: unsatisfied condition: cuda >= 9.0",
            GpuError,
            "the image needs a newer NVIDIA driver",
            "Update the driver",
        ),
        (
            "Pool overlaps with other one on this address space",
            Taken,
            "a subnet of this stack collides with another network",
            "Run `stackctl deploy --replan` to choose others",
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /no/such/share',
            Unmountable,
            "a file or folder to mount does not exist",
            "Mount the disk or share",
        ),
        ("write /x: no space left on device", DataError, "the disk is full", "docker system df"),
        (
            "No such image: localhost/x:1",
            EngineError,
            "an image is missing",
            "Run `stackctl deploy`, which pulls or builds",
        ),
        (
            "Minimum memory limit allowed is 6MB",
            ConfigError,
            "a limit on memory is lower than the engine allows",
            "[limits] in stack.toml",
        ),
        ("NanoCPUs can not be set, as your kernel", ConfigError, "this kernel can't limit CPUs", "[limits]"),
        ("Cannot connect to the Docker daemon at X", EngineError, "the engine stopped answering", "docker info"),
    ],
)
def test_a_refusal_is_called_what_it_is_with_its_line(
    line: str, error: type[StackctlError], says: str, advice: str
) -> None:
    found = from_output([" Container t-llamacpp-1 Creating", "", SAYS + line, " Container t-x-1 Created"], 1)
    assert type(found) is error
    assert found.message.startswith(says)
    assert advice in found.hint
    assert found.evidence == (SAYS + line,)


def test_a_refusal_that_nobody_knows_shows_compose_s_last_lines() -> None:
    found = from_output([f"line {number}" for number in range(10)], 17)
    assert type(found) is EngineError
    assert found.message == "docker compose failed (exit 17)"
    assert found.evidence == tuple(f"line {number}" for number in range(2, 10))


@pytest.mark.parametrize(
    ("words", "says", "advice"),
    [
        (
            "Error while fetching server API version: ('Connection aborted.', FileNotFoundError(2, 'No such file'))",
            f"no container engine is running here: its socket does not exist ({HOST})",
            "https://docs.docker.com/engine/install/",
        ),
        (
            "('Connection aborted.', ConnectionRefusedError(111, 'Connection refused'))",
            f"the container engine is not running: its socket refuses connections ({HOST})",
            "systemctl start docker",
        ),
        (
            "('Connection aborted.', PermissionError(13, 'Permission denied'))",
            f"you have no permission on the engine's socket ({HOST})",
            "usermod -aG docker",
        ),
        (
            "Error while fetching server API version: UnixHTTPConnectionPool(host='localhost'): Read timed out. (10)",
            f"the container engine does not answer ({HOST})",
            "systemctl restart docker",
        ),
        ("invalid bind address", "the container engine can't be reached: invalid bind address", "DOCKER_HOST"),
    ],
)
def test_an_engine_that_can_not_be_reached_is_said_with_the_way_to_it(words: str, says: str, advice: str) -> None:
    found = no_engine(words, HOST)
    assert (found.message, found.exit_code) == (says, 4)
    assert advice in found.hint


def test_of_an_engine_by_an_address_that_address_is_looked_at() -> None:
    assert "DOCKER_HOST" in no_engine("Connection refused", "tcp://127.0.0.1:1").hint
    assert "DOCKER_HOST" in no_engine("Connection to 192.0.2.1 timed out", "tcp://192.0.2.1:2375").hint
