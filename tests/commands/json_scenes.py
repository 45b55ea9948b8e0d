"""Scenes in which each command that prints JSON is run: a folder, a machine of fakes, and the command line."""

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stackctl.backends import BACKENDS
from stackctl.commands.deploy import Options, deploy
from stackctl.commands.setup import set_up
from stackctl.contracts.engine_link import EngineLink
from stackctl.contracts.gpu_trial import GpuTrial, Inside
from stackctl.contracts.host import Gpu, GpuHolder, GpuReading
from stackctl.contracts.node import Brought, FileSeen, Node, NodeReport
from stackctl.contracts.service import Publish
from stackctl.contracts.system import Ran
from stackctl.core.catalogue import stored
from stackctl.core.model import demo_model
from stackctl.core.observed import ContainerSeen, ReadSeen
from stackctl.core.plan import plan_json
from stackctl.core.plan.images import repository
from stackctl.core.setup.plan import Wanted
from stackctl.core.smoke.reachability import ContainerNetworking
from stackctl.core.uninstall.content import ContainerHere, EngineContent, ImageHere
from stackctl.machine import Machine
from tests.commands import folders
from tests.commands.engines import Stage, quiet_stage
from tests.commands.machines import Quiet
from tests.commands.pages import page_of
from tests.core.samples import a_plan
from tests.fakes import FakeHub, FakeImages, hub_at
from tests.hub.server import running
from tests.shapes.header import sparse
from tests.shapes.measured import MODELS
from tests.sign_catalogue import signature
from tests.steps.setup.bare import emptied

IMAGES = dict.fromkeys((service.image for service in a_plan().services), f"sha256:{'1' * 64}")
DEMO: dict[str, object] = {"model.path": "demo", "name": "chat"}
QUICK = Options(prove=False, timeout_s=20)
SOURCE = "hf:owner/tiny:Q4_K_M"
CARD = Gpu(
    index=0, uuid="GPU-1", name="NVIDIA GeForce RTX 3060", total_mib=12288, free_mib=11800, cuda=(12, 8),
    gb_per_s=360.0, pci="0000:65:00.0", driver="570.86.15", compute=(8, 6), has_display=True,
)  # fmt: skip
CARD_NOW = GpuReading(
    uuid="GPU-1", name="NVIDIA GeForce RTX 3060", total_mib=12288, free_mib=9216, utilisation=3, temperature_c=41,
    power_w=18.5, power_limit_w=170.0, throttled=("power limit",),
    holders=(GpuHolder(pid=4711, name="gnome-shell", mib=310),),
)  # fmt: skip
NODE = NodeReport(
    node=Node(
        id="ldcr8tudmsregjgosp1k1dqx8", name="gpu1", engine=(28, 5, 2), platform="linux/x86_64", address="192.168.1.12",
        resources={"NVIDIA-GPU": 1},
    ),
    files=(FileSeen(path="/srv/models/tiny.gguf", size=4096, head="1" * 64),),
    free_bytes=80 << 30, total_mib=32768, free_mib=24576, gpus=(CARD,), services=("llamacpp",),
)  # fmt: skip
LACKING = NodeReport(
    node=replace(NODE.node, id="669cek6qxbdru046tsovqcn8i", name="gpu2", address="192.168.1.13"),
    problem="the model is missing: there is no /srv/models/tiny.gguf",
    hint="Run `stackctl models pull --nodes`, which copies it there.",
    issue="swarm-model-missing",
    files=(FileSeen(path="/srv/models/tiny.gguf"),),
)
BROUGHT = Brought(node="gpu1", state="copied", copied_bytes=4096, took_s=1.5)
NOT_BROUGHT = Brought(
    node="gpu2", state="failed", problem="the model has no room: 1 MiB are free there, and 8 MiB are needed",
    hint="Make room there, and run it again.", issue="swarm-model-missing",
)  # fmt: skip
CATALOGUE = "https://example.org/catalogue.toml"


@dataclass
class Emptied(Stage):
    """An engine that removes what it is told to."""

    def remove(self, project: str) -> None:
        super().remove(project)
        self.states_.clear()


