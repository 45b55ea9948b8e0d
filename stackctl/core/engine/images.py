"""The messages of the engine, of registries and of builds about images."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_PULL: Final = "https://docs.docker.com/reference/cli/docker/image/pull/"
_DISTRIBUTION: Final = "https://distribution.github.io/distribution/spec/api/#errors"
IMAGES: Final = (
    Signature(
        marks=("toomanyrequests", "429 Too Many Requests", "pull rate limit", "HAP429"),
        cause=Cause(
            says="the image registry takes no more pulls for a while",
            hint="Log in with `docker login`, or wait: Docker Hub counts per address over six hours.",
            issue="download-rate-limited",
            source="https://docs.docker.com/docker-hub/usage/",
        ),
    ),
    Signature(
        marks=("x509: certificate has expired", "not yet valid"),
        pattern=r"x509|tls|certificate",
        cause=Cause(
            says="a server's certificate is not valid at this machine's time: its clock may be wrong",
            hint="Run `timedatectl`, and set the clock with `sudo timedatectl set-ntp true`.",
            issue="clock-wrong",
            source="https://pkg.go.dev/crypto/x509",
        ),
    ),
    Signature(
        marks=("no such host", "server misbehaving", "Temporary failure in name resolution", "lookup "),
        pattern=r"(?:dial tcp: lookup|lookup) \S{1,200}.{0,160}(?:no such host|server misbehaving|i/o timeout"
        r"|connection refused|name resolution|try again)",
        cause=Cause(
            says="the engine can't resolve the registry's name",
            hint="Check DNS on this machine: `resolvectl status`, and `dns` in /etc/docker/daemon.json.",
            issue="names-not-resolved",
            source="https://docs.docker.com/engine/daemon/troubleshoot/#networking-issues",
        ),
    ),
    Signature(
        marks=(
            "x509:", "tls: failed to verify", "server gave HTTP response to HTTPS client", "tls: handshake failure",
        ),
        cause=Cause(
            says="the engine does not trust the registry's certificate, or a proxy stands between",
            hint="Add the certificate of the registry or proxy under /etc/docker/certs.d, and restart the engine.",
            issue="certificate-not-trusted",
            source="https://docs.docker.com/engine/security/certificates/",
        ),
    ),
    Signature(
        marks=(
            "Client.Timeout exceeded", "TLS handshake timeout", "dial tcp", "proxyconnect tcp",
            "request canceled while waiting for connection", "read: connection reset by peer",
            "net/http: request canceled",
        ),
        pattern=r"Client\.Timeout|TLS handshake timeout|proxyconnect|request canceled|(?:dial|read) "
        r"tcp.{0,300}(?:timeout|refused|unreachable|no route|reset)",
        unless=("/var/run/docker.sock", "docker.sock", "containerd.sock", "127.0.0.1:2375"),
        cause=Cause(
            says="the engine does not reach the registry",
            hint="Check the Internet connection, a proxy (`docker info` shows the engine's), and a firewall or VPN.",
            issue="registry-unreachable",
            source="https://docs.docker.com/engine/daemon/proxy/",
        ),
    ),
    Signature(
        marks=(
            "manifest unknown", "manifest for ", "repository does not exist", "pull access denied", "name unknown",
            "not found: manifest", "failed to resolve reference",
        ),
        pattern=r"manifest unknown|manifest for .{1,200} not found|repository does not exist|pull access denied"
        r"|name unknown"
        r"|failed to resolve reference .{1,300}: not found|failed to resolve source metadata for .{1,300}: not found",
        cause=Cause(
            says="the registry has no such image or tag, or it is private",
            hint="Check the image's name and tag; run `docker login` if it is private.",
            issue="image-unknown",
            source=_DISTRIBUTION,
        ),
    ),
    Signature(
        marks=(
            "unauthorized", "denied: ", "no basic auth credentials", "403 Forbidden", "insufficient_scope",
            "authentication required", "error getting credentials",
        ),
        pattern=r"unauthorized: (?:authentication|incorrect|access|please|you|failed|unauthorized)"
        r"|denied: (?:denied|requested|permission|installation|your|access)|no basic auth|insufficient_scope"
        r"|(?:registry|ghcr\.io|docker\.io|/v2/|manifests).{0,300}(?:403 Forbidden|unauthorized)|error getting "
        r"credentials",
        cause=Cause(
            says="the registry refuses the pull: a login is missing, wrong or too old",
            hint="Run `docker login REGISTRY` again, or `docker logout REGISTRY` for a public image; remove "
            "`credsStore` "
            "from ~/.docker/config.json if its helper is missing.",
            issue="image-not-pulled",
            source=_DISTRIBUTION,
        ),
    ),
    Signature(
        marks=("failed to register layer", "failed to extract layer"),
        pattern=r"no space left on device",
        cause=Cause(
            says="the disk that holds the engine's images is full",
            hint="Free some space: `docker system df` shows what images and old containers take.",
            issue="disk-full",
            source=_PULL,
        ),
    ),
    Signature(
        marks=(
            "unexpected EOF", "filesystem layer verification failed", "failed to register layer",
            "failed to extract layer", "invalid tar header", "unexpected status from", "failed to copy: ",
            "error pulling image configuration", "failed commit on ref", "unexpected commit digest",
        ),
        pattern=r"layer|tar header|unexpected status|failed to copy|image configuration|(?:pull|download|registry"
        r"|httpReadSeeker).{0,200}unexpected EOF|digest|commit",
        unless=("no space left",),
        cause=Cause(
            says="an image arrived damaged or not at all",
            hint="Run the pull again; if it fails every time, check the disk, the proxy and the engine's folder.",
            issue="image-not-pulled",
            source=_PULL,
        ),
    ),
    Signature(
        marks=("unexpected EOF", "failed size validation"),
        pattern=r"^(?:error:? )?:?\s*unexpected EOF$|number of bytes: unexpected EOF|tar file.{0,60}unexpected EOF"
        r"|size validation",
        cause=Cause(
            says="an image was cut off while it was pulled",
            hint="Run the pull again; behind a slow line set `max-concurrent-downloads` to 1 in "
            "/etc/docker/daemon.json.",
            issue="image-not-pulled",
            source="https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file",
        ),
    ),
    Signature(
        marks=("invalid reference format",),
        cause=Cause(
            says="an image's name is written wrong",
            hint="Correct it: lower-case letters, one `:` before the tag, no spaces; a variable in it may be empty.",
            kind="config",
            issue="settings-wrong",
            source="https://pkg.go.dev/github.com/distribution/reference",
        ),
    ),
    Signature(
        marks=(
            "failed to solve", "did not complete successfully", "dockerfile parse error", "executor failed running",
            "returned a non-zero code", "failed to read dockerfile", "failed to compute cache key",
        ),
        unless=("toomanyrequests", "service \""),
        cause=Cause(
            says="an image could not be built",
            hint="Read the lines of the step that failed, above this one.",
            is_generic=True,
            issue="image-not-built",
            source="https://docs.docker.com/build/",
        ),
    ),
    Signature(
        marks=("No such image", "image not known", "Unable to find image"),
        pattern=r"No such image|image not known",
        cause=Cause(
            says="an image is missing",
            hint="Run `docker compose pull`, or `stackctl deploy`, which pulls or builds missing images.",
            is_generic=True,
            issue="image-missing",
            source=_PULL,
        ),
    ),
)  # fmt: skip
