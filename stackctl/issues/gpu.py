"""The GPU, from its driver to the program that computes on it."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(
        id="gpu-driver-missing",
        title="a GPU has no usable driver",
        kind="gpu",
        meaning="There is a GPU on this machine, but no driver that programs could compute with: none is installed, "
        "its kernel module is not loaded, another driver has the card, or its library is missing.",
        seen="stackctl lists the cards on the PCI bus and asks NVIDIA's driver (NVML), or looks for the device files "
        "of AMD's and Intel's. `stackctl gpu` shows the verdict.",
        repair="By the message: install the driver that your distribution or NVIDIA names for the card, then reboot; "
        "`sudo modprobe nvidia` or `sudo modprobe amdgpu` loads a module; under Secure Boot sign it. stackctl never "
        "installs a driver without being asked. Until then, `stackctl deploy --gpu none` computes on the processor.",
        undo="Remove the driver's packages, then reboot.",
        sources=("https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",),
    ),
    Issue(
        id="gpu-driver-mismatch",
        title="the loaded NVIDIA driver is not the installed one",
        kind="gpu",
        meaning="The driver was updated while it ran. Its library and its kernel module are of different versions, "
        "and programs that start from now on can't use the GPU.",
        seen='The driver answers "driver/library version mismatch", or the version of the module differs from that of '
        "the files.",
        repair="Reboot. Or, with all programs closed that use the GPU: `sudo modprobe -r nvidia_drm nvidia_modeset "
        "nvidia_uvm nvidia && sudo modprobe nvidia`. After that write CDI files again if there are any: `sudo "
        "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`.",
        sources=("https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/",),
    ),
    Issue(
        id="gpu-driver-hangs",
        title="the GPU's driver does not answer",
        kind="gpu",
        meaning="A question to the driver gets no answer: it hangs, gave up waiting for the card, or still starts its "
        "GPUs. No program can use the GPU meanwhile, and those that wait for it can't be ended.",
        seen="stackctl asks the driver in a separate process, and leaves it behind after a time limit.",
        repair="`nvidia-smi` hangs as well if it is so; then reboot. `sudo dmesg | grep -i -e nvrm -e xid` names the "
        "cause. If `nvidia-smi` answers after a while, `sudo nvidia-smi -pm 1` keeps the GPUs started.",
        undo="`sudo nvidia-smi -pm 0`.",
        sources=("https://docs.nvidia.com/deploy/xid-errors/",),
    ),
    Issue(
        id="gpu-permission",
        title="this user or container may not use the GPU's device files",
        kind="gpu",
        meaning="The driver runs, but its device files (/dev/nvidia*, /dev/kfd, /dev/dri) are not open to this user, "
        "or were not passed on to the container that stackctl, or the backend, runs in.",
        seen="The driver refuses the request, or a device file can't be opened or is not there.",
        repair="`ls -l /dev/nvidia* /dev/dri /dev/kfd` shows the groups: `sudo usermod -aG video,render $USER`, then "
        "log in again. Pass the files on to an LXC container; `sudo modprobe nvidia_uvm` makes one that is missing.",
        undo="`sudo gpasswd -d $USER render` and `sudo gpasswd -d $USER video`.",
        sources=("https://rocm.docs.amd.com/projects/install-on-linux/en/latest/install/prerequisites.html",),
    ),
    Issue(
        id="gpu-driver-too-old",
        title="the GPU's driver is too old for the image",
        kind="gpu",
        meaning="The program in the image was built for a newer CUDA than the NVIDIA driver knows.",
        seen="The engine, or the backend's log, names the condition; the versions of both are compared before a "
        "deploy where they are known.",
        repair="Update the NVIDIA driver, then reboot. Or use an image for your driver's CUDA: `backend.image` or "
        "`backend.build` in stack.toml. `stackctl gpu` shows which CUDA the driver knows.",
        undo="Set the key back, and run `stackctl deploy`.",
        sources=("https://docs.nvidia.com/deploy/cuda-compatibility/",),
    ),
    Issue(
        id="gpu-failed",
        title="a GPU has failed or is gone",
        kind="gpu",
        meaning="The card itself does not work: it has fallen off the bus, must be reset, has no power, or its driver "
        "answers with an error that is not understood.",
        seen="The driver's error of this GPU, which the message shows.",
        repair="`sudo dmesg | grep -i -e nvrm -e xid` names the cause. `sudo nvidia-smi --gpu-reset` or a reboot "
        "often brings it back. If it fails again, look at its slot, power cables and temperature. With other GPUs: "
        "`gpu.devices` in stack.toml leaves it out.",
        undo="Set `gpu.devices` back, and run `stackctl deploy`.",
        sources=("https://docs.nvidia.com/deploy/xid-errors/",),
    ),
    Issue(
        id="gpu-fabric-manager",
        title="the NVIDIA Fabric Manager does not run",
        kind="gpu",
        meaning="On machines whose GPUs are linked by NVSwitch, CUDA starts only while this service runs.",
        seen="The backend's log has CUDA's error 802, \"system not yet initialized\".",
        repair="`sudo systemctl start nvidia-fabricmanager`, in the version of the driver; `sudo systemctl enable "
        "nvidia-fabricmanager` starts it at each boot.",
        undo="`sudo systemctl disable --now nvidia-fabricmanager`.",
        sources=("https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/",),
    ),
    Issue(
        id="gpu-devices-wrong",
        title="gpu.devices does not choose GPUs of this machine",
        kind="gpu",
        meaning="The GPUs that stack.toml names are not there, are named twice, are fewer than were asked for, or "
        "can't be chosen by this mode.",
        seen="The names are compared with the GPUs that the drivers list; the engine refuses an unknown one.",
        repair='`stackctl gpu` lists the GPUs. Write the index or UUID of one of them, `["all"]`, `["free"]`, '
        '`["count:1"]` or `["not-display"]` under `[gpu]` in stack.toml, then run `stackctl deploy`.',
        undo='`devices = ["all"]` is the default.',
    ),
    Issue(
        id="gpu-not-offered",
        title="the engine does not offer the GPU to containers",
        kind="gpu",
        meaning="The driver works, but the engine has nothing that passes NVIDIA's GPUs on: its toolkit is not "
        "installed, not registered, or can't be used by this engine in this way.",
        seen='The engine says "could not select device driver" or that a program of the toolkit is missing. `stackctl '
        "doctor` looks for the toolkit's programs and the engine's runtimes.",
        repair="`stackctl setup` shows the commands that install the NVIDIA Container Toolkit here. Then `sudo "
        "nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker`; where the toolkit is "
        "installed, `stackctl doctor --fix` does that after one yes. With Podman, `stackctl deploy --gpu cdi`.",
        undo="Remove `nvidia` from `runtimes` in `/etc/docker/daemon.json`, run `sudo systemctl restart docker`, and "
        "remove the package nvidia-container-toolkit.",
        sources=("https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html",),
    ),
    Issue(
        id="gpu-toolkit-setting",
        title="a setting of the NVIDIA Container Toolkit does not suit this machine",
        kind="gpu",
        meaning="The toolkit is there, and stops at its own settings: its mode, the path of ldconfig, or rules for "
        "devices that a rootless engine or this kernel does not allow.",
        seen="The engine's words while a container with the GPU is started, or nvidia-smi's inside of it.",
        repair="The hint has the command for the case, one of: `sudo nvidia-ctk config --in-place --set "
        "nvidia-container-runtime.mode=auto`, `sudo nvidia-ctk config --in-place --set "
        "nvidia-container-cli.no-cgroups=true` (rootless engines), `sudo nvidia-ctk config --in-place --set "
        "nvidia-container-cli.ldconfig=@/sbin/ldconfig`. Then run `stackctl gpu` to see whether it works.",
        undo="The same command with the value before; the settings lie in `/etc/nvidia-container-runtime/config.toml`.",
        sources=("https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/troubleshooting.html",),
    ),
    Issue(
        id="gpu-toolkit-too-old",
        title="the toolkit of the GPU's maker has a known fault",
        kind="gpu",
        meaning="This version of the NVIDIA Container Toolkit has a fault that newer ones do not have; the message "
        "names it.",
        seen="`stackctl doctor` asks the toolkit's program for its version.",
        repair="Update the package nvidia-container-toolkit with this system's package manager, then run `sudo "
        "systemctl restart docker`.",
        undo="Install the version before again.",
        sources=("https://nvidia.custhelp.com/app/answers/detail/a_id/5659",),
    ),
    Issue(
        id="cdi-disabled",
        title="CDI is switched off in the engine",
        kind="gpu",
        meaning="The engine could pass GPUs on as CDI devices, but is older than Docker Engine 28.3, where that is on "
        "by default, and its settings do not switch it on. It reads no CDI file.",
        seen='The engine reports no folder for CDI files, or says that it does not know the driver "cdi".',
        repair='Write `"features": {"cdi": true}` into `/etc/docker/daemon.json` (Docker Engine 25 or newer), then '
        "run `sudo systemctl restart docker`. `stackctl doctor --fix` merges it into the file after one yes, and "
        "keeps a copy.",
        undo="Remove it from daemon.json again, and restart Docker.",
        sources=("https://docs.docker.com/build/building/cdi/",),
    ),
    Issue(
        id="cdi-missing",
        title="the engine knows no CDI device for the GPU",
        kind="gpu",
        meaning="No CDI file describes the GPU that stack.toml asks for, so the engine can't pass it on as a CDI "
        "device.",
        seen='The engine lists its CDI devices, or refuses the name ("unresolvable CDI devices").',
        repair="`sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml`; with the NVIDIA Container Toolkit 1.18 "
        "or newer, `sudo systemctl restart nvidia-cdi-refresh.service`. `docker info` lists the devices. `stackctl "
        "doctor --fix` does it after one yes.",
        undo="`sudo rm /etc/cdi/nvidia.yaml`.",
        sources=("https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html",),
    ),
    Issue(
        id="cdi-stale",
        title="a CDI file describes the GPU as it was before",
        kind="gpu",
        meaning="A CDI file names device files, libraries or programs that are no longer so, mostly since an update "
        "of the driver or a reboot. The engine refuses the GPU, or gives a container something else in its place.",
        seen="stackctl reads the files that the engine reads, and compares the numbers of device files, the "
        "libraries' versions and the hooks with the machine; or the engine names a missing path.",
        repair="The hint has the command for the very file that the engine takes: `sudo systemctl restart "
        "nvidia-cdi-refresh.service`, or `sudo nvidia-ctk cdi generate --output=FILE`. A file in /var/run/cdi wins "
        "over one in /etc/cdi.",
        undo="A file that was moved aside has the ending `.old`: move it back.",
        sources=("https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html",),
    ),
    Issue(
        id="cdi-unreadable",
        title="the engine can't use a CDI file",
        kind="gpu",
        meaning="A CDI file is damaged or can't be read, or two files in one folder describe the same device, so that "
        "the engine has none of it.",
        seen="stackctl reads the same files; the engine names them in the warnings of `docker info`.",
        repair="By the hint: write the file again (`sudo nvidia-ctk cdi generate --output=FILE`), make it readable "
        "(`sudo chmod a+r FILE`), or move one of two aside (`sudo mv FILE FILE.old`).",
        undo="`sudo mv FILE.old FILE`.",
        sources=("https://github.com/cncf-tags/container-device-interface/blob/main/SPEC.md",),
    ),
    Issue(
        id="gpu-not-in-container",
        title="a container does not get the GPU",
        kind="gpu",
        meaning="The engine said yes to the GPU, and the container has it only in part or not at all: device files "
        "are missing or closed to its user, or compose.override.yml replaced the request.",
        seen="A short container with the planned request is started and looked into before a deploy and by `stackctl "
        "gpu`; the stack's own container is looked at after its start.",
        repair="Run `stackctl gpu`: it names the layer that fails and the command that repairs it. Remove `deploy` "
        "and `devices` of the backend from compose.override.yml. If the hint names the other way, take it: `stackctl "
        "deploy --gpu cdi`.",
        undo="`stackctl deploy --gpu auto`.",
    ),
    Issue(
        id="gpu-without-code",
        title="the backend's program has no code for this GPU",
        kind="gpu",
        meaning="The image or program was not built for this kind of GPU: the GPU is too old for it, or too new. It "
        "ends, or computes on the processor.",
        seen="The GPU's compute capability is compared with what each known build contains; the backend's log says "
        '"no kernel image is available".',
        repair="Take the build or the backend that the hint names (`backend.build`, `backend.image`), leave that GPU "
        "out by `gpu.devices`, or try Vulkan: `stackctl deploy --gpu vulkan`. On the processor: `stackctl deploy "
        "--gpu none`.",
        undo="`stackctl deploy --gpu auto`.",
        sources=("https://developer.nvidia.com/cuda-gpus",),
    ),
    Issue(
        id="gpu-not-used",
        title="the backend computes on the processor although it has a GPU",
        kind="gpu",
        meaning="The container has the GPU, but no layer of the model is on it, so that each answer takes many times "
        "longer.",
        seen="The backend reports how many layers it put on the GPU, or the driver reports how much memory it holds "
        "there. A deploy ends with this instead of leaving it unnoticed.",
        repair="`stackctl logs` shows why the program did not use it; `stackctl gpu` names the layer that fails. "
        "Mostly `backend.image` has no code for this GPU, or `backend.gpu_layers` is 0.",
        undo="Set the key back, and run `stackctl deploy`.",
    ),
    Issue(
        id="gpu-lost",
        title="a running container has lost its GPU",
        kind="gpu",
        meaning="After a `systemctl daemon-reload` the rules for devices of containers that run are written again, "
        "without the GPU. The next load of a model falls back to the processor.",
        seen="The backend's health check can no longer open the GPU's device file.",
        repair="`stackctl restart` gives the GPU back. To keep it: `stackctl deploy --gpu cdi`; or write "
        '`"exec-opts": ["native.cgroupdriver=cgroupfs"]` into `/etc/docker/daemon.json`, and run `sudo systemctl '
        "restart docker`.",
        undo="`stackctl deploy --gpu auto`; remove the line from daemon.json, and restart Docker.",
        sources=("https://github.com/NVIDIA/nvidia-container-toolkit/issues/48",),
    ),
    Issue(
        id="gpu-busy",
        title="another program holds the GPU for itself",
        kind="gpu",
        meaning="The GPU is set to be used by one program alone, and one uses it.",
        seen="CUDA's words in the backend's log: the device is busy or unavailable.",
        repair="`nvidia-smi` shows who uses the GPU: end it. `sudo nvidia-smi -c DEFAULT` lets several programs share "
        "it.",
        undo="`sudo nvidia-smi -c EXCLUSIVE_PROCESS`.",
        sources=("https://docs.nvidia.com/deploy/mps/",),
    ),
    Issue(
        id="gpu-memory-too-small",
        title="the GPU has too little free memory",
        kind="does_not_fit",
        meaning="The model's layers, its KV cache or CUDA itself do not fit into the GPU's free memory.",
        seen="The backend's log (\"out of memory\"), or CUDA's error while it starts.",
        repair="`stackctl status` shows who holds the GPU's memory. Lower `backend.context` or `backend.gpu_layers`, "
        'set `backend.kv_cache = "q8_0"`, or use a smaller quantisation: `stackctl models fit MODEL` shows what fits. '
        "After closing other programs, `stackctl deploy --replan` decides again.",
        undo="Set the keys back, and run `stackctl deploy --replan`.",
    ),
    Issue(
        id="gpu-throttles",
        title="the GPU is slowed down by heat or power",
        kind="gpu",
        is_warning=True,
        meaning="The driver runs the GPU more slowly than it could, to keep it from overheating or from taking more "
        "power than is allowed.",
        seen="The driver names the reason; `stackctl gpu` and `stackctl why-slow` show it.",
        repair="Clean its cooler, give it air, and check its power cables. `nvidia-smi -q -d PERFORMANCE,POWER` shows "
        "the reasons and the power limit; `sudo nvidia-smi -pl WATTS` changes that, as far as the card allows.",
        undo="`sudo nvidia-smi -pl WATTS` with the default limit, which the first command shows.",
        sources=("https://docs.nvidia.com/deploy/nvidia-smi/",),
    ),
    Issue(
        id="gpu-unavailable",
        title="the GPU can't be given to the backend",
        kind="gpu",
        meaning="The stack asks for a GPU, and something between its driver and the backend fails that no other page "
        "explains. stackctl never takes the processor in its place unasked.",
        seen="The words of the driver, the engine or the backend's program follow in the message.",
        repair="Run `stackctl gpu`: it tries each layer and names the lowest that fails, with the command that "
        "repairs it. Until then, `stackctl deploy --gpu none` computes on the processor.",
        undo="`stackctl deploy --gpu auto`.",
    ),
)
