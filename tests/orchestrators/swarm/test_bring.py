"""A model copied to a node: the program there, run for real by bash, and the server here, on the loopback."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from stackctl.contracts.host import Owner
from stackctl.contracts.node import Node, NodeReport
from stackctl.contracts.service import Mount
from stackctl.core.config.swarm_spec import Swarm
from stackctl.core.plan.stack import Plan
from stackctl.effects.docker.labels import MADE_BY
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm import bring_text
from stackctl.orchestrators.swarm.bring import bring
from stackctl.orchestrators.swarm.bring_text import File, program, read_progress
from stackctl.orchestrators.swarm.cluster import Cluster
from stackctl.orchestrators.swarm.serve import Served, serving
from tests.core.samples import a_plan
from tests.orchestrators.swarm.nodes_samples import JobSwarm

CONTENT = bytes(range(256)) * 5000
ME = Owner(uid=os.geteuid(), gid=os.getegid())


class Copy:
    """A model here, and a place on a node; the token lies where a Swarm secret would."""

    def __init__(self, folder: Path) -> None:
        self.model, self.target = folder / "here" / "tiny.gguf", folder / "node" / "deep" / "a model's file.gguf"
        self.model.parent.mkdir()
        self.target.parent.parent.mkdir()
        self.model.write_bytes(CONTENT)
        self.token = folder / "token"
        self.part = self.target.with_name(self.target.name + bring_text.PART)

    @contextmanager
    def served(self, *files: Path) -> Iterator[Served]:
        with serving("127.0.0.1", files or (self.model,)) as served:
            self.token.write_text(served.token.reveal())
            yield served

    def run(self, served: Served, *files: File) -> bring_text.Progress:
        given = files or (File(target=str(self.target), size=len(CONTENT), mode="640"),)
        words = [
            word.replace(bring_text.TOKEN, str(self.token))
            .replace("sleep 2", "sleep 0")
            .replace("sleep 1\n", "sleep 0.02\n")
            for word in program(served.address, served.port, ME, given)
        ]
        assert served.token.reveal() not in " ".join(words)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
        found = read_progress(done.stdout)
        assert (done.returncode == 0) == (found.failed is None), done.stderr
        return found


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_a_file_arrives_whole_with_its_mode_in_a_folder_that_is_made(copy: Copy) -> None:
    with copy.served() as served:
        found = copy.run(served)
    assert found.is_whole
    assert copy.target.read_bytes() == CONTENT
    assert copy.target.stat().st_mode & 0o777 == 0o640
    assert not copy.part.exists()


def test_what_arrived_before_is_kept_and_only_the_rest_is_sent(copy: Copy) -> None:
    copy.target.parent.mkdir()
    copy.part.write_bytes(CONTENT[:1000])
    rest = copy.model.with_name("rest")
    rest.write_bytes(b"\0" * 1000 + CONTENT[1000:])  # so that the first bytes can only be those that were kept
    with copy.served(rest) as served:
        found = copy.run(served)
    assert found.failed == ("differs", "0"), "the checksum is that of the file here"
    copy.part.write_bytes(CONTENT[:1000])
    with copy.served() as served:
        assert copy.run(served).is_whole
    assert copy.target.read_bytes() == CONTENT


def test_a_copy_with_another_checksum_is_removed_and_never_takes_the_name(copy: Copy) -> None:
    copy.target.parent.mkdir()
    copy.part.write_bytes(b"wrong" + CONTENT[5:1000])
    with copy.served() as served:
        assert copy.run(served).failed == ("differs", "0")
    assert not copy.target.exists()
    assert not copy.part.exists()


def test_a_longer_rest_than_the_file_is_thrown_away(copy: Copy) -> None:
    copy.target.parent.mkdir()
    copy.part.write_bytes(CONTENT + b"more")
    with copy.served() as served:
        assert copy.run(served).is_whole


def test_a_wrong_token_gets_nothing(copy: Copy) -> None:
    with copy.served() as served:
        copy.token.write_text("guessed")
        found = copy.run(served)
    assert found.failed == ("cut", "0")
    assert not copy.target.exists()


def test_a_disk_without_room_is_said_before_anything_is_sent(copy: Copy) -> None:
    huge = shutil.disk_usage(copy.target.parent.parent).free + (1 << 40)
    with copy.served() as served:
        found = copy.run(served, File(target=str(copy.target), size=huge, mode="644"))
    assert found.failed
    assert found.failed[0] == "room"
    assert not copy.part.exists()


def test_several_files_arrive_one_after_the_other(copy: Copy) -> None:
    second = copy.model.with_name("second")
    second.write_bytes(b"2")
    other = copy.target.with_name("other")
    with copy.served(copy.model, second) as served:
        found = copy.run(
            served,
            File(target=str(copy.target), size=len(CONTENT), mode="644"),
            File(target=str(other), size=1, mode="644"),
        )
    assert found.done == {0, 1}
    assert other.read_bytes() == b"2"


def test_the_server_gives_a_file_or_its_checksum_to_who_has_the_token_and_nothing_else(copy: Copy) -> None:
    with copy.served() as served:

        def ask(path: str, token: str) -> tuple[int, bytes]:
            asked = HTTPConnection(served.address, served.port, timeout=10)
            asked.request("GET", path, headers={"Authorization": f"Bearer {token}", "Range": "bytes=10-"})
            answer = asked.getresponse()
            return answer.status, answer.read()

        token = served.token.reveal()
        assert ask("/0", token) == (206, CONTENT[10:])
        assert ask("/0.sha256", token) == (200, f"{hashlib.sha256(CONTENT).hexdigest()}\n".encode())
        assert [ask(path, token)[0] for path in ("/1", "/", "/../etc/passwd", "/0/")] == [404] * 4
        assert ask("/0", "")[0] == ask("/0.sha256", token[:-1])[0] == 403
    with pytest.raises(ConnectionRefusedError):
        ask("/0", token)


def test_an_address_that_is_not_this_machine_s_is_refused_with_words(copy: Copy) -> None:
    with pytest.raises(EngineError, match=r"192\.0\.2\.1"), serving("192.0.2.1", (copy.model,)):
        pass


def test_progress_is_read_from_its_last_lines_and_hostile_ones_change_nothing() -> None:
    text = "stackctl-brings done 0\nstackctl-brings at 1 500\nnoise\nstackctl-brings at x\nstackctl-brings at 1 700\n"
    found = read_progress(text)
    assert (found.done, found.current, found.at, found.is_whole) == (frozenset({0}), 1, 700, False)
    assert read_progress("stackctl-brings failed room 1 2\x1b[2J\nstackctl-brings end").failed == ("room", "1 2")
    assert not read_progress("stackctl-brings failed cut 1\nstackctl-brings end").is_whole


# what the manager makes of it


def stack(model: Path) -> Plan:
    plan = a_plan()
    backend = plan.backend_service
    assert backend
    changed = replace(backend, mounts=(Mount(source=str(model), target="/models/tiny.gguf"),))
    services = tuple(changed if one is backend else one for one in plan.services)
    return replace(plan, services=services, is_demo=False, files={})


def reports(swarm: JobSwarm, **issues: str) -> tuple[NodeReport, ...]:
    names = {id_: str(one["Description"]["Hostname"]) for id_, one in swarm.nodes.items()}
    return tuple(
        NodeReport(
            node=Node(id=id_, name=name, is_here=id_ == swarm.here, address="127.0.0.1"),
            problem="why" if issues.get(name) else "",
            issue=issues.get(name, ""),
        )
        for id_, name in names.items()
    )


def test_each_node_is_told_apart_and_nothing_of_the_job_stays(tmp_path: Path) -> None:
    swarm, model, said = JobSwarm(), tmp_path / "tiny.gguf", list[tuple[Any, ...]]()
    model.write_bytes(b"hello")
    for name in ("gpu1", "gpu2", "gpu3"):
        swarm.add_node(name)
    swarm.ends = {
        "gpu1": ("complete", "", "stackctl-brings done 0\nstackctl-brings end\n"),
        "gpu2": ("failed", "task: non-zero exit (1)", "stackctl-brings failed room 1048576 9437184\n"),
    }
    lacking = reports(swarm, gpu1="swarm-model-missing", gpu2="swarm-model-missing", gpu3="swarm-no-node")
    found = bring(stack(model), Cluster(settings=Swarm()), lacking, swarm, "/srv/chat", lambda *one: said.append(one))
    assert [(one.node, one.state) for one in found] == [
        ("nas", "there"), ("gpu1", "copied"), ("gpu2", "failed"), ("gpu3", "left out"),
    ]  # fmt: skip
    assert found[1].copied_bytes == 5
    assert "1 MiB are free there, and 9 MiB are needed" in found[2].problem
    assert not swarm.services
    assert not swarm.secrets


def test_the_token_is_a_secret_of_the_swarm_and_in_nothing_else_that_the_engine_shows(tmp_path: Path) -> None:
    class Watched(JobSwarm):
        bodies: list[Any]

        def create(self, kind: Any, body: Any) -> str:
            self.bodies = [*getattr(self, "bodies", []), (kind, body)]
            return super().create(kind, body)

    swarm, model = Watched(), tmp_path / "tiny.gguf"
    model.write_bytes(b"hello")
    swarm.add_node("gpu1")
    swarm.ends["gpu1"] = ("complete", "", "stackctl-brings end\n")
    lacking = reports(swarm, gpu1="swarm-model-missing")
    bring(stack(model), Cluster(settings=Swarm()), lacking, swarm, "/srv/chat", lambda *_: None)
    secret = next(body for kind, body in swarm.bodies if kind == "secrets")
    (job,) = swarm.jobs
    assert secret["Labels"][MADE_BY] == job["Labels"][MADE_BY] == "bring"
    assert secret["Data"] not in str(job)
    content = job["TaskTemplate"]["ContainerSpec"]
    assert content["Secrets"][0]["File"]["Mode"] == 0o400
    assert content["Mounts"] == [
        {"Type": "bind", "Source": str(tmp_path), "Target": "/stackctl", "ReadOnly": False},
    ]
    assert set(content["CapabilityAdd"]) == {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}


def test_a_folder_that_a_node_lacks_is_made_below_the_nearest_one_that_is_there(tmp_path: Path) -> None:
    class Grows(JobSwarm):
        def create(self, kind: Any, body: Any) -> str:
            whole = ("complete", "", "stackctl-brings end\n")
            if "GlobalJob" in body.get("Mode", {}):
                (mount,) = body["TaskTemplate"]["ContainerSpec"]["Mounts"]
                is_there = mount["Source"] == str(tmp_path.parent)
                self.ends = {"gpu1": whole if is_there else ("rejected", "bind source path does not exist: /x", "")}
            return super().create(kind, body)

    swarm, model = Grows(), tmp_path / "tiny.gguf"
    model.write_bytes(b"hello")
    swarm.add_node("gpu1")
    lacking = reports(swarm, gpu1="swarm-model-missing")
    found = bring(stack(model), Cluster(settings=Swarm()), lacking, swarm, "/srv/chat", lambda *_: None)
    assert found[1].state == "copied"
    words = swarm.jobs[-1]["TaskTemplate"]["ContainerSpec"]["Command"]
    assert f"/stackctl/{tmp_path.name}/tiny.gguf" in words
