"""One stack on three machines: deployed to the proof, its GPU node lost, changed, and brought back; in this order."""

import json
from collections.abc import Callable

import pytest

from stackctl.core.model.demo_model import SENTENCE, gguf_bytes
from tests.e2e.own_engine import IMAGES, OFFLOADS
from tests.e2e.swarm.cluster import GPU1, GPU2, KIND, NAS, Cluster
from tests.e2e.swarm.stack import SwarmStack, moment, other, record, until

pytestmark = [pytest.mark.engine, pytest.mark.debian]
MODELS = "models"
FIRST, SECOND = "first.gguf", "second.gguf"


def put_model(cluster: Cluster, name: str, *nodes: str) -> None:
    """Put a model below /srv/models of these nodes. It is as small as the built-in one, and nothing carries it."""
    for node in nodes:
        folder = cluster.srv(node) / MODELS
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(gguf_bytes())


@pytest.fixture(scope="module")
def stack(new_stack: Callable[..., SwarmStack]) -> SwarmStack:
    """A stack whose model is on all nodes but gpu2; it has a chat of three messages."""
    made = new_stack("chat")
    put_model(made.cluster, FIRST, NAS, GPU1)
    made.wish(f"/srv/{MODELS}/{FIRST}")
    began = moment()
    made.deploy()
    record("deploy to the proof", moment() - began)
    made.save_chat()
    return made


def test_the_chain_answers_and_the_backend_is_where_its_model_is(stack: SwarmStack) -> None:
    said = stack.talk("ask", 60)["text"]
    assert said
    assert SENTENCE.startswith(said)
    assert stack.node_of("sillytavern") == NAS
    assert stack.node_of("llamacpp") == GPU1


def test_the_hardening_holds_in_the_containers(stack: SwarmStack) -> None:
    for service in ("llamacpp", "sillytavern"):
        status = dict(line.split(":\t", 1) for line in stack.inside(service, "cat /proc/1/status").splitlines())
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapBnd"], 16) == 0
        assert "Read-only" in stack.inside(service, "touch /x 2>&1 || true")
        assert stack.inside(service, "stat -c %a /tmp").strip() in {"700", "1777"}
    assert stack.inside("llamacpp", "stat -c '%a %u' /opt/stackctl/api-key").split() == ["400", "0"]


def test_the_backend_has_the_node_s_gpu(stack: SwarmStack) -> None:
    assert f'"Kind": "{KIND}"' in json.dumps(stack.spec("llamacpp"))
    assert stack.inside("llamacpp", "ls /dev/nvidia0").strip() == "/dev/nvidia0"
    node, container = stack.container("llamacpp")
    assert f"DOCKER_RESOURCE_{KIND}=GPU-{node}" in stack.cluster.docker(node, "inspect", container)


def test_the_key_is_in_no_argument_label_or_file_of_the_stack(stack: SwarmStack) -> None:
    key = (stack.folder / "backend/api-key").read_text().strip()
    node, container = stack.container("llamacpp")
    assert key not in stack.cluster.docker(node, "inspect", container)
    assert key not in stack.cluster.docker(NAS, "service", "inspect", "chat_llamacpp", "chat_sillytavern")
    assert key not in (stack.folder / "stack.yml").read_text()


def test_docker_s_own_commands_know_the_stack(stack: SwarmStack) -> None:
    assert stack.cluster.docker(NAS, "stack", "ls", "--format", "{{.Name}} {{.Services}}").split() == ["chat", "2"]


def test_a_node_that_lacks_the_model_is_left_out_with_words(stack: SwarmStack) -> None:
    nodes = stack.run("nodes").stdout
    assert f"{GPU2}: the model is missing" in nodes


def test_a_model_that_no_node_has_ends_the_deploy(stack: SwarmStack, new_stack: Callable[..., SwarmStack]) -> None:
    lacks = new_stack("lacks")
    put_model(stack.cluster, "nowhere.gguf", NAS)
    lacks.wish(f"/srv/{MODELS}/nowhere.gguf")
    said = lacks.fails(4, "deploy")
    assert f"/srv/{MODELS}/nowhere.gguf" in said
    assert "stackctl models pull --nodes" in said


def test_models_pull_brings_the_model_to_the_node_that_lacks_it(stack: SwarmStack) -> None:
    began = moment()
    stack.run("models", "pull", "--nodes")
    record("models pull --nodes", moment() - began)
    there = stack.cluster.srv(GPU2) / MODELS / FIRST
    assert there.read_bytes() == gguf_bytes()
    stack.deploy()
    assert set(labelled(stack.cluster)) == {GPU1, GPU2}


def labelled(cluster: Cluster) -> list[str]:
    """The nodes on which the backend of the stack may run."""
    words = ("node", "ls", "--filter", "node.label=stackctl.chat.backend=true", "--format", "{{.Hostname}}")
    return cluster.docker(NAS, *words).split()


def test_the_power_cut_of_the_gpu_node_costs_no_chat(stack: SwarmStack) -> None:
    node, kept = stack.node_of("llamacpp"), stack.chat
    began = moment()
    stack.cluster.kill(node)
    record(f"power cut of {node}: a chat answers", stack.answers_again(began))
    assert stack.node_of("llamacpp") == other(node)
    assert stack.chat == kept
    stack.save_chat(4)
    assert stack.chat.startswith(kept.rstrip(b"\n"))
    stack.cluster.start(node)
    is_ready(stack.cluster, node)


