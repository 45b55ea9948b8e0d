"""Nodes as the tests of looks and copies have them, and a Swarm whose jobs end as a test says."""

from collections.abc import Mapping
from typing import Any

from stackctl.contracts.host import Owner
from stackctl.contracts.node import FileSeen, Node
from stackctl.orchestrators.swarm.api import Kind
from stackctl.orchestrators.swarm.judge import Wanted
from tests.orchestrators.swarm.fake_swarm import FakeSwarm

MODEL = "/srv/models/tiny.gguf"
HERE = FileSeen(path=MODEL, size=5, head="a" * 64)
NAS = Node(id="n1", name="nas", is_here=True, is_manager=True, engine=(28, 5, 2), platform="linux/x86_64")
GPU1 = Node(id="n2", name="gpu1", engine=(28, 5, 2), platform="linux/x86_64", resources={"NVIDIA-GPU": 1})


def wanted(**changes: Any) -> Wanted:
    given: dict[str, Any] = {
        "image": "localhost/stackctl/llamacpp:debian",
        "image_is_own": True,
        "files": {MODEL: HERE},
        "user": Owner(uid=1000, gid=1000),
        "needs_gpu": True,
        "kind": "NVIDIA-GPU",
    }
    return Wanted(**given | changes)


class JobSwarm(FakeSwarm):
    """A Swarm in which a job's task ends as `ends` says of its node: (state, error, log); else it completes."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, tuple[str, str, str]] = {}
        self.jobs: list[dict[str, Any]] = []
        self.ended_by: BaseException | None = None  # raised when the tasks of a job are listed

    def create(self, kind: Kind, body: Mapping[str, Any]) -> str:
        if "GlobalJob" not in body.get("Mode", {}):
            return super().create(kind, body)
        made = f"job-{len(self.jobs)}"
        self.jobs.append(dict(body))
        self.services[made] = {"ID": made, "Spec": dict(body), "Version": {"Index": 1}}
        without = {one.removeprefix("node.id != ") for one in body["TaskTemplate"]["Placement"]["Constraints"]}
        for number, (id_, node) in enumerate(self.nodes.items()):
            if id_ not in without:
                state, error, said = self.ends.get(node["Description"]["Hostname"], ("complete", "", ""))
                status = {"State": state, "Err": error}
                task = f"{made}-task-{number}"
                created = {"ID": task, "ServiceID": made, "NodeID": id_, "CreatedAt": "2026-12-01T00:00:00Z"}
                self.tasks[task] = {**created, "Status": status, "Spec": body["TaskTemplate"], "DesiredState": state}
                again = {**created, "ID": f"{task}-again", "CreatedAt": "2026-12-01T00:00:01Z"}
                if state == "rejected":  # Swarm tries it again at once
                    self.tasks[f"{task}-again"] = {**again, "Status": {"State": "assigned"}, "Spec": {}}
                self.logs[task] = [said.encode()]
        return made

    def list(self, kind: Kind, **filters: str) -> list[dict[str, Any]]:
        if kind == "tasks" and self.jobs and "service" in filters:
            if self.ended_by:
                raise self.ended_by
            return [one for one in self.tasks.values() if one["ServiceID"] == filters["service"]]
        return super().list(kind, **filters)
