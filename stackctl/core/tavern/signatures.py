"""Lines of SillyTavern's log that stand for a cause."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature, exactly
from stackctl.core.tavern.request_signatures import REQUESTS

_SERVER: Final = "SillyTavern/SillyTavern: src/server-main.js"
_NODE: Final = "https://nodejs.org/api/errors.html"
_CONFIG: Final = "Check config.yaml in SillyTavern's config folder, and compose.override.yml."
STARTS: Final = exactly(
    Signature(
        marks=("Your current SillyTavern configuration is insecure",),
        cause=Cause(
            says="SillyTavern refuses its configuration: it listens with neither a whitelist nor a password",
            hint=_CONFIG,
            kind="config",
            issue="sillytavern-settings-refused",
            source=_SERVER,
        ),
    ),
    Signature(
        marks=("Failed to read config.yaml", "YAMLException", "YAMLParseError"),
        cause=Cause(
            says="SillyTavern can't read its config.yaml",
            hint=_CONFIG,
            kind="config",
            issue="sillytavern-settings-refused",
            source="SillyTavern/SillyTavern: src/util.js",
        ),
    ),
)
_GOES_ON: Final = (  # it starts nevertheless
    Signature(
        marks=("Failed to read config.yaml",),
        unless=("FATAL",),
        cause=Cause(
            says="SillyTavern can't read its config.yaml, and runs with its defaults",
            hint=_CONFIG,
            kind="config",
            issue="sillytavern-settings-refused",
            source="SillyTavern/SillyTavern: src/util.js",
        ),
        when="run",
    ),
)
_RUNS: Final = (
    Signature(
        marks=("npm err!", "npm error"),
        pattern=r"npm (?:ERR!|error) .{0,200}(?:ETIMEDOUT|ECONNRESET|ECONNREFUSED|EAI_AGAIN|ENOTFOUND|network)",
        cause=Cause(
            says="npm does not reach its registry to install SillyTavern's modules",
            hint="Check the Internet connection, DNS and a proxy, then run `npm install` again; the image needs none.",
            kind="config",
            issue="hub-unreachable",
            source="https://docs.npmjs.com/common-errors",
        ),
    ),
    Signature(
        marks=("would be overwritten by merge", "Please commit your changes or stash them", "unmerged files"),
        cause=Cause(
            says="git can't update SillyTavern because files of it were changed here",
            hint="Run `git status` in its folder, and `git checkout -- FILE` for what you did not mean to change.",
            kind="config",
            issue="sillytavern-failed",
            source="https://docs.sillytavern.app/installation/updating/",
        ),
        when="run",
    ),
    Signature(
        marks=("package.json",),
        pattern=r"ENOENT.{0,120}package\.json|Could not read package\.json",
        cause=Cause(
            says="SillyTavern is not in the folder where it was started",
            hint="Change to SillyTavern's folder, or unpack it again.",
            kind="config",
            issue="program-incomplete",
            source="https://docs.npmjs.com/common-errors",
        ),
    ),
    Signature(
        marks=("No config file found",),
        cause=Cause(
            says="SillyTavern finds no config.yaml",
            hint="Mount its config folder, and copy the file of its folder `default` there.",
            kind="config",
            issue="sillytavern-settings-refused",
            source="SillyTavern/SillyTavern: src/util.js",
        ),
    ),
    Signature(
        marks=("listen EADDRINUSE", "EADDRINUSE"),
        pattern=r"EADDRINUSE",
        unless=("failed to bind",),
        cause=Cause(
            says="SillyTavern's port is taken by another program, or by a SillyTavern that still runs",
            hint="Stop the other one, which `sudo ss -ltnp` shows, or change `port` in config.yaml.",
            kind="config",
            issue="port-taken",
            source=_NODE,
        ),
    ),
    Signature(
        marks=("listen EACCES", "listen EADDRNOTAVAIL", "listen EPERM"),
        cause=Cause(
            says="SillyTavern may not listen on its port or address",
            hint="Use a port from 1024 on that the system has not reserved, and an address of this machine.",
            kind="config",
            issue="port-taken",
            source=_NODE,
        ),
    ),
    Signature(
        marks=("EROFS",),
        cause=Cause(
            says="SillyTavern writes to a file system that is read-only",
            hint="Mount its folders config, data and plugins without `:ro`; a container's own files are not kept.",
            kind="config",
            issue="folder-read-only",
            source=_NODE,
        ),
    ),
    Signature(
        marks=("EACCES", "EPERM: operation not permitted"),
        unless=("npm warn",),
        cause=Cause(
            says="SillyTavern may not read or write its own files",
            hint="Give its folders to the user that it runs as: `ls -ln` shows the owner, `sudo chown -R 1000:1000 "
            "FOLDER` "
            "sets it.",
            kind="config",
            issue="folder-not-writable",
            source=_NODE,
        ),
    ),
    Signature(
        marks=("ENOSPC",),
        cause=Cause(
            says="SillyTavern found the disk full",
            hint="Free some space, which `df -h` shows.",
            issue="disk-full",
            source=_NODE,
        ),
    ),
    Signature(
        marks=("heap out of memory", "Reached heap limit", "Allocation failed - JavaScript heap"),
        cause=Cause(
            says="SillyTavern used up the memory that Node.js allows it",
            hint="Raise its limit: `NODE_OPTIONS=--max-old-space-size=4096`, and the container's memory; very long "
            "chats "
            "and many characters need more.",
            kind="memory",
            issue="memory-limit-reached",
            source="https://nodejs.org/api/cli.html#--max-old-space-sizesize-in-mib",
        ),
    ),
    Signature(
        marks=(
            "Cannot find module", "MODULE_NOT_FOUND", "Cannot find package", "ERR_MODULE_NOT_FOUND",
            "ERR_DLOPEN_FAILED", "invalid ELF header",
        ),
        cause=Cause(
            says="SillyTavern lacks a module: its installation is incomplete, or of another version",
            hint="Pull its image again; without a container, remove node_modules and run `npm install` in its folder.",
            kind="config",
            issue="program-incomplete",
            source=_NODE,
        ),
    ),
    Signature(
        marks=(
            "is not defined", "Unexpected token", "ERR_REQUIRE_ESM", "ERR_UNKNOWN_BUILTIN_MODULE",
            "is not a function", "Unsupported engine", "does not provide an export named", "requires Node",
            "ERR_UNKNOWN_FILE_EXTENSION",
        ),
        pattern=r"ReferenceError: (?:fetch|File|Blob|structuredClone|ReadableStream|crypto) is not defined"
        r"|SyntaxError: (?:Unexpected token '?(?:\?|\.|with|\{|assert)|The requested module)"
        r"|ERR_REQUIRE_ESM|ERR_UNKNOWN_BUILTIN|requires Node|ERR_UNKNOWN_FILE|(?:toSorted|findLast|structuredClone"
        r"|setDefaultResultOrder|at) is not a function",
        cause=Cause(
            says="Node.js is too old for this SillyTavern",
            hint="Use its image, or install the current LTS release of Node.js.",
            kind="config",
            issue="program-incomplete",
            source="https://docs.sillytavern.app/installation/",
        ),
    ),
    Signature(
        marks=("ENOENT: no such file or directory",),
        pattern=r"no such file or directory, (?:mkdir|scandir|copyfile|lstat) '([^'\n]{1,160})",
        cause=Cause(
            says="SillyTavern does not find one of its folders: {0}",
            hint="Mount whole folders (config, data, plugins) and none of an older version's; start it without the "
            "mount "
            "to see whether that is it.",
            kind="config",
            issue="sillytavern-failed",
            source=_NODE,
        ),
    ),
    Signature(
        marks=("dubious ownership",),
        cause=Cause(
            says="git refuses a folder of SillyTavern because another user owns it",
            hint="Give SillyTavern's folders to the user that it runs as.",
            kind="config",
            issue="folder-not-writable",
            source="https://git-scm.com/docs/git-config#Documentation/git-config.txt-safedirectory",
        ),
        when="run",
    ),
    Signature(
        marks=("Failed to load plugin", "plugin module; "),
        cause=Cause(
            says="a server plugin of SillyTavern can't be loaded",
            hint="Update it or remove it from the folder `plugins`.",
            kind="config",
            issue="sillytavern-failed",
            source="SillyTavern/SillyTavern: src/plugin-loader.js",
        ),
        when="run",
    ),
    Signature(
        marks=("fatal error: Failed to start server", "Uncaught exception", "FATAL: "),
        pattern=r"fatal error: Failed to start|Uncaught exception|FATAL: (?:Could not|Config|Failed)",
        cause=Cause(
            says="SillyTavern stopped with an error",
            hint="Read the lines around it.",
            is_generic=True,
            issue="sillytavern-failed",
            source=_SERVER,
        ),
    ),
)  # fmt: skip
LOG: Final = ProgramLog(
    program="SillyTavern",
    own=(
        "SillyTavern", "TavernAI", "server.js", "node:internal", "node:fs", "node:net", "node:events",
        "whitelistMode", "config.yaml", "Node.js v", "text-completions.js", "chat-completions.js", "server-main.js",
    ),
    begins=("SillyTavern 1.", "Running 'git", "Entering SillyTavern", "Running from source", "node server.js"),
    ready=("SillyTavern is listening on", "TavernAI started", "Go to: http"),
    harmless=(
        "non-fatal error: failed to start server", "AbortError", "CSRF protection is disabled",
        "following users are not password protected", "Error: fatal: not a git repository", "Could not get git",
        "npm warn", "npm WARN", "DeprecationWarning", "ExperimentalWarning", "is deprecated",
        "Sentencepiece tokenizer failed", "An error counting tokens", "Thumbnailer can not",
        "Failed to fetch metadata", "Streaming request finished", "Client disconnected",
        "Failed to resolve whitelist hostname", "Request aborted", "Cookie secret is missing",
    ),
    quotes=r"\s+(?:prompt|content|mes|stop|text|input): ",  # a request, with what people wrote
    signatures=(*_GOES_ON, *STARTS, *_RUNS, *REQUESTS),
)  # fmt: skip
