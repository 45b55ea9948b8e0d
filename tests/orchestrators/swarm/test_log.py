"""What Docker Swarm writes is called what it is. The lines are those of Docker Engine 28.5.2."""

import pytest

from tests.core.explain.rows import explanation

_TOO_FEW = "the image is not for the processors of 2 nodes"
LINES = {
    "no suitable node (insufficient resources on 2 nodes; scheduling constraints not satisfied on 1 node)": (
        "swarm-unschedulable",
        "too little is left on 2 nodes",
    ),
    "no suitable node (scheduling constraints not satisfied on 3 nodes)": ("swarm-unschedulable", "no node may run"),
    "no suitable node (1 node not available for new tasks)": ("swarm-unschedulable", "no node may run"),
    "no suitable node (unsupported platform on 2 nodes)": ("swarm-unschedulable", _TOO_FEW),
    "no suitable node (host-mode port already in use on 1 node; scheduling constraints not satisfied on 2 nodes)": (
        "port-taken",
        "publishes the same port",
    ),
    'x.1  shop/web:1  gpu1  Shutdown  Rejected 2 seconds ago  "No such image: shop/web:1"': (
        "swarm-task-rejected",
        "could not pull it: shop/web:1",
    ),
    'Error response from daemon: This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to '
    "connect this node to swarm and try again.": ("swarm-not-manager", "no manager of a swarm"),
    "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader. It's possible that "
    "too few managers are online.": ("swarm-not-manager", "has no leader"),
    "Error response from daemon: Swarm is encrypted and needs to be unlocked before it can be used.": (
        "swarm-not-manager",
        "this manager is locked",
    ),
    "Error response from daemon: --live-restore daemon configuration is incompatible with swarm mode": (
        "swarm-not-manager",
        "live restore",
    ),
    "failed to update secret chat_k: Error response from daemon: rpc error: code = InvalidArgument desc = only updates "
    "to Labels are allowed": ("swarm-task-rejected", "can't be changed"),
    "warning: ignoring IP-address (127.0.0.1:8000:8000/tcp) service will listen on '0.0.0.0'": (
        "reachable-from-outside",
        "on all addresses",
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_swarm_has_its_cause(line: str) -> None:
    issue, says = LINES[line]
    found = explanation(line).found
    assert found is not None
    assert (found.cause.issue, found.program) == (issue, "Docker Swarm")
    assert says in found.cause.says


def test_without_swarms_words_a_missing_file_is_that_of_one_machine() -> None:
    line = 'Error response from daemon: invalid mount config for type "bind": bind source path does not exist: /srv/m'
    found = explanation(line).found
    assert found is not None
    assert "nodes" not in found.cause.hint
