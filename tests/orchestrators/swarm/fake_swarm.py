"""An in-memory Swarm with the methods of orchestrators/swarm/api.py: what an Engine 28.5 was seen to answer.

Make nodes, let the code under test create services, and say what becomes of their tasks:

    swarm = FakeSwarm()
    gpu = swarm.add_node("gpu1", labels={"stackctl.chat.backend": "true"}, resources={"NVIDIA-GPU": 1})
    swarm.create("services", spec)           # its task runs at once on a node that meets the constraints
    swarm.becomes("chat_llamacpp", "failed", exit_code=1)   # Swarm then makes another task
    swarm.nodes[gpu]["Status"]["State"] = "down"

A task is pending with Swarm's own words if no node takes it, and rejected if its node lacks the image (`images`) or the
source of a bind mount (`paths`). With `runs = "starting"` new tasks stay at that state.
"""

import itertools
from collections.abc import Generator, Mapping
from copy import deepcopy
from typing import Any, Literal

from stackctl.core.observed import ServiceState
from stackctl.errors import EngineError
from stackctl.orchestrators.swarm.api import Api, Kind

HINT = "Run `docker node ls` to see whether the swarm is well."
ENDED = {"complete", "shutdown", "failed", "rejected", "orphaned", "remove"}


class FakeSwarm(Api):
    """A swarm seen from its manager `here`. Each kind is a dict of what the API answers, by id."""

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, dict[str, Any]] = {}
        self.nodes: dict[str, dict[str, Any]] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.secrets: dict[str, dict[str, Any]] = {}
        self.configs: dict[str, dict[str, Any]] = {}
        self.volumes: dict[str, dict[str, Any]] = {}
        self.images: dict[str, set[str]] = {}  # node -> those that it has; a node that is not in it has all
        self.paths: dict[str, set[str]] = {}  # node -> the paths that it has; a node that is not in it has all
        self.containers: dict[str, ServiceState] = {}  # those of this machine, as Docker inspects them
        self.logs: dict[str, list[bytes]] = {}  # service's or task's name or id -> pieces of its log
        self.followed: list[tuple[str, float]] = []  # the logs that were asked for, and since when
        self.runs = "running"  # what a new task becomes
        self.asked: list[str] = []  # every change that was asked for, as "create services chat_llamacpp"
        self.refuses: list[EngineError] = []  # what the next changes are answered with
        self.is_silent = False  # the engine answers nothing
        self.drains = 0  # how many more times a network that was in use can't be removed after its services
        self._index = itertools.count(10)
        self._ids = itertools.count(1)
        self.here = self.add_node("nas")
        self.version = "28.5.2"
        self.add_network("docker_gwbridge", "172.18.0.0/16", gateway="172.18.0.1", driver="bridge")
        self.add_network("ingress", "10.0.0.0/24", driver="overlay")
        self.asked.clear()

    # what the world does

    def add_node(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        resources: Mapping[str, int] | None = None,
        state: str = "ready",
        availability: str = "active",
        role: str = "",
        engine: str = "28.5.2",
    ) -> str:
        """Let a node join; the first one is the manager that we ask. Return its id."""
        found = self._id("node")
        kinds = [{"DiscreteResourceSpec": {"Kind": k, "Value": v}} for k, v in (resources or {}).items()]
        is_first = not self.nodes
        self.nodes[found] = {
            "ID": found,
            "Version": {"Index": next(self._index)},
            "Spec": {
                "Labels": dict(labels or {}),
                "Role": role or ("manager" if is_first else "worker"),
                "Availability": availability,
            },
            "Description": {
                "Hostname": name,
                "Platform": {"Architecture": "x86_64", "OS": "linux"},
                "Resources": {"NanoCPUs": 4 * 10**9, "MemoryBytes": 32 << 30, "GenericResources": kinds},
                "Engine": {"EngineVersion": engine},
            },
            "Status": {"State": state, "Addr": f"10.88.0.{10 + len(self.nodes)}"},
        }
        if is_first:
            self.nodes[found]["ManagerStatus"] = {"Leader": True, "Reachability": "reachable"}
        return found

    def add_network(self, name: str, subnet: str, *, driver: str = "bridge", gateway: str = "") -> str:
        """Let a network exist that no stack made."""
        body = {"Name": name, "Driver": driver, "IPAM": {"Config": [{"Subnet": subnet}]}}
        found = self.create("networks", body)
        self.networks[found]["IPAM"]["Config"][0] |= {"Gateway": gateway} if gateway else {}
        return found

    def node_named(self, name: str) -> dict[str, Any]:
        return next(one for one in self.nodes.values() if one["Description"]["Hostname"] == name)

    def service_named(self, name: str) -> dict[str, Any]:
        return next(one for one in self.services.values() if one["Spec"]["Name"] == name)

    def tasks_of(self, service: str) -> "list[dict[str, Any]]":
        """Return a service's tasks, the newest first."""
        wanted = self.service_named(service)["ID"]
        return [one for one in reversed(self.tasks.values()) if one["ServiceID"] == wanted]

    def becomes(self, service: str, state: str, *, exit_code: int = 0, err: str = "", node: str = "") -> str:
        """Let a service's newest task get into a state; Swarm makes another for one that ended. Return its id."""
        task: dict[str, Any] = self.tasks_of(service)[0]
        if node:
            task["NodeID"] = self.node_named(node)["ID"]
        self._set(task, state, exit_code=exit_code, err=err)
        if state in ENDED and task["DesiredState"] == "running":
            task["DesiredState"] = "shutdown"
            self._add_task(self.service_named(service))
        return str(task["ID"])

    def rolls_back(self, service: str, state: str = "rollback_completed") -> None:
        """Let Swarm return a service to what it was before its last update."""
        found = self.service_named(service)
        before = found["PreviousSpec"]
        found["UpdateStatus"] = {"State": state, "Message": "rollback completed"}
        found["Spec"], found["PreviousSpec"] = before, None
        self._replace_tasks(found)

    # what Api does

    @property
    def info(self) -> dict[str, Any]:
        return {
            "ServerVersion": self.version,
            "Swarm": {"NodeID": self.here, "LocalNodeState": "active", "ControlAvailable": True},
        }

    def container(self, container_id: str) -> ServiceState | None:
        return self.containers.get(container_id)

    def list(self, kind: Kind, **filters: str) -> "list[dict[str, Any]]":
        self._ask()
        found = [deepcopy(one) for one in self._all(kind).values() if _meets(kind, one, filters, self.services)]
        return {"Volumes": found} if kind == "volumes" else found  # type: ignore[return-value]  # as the API does

    def one(self, kind: Kind, name: str) -> dict[str, Any] | None:
        self._ask()
        found = self._find(kind, name)
        return deepcopy(found) if found else None

    def create(self, kind: Kind, body: Mapping[str, Any]) -> str:
        self._change("create", kind, str(body["Name"]))
        if self._find(kind, str(body["Name"])):
            single = kind.removesuffix("s")
            raise _refused(
                f"docker {kind}: {body['Name']} can't be created",
                f"network with name {body['Name']} already exists"
                if kind == "networks"
                else f"rpc error: code = AlreadyExists desc = {single} {body['Name']} already exists",
            )
        found = self._id(kind)
        made: dict[str, Any] = {"Version": {"Index": next(self._index)}, "CreatedAt": _now(next(self._ids))}
        if kind == "services":
            self._check_uses(body)
            self.services[found] = {"ID": found, **made, "Spec": deepcopy(dict(body))}
            self._add_task(self.services[found])
        elif kind == "networks":
            config = [{"Gateway": _first(one["Subnet"]), **one} for one in (body.get("IPAM") or {}).get("Config") or ()]
            plain = {"Internal": False, "Attachable": False, "Labels": {}}
            self.networks[found] = {"Id": found, **plain, **deepcopy(dict(body)), "IPAM": {"Config": config}}
        else:
            self._all(kind)[found] = {"ID": found, **made, "Spec": {k: v for k, v in body.items() if k != "Data"}}
        return found

    def update(self, kind: Kind, name: str, version: int, spec: Mapping[str, Any], **params: str) -> None:
        found = self._find(kind, name)
        if found is None:
            raise _refused(f"docker {kind} {name} can't be updated", f"{kind.removesuffix('s')} {name} not found")
        self._change("update", kind, str(spec.get("Name") or name))
        if version != found["Version"]["Index"]:
            words = "rpc error: code = Unknown desc = update out of sequence"
            raise _refused(f"docker {kind} {name} can't be updated", words)
        if kind == "services":
            self._check_uses(spec)
            if params.get("rollback") == "previous":
                spec = found["PreviousSpec"]
            found["PreviousSpec"] = found["Spec"]
        found["Version"]["Index"] = next(self._index)
        before, found["Spec"] = found["Spec"], deepcopy(dict(spec))
        if kind == "services" and any(before.get(key) != found["Spec"].get(key) for key in ("TaskTemplate", "Mode")):
            found["UpdateStatus"] = {"State": "updating", "Message": "update in progress"}
            self._replace_tasks(found)

    def remove(self, kind: Kind, name: str) -> bool:
        found = self._find(kind, name)
        self._change("remove", kind, name if found is None else _name(found))
        if found is None:
            return False
        key = str(found.get("ID") or found.get("Id") or found["Name"])
        for user in self.services.values():
            if key in _uses(user["Spec"]) or (kind == "networks" and found["Name"] in _uses(user["Spec"])):
                single, used = kind.removesuffix("s"), user["Spec"]["Name"]
                raise _refused(
                    f"docker {kind}: {name} can't be removed",
                    f"rpc error: code = FailedPrecondition desc = network {key} is in use by service {user['ID']}"
                    if kind == "networks"
                    else f"rpc error: code = InvalidArgument desc = {single} '{_name(found)}' is in use by the "
                    f"following service: {used}",
                )
        if kind == "networks" and self.drains:
            self.drains -= 1
            words = f"rpc error: code = FailedPrecondition desc = network {key} is in use by task {self._id('task')}"
            raise _refused(f"docker networks: {name} can't be removed", words)
        del self._all(kind)[key]
        if kind == "services":
            self.tasks = {k: one for k, one in self.tasks.items() if one["ServiceID"] != key}
        return True

    def log(
        self, kind: Literal["services", "tasks"], name: str, *, tail: str = "all", since: float = 0, **_: Any
    ) -> bytes:
        del kind, since
        text = b"".join(self.logs.get(name, ()))
        lines = text.splitlines(keepends=True)
        return b"".join(lines if tail == "all" else lines[-int(tail) :])

    def follow_log(
        self,
        kind: Literal["services", "tasks"],
        name: str,
        *,
        tail: str = "all",
        since: float = 0,
        follow: bool = True,
        details: bool = False,
        **_: Any,
    ) -> Generator[bytes]:
        del kind, tail, follow, details
        self.followed.append((name, since))
        yield from self.logs.get(name, ())

    # how it does that

    def _all(self, kind: str) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = getattr(self, kind)
        return found

    def _find(self, kind: Kind, name: str) -> dict[str, Any] | None:
        return self._all(kind).get(name) or next((one for one in self._all(kind).values() if _name(one) == name), None)

    def _id(self, kind: str) -> str:
        return f"{kind.removesuffix('s')}{next(self._ids):04d}"

    def _ask(self) -> None:
        if self.is_silent:
            raise EngineError("the engine stopped answering", hint="Check whether it is still running: `docker info`.")

    def _change(self, verb: str, kind: str, name: str) -> None:
        self._ask()
        self.asked.append(f"{verb} {kind} {name}")
        if self.refuses:
            raise self.refuses.pop(0)

    def _check_uses(self, spec: Mapping[str, Any]) -> None:
        container = spec["TaskTemplate"]["ContainerSpec"]
        for kind, title in (("secrets", "Secret"), ("configs", "Config")):
            for use in container.get(f"{title}s") or ():
                if use.get(f"{title}ID") not in self._all(kind):
                    words = f"rpc error: code = InvalidArgument desc = {title.lower()} not found: {use[f'{title}Name']}"
                    raise _refused(f"docker services: {spec['Name']} can't be created", words)
        for one in spec["TaskTemplate"].get("Networks") or ():
            if self._find("networks", one["Target"]) is None:
                words = f"network {one['Target']} not found"
                raise _refused(f"docker services: {spec['Name']} can't be created", words)

    def _replace_tasks(self, service: dict[str, Any]) -> None:
        for task in self.tasks_of(service["Spec"]["Name"]):
            if task["DesiredState"] == "running":
                task["DesiredState"] = "shutdown"
                if task["Status"]["State"] not in ENDED:
                    self._set(task, "shutdown")
        self._add_task(service)

    def _add_task(self, service: dict[str, Any]) -> None:
        if not service["Spec"]["Mode"].get("Replicated", {"Replicas": 1})["Replicas"]:
            return
        found = self._id("task")
        self.tasks[found] = {
            "ID": found,
            "CreatedAt": _now(next(self._ids)),
            "Spec": {**deepcopy(service["Spec"]["TaskTemplate"])},
            "ServiceID": service["ID"],
            "Slot": 1,
            "Status": {"State": "new", "Timestamp": _now(0), "Message": "created"},
            "DesiredState": "running",
        }
        self._schedule(self.tasks[found])

    def _schedule(self, task: dict[str, Any]) -> None:
        template, why = task["Spec"], {"insufficient resources": 0, "scheduling constraints not satisfied": 0}
        for node in self.nodes.values():
            if node["Status"]["State"] != "ready" or node["Spec"]["Availability"] != "active":
                continue
            if not all(_is_met(each, node) for each in template.get("Placement", {}).get("Constraints") or ()):
                why["scheduling constraints not satisfied"] += 1
            elif not _has_room(template.get("Resources") or {}, node):
                why["insufficient resources"] += 1
            else:
                self._place(task, node)
                return
        said = "; ".join(f"{k} on {n} node{'s' * (n > 1)}" for k, n in why.items() if n)
        self._set(task, "pending", err=f"no suitable node ({said})" if said else "no suitable node")

    def _place(self, task: dict[str, Any], node: dict[str, Any]) -> None:
        task["NodeID"], container = node["ID"], task["Spec"]["ContainerSpec"]
        if node["ID"] in self.images and container["Image"] not in self.images[node["ID"]]:
            self._set(task, "rejected", err=f"No such image: {container['Image']}")
            return
        for mount in container.get("Mounts") or ():
            if mount["Type"] == "bind" and mount["Source"] not in self.paths.get(node["ID"], {mount["Source"]}):
                words = 'invalid mount config for type "bind": bind source path does not exist: '
                self._set(task, "rejected", err=words + mount["Source"])
                return
        self._set(task, self.runs)

    def _set(self, task: dict[str, Any], state: str, *, exit_code: int = 0, err: str = "") -> None:
        status: dict[str, Any] = {"State": state, "Timestamp": _now(next(self._ids)), "Message": state}
        if err or exit_code:
            status["Err"] = err or f"task: non-zero exit ({exit_code})"
        if state in {"starting", "running", "failed", "complete", "shutdown"}:
            container = task["Status"].get("ContainerStatus", {}).get("ContainerID") or f"container-{task['ID']}"
            status["ContainerStatus"] = {"ContainerID": container, "PID": 0, "ExitCode": exit_code}
        task["Status"] = status


