"""Several machines on one: three dockerds in network, pid, mount and uts namespaces, as one Docker Swarm.

A node has a /srv of its own, so that a file is only where a test put it. A bridge in a network namespace of its own
joins them; the host's network is never touched. There is no way out: no pull of an image waits for a server.
`python -m tests.e2e.swarm.cluster up NAME` makes one to try things by hand, `down NAME` removes it without a trace.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from tests.e2e.own_engine import OFFLOADS
from tests.e2e.swarm import nvidia_runtime
from tests.e2e.swarm.stored import link_images

NAS, GPU1, GPU2 = "nas", "gpu1", "gpu2"
KIND: Final = "NVIDIA-GPU"
LLAMACPP: Final = "localhost/stackctl/llamacpp:debian"
SILLYTAVERN: Final = "localhost/stackctl/sillytavern:1.19.0"
IMAGES: Final[Mapping[str, tuple[str, ...]]] = {NAS: (LLAMACPP, SILLYTAVERN), GPU1: (LLAMACPP,), GPU2: (LLAMACPP,)}
# the same with a backend that reports its layers on a GPU (own_engine.add_offloads), which ours for the CPU can't do
WITH_GPU: Final = {node: (*images, OFFLOADS) for node, images in IMAGES.items()}
_SUBNET: Final = "10.88.0"
# what a reboot clears, and then a machine in few words: its name, /srv, and the sysfs of its own network
_NETNS: Final = Path("/run/netns")
_STARTED: Final[list["subprocess.Popen[bytes]"]] = []  # they run on, so none may be collected before it ends
_BOOT: Final = """
hostname "$1"; shift
mount --bind "$1" /srv; shift
mount --rbind /sys/fs/cgroup "$1"
mount -t sysfs sysfs /sys
mount --rbind "$1" /sys/fs/cgroup; shift
exec "$@"
"""


@dataclass(frozen=True)
class Programs:
    """dockerd and its companions, and the client; data: the data root of a private engine that they belong to."""

    path: str
    docker: str
    data: Path | None
    place: Path  # where a cluster's folders go, on the same file system as the data

    @classmethod
    def found(cls) -> "Programs":
        """Take those of the private engine in use (images/engine), or those of the system."""
        docker = shutil.which("docker")
        assert docker is not None, "no docker command: run `make e2e`, which brings an engine up"
        engine = Path(docker).parent.parent
        if (engine / "bin" / "dockerd").exists():
            return cls(f"{engine / 'bin'}:{os.environ['PATH']}", docker, engine / "data", engine / "swarm")
        assert shutil.which("dockerd"), "no dockerd: run `make e2e`, which brings an engine up"
        return cls(os.environ["PATH"], docker, None, Path("/var/tmp/stackctl-swarm"))


@dataclass
class Cluster:
    """Three nodes; nas is the only manager. Several clusters can stand at once, each with its name."""

    name: str
    heartbeat: str = ""  # of the dispatcher; "": Docker's default, 5 s
    subnet: str = _SUBNET
    images: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: IMAGES)
    programs: Programs = field(default_factory=Programs.found)

    @cached_property
    def tag(self) -> str:
        """What is the host's and ours begins with this: network namespaces, cgroups, the folder of the sockets."""
        return "sw" + hashlib.sha256(os.fsencode(self.root)).hexdigest()[:6]

    @property
    def root(self) -> Path:
        return self.programs.place / self.name

    @property
    def run_folder(self) -> Path:
        """Sockets have short names, however long that of the checkout is."""
        return Path("/run") / self.tag

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(self.images)

    def address(self, node: str) -> str:
        return f"{self.subnet}.{11 + self.nodes.index(node)}"

    def srv(self, node: str) -> Path:
        """The node's /srv, as this machine sees it."""
        return self.root / node / "srv"

    def host(self, node: str) -> str:
        return f"unix://{self.run_folder / node / 'docker.sock'}"

    # up and down

    def up(self) -> None:
        """Bring it up; what a killed run left is removed first."""
        self.down()
        self._lay_network()
        for node in self.nodes:
            self.srv(node).mkdir(parents=True)
            self.srv(node).chmod(0o755)
            if self.programs.data:
                link_images(self.programs.data, self.root / node / "data", self.images[node])
        for node in self.nodes:
            self.start(node, wait=False)
        for node in self.nodes:
            self.wait_up(node)
        if not self.programs.data:
            for node in self.nodes:
                self.load(node, *self.images[node])
        self._form_swarm()

    def _lay_network(self) -> None:
        lan = f"{self.tag}-lan"
        call("ip", "netns", "add", lan)
        call("ip", "-n", lan, "link", "add", "br0", "type", "bridge")
        call("ip", "-n", lan, "link", "set", "br0", "up")
        for node in self.nodes:
            netns = self._netns(node)
            call("ip", "netns", "add", netns)
            call("ip", "-n", netns, "link", "set", "lo", "up")
            call(*f"ip -n {netns} link add eth0 type veth peer name v-{node} netns {lan}".split())
            call("ip", "-n", lan, "link", "set", f"v-{node}", "master", "br0", "up")
            call("ip", "-n", netns, "address", "add", f"{self.address(node)}/24", "dev", "eth0")
            call("ip", "-n", netns, "link", "set", "eth0", "up")
            call("nsenter", f"--net=/run/netns/{netns}", "sysctl", "-qw", "net.ipv4.ip_forward=1")

    def _form_swarm(self) -> None:
        listen = ("--advertise-addr", self.address(NAS), "--listen-addr", f"{self.address(NAS)}:2377")
        beat = ("--dispatcher-heartbeat", self.heartbeat) if self.heartbeat else ()
        self.docker(NAS, "swarm", "init", *listen, *beat)
        token = self.docker(NAS, "swarm", "join-token", "-q", "worker").strip()
        for node in self.nodes:
            if node != NAS:
                own = ("--advertise-addr", self.address(node))
                self.docker(node, "swarm", "join", "--token", token, *own, f"{self.address(NAS)}:2377")

    def down(self) -> None:
        """End and remove everything, whoever brought it up."""
        found = {one.name for one in _NETNS.glob(f"{self.tag}-*")}
        for netns in found:
            for pid in call("ip", "netns", "pids", netns).split():
                _kill(int(pid))
        until(lambda: not any(call("ip", "netns", "pids", one).split() for one in found), 10, "its processes live")
        for netns in found:
            call("ip", "netns", "delete", netns)
        for top in Path("/sys/fs/cgroup").glob(f"*/{self.tag}"):
            for folder in sorted((one for one in top.rglob("*") if one.is_dir()), key=lambda one: -len(one.parts)):
                until(partial(_is_removed, folder), 10, f"{folder} is in use")
            top.rmdir()
        for place in (self.root, self.run_folder):
            shutil.rmtree(place, ignore_errors=not place.exists())

    # a node's fate

    def start(self, node: str, *, wait: bool = True) -> None:
        """Switch it on."""
        folder, run = self.root / node, self.run_folder / node
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir(parents=True)
        (folder / "cgroups").mkdir(exist_ok=True)
        (folder / "daemon.json").write_text(json.dumps(self._configuration(node), indent=1))
        namespaces = ("unshare", "--mount", "--propagation", "slave", "--uts", "--pid", "--fork", "--kill-child")
        boot = ("sh", "-ec", _BOOT, "sh", node, str(self.srv(node)), str(folder / "cgroups"))
        daemon = ("docker-init", "--", "dockerd", f"--config-file={folder / 'daemon.json'}")
        with (folder / "dockerd.log").open("ab") as log:
            process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self._netns(node)}", *namespaces, "--mount-proc", *boot, *daemon],
                env={**os.environ, "PATH": self.programs.path},
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        _STARTED.append(process)
        (folder / "pid").write_text(str(process.pid))
        if wait:
            self.wait_up(node)

    def _configuration(self, node: str) -> dict[str, Any]:
        run, folder = self.run_folder / node, self.root / node
        plain: dict[str, Any] = {
            "hosts": [self.host(node)],
            "data-root": str(folder / "data"),
            "exec-root": str(run / "exec"),
            "pidfile": str(run / "docker.pid"),
            "bridge": "none",
            "storage-driver": "overlay2",
            "cgroup-parent": f"/{self.tag}",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "shutdown-timeout": 5,
            "features": {"containerd-snapshotter": False},
        }
        if node == NAS:
            return plain
        runtime = nvidia_runtime.write(folder / "nvidia", f"GPU-{node}")
        return plain | {
            "runtimes": {"nvidia": {"path": str(runtime)}},
            "default-runtime": "nvidia",
            "node-generic-resources": [f"{KIND}=GPU-{node}"],
        }

    def wait_up(self, node: str) -> None:
        socket = Path(self.host(node).removeprefix("unix://"))
        log = self.root / node / "dockerd.log"
        until(
            lambda: socket.exists() and not self._docker(node, "version").returncode,
            60,
            f"{node} does not come up:\n{log.read_text()[-2000:] if log.exists() else ''}",
        )

    def pid(self, node: str) -> int:
        """The first process of the node."""
        wrapper = int((self.root / node / "pid").read_text())
        return int(Path(f"/proc/{wrapper}/task/{wrapper}/children").read_text().split()[0])

    def kill(self, node: str) -> None:
        """A power cut: all its processes end at once."""
        first = self.pid(node)
        _kill(first)
        until(lambda: not Path(f"/proc/{first}/root").exists(), 10, f"{node} lives")

    def cut(self, node: str) -> None:
        """Its cable is pulled: it lives on, and nobody reaches it."""
        call("ip", "-n", f"{self.tag}-lan", "link", "set", f"v-{node}", "down")

    def mend(self, node: str) -> None:
        call("ip", "-n", f"{self.tag}-lan", "link", "set", f"v-{node}", "up")

    # commands on a node

    def inside(self, node: str, *words: str) -> tuple[str, ...]:
        """The words that run a command on the node: in its network, with its files and its processes."""
        enter = ("nsenter", "--target", str(self.pid(node)), "--net", "--mount", "--uts", "--pid")
        return (*enter, "env", f"DOCKER_HOST={self.host(node)}", *words)

    def sh(self, node: str, script: str) -> str:
        return call(*self.inside(node, "sh", "-ec", script))

    def docker(self, node: str, *words: str) -> str:
        done = self._docker(node, *words)
        assert not done.returncode, f"docker {' '.join(words)} on {node}: {done.stderr}"
        return done.stdout

    def _docker(self, node: str, *words: str) -> "subprocess.CompletedProcess[str]":
        argv = [self.programs.docker, "--host", self.host(node), *words]
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)

    def load(self, node: str, *images: str) -> None:
        """Bring images over from the engine that the tests use."""
        with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as save:
            argv = [self.programs.docker, "--host", self.host(node), "load", "-q"]
            done = subprocess.run(argv, stdin=save.stdout, capture_output=True, text=True, check=False)
        assert (save.returncode, done.returncode) == (0, 0), done.stderr

    def state(self, node: str) -> str:
        """The node's state as the manager sees it: ready, down."""
        return self.docker(NAS, "node", "inspect", "--format", "{{.Status.State}}", node).strip()

    def containers(self, node: str, name: str) -> list[str]:
        """The ids of the running containers whose names contain this."""
        return self.docker(node, "ps", "-q", "--no-trunc", "--filter", f"name={name}").split()

    def _netns(self, node: str) -> str:
        return f"{self.tag}-{node}"


def _is_removed(cgroup: Path) -> bool:
    """Remove a cgroup; False while a process in it still ends."""
    try:
        cgroup.rmdir()
    except OSError:
        return False
    return True


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it has ended with another one
        return


def call(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert not done.returncode, f"{' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def until(holds: Callable[[], object], seconds: float, otherwise: str) -> float:
    """Wait until something holds; return the seconds that it took. Fail after that time."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"{otherwise} after {seconds:.0f} s"
        time.sleep(0.1)
    return time.monotonic() - began


if __name__ == "__main__":
    verb, made = sys.argv[1], Cluster(sys.argv[2])
    assert verb in {"up", "down"}
    assert re.fullmatch(r"[a-z0-9]{1,12}", made.name)
    (made.up if verb == "up" else made.down)()
    print(verb, made.root, *(f"{one}={made.host(one)}" for one in made.nodes if verb == "up"))
