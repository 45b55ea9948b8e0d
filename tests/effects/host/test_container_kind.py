"""The container that a machine really is, by files below another root."""

from pathlib import Path

import pytest

from stackctl.effects.host.container_kind import container_kind

LXCFS = "611 602 0:52 /proc/meminfo /proc/meminfo rw,nosuid,nodev,relatime - fuse.lxcfs lxcfs rw,user_id=0\n"


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, ""),
        ({"run/systemd/container": "lxc\n"}, "lxc"),
        ({"run/systemd/container": "systemd-nspawn"}, "systemd-nspawn"),
        ({"run/systemd/container": "\x1b[2J" * 1000}, ""),
        ({".dockerenv": "", "proc/self/mountinfo": LXCFS}, "docker"),
        ({"run/.containerenv": ""}, "podman"),
        ({"proc/self/mountinfo": LXCFS}, "lxc"),  # without systemd, as with Alpine
        ({"proc/self/mountinfo": LXCFS.replace("fuse.lxcfs", "tmpfs")}, ""),
    ],
)
def test_a_container_is_known_by_its_kind(tmp_path: Path, files: dict[str, str], kind: str) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert container_kind(tmp_path) == kind
