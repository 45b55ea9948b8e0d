"""Plans for Swarm, one for each way in which its file differs."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from stackctl.core.config.swarm_spec import Swarm
from stackctl.core.model import demo_model
from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan.stack import Plan
from stackctl.orchestrators.rendering import literal
from stackctl.orchestrators.swarm.cluster import Cluster
from stackctl.orchestrators.swarm.render import parse, render
from tests.core.samples import FOLDER, GPU, PASSWORD, a_plan, engine, model, model_file, seen, template, wanted

GATEWAY: Final = "172.18.0.1"  # of docker_gwbridge
TODAY: Final = engine((28, 5, 2), (99,), nvidia_runtime=True)
INTERFACES: Final = {"eth0": ("192.168.1.5/24", "fd00:1::5/64", "fe80::1/64"), "docker0": ("172.17.0.1/16",)}
MODEL: Final = model(
    model_file("Tiny $1 '[v2]' \u00fc-00001-of-00002.gguf", host="/srv/models/blobs/0a1b", size=3 << 30),
    model_file("Tiny $1 '[v2]' \u00fc-00002-of-00002.gguf", host="/srv/models/blobs/2c3d", size=3 << 30),
)
DEMO: Final = replace(
    model(model_file(demo_model.FILE_NAME, host=f"{FOLDER}/{demo_model.FILE_NAME}")),
    wanted="demo",
)
PROXY: Final = {
    "network": "caddy", "container": "caddy-1", "hosts": ("chat.example.org",), "labels": ("a.b=$x: 1",)
}  # fmt: skip


def world(on: EngineSeen | None = TODAY, **more: Any) -> Observed:
    """A node of Swarm whose page others may open."""
    known = replace(seen(of=MODEL, on=on, gpus=(GPU,)), gateway=GATEWAY, interfaces=INTERFACES, password=PASSWORD)
    return replace(known, **more)


def backend_plan(kind: str, mode: str, on: EngineSeen | None = TODAY, **sections: Any) -> Plan:
    spec = {
        "name": "chat",
        "target": "swarm",
        "backend": {"kind": kind, "kv_cache": "q8_0", "extra_args": ("--seed", "1")},
        "gpu": {"mode": mode},
        "limits": {"backend_memory": "16 GiB", "backend_cpus": 4},
        "sillytavern": {"expose": "lan"},
        **sections,
    }
    return a_plan(wanted(**spec), world(on))


def lan_plan() -> Plan:
    """The built-in model, for the LAN."""
    spec = wanted(name="chat", target="swarm", gpu={"mode": "none"}, sillytavern={"expose": "lan"})
    return a_plan(spec, world(model=DEMO))


def proxy_plan() -> Plan:
    """A stack behind a reverse proxy."""
    return a_plan(wanted(name="chat", target="swarm", sillytavern={"proxy": PROXY}), world(proxy="10.0.9.9"))


CASES: Final[MappingProxyType[str, Callable[[], Plan]]] = MappingProxyType(
    {
        "llamacpp-cpu": lambda: backend_plan("llamacpp", "none"),
        "llamacpp-nvidia": lambda: backend_plan("llamacpp", "nvidia"),
        "koboldcpp-nvidia": lambda: backend_plan("koboldcpp", "nvidia"),
        "text-generation-webui-nvidia": lambda: backend_plan("text-generation-webui", "nvidia"),
        "lan": lan_plan,
        "proxy": proxy_plan,
    }
)


def text_of(plan: Plan, *, kind: str = "NVIDIA-GPU", offered: int = 1, **settings: Any) -> str:
    return render(plan, Cluster(settings=Swarm(**settings), kind=kind, offered=offered), FOLDER, template)


@cache
def case_text(name: str) -> str:
    return text_of(CASES[name]())


def as_docker_reads_it(text: str) -> dict[str, Any]:
    found: dict[str, Any] = literal(parse(text))
    return found
