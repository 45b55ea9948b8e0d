"""A bare Debian 13 of plain values, on which the commands of setup have their effects."""

from dataclasses import dataclass
from pathlib import Path

from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.system import Ran, User
from stackctl.core.setup.managers import listing
from tests.commands.machines import Quiet, quiet
from tests.core.setup.machines import OS_RELEASES

MISSING = EngineLink(address="unix:///var/run/docker.sock", failure="missing")
PERMISSION = EngineLink(address="unix:///var/run/docker.sock", failure="permission")
INSTALL = (
    "env",
    "DEBIAN_FRONTEND=noninteractive",
    "apt-get",
    "install",
    "--yes",
    "--no-remove",
    "--no-install-recommends",
)
ENGINE = (*INSTALL, "docker.io", "docker-cli", "docker-buildx", "apparmor", "ca-certificates")
COMPOSE = (*INSTALL, "docker-compose")
JOIN = ("usermod", "--append", "--groups", "docker", "ann")
LISTING = " ".join(listing("apt"))


@dataclass
class Bare:
    """The machine. Installing an engine starts it, and the socket is then closed to a user outside of its group."""

    here: Quiet

    def install(self, *names: str) -> None:
        old = self.here.system.answers[LISTING].out
        self.here.system.answers[LISTING] = Ran(code=0, out=old + "".join(f"installed {name}\n" for name in names))

    def add_engine(self) -> None:
        self.install("docker.io", "containerd", "runc")
        self.here.system.programs |= {"dockerd": "/usr/sbin/dockerd", "docker": "/usr/bin/docker"}
        self.here.docker.link_ = PERMISSION

    def add_compose(self) -> None:
        self.install("docker-compose")
        said = "Docker Compose version 2.26.1-4\n"
        self.here.system.answers["docker compose version"] = Ran(code=0, out=said)

    def join(self) -> None:
        self.here.system.who = User(name="ann", uid=1000, groups=("ann",), listed_groups=("ann", "docker"))


def bare(folder: Path) -> Bare:
    """A Debian 13 with systemd and sudo, and nothing of Docker."""
    return emptied(quiet(folder))


def emptied(here: Quiet) -> Bare:
    """The same of a machine that is there."""
    found = Bare(here)
    here.docker.link_ = MISSING
    here.system.who = User(name="ann", uid=1000, groups=("ann",), listed_groups=("ann",))
    here.system.texts |= {"/etc/os-release": OS_RELEASES["debian-13"], "/run/systemd/system/units": ""}
    here.system.programs |= {"sudo": "/usr/bin/sudo"}
    here.system.answers[LISTING] = Ran(code=0, out="installed apt\nconfig-files docker-doc\n")
    here.system.effects |= {ENGINE: found.add_engine, COMPOSE: found.add_compose, JOIN: found.join}
    return found
