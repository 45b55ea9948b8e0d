"""The machine around the engine: its processor, its GPUs (NVML), its ports and its networks."""

import ctypes
import os
import socket
from contextlib import suppress
from ipaddress import IPv4Network, ip_address
from pathlib import Path

from stackctl.contracts.host import Cpu, Gpu
from stackctl.errors import GpuError


def cpu(table: Path = Path("/proc/cpuinfo")) -> Cpu:
    """The processor here, whose kernel a container shares; taken for a recent one where nobody says."""
    architecture = os.uname().machine
    try:
        lines = table.read_text(errors="replace").splitlines()
    except OSError:  # no Linux here, so the engine runs elsewhere
        lines = []
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), None)
    if flags is None:
        return Cpu(architecture=architecture)
    return Cpu(architecture=architecture, avx="avx" in flags, avx2="avx2" in flags)


_CONNECT_S = 2.0


def gpus() -> tuple[Gpu, ...]:
    """NVIDIA GPUs as the driver sees them; () where there is no driver."""
    try:
        ctypes.CDLL("libnvidia-ml.so.1")  # what pynvml loads; pynvml itself is slow to import
    except OSError:
        return ()
    import pynvml

    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError_LibraryNotFound, pynvml.NVMLError_DriverNotLoaded):
        return ()
    except pynvml.NVMLError as e:
        raise GpuError(
            f"the NVIDIA driver does not answer: {e}",
            hint="nvidia-smi shows the same; after a driver update reboot; `--gpu none` runs on the CPU meanwhile",
        ) from e
    try:
        return tuple(_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError as e:
        raise GpuError(f"the NVIDIA driver does not answer: {e}", hint="nvidia-smi shows the same; reboot") from e
    finally:
        pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = memory.total, memory.free
    except pynvml.NVMLError_NotSupported:  # a GPU that shares the machine's memory (DGX Spark) has none of its own
        total = free = 0
    return Gpu(
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total_mib=total >> 20,
        free_mib=free >> 20,
        cuda=_cuda(),
    )


def _cuda() -> tuple[int, ...]:
    import pynvml

    try:
        version = pynvml.nvmlSystemGetCudaDriverVersion()  # 12040: 12.4
    except pynvml.NVMLError:  # a driver from before 2018
        return ()
    return version // 1000, version % 1000 // 10


def _text(value: "str | bytes") -> str:
    return value.decode() if isinstance(value, bytes) else value


def listening(address: str) -> dict[int, str]:
    """Ports on which a new listener at `address` would collide, with the holder in words where we may know it."""
    import psutil

    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    everywhere = {"0.0.0.0", "::", "::ffff:0.0.0.0"}  # noqa: S104 - what others listen on
    found: dict[int, str] = {}
    for one in psutil.net_connections("tcp"):
        if one.status != psutil.CONN_LISTEN or not one.laddr:
            continue
        if one.laddr.ip == address or (one.laddr.ip in everywhere and (one.family == family or one.laddr.ip == "::")):
            found[one.laddr.port] = _process(one.pid)
    return found


def listeners(port: int) -> tuple[str, ...]:
    """The addresses of this machine on which a TCP port is open."""
    import psutil

    found = {
        one.laddr.ip.removeprefix("::ffff:")  # an IPv4 address in a socket for both
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
    }
    return tuple(sorted(found))


def interfaces() -> dict[str, tuple[str, ...]]:
    """The addresses of this machine with their networks, by interface: "192.168.1.5/24", "fd00::5/64"."""
    import psutil

    found: dict[str, tuple[str, ...]] = {}
    for name, addresses in psutil.net_if_addrs().items():
        texts = []
        for one in addresses:
            if one.family in {socket.AF_INET, socket.AF_INET6} and one.netmask:
                address = ip_address(one.address.partition("%")[0])
                # psutil writes both kinds of masks as addresses
                bits = int(ip_address(one.netmask)).bit_count()
                texts.append(f"{address}/{bits}")
        found[name] = tuple(texts)
    return found


def node_processes(folder: Path) -> tuple[int, ...]:
    """Node's processes whose working folder it is: SillyTavern's own, where it is started by hand."""
    import psutil

    found = []
    for one in psutil.process_iter(["cwd", "cmdline"]):
        words = one.info["cmdline"] or ()
        is_node = any(Path(word).name in {"node", "server.js"} for word in words[:3])
        if is_node and one.info["cwd"] == str(folder):  # another user's tells neither
            found.append(one.pid)
    return tuple(found)


def _process(pid: int | None) -> str:
    import psutil

    if pid is None:
        return "another user's process (sudo ss -ltnp names it)"
    with suppress(psutil.Error):
        return f"{psutil.Process(pid).name()} (process {pid})"
    return f"process {pid}"


def addresses() -> tuple[str, ...]:
    """This machine's addresses but for loopback and those that only count on one link (fe80::)."""
    import psutil

    families = {socket.AF_INET, socket.AF_INET6}
    found = (one.address for all_ in psutil.net_if_addrs().values() for one in all_ if one.family in families)
    return tuple(
        dict.fromkeys(
            a for a in found if "%" not in a and not (ip_address(a).is_loopback or ip_address(a).is_link_local)
        )
    )


def free_port() -> int:
    """A port of this machine that nobody uses, and that nobody who asks at the same moment is given, too."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def is_open(address: str, port: int) -> bool:
    """Whether a TCP connection from this machine comes about within two seconds."""
    try:
        socket.create_connection((address, port), timeout=_CONNECT_S).close()
    except OSError:
        return False
    return True


def routes(table: Path = Path("/proc/net/route")) -> tuple[IPv4Network, ...]:
    """Every IPv4 network that this machine has a route to, the default route left out."""
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:  # no Linux here, so the engine runs elsewhere
        return ()
    found = []
    for line in lines:
        fields = line.split()
        destination, mask = (int.from_bytes(bytes.fromhex(fields[i]), "little") for i in (1, 7))
        if mask:
            found.append(IPv4Network((destination, mask.bit_count())))
    return tuple(found)
