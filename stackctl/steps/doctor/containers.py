"""What a container sees of this machine and its network: one of an image that is here is started, and removed."""

from typing import Final

from stackctl.backends import BACKENDS
from stackctl.contracts.finding import CheckResult, Finding
from stackctl.contracts.request import Request
from stackctl.core.tavern import container as tavern
from stackctl.steps.doctor.check import Check, Looks
from stackctl.terminal import command_line

_REGISTRY: Final = "https://registry-1.docker.io"
_PATH: Final = "/v2/"
_OFFLINE: Final = {
    "name": "a container can't resolve the name",
    "refused": "a container's connection is refused",
    "timeout": "a container gets no answer",
    "unreachable": "a container has no route",
}
_HERE_S: Final = 5.0


def _reach_registry(looks: Looks) -> CheckResult:
    """Ask the registry from a container's network, and from this machine if that fails."""
    looks.engine()
    image = _image(looks, tavern.NAME)
    if not image:
        return CheckResult(untried="no image of SillyTavern is here, which has the program that asks")
    machine = looks.machine
    (tried,) = machine.docker.ask(image, "bridge", (_REGISTRY,), (Request(path=_PATH),), None)
    if tried.answers or tried.failure not in _OFFLINE:
        return CheckResult(says="reaches the image registry")
    here = machine.system.reach(_REGISTRY + _PATH, within_s=_HERE_S)
    if here.failure:
        return CheckResult(untried="this machine does not reach the image registry itself")
    by_proxy = f", which this machine reaches by the proxy {here.proxy}" if here.proxy else ""
    dns = ' Containers can\'t use a DNS server on 127.0.0.x: name another one with "dns" in /etc/docker/daemon.json.'
    return CheckResult(
        findings=(
            Finding(
                issue="container-offline",
                severity="warning",
                says=f"{_OFFLINE[tried.failure]} registry-1.docker.io{by_proxy}; this machine does",
                hint="Look at what the firewall forwards: `sudo iptables -S FORWARD`, `sudo nft list ruleset`."
                + (dns if tried.failure == "name" else ""),
                evidence=(f"from a container of {image}: {tried.failure}",),
            ),
        )
    )


def _see_folder(looks: Looks) -> CheckResult:
    """Mount the stack's folder, and look for its file."""
    looks.engine()
    machine, plan = looks.machine, looks.plan()
    file = machine.place / machine.orchestrator.file
    if plan is None:
        return CheckResult(untried="no stack was deployed in this folder")
    image = _image(looks, tavern.NAME, *BACKENDS)
    if not image:
        return CheckResult(untried="no image of the stack is here")
    user = next((one.user_inside for one in plan.services if one.name == tavern.NAME), None)
    trial = machine.docker.try_folder(image, file, user or machine.folder.owner)
    if trial.state == "seen":
        return CheckResult(says="is seen")
    if trial.state == "untried":
        return CheckResult(untried=trial.says)
    is_shut = trial.state == "shut"
    says = f"a container {'may not read' if is_shut else 'does not see'} {file}, which is here"
    return CheckResult(
        findings=(
            Finding(
                issue="folder-not-readable" if is_shut else "folder-not-seen",
                says=says,
                hint=f"Run `{command_line('ls', '-laZ', machine.place)}`; with SELinux on, its files need a type that "
                "containers may read."
                if is_shut
                else "Move the stack to a folder that the engine sees; `stackctl explain folder-not-seen` says which.",
                context=str(machine.place),
                evidence=(trial.says,) if trial.says else (),
            ),
        )
    )


def _image(looks: Looks, *services: str) -> str:
    """Return the image of the first of these services that the engine has; "" if there is none."""
    plan = looks.plan()
    images = {one.name: one.image for one in plan.services} if plan else {}
    return next((images[one] for one in services if one in images and looks.machine.docker.images.id(images[one])), "")


CHECKS: Final[tuple[Check, ...]] = (
    Check(name="network of a container", title="a container reaches the registry", run=_reach_registry, is_deep=True),
    Check(name="folder in a container", title="a container sees the stack's folder", run=_see_folder, is_deep=True),
)
