"""Hints about a GPU as they hold where Docker is no plain engine of root's, and processors that hide their AVX2."""

from dataclasses import replace

import pytest

from stackctl.contracts.host import Cpu
from stackctl.core.config.lock import Decisions, Lock
from stackctl.core.gpu.refusals import TOOLKIT
from stackctl.core.gpu.surroundings import Surroundings, fit_hint, name_all, slow_cpu
from stackctl.core.plan import gpu_request
from stackctl.errors import GpuError
from tests.core.samples import GPU, decided, engine, seen, wanted

DAEMON = 'Set "features": {"cdi": true} in /etc/docker/daemon.json and run `sudo systemctl restart docker`.'
REBOOT = "Check that `nvidia-smi` works on the host, and reboot after a driver update."


@pytest.mark.parametrize(
    ("around", "hint", "words"),
    [
        (Surroundings(view="desktop"), TOOLKIT, ["Use Docker Engine", "docker context use default", "--gpu none"]),
        (Surroundings(view="desktop", is_wsl=True), TOOLKIT, ["driver in Windows", "wsl --shutdown", "--gpu none"]),
        (Surroundings(view="snap"), TOOLKIT, ["Remove the packages", "sudo snap restart docker", "--gpu none"]),
        (
            Surroundings(is_rootless=True),
            TOOLKIT,
            ["--config=$HOME/.config/docker/daemon.json", "no-cgroups=true", "systemctl --user restart docker"],
        ),
        (Surroundings(is_rootless=True), DAEMON, ["~/.config/docker/daemon.json", "`systemctl --user restart"]),
        (Surroundings(is_wsl=True), REBOOT, ["run `wsl --shutdown` in Windows"]),
    ],
)
def test_the_fix_is_that_of_the_place(around: Surroundings, hint: str, words: list[str]) -> None:
    there = fit_hint(hint, around)
    assert all(word in there for word in words), there
    assert "/etc/docker" not in there
    assert "sudo systemctl" not in there
    assert "reboot" not in there
    assert fit_hint(hint, Surroundings()) == hint


def test_what_differs_from_docker_engine_on_a_machine_is_named() -> None:
    assert name_all(Surroundings(), Cpu(), "") == ()
    assert name_all(Surroundings(is_wsl=True, container="wsl"), Cpu(), "an unknown hypervisor") == (
        "this is the Linux of Windows (WSL): the driver is the one of Windows",
    )
    named = name_all(Surroundings(view="snap", is_rootless=True, container="lxc"), Cpu(avx2=False), "QEMU/KVM")
    for words in ("a container (lxc)", "virtual machine of QEMU/KVM", "Docker from a snap", "rootless", "no AVX2"):
        assert any(words in one for one in named)
    assert name_all(Surroundings(), Cpu(), "the hypervisor") == ("this is a virtual machine",)
    assert name_all(Surroundings(view="desktop"), Cpu(), "") == ("the engine is Docker Desktop",)


def test_in_lxc_a_hint_about_the_engine_says_what_the_container_needs() -> None:
    there = fit_hint(TOOLKIT, Surroundings(container="lxc"))
    assert there.startswith(TOOLKIT)
    assert "/dev/nvidiactl" in there
    assert fit_hint("Choose one of 0, 1.", Surroundings(container="lxc")) == "Choose one of 0, 1."
    assert fit_hint("", Surroundings(view="snap", container="lxc", is_wsl=True)) == ""


@pytest.mark.parametrize("view", ["desktop", "snap"])
def test_a_hint_that_is_not_about_the_engine_stays(view: str) -> None:
    for hint in ("Choose one of 0, 1.", "Reboot the machine; until then run `stackctl deploy --gpu none`."):
        assert fit_hint(hint, Surroundings(view="desktop" if view == "desktop" else "snap")) == hint


def test_a_plan_that_gets_no_gpu_has_the_fix_of_its_place() -> None:
    there = replace(seen(on=replace(engine((26, 1, 5)), is_rootless=True), gpus=(GPU,)))
    with pytest.raises(GpuError) as caught:
        gpu_request.request_gpu(wanted(gpu={"mode": "cdi"}), there, Decisions(Lock()))
    assert "~/.config/docker/daemon.json" in caught.value.hint
    with pytest.raises(GpuError) as caught:
        gpu_request.request_gpu(wanted(gpu={"mode": "cdi"}), replace(there, view="desktop"), Decisions(Lock()))
    assert "Docker Desktop gives containers a GPU only on Windows" in caught.value.hint


@pytest.mark.parametrize(
    ("cpu", "hypervisor", "words"),
    [
        (Cpu(), "QEMU/KVM", []),
        (Cpu(architecture="aarch64", avx=False, avx2=False), "QEMU/KVM", []),
        (Cpu(avx2=False), "", ["this processor has no AVX2"]),
        (Cpu(avx2=False), "QEMU/KVM", ["virtual machine", "QEMU/KVM may hide it", "the CPU type `host`", "Proxmox"]),
        (Cpu(avx2=False), "Hyper-V", ["Hyper-V may hide it", "CompatibilityForMigrationEnabled"]),
        (Cpu(avx2=False), "an unknown hypervisor", ["an unknown hypervisor may hide it", "the CPU type `host`"]),
    ],
)
def test_a_hypervisor_that_hides_avx2_is_named_with_its_setting(cpu: Cpu, hypervisor: str, words: list[str]) -> None:
    said = slow_cpu(cpu, hypervisor)
    assert bool(said) == bool(words)
    assert all(word in said for word in words), said
    notes = decided(world=replace(seen(), cpu=cpu, hypervisor=hypervisor)).plan.notes
    assert any(said == one for one in notes) == bool(words)