@dataclass
class Place:
    """Where a command runs. `folder`: the stack's; `around`: one beside it for what else there is."""

    folder: Path
    around: Path
    here: Quiet = field(init=False)
    stage: Emptied = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.around.mkdir()
        self.stage = Emptied(images=FakeImages(published=dict(IMAGES)))
        self.here = quiet_stage(self.folder, self.stage)

    @property
    def machine(self) -> Machine:
        return self.here.machine

    def deployed(self) -> "Place":
        """A stack that runs, with the demo model."""
        plan = deploy(self.machine, DEMO, QUICK).plan
        self.here.tavern.page = page_of(plan)
        states = self.stage.states_
        states |= {one.name: replace(states[one.name], image=one.image) for one in plan.services}
        return self


def _card(place: Place) -> None:
    """A GPU that the engine gives to containers, of whose images the backend's is here."""
    place.here.gpus.found = (CARD,)
    place.here.gpus.readings = (CARD_NOW,)
    place.stage.seen = replace(place.stage.seen, runtimes=("runc", "nvidia"))
    place.stage.images = FakeImages(here=dict.fromkeys(BACKENDS["llamacpp"].OWN_IMAGES.values(), "sha256:1"))
    nodes = ("/dev/nvidiactl", "/dev/nvidia0")
    inside = Inside(
        nodes=nodes, variables={"NVIDIA_VISIBLE_DEVICES": "all"}, listing=("GPU 0: RTX 3060 (UUID: GPU-1)",)
    )
    place.stage.trials = {"nvidia": GpuTrial(drivers=("nvidia",), inside=inside)}


def _card_refused(place: Place) -> None:
    _card(place)
    refusal = 'could not select device driver "nvidia" with capabilities: [[gpu]]'
    place.stage.trials = {"nvidia": GpuTrial(drivers=("nvidia",), refusal=refusal)}


def _nodes(place: Place) -> None:
    """A Swarm of two nodes, of which one has the model."""
    deploy(place.machine, DEMO, QUICK)
    fakes: Any = place.machine.orchestrator
    fakes.reports, fakes.brought = (NODE, LACKING), (BROUGHT, NOT_BROUGHT)
    fakes.brought = (BROUGHT, replace(BROUGHT, node="gpu2", state="there", copied_bytes=0, took_s=0.0))


def _no_nodes(place: Place) -> None:
    """A Swarm in which no node has the model, nor gets it."""
    _nodes(place)
    fakes: Any = place.machine.orchestrator
    fakes.reports, fakes.brought = (LACKING,), (NOT_BROUGHT,)


@dataclass(frozen=True)
class Scene:
    """A command line, the state that it meets, and its exit code. `name`: the command's, for an example on the page."""

    name: str
    words: str
    prepare: Callable[[Place], object] = lambda place: place
    code: int = 0

    @property
    def command(self) -> str:
        words = self.words.split()
        return " ".join(words[: 2 if words[0] in {"models", "images"} else 1])


def _llama(place: Place) -> None:
    eight = MODELS["llama-3.1-8b"]
    sparse(place.around / "Llama-3.1-8B-Q8_0.gguf", eight.metadata(), eight.tensors())


def _new(place: Place) -> None:
    sparse(place.around / "New.gguf", {"general.architecture": "foo-2027"}, {"a": ("f16", (64,))})


def _signed(place: Place) -> None:
    shipped = place.machine.storage.catalogue()
    head, first, *_ = shipped.replace(stored.date_of(shipped), "2099-01-05").split("[[models]]")
    raw, key = f"{head}[[models]]{first}".encode(), Ed25519PrivateKey.generate()
    place.machine.hub = FakeHub(files={CATALOGUE: raw, f"{CATALOGUE}.sig": signature(raw, key)})
    place.machine.storage.today = lambda: "2099-01-06"  # type: ignore[attr-defined]  # the fakes' disk
    (place.around / "catalogue.pub").write_bytes(b64encode(key.public_key().public_bytes_raw()))


def _two(place: Place) -> None:
    for name in ("large", "small"):
        (place.folder / f"{name}.gguf").write_bytes(demo_model.gguf_bytes())
    entries = '[models.large]\npath = "large.gguf"\ncontext = 4096\n[models.small]\npath = "small.gguf"\n'
    (place.folder / "stack.toml").write_text(f'name = "chat"\n[model]\nuse = "large"\n{entries}')


def _kcpps(place: Place) -> None:
    (place.folder / "stack.toml").write_text("")
    (place.around / "tiny.gguf").write_bytes(demo_model.gguf_bytes())
    text = '{"contextsize": 4096, "model_param": "tiny.gguf", "mmproj": "x.gguf", "password": "hunter2"}'
    (place.around / "tiny.kcpps").write_text(text)