def is_ready(cluster: Cluster, node: str) -> None:
    until(lambda: cluster.state(node) == "ready", 60, f"{node} is not ready")


def test_a_pulled_cable_and_what_it_stranded(stack: SwarmStack) -> None:
    node, kept = stack.node_of("llamacpp"), stack.chat
    began = moment()
    stack.cluster.cut(node)
    record(f"cable of {node} pulled: a chat answers", stack.answers_again(began))
    assert stack.cluster.containers(node, "chat_llamacpp")
    stack.cluster.mend(node)
    gone = until(lambda: not stack.cluster.containers(node, "chat_llamacpp"), 60, "the stranded container stays")
    record(f"cable of {node} back: the stranded container gone", gone)
    assert stack.chat == kept
    is_ready(stack.cluster, node)


def test_a_drained_node_gives_the_backend_away(stack: SwarmStack) -> None:
    node = stack.node_of("llamacpp")
    began = moment()
    stack.cluster.docker(NAS, "node", "update", "--availability", "drain", node)
    try:
        until(lambda: not stack.cluster.containers(node, "chat_llamacpp"), 60, "the container stays")
        record(f"{node} drained: a chat answers", stack.answers_again(began))
        assert stack.node_of("llamacpp") == other(node)
    finally:
        stack.cluster.docker(NAS, "node", "update", "--availability", "active", node)


def test_a_new_key_replaces_the_old_secret(stack: SwarmStack) -> None:
    old = [one for one in stack.secrets() if "api-key" in one]
    assert len(old) == 1
    (stack.folder / ".stackctl/api-key").unlink()
    stack.deploy()
    new = [one for one in stack.secrets() if "api-key" in one]
    assert len(new) == 1
    assert new != old


def test_use_switches_the_model(stack: SwarmStack) -> None:
    put_model(stack.cluster, SECOND, *stack.cluster.nodes)
    file = stack.folder / "stack.toml"
    file.write_text(f'{file.read_text()}\n[models.second]\npath = "/srv/{MODELS}/{SECOND}"\n')
    stack.run("use", "second")
    assert f"/srv/{MODELS}/{SECOND}" in json.dumps(stack.spec("llamacpp"))
    stack.answers_again(moment())


def test_an_image_that_is_nowhere_is_rolled_back(stack: SwarmStack) -> None:
    began = moment()
    words = ("--image", "localhost/stackctl/nowhere:1", "chat_llamacpp")
    stack.cluster.docker(NAS, "service", "update", "--detach", "--no-resolve-image", *words)
    until(lambda: update_state(stack) == "rollback_completed", 90, "it is not rolled back")
    record("an image that is nowhere: rolled back", moment() - began)
    record("and a chat answers", stack.answers_again(began))
    assert stack.spec("llamacpp")["TaskTemplate"]["ContainerSpec"]["Image"].startswith(OFFLOADS)


def update_state(stack: SwarmStack) -> str:
    words = ("service", "inspect", "--format", "{{if .UpdateStatus}}{{.UpdateStatus.State}}{{end}}", "chat_llamacpp")
    return stack.cluster.docker(NAS, *words).strip()


def test_an_update_that_never_gets_healthy_is_rolled_back(stack: SwarmStack) -> None:
    began = moment()
    never = ("--health-cmd", "false", "--health-retries", "2", "--health-interval", "1s", "--health-start-period", "1s")
    stack.cluster.docker(NAS, "service", "update", "--detach", "--no-resolve-image", *never, "chat_llamacpp")
    until(lambda: update_state(stack) == "rollback_completed", 120, "it is not rolled back")
    record("an update that never gets healthy: rolled back", moment() - began)
    stack.answers_again(moment())


def test_a_stack_moves_from_one_machine_to_several_and_back(new_stack: Callable[..., SwarmStack]) -> None:
    moves = new_stack("moves")
    moves.wish(backend=IMAGES[0], gpu="none")
    moves.write_target("compose")
    moves.deploy()
    moves.save_chat()
    kept, key = moves.chat, (moves.folder / ".stackctl/api-key").read_text()
    for target, former, file in (("swarm", "compose", "compose.yml"), ("compose", "swarm", "stack.yml")):
        moves.write_target(target)
        said = moves.fails(0, "deploy", "--images", "own")
        assert "the former stack answers until llama.cpp is ready" in said
        assert said.index("Asking through SillyTavern") < said.index("Removing the former stack")
        assert moves.run_by() == [target], former
        assert not (moves.folder / file).exists()
        assert (moves.folder / f"{file}.kept-1").exists()
        assert moves.talk("ask", 60)["text"]
        assert (moves.chat, (moves.folder / ".stackctl/api-key").read_text()) == (kept, key)
    moves.run("down", "--yes")


def test_the_manager_s_power_cut(stack: SwarmStack) -> None:
    kept, backend = stack.chat, stack.container("llamacpp")
    began = moment()
    stack.cluster.kill(NAS)
    stack.cluster.start(NAS)
    record("the manager cut and back: a chat answers", stack.answers_again(began, 120))
    assert stack.chat == kept
    assert stack.container("llamacpp") == backend


def test_down_leaves_the_chats_and_nothing_in_the_swarm(stack: SwarmStack) -> None:
    kept = stack.chat
    stack.run("down", "--yes")
    assert not stack.cluster.docker(NAS, "service", "ls", "-q").split()
    assert not stack.secrets()
    assert not labelled(stack.cluster)
    assert stack.chat == kept
