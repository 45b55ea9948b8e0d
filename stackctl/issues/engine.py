"""The engine, Compose and images."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final = (
    Issue(id="engine-not-installed", title="no container engine is installed", kind="engine"),
    Issue(id="engine-not-running", title="the container engine is installed and does not run", kind="engine"),
    Issue(id="engine-permission", title="this user may not use the engine's socket", kind="engine"),
    Issue(id="engine-no-answer", title="the engine accepts connections and does not answer", kind="engine"),
    Issue(
        id="engine-unreachable",
        title="the engine that DOCKER_HOST or a Docker context names can't be reached",
        kind="engine",
    ),
    Issue(id="engine-context-unreadable", title="the current Docker context can't be read", kind="engine"),
    Issue(
        id="engine-elsewhere",
        title="the engine runs where stackctl sees neither its files nor its addresses",
        kind="engine",
    ),
    Issue(id="engine-too-old", title="the engine is older than stackctl supports", kind="engine"),
    Issue(
        id="engine-from-snap", title="Docker comes from a snap, which sees only parts of this machine", kind="engine"
    ),
    Issue(id="rootless-other-user", title="a rootless engine can't run a service as this user", kind="engine"),
    Issue(id="engine-configuration-invalid", title="the engine's configuration file is damaged", kind="engine"),
    Issue(id="engine-not-at-boot", title="the engine does not start when the machine boots", kind="engine"),
    Issue(id="engine-refused", title="the engine refused a request", kind="engine"),
    Issue(id="docker-command-missing", title="the docker command is not installed", kind="engine"),
    Issue(id="compose-missing", title="Docker Compose is not installed", kind="engine"),
    Issue(id="compose-too-old", title="Docker Compose is older than stackctl supports", kind="engine"),
    Issue(
        id="compose-recreates-services",
        title="this Compose recreates unchanged services on the containerd image store",
        kind="engine",
    ),
    Issue(id="compose-refuses-file", title="Compose refuses the stack's file", kind="engine"),
    Issue(id="compose-failed", title="Compose failed", kind="engine"),
    Issue(id="another-stackctl-runs", title="another stackctl works on this stack", kind="engine"),
    Issue(id="image-not-pulled", title="an image can't be pulled", kind="engine"),
    Issue(id="image-unknown", title="the registry has no such image", kind="engine"),
    Issue(id="image-missing", title="an image of the stack is not on this machine", kind="engine"),
    Issue(id="image-other-platform", title="an image is for another kind of processor", kind="engine"),
    Issue(id="image-lacks-program", title="an image lacks the program that its service starts", kind="config"),
    Issue(id="container-not-created", title="the engine can't create or start a container", kind="engine"),
    Issue(id="image-not-built", title="an image can't be built", kind="engine"),
)
