"""What Docker Compose writes when it refuses a file or fails."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature

_SPEC: Final = "https://docs.docker.com/reference/compose-file/"
_UP: Final = "https://docs.docker.com/reference/cli/docker/compose/up/"
_COMPOSE: Final = (
    Signature(
        marks=(
            "is unsupported. You might be seeing this error", "'devices' was unexpected", "unknown docker command",
            "unknown flag: --",
        ),
        pattern=r"Version in .{1,200} is unsupported|'devices' was unexpected|unknown docker command|unknown flag: "
        r"--(?:wait|profile|pull|gpus|watch)",
        cause=Cause(
            says="this Docker Compose is too old for the file or the command",
            hint="Install the plugin of Compose 2 (`docker compose`), and no longer use `docker-compose`.",
            issue="compose-too-old",
            source="https://docs.docker.com/compose/releases/migrate/",
        ),
    ),
    Signature(
        marks=(
            "yaml:", "error converting YAML", "yaml.scanner", "mapping values are not allowed", "while scanning",
            "while parsing a block",
        ),
        pattern=r"yaml: (?:line \d+|unmarshal|control|invalid|input error|construct|found|mapping)|error "
        r"converting YAML|yaml\.scanner"
        r"|mapping values are not allowed|while (?:scanning|parsing) (?:for|a)",
        unless=("config.yaml", "settings.yaml"),
        cause=Cause(
            says="the Compose file is no valid YAML",
            hint="Check indentation and quotes at the line that it names; `docker compose config` shows the file "
            "as read.",
            kind="config",
            issue="compose-refuses-file",
            source=_SPEC,
        ),
    ),
    Signature(
        marks=(
            "must be a mapping", "must be a string", "must be a list", "must be an array", "must be a number",
            "must be a boolean", "must be an integer", "additional properties", "Additional property",
            "Unsupported config option", "contains an invalid type", "is invalid because",
            "contains unsupported option", "invalid compose project", "invalid interpolation format", "mapping key ",
            "invalid project name", "project name must", "has neither an image nor a build context", "invalid proto",
            "invalid containerPort", "invalid hostPort", "invalid IP address", "empty compose file",
            "invalid duration", "top-level object must be", "invalid volume specification", "invalid mount config",
            "services.", "expected type",
        ),
        pattern=r"must be an? \w+|additional propert|unsupported (?:config )?option|invalid type|is invalid "
        r"because|invalid compose project"
        r"|invalid interpolation|mapping key .{1,120} already defined|(?:invalid )?project name|neither an image "
        r"nor a build|invalid (?:proto|containerPort|hostPort|IP)"
        r"|empty compose file|top-level object|invalid volume spec|expected type|cannot unmarshal"
        r"|services\.\S{1,200} (?:value|is not|conflicts)",
        unless=("bind source path does not exist", "level=info", "HTTP/1"),
        cause=Cause(
            says="Docker Compose refuses the file: something in it has the wrong place, name or type",
            hint="Correct what the line names; `docker compose config` shows the file as read, and the indentation "
            "counts.",
            kind="config",
            issue="compose-refuses-file",
            source=_SPEC,
        ),
    ),
    Signature(
        marks=(
            "undefined network", "undefined volume", "undefined service", "undefined secret", "undefined config",
            "declared as external, but could not be found", "could not be found", "external volume",
            "external network", "no such service", "depends on undefined", "dependency cycle",
        ),
        pattern=r"refers to undefined|undefined (?:network|volume|service|secret|config)|declared as external"
        r"|external (?:volume|network) .{1,120} not found"
        r"|no such service|dependency cycle",
        cause=Cause(
            says="the Compose file names a service, network or volume that does not exist",
            hint="Correct the name, define it in the file, or create an external one with `docker network create "
            "NAME`.",
            kind="config",
            issue="compose-refuses-file",
            source=_SPEC,
        ),
    ),
    Signature(
        marks=(
            "env file", "is missing a value", "couldn't find env file", "required variable", "unexpected character",
        ),
        pattern=r"env file .{1,300}(?:not found|no such file)|couldn't find env file|required variable \S+ is "
        r"missing|failed to read .{1,200}: line \d+"
        r"|unexpected character .{1,60} in variable name",
        cause=Cause(
            says="Docker Compose lacks a variable or a file of variables (.env), or can't read it",
            hint="Create the file or set the variable that the line names; each line of it is NAME=VALUE.",
            kind="config",
            issue="compose-refuses-file",
            source="https://docs.docker.com/compose/how-tos/environment-variables/",
        ),
    ),
    Signature(
        marks=("no configuration file provided", "Can't find a suitable configuration file", "no service selected"),
        cause=Cause(
            says="there is no Compose file in this folder",
            hint="Change to the stack's folder, or name the file with `-f`.",
            kind="config",
            issue="stack-missing",
            source="https://docs.docker.com/compose/intro/compose-application-model/#the-compose-file",
        ),
    ),
    Signature(
        marks=("dependency failed to start", "didn't complete successfully", "is unhealthy", "for service"),
        pattern=r"dependency failed to start|service .{1,120} didn't complete successfully|container .{1,200} is "
        r"unhealthy",
        cause=Cause(
            says="a service did not become healthy, so that those which wait for it were not started",
            hint="Run `docker compose logs SERVICE` for the one that the line names, and explain that log.",
            is_generic=True,
            issue="services-stopped",
            source=_UP,
        ),
    ),
    Signature(
        marks=(
            "Encountered errors while bringing up the project", "compose [start] exit status",
            "Cannot start Docker Compose application",
        ),
        cause=Cause(
            says="Docker Compose could not start the project",
            hint="Read the lines before it.",
            is_generic=True,
            issue="compose-failed",
            source=_UP,
        ),
    ),
)  # fmt: skip
LOG: Final = ProgramLog(
    program="Docker Compose",
    own=(
        "docker-compose", "docker compose", "compose.yml", "compose.yaml", "Attaching to ", "WARN[0000]", "services.",
    ),
    harmless=(
        "the attribute `version` is obsolete", "variable is not set. Defaulting to a blank string",
        "Found orphan containers", "exited with code 0", "--remove-orphans",
    ),
    is_around=True,
    signatures=_COMPOSE,
)  # fmt: skip