def _adopted(place: Place) -> None:
    folders.native(place.around / "SillyTavern")


def _newer(place: Place) -> None:
    from stackctl.commands import adopt

    _adopted(place)
    adopt.adopt(place.machine, adopt.prepare(place.machine, place.around / "SillyTavern"))
    chats = place.folder / "sillytavern/data/default-user/chats/Alice"
    (chats / "new.jsonl").write_text("{}")


def _pulled(place: Place) -> None:
    from stackctl.steps.models.pull import offered_download, parse_source, pull

    pull(place.machine, offered_download(place.machine, parse_source(SOURCE), None))


def _damaged(place: Place) -> None:
    _pulled(place)
    (file,) = place.machine.storage.library.folder.rglob("*.gguf")
    file.write_bytes(b"x" * file.stat().st_size)


def _open(place: Place) -> None:
    deploy(place.machine, {**DEMO, "sillytavern.expose": "192.168.1.5"}, QUICK)


def _another(place: Place) -> None:
    place.deployed().here.orchestrator.hashes = {"llamacpp": "2", "sillytavern": "1"}
    place.stage.containers_ = [
        ContainerSeen(id=f"id-{name}", service=name, folder=str(place.folder), config_hash="1")
        for name in place.stage.states_
    ]


def _failing(place: Place) -> None:
    states = place.deployed().stage.states_
    states["llamacpp"] = replace(states["llamacpp"], state="restarting", health="", restarts=4, exit_code=1)
    place.stage.logs["llamacpp"] = ("llama_model_load: error loading model: unknown model architecture: 'llamz'",)


def _slow(place: Place) -> None:
    """Two replies, for the second of which the whole prompt was read again."""
    place.deployed().stage.logs["llamacpp"] = tuple(
        line
        for kept, read_s in ((0, 9.0), (4, 8.9))
        for line in (
            "slot operator(): id 0 | task 1 | new prompt, n_ctx_slot = 8192, n_keep = 0, task.n_tokens = 3000",
            f"slot operator(): id 0 | task 1 | cached n_tokens = {kept}, memory_seq_rm [{kept}, end)",
            f"prompt eval time = {1000 * read_s:.2f} ms / {3000 - kept} tokens (3 ms per token, 337 tokens per second)",
            "       eval time = 5000.00 ms / 100 tokens (50 ms per token, 20 tokens per second)",
        )
    )


def _stopped(place: Place) -> None:
    states = place.deployed().stage.states_
    states["llamacpp"] = replace(states["llamacpp"], state="exited", health="", exit_code=0)
    del states["sillytavern"]


def _attached(place: Place) -> None:
    port = Publish(address="127.0.0.1", port=8000, target=8000)
    place.deployed().stage.attachments = {
        "id-sillytavern": ContainerNetworking(published=(port,)),
        "id-llamacpp": ContainerNetworking(),
    }


def _logged(place: Place) -> None:
    (place.around / "kobold.log").write_text(
        "koboldcpp-1  | Welcome to KoboldCpp - Version 1.117.1\n"
        "koboldcpp-1  | llama_model_load: error loading model: unknown model architecture: 'newer'\n"
        "koboldcpp-1  | Load Text Model OK: False\n",
        encoding="utf-8",
    )
    (place.around / "unknown.log").write_text("Welcome to KoboldCpp\nError: never seen before\n", encoding="utf-8")


def _listed(place: Place) -> None:
    _attached(place)
    place.stage.projects = frozenset({("chat", str(place.folder))})
    place.stage.reads = iter((ReadSeen(used=1200 << 20), ReadSeen(used=180 << 20)))


def _browser(place: Place) -> None:
    place.deployed().here.host.has_browser = True


def _dies(place: Place) -> None:
    place.stage.refuses = "services.llamacpp: no such key"


def _digest(name: str) -> str:
    return f"{repository(name)}@{name.partition('@')[2]}"


