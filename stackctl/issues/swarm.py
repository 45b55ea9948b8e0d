"""Docker Swarm: what a stack on several machines needs."""

from typing import Final

from stackctl.issues.issue import Issue

ISSUES: Final[tuple[Issue, ...]] = (
    Issue(
        id="swarm-not-manager",
        title="this node can't manage a swarm now",
        kind="engine",
        meaning="Only a manager that has a leader can start, see or stop a stack in Docker Swarm. What runs on the "
        "nodes runs on meanwhile.",
        seen="`docker info` shows whether this engine is an active manager; a locked one, or one without a leader, "
        "refuses each request.",
        repair="No swarm yet: `docker swarm init`. A worker: run stackctl on a manager, or "
        "`docker node promote NODE` there. Locked: `docker swarm unlock`. No leader: start the other managers; if they "
        "are lost for good, `docker swarm init --force-new-cluster` on this one.",
        undo="`docker swarm leave --force` takes a node out of its swarm; the stacks of a single manager end with it.",
        sources=(
            "https://docs.docker.com/engine/swarm/swarm-mode/",
            "https://docs.docker.com/engine/swarm/admin_guide/",
        ),
    ),
    Issue(
        id="swarm-unschedulable",
        title="no node of the swarm may run a service",
        kind="not_ready",
        meaning="The service's task stays pending. It starts as soon as a node meets all that the service needs: its "
        "label, its memory, its GPU, and a free port.",
        seen="The task says so: `no suitable node (...)`, with the number of nodes for each reason.",
        repair="`stackctl nodes` shows each node, what it offers, and why it does not pass; `docker node ls` shows "
        "those that are down or drained (`docker node update --availability active NODE`). A GPU that another service "
        "reserves is free after that one has stopped. `stackctl deploy` looks again, and labels the nodes that pass.",
        undo="`docker node update --availability drain NODE` takes a node out again.",
        sources=("https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/",),
    ),
    Issue(
        id="swarm-task-rejected",
        title="a node refuses the task of a service",
        kind="not_ready",
        meaning="The node that got the task can't make its container: it lacks the image or a file. Swarm tries again, "
        "mostly on the same node, with the same result.",
        seen="The task is `rejected`, with the node's words: `No such image`, `bind source path does not exist`.",
        repair="`stackctl nodes` shows which node lacks what. A model: `stackctl models pull --nodes`. An image of no "
        "registry: `docker save IMAGE -o image.tar` here, and `docker load -i image.tar` on the node. Then "
        "`stackctl deploy`.",
        undo="",
        sources=("https://docs.docker.com/engine/swarm/how-swarm-mode-works/swarm-task-states/",),
    ),
)
