"""What engines and NVIDIA's toolkit say where they refuse a container with a GPU (from the issues that are named)."""

import pytest

from stackctl.core.gpu.refusals import find_refusal, known_refusal

PRESTART = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: "
    "unable to start container process: error during container init: error running prestart hook #0: exit status 1, "
    "stdout: , stderr: Auto-detected mode as 'legacy'\n"
)


@pytest.mark.parametrize(
    ("words", "says", "advice"),
    [
        ('could not select device driver "nvidia" with capabilities: [[gpu]]', "does not offer", "nvidia-ctk runtime"),
        ("failed to discover GPU vendor from CDI: no known GPU vendor found", "does not offer", "nvidia-ctk runtime"),
        (
            'could not select device driver "cdi" with capabilities: []',
            "does not know CDI",
            '"features": {"cdi": true}',
        ),
        ("no CDI device driver registered: could not select device driver", "does not know CDI", '"cdi": true'),
        ("CDI device injection failed: no CDI specification directories specified", "does not know CDI", '"cdi": true'),
        (  # NVIDIA/nvidia-container-toolkit#1246
            f"{PRESTART}invoking the NVIDIA Container Runtime Hook directly (e.g. specifying the docker --gpus flag)",
            "a mode in which it refuses reservations",
            "nvidia-container-runtime.mode=auto",
        ),
        (
            f"{PRESTART}nvidia-container-cli: initialization error: nvml error: driver/library version mismatch",
            "it was updated while it ran",
            "Reboot",
        ),
        (
            f"{PRESTART}nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1",
            "finds no running NVIDIA driver",
            "Docker from a snap",
        ),
        ("failed to generate CDI spec: failed to initialize NVML: ERROR_DRIVER_NOT_LOADED", "finds no running", "snap"),
        (  # LIB#154
            f"{PRESTART}failed to add device rules: bpf_prog_query(BPF_CGROUP_DEVICE) failed: operation not permitted",
            "the engine is rootless",
            "no-cgroups=true",
        ),
        (
            f"{PRESTART}nvidia-container-cli: container error: cgroup subsystem devices not found: unknown",
            "this kernel's cgroups",
            "Update the NVIDIA Container Toolkit",
        ),
        ("nvidia-container-cli: mount error: no cgroup filter", "this kernel's cgroups", "Update"),
        (
            f"{PRESTART}nvidia-container-cli: ldcache error: process /sbin/ldconfig.real failed with error code: 1",
            "path of ldconfig is wrong",
            "ldconfig=@/sbin/ldconfig",
        ),
        ("nvidia-container-cli: device error: 7: unknown device", "no GPU of the index or UUID", "nvidia-smi -L"),
        (
            "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=7",
            "do not describe it",
            "nvidia-ctk cdi generate",
        ),
        (
            'failed to inject devices: failed to stat CDI host device "/dev/nvidia0": no such file or directory',
            "no longer there",
            "nvidia-ctk cdi generate",
        ),
        (
            'error mounting "/usr/lib/x86_64-linux-gnu/libcuda.so.550" to rootfs at "/x": no such file or directory',
            "no longer there",
            "nvidia-ctk cdi generate",
        ),
        (
            "error running createContainer hook #0: fork/exec /usr/bin/nvidia-cdi-hook: no such file or directory",
            "a program of the NVIDIA Container Toolkit is no longer there",
            "Install the NVIDIA Container Toolkit",
        ),
        (
            'error gathering device information while adding custom device "/dev/kfd": no such file or directory',
            "a device file of the GPU does not exist",
            "ls -l /dev/dri /dev/kfd",
        ),
        (
            "CDI device injection failed: CDI registry initialization failure: x",
            "can't read its folders",
            "docker info",
        ),
        ("nvidia-container-cli: initialization error: driver rpc error", "can't be given", "reboot"),
        ("OCI runtime create failed: something new", "can't be given to a container", "`nvidia-smi` works"),
    ],
)
def test_a_refusal_of_a_gpu_is_called_what_it_is_with_its_fix(words: str, says: str, advice: str) -> None:
    found = find_refusal(words)
    assert says in found.says
    assert advice in found.hint
    assert "stackctl deploy --gpu none" in found.hint


@pytest.mark.parametrize(
    "words",
    [
        'error mounting "/models/nvidia-nemotron.gguf" to rootfs at "/models/m.gguf": no such file or directory',
        "No such image: localhost/x:1",
        "no space left on device",
        'exec: "/app/llama-server": no such file or directory',
    ],
)
def test_other_refusals_are_none_of_a_gpu(words: str) -> None:
    assert known_refusal(words) is None