def _everything(place: Place) -> None:
    """A stack that runs, its images, a model, and an image that somebody else uses, too."""
    place.deployed()
    _pulled(place)
    plan = json.loads((place.folder / plan_json.FILE).read_text())["plan"]
    names = [one["image"] for one in plan["services"]]
    place.stage.content_ = EngineContent(
        containers=(
            *(
                ContainerHere(
                    id=f"c{at}", name=f"chat-{name}", image=name, image_id=f"sha256:{at}", state="running",
                    project="chat", folder=str(place.folder), is_marked=True,
                )
                for at, name in enumerate(names)
            ),
            ContainerHere(id="other", name="somebody", image=names[0], image_id="sha256:0", state="running"),
        ),
        images=tuple(
            ImageHere(id=f"sha256:{at}", tags=(name.partition("@")[0],), digests=(_digest(name),), size=500 + at)
            for at, name in enumerate(names)
        ),
    )  # fmt: skip


def _old(place: Place) -> None:
    place.deployed()
    (place.folder / "stack.toml").write_text((place.folder / "stack.toml").read_text().replace("8192", "4096"))
    place.stage.states_ = {}


def _page(place: Place) -> None:
    place.here.tavern.page = page_of(deploy(place.machine, DEMO, replace(QUICK, dry_run=True)).plan)


def _bare(place: Place) -> None:
    emptied(place.here)


def _set_up(place: Place) -> None:
    _bare(place)
    set_up(place.machine, Wanted(), lambda _, __: True)


_FIT = "--gpu-memory 12000 --device vulkan --context 8192"


def _healthy(place: Place) -> None:
    place.deployed()
    place.here.system.answers["docker compose version --short"] = Ran(code=0, out="2.40.3\n")


def _stopped_on_a_healthy_machine(place: Place) -> None:
    _stopped(place)
    place.here.system.answers["docker compose version --short"] = Ran(code=0, out="2.40.3\n")


def _failing_on_a_healthy_machine(place: Place) -> None:
    _failing(place)
    place.here.system.answers["docker compose version --short"] = Ran(code=0, out="2.40.3\n")


def _no_engine(place: Place) -> None:
    place.stage.link_ = EngineLink(
        address="unix:///var/run/docker.sock", socket="/var/run/docker.sock", failure="missing", says="no such file"
    )


