"""What an addition costs: one module and one line of its registry, tried on a copy of the program."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]


class Copy:
    """A copy of the program, for one addition, and a folder for a stack."""

    def __init__(self, folder: Path) -> None:
        self.source, self.stack = folder / "source", folder / "stack"
        for name in ("stackctl", "compose-templates"):
            shutil.copytree(ROOT / name, self.source / name)
        self.stack.mkdir()

    def add(self, room: str, name: str, text: str) -> None:
        """Write a module into a room, and its line into the room's registry."""
        self.write(f"stackctl/{room}/{name}.py", text)
        registry = f"stackctl/{room}/__init__.py"
        self.edit(registry, r"(from stackctl\.\w+ import [a-z_, ]+)\n", rf"\1, {name}\n")
        self.edit(registry, r"(MappingProxyType\(\n    \{\n)", rf"\1        {name}.NAME: {name},\n")

    def write(self, path: str, text: str) -> None:
        (self.source / path).write_text(text, encoding="utf-8")

    def edit(self, path: str, pattern: str, new: str) -> None:
        text, count = re.subn(pattern, new, (self.source / path).read_text(encoding="utf-8"), count=1)
        assert count == 1, pattern
        self.write(path, text)

    def run(self, *words: str) -> str:
        """What `stackctl WORDS` prints in the stack's folder, without an engine."""
        return self.python("-m", "stackctl", *words)

    def python(self, *words: str) -> str:
        environment = {**os.environ, "PYTHONPATH": str(self.source), "DOCKER_HOST": "unix:///nowhere/docker.sock"}
        argv = [sys.executable, *words]
        done = subprocess.run(argv, cwd=self.stack, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def services(self, stack_toml: str) -> dict[str, dict[str, Any]]:
        """The services of the compose.yml that is rendered."""
        (self.stack / "stack.toml").write_text(stack_toml, encoding="utf-8")
        self.run("render", "--model", "demo", "--port", "8000")
        rendered = yaml.safe_load((self.stack / "compose.yml").read_text(encoding="utf-8"))
        found: dict[str, dict[str, Any]] = rendered["services"]
        return found


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def a_backend() -> str:
    """The text of a made-up backend: a llama.cpp under another name, in other images."""
    text = (ROOT / "stackctl" / "backends" / "llamacpp.py").read_text(encoding="utf-8")
    facts = {
        "NAME": '"made-up"',
        "ALIASES": '("mu",)',
        "TITLE": '"Made up"',
        "PORT": "7001",
        "KV_TYPES": '("f16", "q4_1")',
        "OWN_IMAGES": 'MappingProxyType({CPU: "localhost/stackctl/made-up:1"})',
    }
    for name, value in facts.items():
        text, count = re.subn(rf"(?m)^{name}(: Final.*?) = .*$", rf"{name}\1 = {value}", text)
        assert count == 1, name
    return text


def test_a_backend_costs_a_module_and_a_line(copy: Copy) -> None:
    copy.add("backends", "made_up", a_backend())
    services = copy.services('[backend]\nkind = "mu"\nkv_cache = "q4_1"\n[gpu]\nmode = "none"\n')
    assert list(services) == ["made-up", "sillytavern"]
    assert services["made-up"]["image"].startswith("ghcr.io/ggml-org/llama.cpp:")
    assert "7001" in services["made-up"]["command"]
    assert "http://made-up:7001/health" in services["sillytavern"]["entrypoint"]
    offered = copy.run("deploy", "--help")
    assert {"made-up", "mu", "q4_1"} <= set(re.findall(r"[\w.-]+", offered))
    assert "(also: mu, " in copy.run("schema")
    ours = "from stackctl.core.plan.images import OWN; print(OWN['localhost/stackctl/made-up:1'])"
    assert copy.python("-c", ours) == "made-up\n"
    assert "made-up" in copy.run("images", "build", "--help")


MAKE = '''"""A made-up make of GPU."""

from stackctl.contracts.service import GpuRequest

NAME, MODES, IS_AUTO = "made-up", {"made-up": "its driver's device files"}, True
RUNTIME, TOOLKIT, VARIANT, DEVICE, NODES = "", None, "made-up", "vulkan", ()


def choose_mode(offer):
    return "made-up"


def request(mode, devices, gpus, offer):
    return GpuRequest(make=NAME, files=("/dev/made-up",), groups=("render",), environment={"MADE_UP_DEVICES": "0"})


def count(request, gpus):
    return max(1, len(gpus))


def passed_on(seen):
    return ()


def remarks(request, gpus, offer):
    return ()


def is_given(request, drivers, devices):
    return True
'''


def test_a_make_of_gpu_costs_a_module_and_a_line(copy: Copy) -> None:
    copy.add("gpus", "made_up", MAKE)
    image = "example.org/llama.cpp:made-up"  # a backend that is to offer it lists one for the variant
    services = copy.services(f'[backend]\nimage = "{image}"\n[gpu]\nmode = "made-up"\n')
    service = services["llamacpp"]
    assert service["image"] == image
    assert (service["devices"], service["group_add"]) == (["/dev/made-up"], ["render"])
    assert service["environment"] == {"MADE_UP_DEVICES": "0"}
    assert "deploy" not in service
    assert "made-up" in copy.run("deploy", "--help")
    assert "made-up (its driver's device files)" in copy.run("schema")


COMPANION = '''"""A made-up companion."""

from stackctl.contracts.service import Health, Publish, Service

NAME, SETTING, NEEDS_OWN_BACKEND = "made-up", "made_up", False


def publish(setting):
    return (Publish(address="127.0.0.1", port=setting["port"], target=9000),)


def service(setting, around):
    return Service(
        name=NAME,
        role="companion",
        image="example.org/made-up:1",
        networks=around.networks,
        publish=publish(setting),
        health=Health(test=("CMD", "true"), start_period_s=30),
        pids=64,
    )


def notes(service):
    return (f"made up at {service.publish[0].place}",)


def fatal(line):
    return None


ended = exit_cause = fatal
'''


def test_a_companion_costs_a_module_a_line_and_a_section(copy: Copy) -> None:
    copy.add("companions", "made_up", COMPANION)
    section = 'class MadeUp(Section):\n    port: int = Field(0, description="Its port on this machine.")\n\n\n'
    spec = "stackctl/core/config/spec.py"
    copy.edit(spec, r"class Spec\(Section\):", f"{section}class Spec(Section):")
    copy.edit(spec, r"(    limits: Limits = Limits\(\)\n)", r"\1    made_up: MadeUp = MadeUp()\n")
    services = copy.services('[gpu]\nmode = "none"\n[made_up]\nport = 9001\n')
    assert list(services) == ["llamacpp", "sillytavern", "made-up"]
    assert services["made-up"]["ports"] == ["127.0.0.1:9001:9000"]
    assert services["made-up"]["networks"] == ["inner", "edge"]
    assert list(copy.services('[gpu]\nmode = "none"\n')) == ["llamacpp", "sillytavern"]


# an orchestrator: its folder below orchestrators/, a line of its registry, its name, and a section of the spec


ORCHESTRATOR = '''"""A made-up orchestrator, whose file lists the services' names."""


from stackctl.ports.runtime import Runtime


def runtime(folder, docker, host, gpus, template, settings, *, details, note):
    return Runtime(MadeUp(), docker, host, gpus)


class MadeUp:
    name, file = "made-up", "made-up.txt"

    def recorded_gateway(self):
        return ""

    def starting(self):
        return ("made-up", "up")

    def files(self, plan, folder=None):
        return {self.file: "".join(f"{service.name} from {service.image}\\n" for service in plan.services)}
'''
RENDERED_BY_IT = """
from pathlib import Path
from stackctl.commands.render import render
from stackctl.machine import real
from stackctl.ui import Ui

wanted = {"target": "made-up", "model.path": "demo", "gpu.mode": "none"}
print(render(real(Path(), Ui()), wanted, to_stdout=False, absolute=False, replan=False).text)
"""


def test_an_orchestrator_costs_a_folder_a_line_and_its_name(copy: Copy) -> None:
    (copy.source / "stackctl/orchestrators/made_up").mkdir()
    copy.write("stackctl/orchestrators/made_up/__init__.py", ORCHESTRATOR)
    registry = "stackctl/orchestrators/__init__.py"
    copy.edit(registry, r"(from stackctl\.ports\.)", r"from stackctl.orchestrators import made_up\n\1")
    copy.edit(registry, r"(MappingProxyType\(\n    \{\n)", r'\1        "made-up": made_up.runtime,\n')
    copy.edit("stackctl/core/config/files.py", r'("compose", "swarm")', r'\1, "made-up"')
    shown = copy.python("-c", RENDERED_BY_IT)
    assert shown.splitlines()[0].startswith("llamacpp from ")
    assert (copy.stack / "made-up.txt").read_text() == shown.removesuffix("\n")
    assert not (copy.stack / "compose.yml").exists()
