"""Fresh Debian machines as far as packages go: minimal roots, with Python, sudo and a user, entered by chroot.

No systemd runs in them, and no engine starts: what is shown is that the commands install what they say.
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "images" / "engine"))

import apt_sources  # noqa: E402
import engine_packages  # noqa: E402
import engine_rootfs  # noqa: E402

USER = "ann"
_CHECKOUT, _PACKAGES = "/srv/checkout", "/srv/packages"
# the checkout and the packages that stackctl needs are seen read-only; whatever runs in there ends with it
_ENTER = f"""
root=$0; checkout=$1; packages=$2; user=$3; shift 3
mount --bind -o ro "$checkout" "$root{_CHECKOUT}"
mount --bind -o ro "$packages" "$root{_PACKAGES}"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
exec chroot "$root" su "$user" -s /bin/sh -c "$1"
"""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Done:
    """A command that ran in a root."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class DebianRoot:
    """A root with what stackctl itself needs, and nothing of Docker."""

    place: Path

    def run(self, line: str, *, user: str = USER) -> Done:
        """Run a line of a shell as a user of the root."""
        around = {
            "PATH": _PATH,
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": f"{_CHECKOUT}:{_PACKAGES}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        packages = next(path for path in map(Path, sys.path) if (path / "click").is_dir())
        words = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
        argv = (*words, "sh", "-c", _ENTER, self.place, ROOT, packages, user, f"cd; {line}")
        done = subprocess.run(argv, env=around, capture_output=True, text=True, timeout=600, check=False)
        return Done(done.returncode, done.stdout, done.stderr)

    def stackctl(self, *words: str) -> Done:
        return self.run(shlex.join(("python3", "-m", "stackctl", *words)))

    def packages(self) -> frozenset[str]:
        """The names of the installed packages."""
        said = self.run("dpkg-query --show --showformat '${db:Status-Status} ${Package}\\n'")
        return frozenset(line.split()[1] for line in said.out.splitlines() if line.startswith("installed "))

    def groups(self) -> set[str]:
        return set(self.run(f"id --groups --name {USER}").out.split())

    def copy(self, place: Path) -> "DebianRoot":
        """The same root once more."""
        subprocess.run(("cp", "-a", "--reflink=auto", self.place, place), check=True)
        return DebianRoot(place)


def make(suite: str, folder: Path) -> DebianRoot:
    """Make a root of a Debian suite, of the packages that this machine's apt finds."""
    _, host = engine_packages.distribution()
    folder.mkdir(parents=True, exist_ok=True)
    prefix = apt_sources.fetch(folder / "packages", host, host, ("debootstrap",))
    machine = apt_sources.machine_stanzas()
    wanted = {"bookworm": "bookworm", "trixie": "trixie"}[suite]
    stanzas = apt_sources.for_suite(machine, host, wanted)
    root = folder / suite
    script = prefix / "usr/sbin/debootstrap"
    keyring = engine_rootfs.keyring_of(stanzas[0])
    argv = engine_rootfs.debootstrap_argv(script, suite, root, stanzas[0].uris[0], keyring)
    tools = folder / "tools"
    if shutil.which("wget", path=engine_rootfs.SYSTEM_PATH) is None:
        engine_rootfs.put_wget(tools)
    here = {"DEBOOTSTRAP_DIR": str(prefix / "usr/share/debootstrap"), "PATH": f"{tools}:{engine_rootfs.SYSTEM_PATH}"}
    _must(argv, {**os.environ, **here})
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    (root / "etc/apt/sources.list.d/debian.sources").write_text(engine_rootfs.image_sources(stanzas))
    (root / "etc/apt/apt.conf.d/test").write_text('Acquire::Check-Valid-Until "false";\n')
    shutil.copyfile("/etc/resolv.conf", root / "etc/resolv.conf")
    for inner in (_CHECKOUT, _PACKAGES):
        (root / inner.removeprefix("/")).mkdir(parents=True)
    made = DebianRoot(root)
    install = "apt-get install --quiet --yes --no-install-recommends python3 sudo"
    for line in (
        "apt-get update --quiet",
        f"DEBIAN_FRONTEND=noninteractive {install}",
        f"useradd --create-home {USER}",
    ):
        done = made.run(line, user="root")
        assert done.code == 0, f"{line}: {done.out}{done.err}"
    (root / "etc/sudoers.d" / USER).write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
    return made


def _must(argv: tuple[object, ...], environment: dict[str, str]) -> None:
    done = subprocess.run([str(word) for word in argv], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
