"""Lines of SillyTavern's log about requests: those that it sends to backends, and those that visitors send to it."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature

_SERVER: Final = "SillyTavern/SillyTavern: src/server-main.js"
_NODE: Final = "https://nodejs.org/api/errors.html"
REQUESTS: Final = (
    Signature(
        marks=("ECONNREFUSED",),
        pattern=r"ECONNREFUSED (?:127\.0\.0\.1|::1|localhost|\[::1\])",
        cause=Cause(
            says="SillyTavern asks for its backend at localhost, where nothing answers: in a container that is the "
            "container itself",
            hint="Use the backend's service name (http://koboldcpp:5001) or `host.docker.internal`, and check that the "
            "backend runs and has loaded its model.",
            kind="config",
            issue="backend-not-reached",
            source=_NODE,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ECONNRESET", "socket hang up", "UND_ERR_",
            "HeadersTimeoutError", "ConnectTimeoutError", "ERR_SOCKET_CONNECTION_TIMEOUT", "EAI_AGAIN",
            "TypeError: fetch failed",
        ),
        cause=Cause(
            says="SillyTavern does not reach the server that it asks (its backend or an API)",
            hint="Check that the server runs, that it listens on more than localhost (`--host 0.0.0.0`), and the "
            "address "
            "in SillyTavern.",
            kind="config",
            issue="backend-not-reached",
            source=_NODE,
        ),
        unless=("getaddrinfo",),
        when="run",
    ),
    Signature(
        marks=("getaddrinfo",),
        pattern=r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) ([\w-]{1,80})(?!\S*\.)",
        cause=Cause(
            says="SillyTavern finds no server of the name {0}: the backend's container is not in the same network "
            "or does "
            "not run",
            hint="Put both services into one network of Compose, use the service's name, and start the backend.",
            kind="config",
            issue="backend-not-reached",
            source=_NODE,
        ),
        when="run",
    ),
    Signature(
        marks=("getaddrinfo",),
        pattern=r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (\S{1,120})",
        cause=Cause(
            says="SillyTavern can't resolve the name {0}",
            hint="Check DNS and the Internet connection of the container.",
            kind="config",
            issue="names-not-resolved",
            source=_NODE,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "Forbidden: Connection attempt from", "add your IP address in whitelist", "Blocked connection from",
            "Forbidden: Blocked", "untrusted host", "not in the host whitelist", "Forbidden: User-Agent",
        ),
        cause=Cause(
            says="SillyTavern refuses visitors from addresses or under host names that are not on its whitelist",
            hint="Add the address that the line names to `whitelist` in config.yaml, or use a password instead: "
            "`stackctl deploy --expose lan` does it.",
            kind="config",
            issue="page-refuses",
            source="SillyTavern/SillyTavern: src/middleware/whitelist.js",
        ),
        when="run",
    ),
    Signature(
        marks=("invalid csrf token", "EBADCSRFTOKEN", "Invalid CSRF"),
        cause=Cause(
            says="SillyTavern refuses a page whose session is over (CSRF token)",
            hint="Load the page again; behind a proxy let it pass cookies, and use one address for the page.",
            kind="config",
            issue="page-refuses",
            source=_SERVER,
        ),
        when="run",
    ),
    Signature(
        marks=("Basic Authentication is enabled, but username or password is not set",),
        cause=Cause(
            says="SillyTavern asks for a password, and none is set in its config.yaml",
            hint="Set `basicAuthUser.username` and `basicAuthUser.password` in config.yaml.",
            kind="config",
            issue="sillytavern-settings-refused",
            source=_SERVER,
        ),
        when="run",
    ),
    Signature(
        marks=(
            "API key is missing", "invalid_api_key", "Incorrect API key", "API returned error: 401", "Unauthorized",
            "Invalid API Key",
        ),
        pattern=r"API key is missing|invalid_api_key|Incorrect API key|returned error: 401|(?:request error|error"
        r"|status):? .{0,40}Unauthorized|Invalid API Key",
        cause=Cause(
            says="a backend or an API refuses the key that SillyTavern sends, or gets none",
            hint="Enter the key in SillyTavern under API Connections; that of this stack is in .stackctl/api-key.",
            kind="config",
            issue="api-key-refused",
            source="SillyTavern/SillyTavern: src/endpoints/backends/chat-completions.js",
        ),
        when="run",
    ),
)  # fmt: skip