def _refused(failed: str, words: str) -> EngineError:
    return EngineError(f"{failed}: {words}", hint=HINT)


def _name(one: Mapping[str, Any]) -> str:
    return str(one.get("Name") or one.get("Spec", {}).get("Name") or one.get("ID", ""))


def _uses(spec: Mapping[str, Any]) -> set[str]:
    """Return the ids or names of the networks, secrets and configs that a service uses."""
    container = spec["TaskTemplate"]["ContainerSpec"]
    uses = {use[f"{title}ID"] for title in ("Secret", "Config") for use in container.get(f"{title}s") or ()}
    return uses | {one["Target"] for one in spec["TaskTemplate"].get("Networks") or ()}


def _meets(kind: str, one: Mapping[str, Any], filters: Mapping[str, str], services: Mapping[str, Any]) -> bool:
    """Return whether something meets the filters; as in the engine a name may be a part, and tasks have no names."""
    return all(_meets_one(kind, one, name, value, services) for name, value in filters.items())


def _meets_one(kind: str, one: Mapping[str, Any], name: str, value: str, services: Mapping[str, Any]) -> bool:
    match name:
        case "label":
            labels = one.get("Labels") or one.get("Spec", {}).get("Labels") or {}
            if kind == "tasks":
                labels = one["Spec"]["ContainerSpec"].get("Labels") or {}
            key, _, said = value.partition("=")
            return key in labels and said in {"", labels[key]}
        case "name":
            return value in _name(one)
        case "service":
            return value in {one["ServiceID"], services[one["ServiceID"]]["Spec"]["Name"]}
        case "id":
            return str(one.get("ID") or one.get("Id")).startswith(value)
    raise AssertionError(f"FakeSwarm knows no filter {name}")


def _is_met(constraint: str, node: Mapping[str, Any]) -> bool:
    key, wants, value = (part.strip() for part in constraint.replace("!=", "==!").partition("=="))
    known = {
        "node.id": node["ID"],
        "node.hostname": node["Description"]["Hostname"],
        "node.role": node["Spec"]["Role"],
    }
    has = known.get(key, node["Spec"]["Labels"].get(key.removeprefix("node.labels."), ""))
    return bool(wants) and ((has != value[1:].strip()) if value.startswith("!") else has == value)


def _has_room(resources: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    offered = {
        one["DiscreteResourceSpec"]["Kind"]: one["DiscreteResourceSpec"]["Value"]
        for one in node["Description"]["Resources"]["GenericResources"]
    }
    wanted = (one["DiscreteResourceSpec"] for one in (resources.get("Reservations") or {}).get("GenericResources", ()))
    return all(offered.get(one["Kind"], 0) >= one["Value"] for one in wanted)


def _first(subnet: str) -> str:
    return subnet.partition("/")[0].rpartition(".")[0] + ".1"


def _now(step: int) -> str:
    """Return a time of the API, later for a later step."""
    return f"2026-11-30T12:{step // 60 % 60:02d}:{step % 60:02d}.000000000Z"
