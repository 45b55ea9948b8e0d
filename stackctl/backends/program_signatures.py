"""Lines of any program, of Python's or of its loader, about libraries, files, ports and downloads."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_HUB: Final = "https://huggingface.co/docs/huggingface_hub/package_reference/utilities"
_ERRORS: Final = "https://docs.python.org/3/library/exceptions.html"
PROGRAM: Final = (
    Signature(
        marks=("no module named", "cannot import name"),
        pattern=r"(?:ModuleNotFoundError|ImportError): (?:No module named '?([\w.]{1,80})|cannot import name "
        r"'?(\w{1,80}))",
        cause=Cause(
            says="the program lacks a Python module: {0}{1}",
            hint="Use another image (`backend.image`), or install the program's requirements again; a loader that was "
            "left out on purpose needs its own image.",
            kind="config",
            issue="program-incomplete",
            source=_ERRORS,
        ),
    ),
    Signature(
        marks=(
            "DLL load failed", "PackageNotFoundError", "_ext' is not defined", "undefined symbol:",
            "(or one of its dependencies)", "Could not find repositories/",
        ),
        cause=Cause(
            says="a library of the program is missing, or was built for another version",
            hint="Use another image (`backend.image`), or install the program's requirements again.",
            kind="config",
            issue="program-incomplete",
            source=_ERRORS,
        ),
    ),
    Signature(
        marks=("requires optimum", "requires the following packages", "pip install", "Please install"),
        pattern=r"(?:ImportError|ValueError|RuntimeError|ModuleNotFoundError): .{0,300}(?:pip install|requires?"
        r"|please install)",
        cause=Cause(
            says="the program lacks a package that this model needs",
            hint="Use an image that contains it, or the model as GGUF.",
            kind="config",
            issue="program-incomplete",
            source=_ERRORS,
        ),
    ),
    Signature(
        marks=("cannot open shared object file",),
        pattern=r"(lib[\w.+-]{1,80}): cannot open shared object file",
        unless=("libcuda.so", "nvidia-container-cli", "libnvidia-ml", "libggml-", "failed to load /"),
        cause=Cause(
            says="the image lacks a library that its program needs: {0}",
            hint="Set `backend.image` to an image for this machine's GPU, or install the library.",
            kind="config",
            issue="program-incomplete",
            source="https://man7.org/linux/man-pages/man8/ld.so.8.html",
        ),
    ),
    Signature(
        marks=("version `GLIBC", "version 'GLIBC", "version `CXXABI", "version `GOMP"),
        cause=Cause(
            says="the program was built for a newer system than the one that it runs on",
            hint="Use a newer image or system, or a build of the program for this one.",
            kind="config",
            issue="program-incomplete",
            source="https://man7.org/linux/man-pages/man8/ld.so.8.html",
        ),
    ),
    Signature(
        marks=(
            "Address already in use", "Cannot find empty port in range", "Only one usage of each socket address",
            "already appears to be in use by another program", "is already in use. Using port", "Errno 98",
            "WinError 10048", "WinError 10013",
        ),
        unless=("container name",),
        cause=Cause(
            says="the program's port is taken by another program",
            hint="Stop the other one, which `sudo ss -ltnp` shows, or choose another port.",
            kind="config",
            issue="port-taken",
            source="https://man7.org/linux/man-pages/man2/bind.2.html",
        ),
    ),
    Signature(
        marks=("No space left on device", "Errno 28", "ENOSPC", "disk quota exceeded"),
        cause=Cause(
            says="a disk is full",
            hint="Free some space: `df -h` shows which disk, `docker system df` what images and old containers take.",
            kind="config",
            issue="disk-full",
            source="https://man7.org/linux/man-pages/man3/errno.3.html",
        ),
    ),
    Signature(
        marks=("PermissionError: [Errno 13]", "PermissionError: [Errno 1]"),
        pattern=r"PermissionError: \[Errno 1?3?\] .{0,40}: '?([^'\n]{1,160})",
        cause=Cause(
            says="the program may not read or write a file or folder: {0}",
            hint="Give it to the user that the container runs as; `ls -ln` shows the present owner.",
            kind="config",
            issue="folder-not-writable",
            source=_ERRORS,
        ),
    ),
    Signature(
        marks=(": cannot open /",),
        pattern=r"sh: \d{1,6}: cannot open (/\S{1,160}): Permission denied",
        cause=Cause(
            says="the program may not read or write a file or folder: {0}",
            hint="Give it to the user that the container runs as (`ls -ln` shows the present owner); under SELinux "
            "mount it with `:z`.",
            kind="config",
            issue="folder-not-writable",
            source="https://docs.docker.com/engine/storage/bind-mounts/#configure-the-selinux-label",
        ),
    ),
    Signature(
        marks=("Errno 30", "OSError: Read-only file system"),
        cause=Cause(
            says="the program writes to a file system that is read-only",
            hint="Mount the folder without `:ro`, or remove `read_only` from its service.",
            kind="config",
            issue="folder-read-only",
            source=_ERRORS,
        ),
    ),
    Signature(
        marks=(
            "gated repo", "GatedRepoError", "401 Client Error", "403 Client Error", "RepositoryNotFoundError",
            "Invalid username or password",
        ),
        pattern=r"gated repo|GatedRepoError|40[13] Client Error|RepositoryNotFoundError|Invalid username",
        unless=("http+docker",),
        cause=Cause(
            says="the hub refuses the download: the repository is gated or private, or its name is wrong",
            hint="Accept its licence on its page, set HF_TOKEN, and check the repository's name.",
            kind="model",
            issue="download-refused",
            source=_HUB,
        ),
    ),
    Signature(
        marks=("429 Client Error", "Too Many Requests for url"),
        cause=Cause(
            says="the hub takes no more requests for a while",
            hint="Wait some minutes, or set HF_TOKEN.",
            kind="model",
            issue="download-rate-limited",
            source=_HUB,
        ),
    ),
    Signature(
        marks=(
            "404 Client Error", "EntryNotFoundError", "RevisionNotFoundError", "LocalEntryNotFoundError",
            "Cannot find the requested files in the disk cache", "couldn't find them in the cached files",
            "is not a local folder and is not a valid model identifier", "Incorrect path_or_model_id",
        ),
        unless=("http+docker",),
        cause=Cause(
            says="the model is neither in the folder that was named nor on the hub",
            hint="Check the model's name and folder as the container sees them.",
            kind="model",
            issue="model-missing",
            source=_HUB,
        ),
    ),
    Signature(
        marks=(
            "name resolution", "NameResolutionError", "getaddrinfo failed", "Could not resolve host",
            "Name or service not known",
        ),
        unless=("fatal: unable to access",),
        cause=Cause(
            says="names of the Internet are not resolved",
            hint="Check DNS on this machine and in the engine (`dns` in /etc/docker/daemon.json), and that the "
            "container's network has a way out.",
            kind="config",
            issue="names-not-resolved",
            source="https://docs.docker.com/engine/network/#dns-services",
        ),
    ),
    Signature(
        marks=(
            "couldn't connect to 'https://huggingface.co'", "Max retries exceeded with url", "ConnectTimeoutError",
            "CERTIFICATE_VERIFY_FAILED", "httpx.ConnectError", "requests.exceptions.SSLError",
            "requests.exceptions.ProxyError",
        ),
        unless=("http+docker", "localhost", "127.0.0.1"),
        cause=Cause(
            says="the model hub or another server can't be reached",
            hint="Check the Internet connection, the proxy and the clock of this machine.",
            kind="model",
            issue="hub-unreachable",
            source=_HUB,
        ),
    ),
    Signature(
        marks=("Cannot allocate memory", "Errno 12]"),
        unless=("mlock", "pinned", "pthread_create", "mmap failed"),
        cause=Cause(
            says="the memory (RAM) of the machine or of the container is used up",
            hint="End other programs, raise the container's limit, use a smaller model or context, or add swap.",
            kind="memory",
            issue="memory-too-small",
            source="https://man7.org/linux/man-pages/man3/errno.3.html",
        ),
    ),
    Signature(
        marks=("Killed", "killed by the OOM killer"),
        exact=True,
        pattern=r"(?:^|\d |: )Killed(?:\s{2,}.*)?$|killed by the OOM killer",
        cause=Cause(
            says="the program was killed, mostly because the memory (RAM) was used up",
            hint="Run `sudo dmesg`, which shows whether the kernel did it; use a smaller model or context.",
            kind="memory",
            issue="memory-too-small",
            source="https://docs.docker.com/engine/containers/resource_constraints/",
        ),
    ),
    Signature(
        marks=(
            "Segmentation fault", "core dumped", "SIGSEGV", "exit code: -11", "access violation", "exit code: -6",
            "0xc0000005", "0xe06d7363", "terminate called after throwing",
        ),
        cause=Cause(
            says="the program crashed",
            hint="Read the lines before it. If none says why, use another version of the image, and check the memory.",
            is_generic=True,
            issue="backend-bug",
            source="https://man7.org/linux/man-pages/man7/signal.7.html",
        ),
    ),
    Signature(
        marks=("exit code: -9", "exit code: 137", "OOMKilled", "oom-kill"),
        unless=("oomkilled\": false", "oomkilled:false"),
        cause=Cause(
            says="the program was killed, mostly because the memory (RAM) was used up",
            hint="Use a smaller model or context, or raise the limit of its memory; `sudo dmesg` shows whether the "
            "kernel did it.",
            kind="memory",
            issue="memory-too-small",
            source="https://docs.docker.com/engine/containers/resource_constraints/",
        ),
    ),
)  # fmt: skip
ARGPARSE: Final = (
    Signature(
        marks=("error: unrecognized arguments", "error: argument --", "error: argument -"),
        pattern=r"error: (unrecognized arguments: .{1,120}|argument .{1,160})",
        cause=Cause(
            says="the program refused its arguments ({0})",
            hint="Check them with `--help` of this version, and the file CMD_FLAGS.txt.",
            kind="config",
            issue="argument-refused",
            source="https://docs.python.org/3/library/argparse.html",
        ),
    ),
)  # fmt: skip
