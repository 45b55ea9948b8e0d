"""GPUs of AMD and Intel: which device files, groups and variables a container of theirs gets, and what is said."""

from dataclasses import replace

import pytest

from stackctl.contracts.host import Gpu
from stackctl.contracts.service import GpuRequest
from stackctl.errors import GpuError
from stackctl.gpus import amd, chosen_by_auto, find_make, vulkan
from stackctl.gpus.contract import Offer
from tests.core.samples import ARC_A770, GPU, RADEON_780M, RX_7900_XTX

ROOTFUL = Offer(version=(28, 5, 2))
ROOTLESS = replace(ROOTFUL, is_rootless=True)
ROOTLESS_PODMAN = Offer(version=(5, 8, 6), is_rootless=True, keeps_groups=True, product="Podman")
ALL = ("all",)


def test_rocm_gets_its_computing_driver_and_the_gpus_render_node_by_the_number_of_their_group() -> None:
    assert amd.request("rocm", ALL, (RX_7900_XTX,), ROOTFUL) == GpuRequest(
        make="amd", files=("/dev/kfd", "/dev/dri/renderD128"), groups=("992",)
    )


def test_vulkan_gets_the_render_nodes_alone() -> None:
    assert vulkan.request("vulkan", ALL, (ARC_A770,), ROOTFUL) == GpuRequest(
        make="vulkan", files=("/dev/dri/renderD129",), groups=("993",)
    )


def test_nvidias_driver_for_vulkan_comes_by_its_toolkit_with_the_capability_graphics() -> None:
    assert vulkan.request("vulkan", ALL, (GPU,), ROOTFUL) == GpuRequest(
        make="vulkan",
        driver="nvidia",
        devices=(GPU.uuid,),
        environment={"NVIDIA_DRIVER_CAPABILITIES": "compute,utility,graphics"},
    )
    both = vulkan.request("vulkan", ALL, (RX_7900_XTX, GPU), ROOTFUL)
    assert (both.driver, both.files) == ("nvidia", ("/dev/dri/renderD128",))
    by_cdi = vulkan.request("vulkan", ALL, (GPU,), ROOTLESS_PODMAN)
    assert (by_cdi.driver, by_cdi.files, by_cdi.groups) == ("", (f"nvidia.com/gpu={GPU.uuid}",), ())


@pytest.mark.parametrize(
    ("devices", "rocm", "by_vulkan"),
    [
        (ALL, {}, {}),
        (("1",), {"ROCR_VISIBLE_DEVICES": "1"}, {"GGML_VK_VISIBLE_DEVICES": "1"}),
        (("0", "2"), {"ROCR_VISIBLE_DEVICES": "0,2"}, {"GGML_VK_VISIBLE_DEVICES": "0,2"}),
    ],
)
def test_gpus_that_are_not_visible_from_here_are_chosen_inside_the_container(
    devices: tuple[str, ...], rocm: dict[str, str], by_vulkan: dict[str, str]
) -> None:
    assert amd.request("rocm", devices, (), None) == GpuRequest(
        make="amd", files=("/dev/kfd", "/dev/dri"), environment=rocm
    )
    assert vulkan.request("vulkan", devices, (), None) == GpuRequest(
        make="vulkan", files=("/dev/dri",), environment=by_vulkan
    )


def test_vulkan_chooses_by_number_alone_where_no_gpu_is_visible() -> None:
    with pytest.raises(GpuError, match=r"Vulkan can't choose 0000:03:00.0") as caught:
        vulkan.request("vulkan", ("0000:03:00.0",), (), None)
    assert '`devices = ["0"]`' in caught.value.hint


def test_a_gpu_without_the_computing_driver_is_refused_for_rocm_with_the_other_mode() -> None:
    with pytest.raises(GpuError, match=r"ROCm can't use AMD Radeon RX 7900 XTX: .* no /dev/kfd") as caught:
        amd.request("rocm", ALL, (replace(RX_7900_XTX, architecture=""),), ROOTFUL)
    assert "--gpu vulkan" in caught.value.hint


