"""What only the user can do: in the user interface of a NAS, in Windows, or in a system that packages can't change.

Sources: https://docs.unraid.net/unraid-os/using-unraid-to/run-docker-containers/ ; the plugins Compose Manager and
Nvidia-Driver of Unraid's Community Applications; https://apps.truenas.com/getting-started/ (a pool for apps, NVIDIA's
drivers); https://kb.synology.com/en-global/DSM/help/ContainerManager/docker_desc ; https://docs.docker.com/desktop/
features/wsl/ ; https://docs.nvidia.com/cuda/wsl-user-guide/ (no driver inside of WSL); https://wiki.nixos.org/wiki/
Docker ; https://docs.docker.com/compose/install/linux/#install-the-plugin-manually . None of these was tried.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Final

from stackctl.core.doctor.repairs import GROUP
from stackctl.core.setup.families import FAMILIES
from stackctl.core.setup.seen import Seen
from stackctl.core.setup.step import ByHand
from stackctl.terminal import command_line

_GUIDE: Final = "https://docs.docker.com/engine/install/"
_TOOLKIT_GUIDE: Final = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
_COMPOSE_BY_HAND: Final = "https://docs.docker.com/compose/install/linux/#install-the-plugin-manually"
_DOCKER: Final = frozenset({"engine", "service", "compose"})
_PACKAGED: Final = _DOCKER | {"driver", "toolkit", "runtime"}
_ASKED: Final = _PACKAGED | {"group"}
_PODMAN_LINES: Final = (
    "Start the Podman that it has: `systemctl --user enable --now podman.socket`.",
    "Set `DOCKER_HOST=unix://$XDG_RUNTIME_DIR/podman/podman.sock`, also in your shell's profile.",
)
_SYSTEMS: Final[Mapping[str, ByHand]] = MappingProxyType(
    {
        "unraid": ByHand(
            title="In Unraid's web interface",
            lines=(
                "Settings, Docker: set `Enable Docker` to Yes, and apply.",
                "Apps: install the plugin `Compose Manager`, which brings Docker Compose.",
                "Apps: for an NVIDIA GPU, install the plugin `Nvidia-Driver`; then switch Docker off and on.",
                "Open the terminal there, where you are root, and run stackctl in a share such as /mnt/user/appdata.",
            ),
            sources=("https://docs.unraid.net/unraid-os/using-unraid-to/run-docker-containers/",),
        ),
        "truenas": ByHand(
            title="In TrueNAS's web interface (24.10 or newer, which has Docker and Compose)",
            lines=(
                "Apps, Configuration, Choose Pool: name a pool; Docker runs from then on.",
                "Apps, Configuration, Settings: for an NVIDIA GPU, check `Install NVIDIA Drivers`, and save.",
                "Run stackctl with sudo in a dataset on that pool: its system disk is replaced by each update.",
                "Leave `apt` alone: TrueNAS does not support packages beside its own.",
            ),
            sources=("https://apps.truenas.com/getting-started/",),
        ),
        "synology": ByHand(
            title="In Synology's DSM",
            lines=(
                "Package Center: install `Container Manager` (DSM 7.2 or newer), which has Docker and Compose.",
                "Control Panel, Terminal & SNMP: enable the SSH service, and log in as an administrator.",
                "Run stackctl with sudo in a shared folder, such as /volume1/docker: the socket is root's there.",
                "Choose small models: DSM gives containers no GPU.",
            ),
            sources=("https://kb.synology.com/en-global/DSM/help/ContainerManager/docker_desc",),
        ),
        "nixos": ByHand(
            title="In /etc/nixos/configuration.nix",
            lines=(
                "Add `virtualisation.docker.enable = true;` (Compose comes with it).",
                'Add `users.users.NAME.extraGroups = [ "docker" ];` with your name.',
                "For an NVIDIA GPU, add `hardware.nvidia-container-toolkit.enable = true;`.",
                "Run `sudo nixos-rebuild switch`, then log out and in again.",
            ),
            sources=("https://wiki.nixos.org/wiki/Docker",),
        ),
    }
)
_WSL: Final = ByHand(
    title="In Windows, since this is its Linux (WSL)",
    lines=(
        "Install Docker Desktop, which has Docker and Compose.",
        "Docker Desktop, Settings, Resources, WSL integration: switch this distribution on, and apply.",
        "For an NVIDIA GPU, install NVIDIA's driver in Windows alone, never one inside of WSL.",
        "Or run Docker inside of WSL, without Docker Desktop: `stackctl setup --from distribution`.",
        "That needs systemd: the lines `[boot]` and `systemd=true` in /etc/wsl.conf, then `wsl --shutdown` in Windows.",
    ),
    sources=("https://docs.docker.com/desktop/features/wsl/", "https://docs.nvidia.com/cuda/wsl-user-guide/"),
)
_FIXED: Final[Mapping[str, ByHand]] = MappingProxyType(
    {
        "rpm-ostree": ByHand(
            title="On a Fedora that is one image (Silverblue, Kinoite, Bazzite)",
            lines=(
                *_PODMAN_LINES,
                "Install Compose as below.",
                "Or layer Docker: run `rpm-ostree install moby-engine docker-cli docker-compose`, and reboot.",
                "After that, run `sudo systemctl enable --now docker`, and `stackctl setup` again.",
            ),
            sources=("https://docs.fedoraproject.org/en-US/fedora-silverblue/getting-started/",),
        ),
        "transactional": ByHand(
            title="On an openSUSE that is changed by transactions (MicroOS, Aeon, Leap Micro)",
            lines=(
                "Run `sudo transactional-update pkg install docker docker-compose`, and reboot.",
                "Run `sudo systemctl enable --now docker`, then `stackctl setup` again.",
            ),
            sources=("https://en.opensuse.org/Portal:MicroOS",),
        ),
        "steamos": ByHand(
            title="On SteamOS, whose updates replace all packages",
            lines=(
                *_PODMAN_LINES,
                "Install Compose as below: your home survives updates.",
            ),
            sources=("https://docs.podman.io/en/latest/markdown/podman-system-service.1.html",),
        ),
    }
)
_FIXED_GPU: Final = ByHand(
    title="For the GPU",
    lines=("Add NVIDIA's driver and Container Toolkit in this system's own way, as its documentation describes.",),
    sources=(_TOOLKIT_GUIDE,),
)
_PODMAN: Final = ByHand(
    title="With Podman, whose package podman-docker has the place of Docker's command",
    lines=(
        *_PODMAN_LINES,
        "Or, for Docker, remove the package podman-docker, and run `stackctl setup` again.",
    ),
    sources=("https://docs.podman.io/en/latest/markdown/podman-system-service.1.html",),
)


def whole_system(seen: Seen, names: frozenset[str], *, is_forced: bool) -> tuple[ByHand, ...]:
    """Return the steps for a system that no command of ours may change; () for others.

    is_forced: the user named the source of packages.
    """
    if not names & _ASKED:
        return ()
    distribution = seen.distribution
    if known := _SYSTEMS.get(distribution.family):
        return (known,)
    if distribution.is_wsl and not is_forced and names & _DOCKER:
        return (_WSL,)
    if (fixed := _FIXED.get(distribution.fixed)) and names & _PACKAGED:
        gpu = (_FIXED_GPU,) if names & {"driver", "toolkit", "runtime"} else ()
        return (*((fixed,) if names & _DOCKER else ()), *_compose_by_hand(seen, names), *gpu)
    if distribution.family not in FAMILIES and names & _DOCKER:
        lines = (
            f"Install Docker Engine and its Compose plugin as its makers describe: {_GUIDE} .",
            f"Add your user to the group {GROUP}: `{command_line('sudo', 'usermod', '-aG', GROUP, seen.user.name)}`.",
        )
        title = "On a system for which stackctl knows no commands"
        return (ByHand(title=title, lines=lines, sources=(_GUIDE,)), *_compose_by_hand(seen, names))
    return ()


def remaining(seen: Seen, names: frozenset[str]) -> tuple[ByHand, ...]:
    """Return what the user does about what no step adds."""
    found: list[ByHand] = []
    if seen.command == "podman" and "engine" in names:
        found.append(_PODMAN)
    found += _compose_by_hand(seen, names)
    if "driver" in names:
        found.append(_driver(seen))
    elif "toolkit" in names:
        lines = (f"Run the stack on the processor with `stackctl deploy --gpu none`: {_no_toolkit(seen)}.",)
        found.append(ByHand(title="For the GPU", lines=lines))
    elif "runtime" in names and seen.is_podman:
        describe = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
        found.append(ByHand(title="For Podman, which uses CDI", lines=(f"Run `{describe}`, after each new driver.",)))
    return tuple(found)


def _compose_by_hand(seen: Seen, names: frozenset[str]) -> tuple[ByHand, ...]:
    if "compose" not in names:
        return ()
    release = f"https://github.com/docker/compose/releases/latest/download/docker-compose-linux-{seen.architecture}"
    plugin = PurePosixPath(seen.user.home or "/root") / ".docker/cli-plugins/docker-compose"
    lines = (
        f"Run `{command_line('mkdir', '-p', plugin.parent)}`.",
        f"Run `{command_line('curl', '-fSL', release, '-o', plugin)}`.",
        f"Run `{command_line('chmod', '+x', plugin)}`. It is not updated with the system.",
    )
    return (ByHand(title="For Docker Compose, as its makers release it", lines=lines, sources=(_COMPOSE_BY_HAND,)),)


def _driver(seen: Seen) -> ByHand:
    """What to do about the driver, which is never installed unless the user asks for it."""
    distribution = seen.distribution
    if distribution.is_wsl:
        return ByHand(title="For the GPU", lines=("Install NVIDIA's driver in Windows, and none in WSL.",))
    family = FAMILIES.get(distribution.family)
    known = family.driver(distribution) if family else None
    if known:
        lines = (
            "Run `stackctl setup --driver`, which shows the commands for it and asks; then reboot.",
            "Run `stackctl setup` again after the reboot, for NVIDIA's Container Toolkit.",
            "Or leave the GPU out with `stackctl setup --no-gpu`.",
        )
        return ByHand(title="For the GPU's driver", lines=lines, sources=known.sources)
    if distribution.family == "alpine":
        return ByHand(title="For the GPU", lines=("Use another system: NVIDIA's driver does not run on Alpine.",))
    guide = {
        "suse": "https://en.opensuse.org/SDB:NVIDIA_drivers",
        "debian": "https://wiki.debian.org/NvidiaGraphicsDrivers",
        "fedora": "https://rpmfusion.org/Howto/NVIDIA",
        "arch": "https://wiki.archlinux.org/title/NVIDIA",
    }.get(distribution.family, "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/")
    ways = (f"Install NVIDIA's driver as {guide} describes, and reboot.", "Run `stackctl setup` again after that.")
    return ByHand(title="For the GPU's driver", lines=ways, sources=(guide,))


def _no_toolkit(seen: Seen) -> str:
    return f"NVIDIA has no Container Toolkit for {seen.distribution.name}"
