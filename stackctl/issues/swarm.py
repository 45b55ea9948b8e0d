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
    Issue(
        id="swarm-expose-none",
        title="Swarm can't open SillyTavern to this machine alone",
        kind="config",
        meaning='With `expose = "none"` the page is for this machine alone. Swarm opens a port on all addresses of its '
        "node and can't be limited to 127.0.0.1, so the setting can't be kept. Nothing was changed.",
        seen="`target` and `sillytavern.expose` of stack.toml.",
        repair="`stackctl deploy --expose lan` opens it to your private networks, with a generated password and a list "
        "of the networks that may come in. Or name a reverse proxy in `[sillytavern.proxy]`: then nothing is opened.",
        undo='`target = "compose"` in stack.toml with `stackctl deploy --expose none`.',
        sources=("https://docs.docker.com/engine/swarm/services/",),
    ),
    Issue(
        id="swarm-gpu-setting",
        title="Swarm can't give GPUs in the way that stack.toml asks for",
        kind="config",
        meaning="Swarm counts GPUs as a resource that a node offers (node-generic-resources), and NVIDIA's runtime "
        "gives them. It has no device files (AMD, Intel), no CDI names, and chooses the GPUs itself.",
        seen="`gpu.mode`, `gpu.devices` and `swarm.gpu_resource` of stack.toml, and the GPUs of the plan.",
        repair='`gpu.mode` may be "auto", "nvidia" or "none"; `gpu.devices` may be ["all"] or a number, such as '
        '["count:1"]. To use one certain GPU of a node, let that node offer only this one.',
        undo='Set the former values with `target = "compose"`, which knows all of them.',
        sources=("https://github.com/moby/swarmkit/issues/1244",),
    ),
    Issue(
        id="swarm-engine-too-old",
        title="an engine is too old for GPUs in Swarm",
        kind="engine",
        meaning="Before 23.0.2 Docker Engine loses the GPUs of a task when it restarts, so that two tasks may get the "
        "same GPU. Without a GPU older engines serve.",
        seen="The versions of the engines, as `docker node ls` lists them.",
        repair="Update Docker on the nodes that are named, one after the other, the managers last. Until then "
        "`stackctl deploy --cpu` runs on the CPU.",
    ),
    Issue(
        id="swarm-nftables",
        title="the engine's firewall back end excludes Swarm",
        kind="engine",
        meaning="Docker 29 can write its firewall rules with nftables. It has no rules for overlay networks there, and "
        "an engine with that back end can't be in a Swarm.",
        seen="`docker info` has the back end's name (Firewall Backend).",
        repair='Remove `"firewall-backend": "nftables"` from /etc/docker/daemon.json, or the option '
        "`--firewall-backend` from the engine's service, and run `systemctl restart docker`. Containers stop for that "
        "time.",
        undo="Write the setting back, and restart the engine again.",
        sources=("https://docs.docker.com/engine/network/firewall-nftables/",),
    ),
    Issue(
        id="swarm-setting-refused",
        title="a setting or an engine has no place in Swarm",
        kind="config",
        meaning="Swarm can't do what the setting asks for, and leaving it out in silence would change what you have. "
        "Rootless engines and Podman have no Swarm at all. Nothing was changed.",
        seen="stack.toml, the plan that is made of it, and the engine.",
        repair='By the hint: remove the setting that is named, or keep it with `target = "compose"`, which knows all '
        "of them and runs the stack on this machine.",
        undo='Write the setting back, with `target = "compose"`.',
    ),
    Issue(
        id="swarm-no-node",
        title="a node can't run the backend",
        kind="engine",
        meaning="A look at each node found a reason. Where others pass, the backend runs on one of those; where none "
        "does, the deploy ends before anything changes, and what runs stays.",
        seen="The manager's list of nodes (state, availability, platform, engine, generic resources), and one short "
        "container of the backend's image on each node, which looks for the model, the memory and the GPU.",
        repair="`stackctl nodes` gives each node's reason. Down: start the machine, or its engine. Drained: `docker "
        "node update --availability active NODE`. No GPU offered: on that node set `node-generic-resources` and "
        '`"default-runtime": "nvidia"` in `/etc/docker/daemon.json`. A GPU that is offered and not seen: the default '
        "runtime, and `swarm-resource` in `/etc/nvidia-container-runtime/config.toml`, whose value is "
        "`DOCKER_RESOURCE_` and the resource's kind; use the NVIDIA Container Toolkit 1.19 or newer.",
        undo="Take the settings out again, and restart that node's engine.",
        sources=(
            "https://docs.docker.com/reference/cli/dockerd/#node-generic-resources",
            "https://github.com/NVIDIA/nvidia-container-toolkit/issues/1599",
        ),
    ),
    Issue(
        id="swarm-resource-kinds",
        title="the nodes offer GPUs under more than one name",
        kind="config",
        meaning="A service reserves one kind of generic resource, so with two names some of the GPUs would never be "
        "used. Nothing was changed.",
        seen="The generic resources of the nodes where the backend may run (`docker node inspect NODE`).",
        repair="Write the same name in `node-generic-resources` of each node's `/etc/docker/daemon.json`, such as "
        "`NVIDIA-GPU=GPU-UUID`, and restart the engines. Or choose one: `swarm.gpu_resource` in stack.toml.",
        undo="Write the former names back, and restart the engines.",
        sources=("https://docs.docker.com/reference/cli/dockerd/#node-generic-resources",),
    ),
    Issue(
        id="swarm-image-missing",
        title="a node does not have the backend's image",
        kind="engine",
        meaning="Swarm sends no images from node to node: each engine pulls its own, and an image that was built here "
        "is in no registry. That node can't run the backend until it has the image.",
        seen="The look at the nodes starts the image on each; the engine there says that it has none, or why it can't "
        "pull it.",
        repair="An image that stackctl builds: `docker save IMAGE | ssh NODE docker load` on the machine that has it, "
        "or `stackctl images build` on the node. An image of a registry: `docker pull IMAGE` on the node shows what is "
        "wrong, such as its way out or its room.",
        undo="`docker image rm IMAGE` on that node.",
        sources=(
            "https://docs.docker.com/engine/swarm/services/#create-a-service-using-an-image-on-a-private-registry",
        ),
    ),
    Issue(
        id="swarm-model-missing",
        title="a node does not have the stack's model",
        kind="engine",
        meaning="The backend reads the model from its node's disk. Where the file is missing, has another size or "
        "another beginning, the backend can't run, or would run another model.",
        seen="The look at the nodes compares each file's size, and the sha256 of its first MiB, with the file here.",
        repair="`stackctl models pull --nodes` copies it to each node that lacks it, and checks the sha256 of the "
        "whole; after an interruption the same command resumes. Or copy it by hand to the path that is named. With "
        "`swarm.models` in stack.toml the files lie in another folder on the nodes.",
        undo="Delete the file on that node.",
    ),
    Issue(
        id="swarm-data-elsewhere",
        title="SillyTavern's data is on another node",
        kind="engine",
        meaning="SillyTavern runs where its data lies, in this folder; a second one beside other chats would be "
        "another SillyTavern. Nothing was changed.",
        seen="The label `stackctl.STACK.data`, which a deploy sets on its node; and whether the engine that "
        "stackctl asks sees this machine's disk.",
        repair="Run stackctl on the node that has the data, in the stack's folder; in a container, with "
        "`--network host` and the folder at the same path. After the data has moved here: `docker node update "
        "--label-rm stackctl.STACK.data NODE`, then `stackctl deploy`.",
        undo="`docker node update --label-add stackctl.STACK.data=true NODE` sets the label again.",
    ),
    Issue(
        id="swarm-other-target-runs",
        title="Compose and Swarm both run services of this stack",
        kind="config",
        meaning="A deploy moves a stack between Docker Compose and Docker Swarm, and takes the old one down. Here both "
        "run something of it: a move was interrupted, or somebody started the old file by hand. Two SillyTaverns on "
        "the same chats would corrupt them, so that nothing is started.",
        seen="The containers of the stack's name on this engine, and its services in the swarm.",
        repair="`stackctl deploy` keeps what stack.toml names, and removes the other one. Or remove the other one with "
        "the command in the hint; chats stay.",
    ),
)
