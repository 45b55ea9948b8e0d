"""What Docker Swarm writes when a task gets no node, a node refuses one, or the swarm has no manager that leads."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature

_STATES: Final = "https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/"
_ADMIN: Final = "https://docs.docker.com/engine/swarm/admin_guide/"
_FILTERS: Final = "moby/swarmkit: manager/scheduler/filter.go"
_STACK: Final = "https://docs.docker.com/engine/swarm/stack-deploy/"
_SWARM: Final = (
    Signature(
        marks=("no suitable node", "insufficient resources on"),
        pattern=r"(?:no suitable node.{0,300})?insufficient resources on (\d+ nodes?)",
        cause=Cause(
            says="no node has the memory or the GPU that the service reserves: too little is left on {}",
            hint="Run `stackctl nodes`, which shows what each node offers; free a GPU, or add a node that has one.",
            issue="swarm-unschedulable",
            source=_FILTERS,
        ),
    ),
    Signature(
        marks=("host-mode port already in use",),
        cause=Cause(
            says="another task on the node of SillyTavern's data publishes the same port",
            hint='Set another port: `port` in [sillytavern] of stack.toml, or stop the other stack.',
            issue="port-taken",
            source=_FILTERS,
        ),
    ),
    Signature(
        marks=("unsupported platform on",),
        pattern=r"unsupported platform on (\d+ nodes?)",
        cause=Cause(
            says="the image is not for the processors of {}",
            hint="Name the nodes that it is for: `nodes` in [swarm] of stack.toml. `stackctl nodes` shows them.",
            issue="swarm-unschedulable",
            source=_FILTERS,
        ),
    ),
    Signature(
        marks=("no suitable node", "scheduling constraints not satisfied", "not available for new tasks"),
        cause=Cause(
            says="no node may run the service: those with its label are down, drained or paused, or none has it",
            hint="Run `stackctl nodes`, which says why a node does not pass; `stackctl deploy` looks again and sets "
            "the labels.",
            issue="swarm-unschedulable",
            source=_FILTERS,
        ),
    ),
    Signature(
        marks=("rejected",),
        pattern=r"rejected.{0,80}no such image: (\S{1,160})",
        cause=Cause(
            says="the node that got the task does not have the image, and could not pull it: {}",
            hint="Run `stackctl nodes`; bring an image of this machine there with `docker save` and `docker load`.",
            issue="swarm-task-rejected",
            source=_STATES,
        ),
    ),
    Signature(
        marks=("not a swarm manager", "is not part of a swarm"),
        cause=Cause(
            says="this node is no manager of a swarm, and only a manager may start or see a stack",
            hint="Run the command on a manager, or make this node one: `docker swarm init` here, or "
            "`docker node promote NODE` on a manager.",
            kind="config",
            issue="swarm-not-manager",
            source=_ADMIN,
        ),
    ),
    Signature(
        marks=("swarm does not have a leader", "raft: not enough", "no leader elected"),
        cause=Cause(
            says="the swarm has no leader: more than half of its managers must run and reach each other",
            hint="Start the other managers. If they are lost for good: `docker swarm init --force-new-cluster` on this "
            "one.",
            issue="swarm-not-manager",
            source=_ADMIN,
        ),
    ),
    Signature(
        marks=("needs to be unlocked before it can be used", "swarm is locked"),
        cause=Cause(
            says="this manager is locked since its last start: it needs the swarm's key",
            hint="Run `docker swarm unlock`; `docker swarm update --autolock=false` ends that.",
            issue="swarm-not-manager",
            source="https://docs.docker.com/engine/swarm/swarm_manager_locking/",
        ),
    ),
    Signature(
        marks=("live-restore daemon configuration is incompatible with swarm",),
        cause=Cause(
            says="the engine has live restore on, with which it joins no swarm",
            hint='Remove "live-restore" from /etc/docker/daemon.json, and restart the engine.',
            kind="config",
            issue="swarm-not-manager",
            source="https://docs.docker.com/engine/daemon/live-restore/",
        ),
    ),
    Signature(
        marks=("only updates to Labels are allowed",),
        cause=Cause(
            says="a secret or config of Swarm can't be changed; it must get another name",
            hint="Run `stackctl deploy`, which names them by their content and removes the old ones.",
            kind="config",
            issue="swarm-task-rejected",
            source=_STACK,
        ),
    ),
    Signature(
        marks=("ignoring IP-address",),
        pattern=r"service will listen on '0\.0\.0\.0'",
        cause=Cause(
            says="Swarm publishes a port on all addresses of its node, and ignores the one in the file",
            hint="Deploy with `stackctl deploy`, which keeps SillyTavern behind its whitelist and a password.",
            issue="reachable-from-outside",
            source=_STACK,
        ),
        when="run",
    ),
)  # fmt: skip
LOG: Final = ProgramLog(
    program="Docker Swarm",
    own=("no suitable node", "swarm manager", "docker stack ", "docker service ", "docker swarm ", "docker node "),
    harmless=("Ignoring unsupported options", "Since --detach=false was not specified"),
    is_around=True,
    signatures=_SWARM,
)  # fmt: skip