@pytest.mark.parametrize(
    ("offer", "gpu", "groups"),
    [
        (None, RX_7900_XTX, ("992",)),
        (ROOTFUL, replace(RX_7900_XTX, groups=(44, 992)), ("44", "992")),
        (ROOTFUL, replace(RX_7900_XTX, groups=()), ()),  # every user may open it
        (ROOTLESS, RX_7900_XTX, ()),
        (ROOTLESS_PODMAN, RX_7900_XTX, ("keep-groups",)),
        (ROOTLESS_PODMAN, replace(RX_7900_XTX, groups=()), ()),
        (replace(ROOTLESS_PODMAN, is_rootless=False), RX_7900_XTX, ("992",)),
    ],
)
def test_a_rootless_container_gets_its_users_groups_where_the_engine_can_keep_them(
    offer: Offer | None, gpu: Gpu, groups: tuple[str, ...]
) -> None:
    assert amd.request("rocm", ALL, (gpu,), offer).groups == groups
    assert vulkan.request("vulkan", ALL, (gpu,), offer).groups == groups


def said(offer: Offer | None, *gpus: Gpu) -> str:
    return "\n".join(amd.remarks(amd.request("rocm", ALL, gpus, offer), gpus, offer))


def test_a_deploy_says_what_was_not_tried_and_what_is_not_known() -> None:
    assert "have not run it on such a GPU" in said(ROOTFUL, RX_7900_XTX)
    assert "group_add" not in said(ROOTFUL, RX_7900_XTX)
    assert "`stat -c %g /dev/dri/renderD128`" in said(ROOTFUL)
    assert "may be opened by group 992 alone" in said(ROOTLESS, RX_7900_XTX)
    assert "its user must be in the group" in said(ROOTLESS_PODMAN, RX_7900_XTX)
    assert "AMD Radeon 780M Graphics shares the machine's memory" in said(ROOTFUL, RADEON_780M)
    assert "HSA_OVERRIDE_GFX_VERSION" not in said(ROOTFUL, RX_7900_XTX)


def test_an_architecture_that_the_images_are_not_built_for_gets_advice_and_no_variable() -> None:
    old = replace(RX_7900_XTX, architecture="gfx803")
    assert "not built for gfx803" in said(ROOTFUL, old)
    assert "--gpu vulkan" in said(ROOTFUL, old)
    assert amd.request("rocm", ALL, (old,), ROOTFUL).environment == {}


def test_a_running_container_has_its_gpu_if_it_has_every_device_file() -> None:
    rocm = amd.request("rocm", ALL, (RX_7900_XTX,), ROOTFUL)
    assert amd.is_given(rocm, (), ("/dev/kfd", "/dev/dri/renderD128"))
    assert not amd.is_given(rocm, (), ("/dev/dri/renderD128",))
    both = vulkan.request("vulkan", ALL, (RX_7900_XTX, GPU), ROOTFUL)
    assert vulkan.is_given(both, ("nvidia",), ("/dev/dri/renderD128",))
    assert not vulkan.is_given(both, (), ("/dev/dri/renderD128",))
    assert not vulkan.is_given(both, ("nvidia",), ())
    by_cdi = vulkan.request("vulkan", ALL, (GPU,), ROOTLESS_PODMAN)
    assert vulkan.is_given(by_cdi, (), ("/dev/nvidiactl",))
    assert not vulkan.is_given(by_cdi, (), ("/dev/fuse",))


def test_vulkan_counts_gpus_of_every_make_those_with_memory_of_their_own_first() -> None:
    counted = vulkan.passed_on((GPU, RADEON_780M, RX_7900_XTX, ARC_A770))
    assert [(gpu.index, gpu.name) for gpu in counted] == [
        (0, GPU.name),
        (1, RX_7900_XTX.name),
        (2, ARC_A770.name),
        (3, RADEON_780M.name),
    ]


def test_auto_never_chooses_them_and_a_mode_always_does() -> None:
    assert chosen_by_auto((RX_7900_XTX, GPU, ARC_A770)) == (GPU,)
    assert find_make("rocm", (GPU,)) is amd
    assert find_make("vulkan", ()) is vulkan