SCENES = (
    Scene("deploy", "deploy --model demo --name chat --timeout 20", _page),
    Scene("deploy-dry-run", "deploy --model demo --name chat --dry-run"),
    Scene("deploy-without-proof", "deploy --model demo --name chat --no-proof --timeout 20"),
    Scene("deploy-refused", "deploy --model demo --name chat --no-proof", _dies, 3),
    Scene("render", "render --model demo --name chat"),
    Scene("render-stdout", "render --model demo --name chat --stdout"),
    Scene("diff", "diff --context 4096", _another),
    Scene("diff-nothing", "diff", Place.deployed),
    Scene("use", "use", _two),
    Scene("use-name", "use small --no-proof --timeout 20", _two),
    Scene("use-unknown", "use medium", _two, 3),
    Scene("models-recommend", "models recommend --language en"),
    Scene("models-search", f"models search tiny {_FIT} --ram 16000"),
    Scene("models-search-none", "models search nothing such --fits --ram 16000"),
    Scene("models-update", f"models update --url {CATALOGUE} --key {{around}}/catalogue.pub", _signed),
    Scene("models-update-none", "models update", code=3),
    Scene("models-inspect", "models inspect {around}/Llama-3.1-8B-Q8_0.gguf", _llama),
    Scene("models-inspect-none", "models inspect {around}/none.gguf", code=8),
    Scene("models-can-load", "models can-load {around}/Llama-3.1-8B-Q8_0.gguf", _llama),
    Scene("models-can-load-not", "models can-load {around}/New.gguf --backend koboldcpp", _new, 8),
    Scene("models-fit", f"models fit {{around}}/Llama-3.1-8B-Q8_0.gguf {_FIT}", _llama),
    Scene("models-fit-too-large", f"models fit {{around}}/Llama-3.1-8B-Q8_0.gguf {_FIT} --gpu-layers all", _llama),
    Scene("models-fit-repository", f"models fit hf:owner/tiny {_FIT}"),
    Scene("models-pull", f"models pull {SOURCE}"),
    Scene("models-pull-nodes", "models pull --nodes", _nodes),
    Scene("models-pull-nodes-failed", "models pull --nodes", _no_nodes, 4),
    Scene("models-list", "models list", _pulled),
    Scene("models-list-empty", "models list"),
    Scene("models-verify", "models verify", _pulled),
    Scene("models-verify-damaged", "models verify", _damaged, 8),
    Scene("models-remove", f"models remove {SOURCE} --yes", _pulled),
    Scene("smoke", "smoke --only services --only model --only reply", _attached),
    Scene("smoke-failing", "smoke --only services --only reply", _failing, 8),
    Scene("explain", "explain {around}/kobold.log", _logged),
    Scene("explain-unknown", "explain {around}/unknown.log", _logged),
    Scene("explain-issue", "explain disk-full"),
    Scene("explain-folder", "explain {around}", _logged, 3),
    Scene("doctor", "doctor", _stopped_on_a_healthy_machine),
    Scene("doctor-healthy", "doctor", _healthy),
    Scene("doctor-failing", "doctor", _failing_on_a_healthy_machine, 8),
    Scene("doctor-no-engine", "doctor", _no_engine, 4),
    Scene("status", "status", Place.deployed),
    Scene("status-failing", "status", _failing, 7),
    Scene("status-stopped", "status", _stopped, 7),
    Scene("status-empty", "status", code=3),
    Scene("ls", "ls", _listed),
    Scene("ls-empty", "ls"),
    Scene("url", "url", _open),
    Scene("url-closed", "url", Place.deployed),
    Scene("open", "open", _browser),
    Scene("open-not-ready", "open", _stopped, 7),
    Scene("gpu", "gpu", _card),
    Scene("gpu-failing", "gpu --gpu nvidia", _card_refused, 5),
    Scene("gpu-none", "gpu"),
    Scene("why-slow", "why-slow", _slow),
    Scene("why-slow-new", "why-slow", Place.deployed),
    Scene("why-slow-measure", "why-slow --measure", Place.deployed),
    Scene("why-slow-stopped", "why-slow", _stopped, 7),
    Scene("why-slow-empty", "why-slow", code=3),
    Scene("history", "history", Place.deployed),
    Scene("history-empty", "history"),
    Scene("setup", "setup", _bare, 4),
    Scene("setup-yes", "setup --yes", _bare, 4),
    Scene("setup-undo", "setup --undo --yes", _set_up),
    Scene("nodes", "nodes", _nodes),
    Scene("nodes-none", "nodes", _no_nodes, 4),
    Scene("free", "free", Place.deployed),
    Scene("free-nothing", "free", _stopped),
    Scene("free-wake", "free --wake --timeout 20", Place.deployed),
    Scene("stop-nothing", "stop", _stopped),
    Scene("stop", "stop llamacpp", Place.deployed),
    Scene("start", "start --timeout 20", _old),
    Scene("start-empty", "start", code=3),
    Scene("restart", "restart --timeout 20", Place.deployed),
    Scene("down", "down", Place.deployed),
    Scene("init", "init"),
    Scene("init-again", "init", Place.deployed, 3),
    Scene("adopt", "adopt {around}/SillyTavern --dry-run", _adopted),
    Scene("adopt-yes", "adopt {around}/SillyTavern --yes", _adopted),
    Scene("adopt-undo", "adopt --undo --dry-run", _newer),
    Scene("adopt-undo-yes", "adopt --undo --yes", _newer),
    Scene("adopt-nothing", "adopt", code=2),
    Scene("import", "import {around}/tiny.kcpps", _kcpps),
    Scene("import-none", "import {around}/none.kcpps", code=3),
    Scene("uninstall", "uninstall --dry-run", _everything),
    Scene("uninstall-yes", "uninstall --yes", _everything),
    Scene("uninstall-unknown", "uninstall --chats none", _everything, 3),
    Scene("uninstall-nothing", "uninstall"),
    Scene("images-list", "images list --model demo"),
    Scene("images-build", "images build base"),
    Scene("images-build-unknown", "images build none", code=3),
    Scene("wrong-option", "status --wrong", code=2),
)


@contextmanager
def placed(scene: Scene, folder: Path) -> Iterator[Place]:
    """The place of a scene, below a folder of its own, and a hub that has one model."""
    with running() as server:
        server.add("owner/tiny", {"Tiny-Q4_K_M.gguf": demo_model.gguf_bytes(), "README.md": b"about"})
        place = Place(folder / "chat", folder / "around")
        place.machine.hub = hub_at(server.url)
        place.here.host.own_interfaces = {"eth0": ("192.168.1.5/24",)}
        scene.prepare(place)
        yield place
