"""The GPU, from its driver to the program that computes on it."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="gpu-driver-missing", title="a GPU has no usable driver", kind="gpu"),
    Issue(id="gpu-driver-mismatch", title="the loaded NVIDIA driver is not the installed one", kind="gpu"),
    Issue(id="gpu-driver-hangs", title="the GPU's driver does not answer", kind="gpu"),
    Issue(id="gpu-permission", title="the GPU's device files may not be opened", kind="gpu"),
    Issue(id="gpu-driver-too-old", title="the GPU's driver is too old for the image", kind="gpu"),
    Issue(id="gpu-failed", title="a GPU has failed or is gone", kind="gpu"),
    Issue(id="gpu-fabric-manager", title="the NVIDIA Fabric Manager does not run", kind="gpu"),
    Issue(id="gpu-devices-wrong", title="gpu.devices does not choose GPUs of this machine", kind="gpu"),
    Issue(id="gpu-not-offered", title="the engine does not offer the GPU to containers", kind="gpu"),
    Issue(
        id="gpu-toolkit-setting",
        title="a setting of the NVIDIA Container Toolkit does not suit this machine",
        kind="gpu",
    ),
    Issue(id="gpu-toolkit-too-old", title="the toolkit of the GPU's maker has a known fault", kind="gpu"),
    Issue(id="cdi-disabled", title="CDI is switched off in the engine", kind="gpu"),
    Issue(id="cdi-missing", title="the engine knows no CDI device for the GPU", kind="gpu"),
    Issue(id="cdi-stale", title="a CDI file describes the GPU as it was before", kind="gpu"),
    Issue(id="cdi-unreadable", title="the engine can't use a CDI file", kind="gpu"),
    Issue(id="gpu-not-in-container", title="a container does not get the GPU", kind="gpu"),
    Issue(id="gpu-without-code", title="the backend's program has no code for this GPU", kind="gpu"),
    Issue(id="gpu-not-used", title="the backend computes on the processor although it has a GPU", kind="gpu"),
    Issue(id="gpu-lost", title="a running container has lost its GPU", kind="gpu"),
    Issue(id="gpu-busy", title="another program holds the GPU for itself", kind="gpu"),
    Issue(id="gpu-memory-too-small", title="the GPU has too little free memory", kind="does_not_fit"),
    Issue(id="gpu-throttles", title="the GPU is slowed down by heat or power", kind="gpu"),
    Issue(id="gpu-unavailable", title="the GPU can't be given to the backend", kind="gpu"),
)
