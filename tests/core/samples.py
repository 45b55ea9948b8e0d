"""Small builders for what the core takes, with sane defaults; a test names only what it is about."""

from dataclasses import replace
from functools import cache
from ipaddress import IPv4Network
from pathlib import Path, PurePosixPath

from stackctl import backends
from stackctl.contracts.host import Gpu, Owner
from stackctl.contracts.service import Service
from stackctl.core.config.lock import Lock
from stackctl.core.config.spec import Spec
from stackctl.core.model.model import Header, ModelFile, ModelSeen
from stackctl.core.observed import EngineSeen, Observed
from stackctl.core.plan.plan import Planned, plan
from stackctl.core.plan.stack import Plan
from stackctl.orchestrators.compose.render import render
from stackctl.secret import Secret

TEMPLATES = Path(__file__).parents[2] / "compose-templates"
OWNER = Owner(uid=1000, gid=1000)
KEY = Secret("-a-key-of-the-tests-43-characters-long-0123")
PASSWORD = Secret("abcde-fghjk-mnpqr-stuvw")
FOLDER = PurePosixPath("/srv/chat")
GPU = Gpu(index=0, uuid="GPU-5f1c", name="RTX 3060", total_mib=12288, free_mib=11800)
RX_7900_XTX = Gpu(
    index=0,
    uuid="GPU-e0a1b2c3d4e5f607",
    name="AMD Radeon RX 7900 XTX",
    total_mib=24560,
    free_mib=23000,
    make="amd",
    pci="0000:03:00.0",
    architecture="gfx1100",
    node="/dev/dri/renderD128",
    groups=(992,),
)
ARC_A770 = Gpu(
    index=0,
    uuid="0000:0a:00.0",
    name="Intel DG2 [Arc A770]",
    total_mib=16384,
    free_mib=16384,
    make="intel",
    pci="0000:0a:00.0",
    node="/dev/dri/renderD129",
    groups=(993,),
)
RADEON_780M = Gpu(
    index=1,
    uuid="0000:c5:00.0",
    name="AMD Radeon 780M Graphics",
    total_mib=0,
    free_mib=0,
    make="amd",
    pci="0000:c5:00.0",
    architecture="gfx1103",
    node="/dev/dri/renderD130",
    groups=(992,),
    is_unified=True,
)
CDI = ("nvidia.com/gpu=0", "nvidia.com/gpu=all")
PROGRAMS = {
    name: PurePosixPath("/var/lib/stackctl/koboldcpp-1") / name.rpartition("/")[2]
    for backend in backends.BACKENDS.values()
    for name in backend.PROGRAMS
}


def wanted(**sections: object) -> Spec:
    """A stack.toml's content: wanted(backend={"kind": "koboldcpp"}, name="chat")."""
    return Spec.model_validate(sections)


def engine(
    version: tuple[int, ...] = (28, 5, 2),
    compose: tuple[int, ...] = (2, 40, 3),
    *,
    has_cpu_quota: bool = True,
    nvidia_runtime: bool = False,
    cdi_devices: tuple[str, ...] = (),
    hides_clients: str = "",
) -> EngineSeen:
    return EngineSeen(
        version=version,
        compose=compose,
        compose_argv=("docker", "compose"),
        has_cpu_quota=has_cpu_quota,
        runtimes=("runc", "nvidia") if nvidia_runtime else ("runc",),
        cdi_devices=cdi_devices,
        hides_clients=hides_clients,
    )


def model_file(
    name: str = "tiny.gguf",
    *,
    host: str = "",
    size: int = 250_000,
    owner: Owner = OWNER,
    mode: int = 0o644,
) -> ModelFile:
    return ModelFile(name=name, host=PurePosixPath(host or f"/models/{name}"), size=size, owner=owner, mode=mode)


def model(
    *files: ModelFile,
    folder: str = "",
    trained_context: int = 32768,
    read_mib_s: float = 0.0,
) -> ModelSeen:
    """A model of these files; with `folder` a safetensors model in a folder of that name."""
    files = files or (model_file(),)
    return ModelSeen(
        wanted=str(files[0].host),
        name=folder or files[0].name,
        is_folder=bool(folder),
        files=files,
        header=Header(
            format="safetensors" if folder else "gguf", architecture="llama", trained_context=trained_context
        ),
        read_mib_s=read_mib_s,
    )


def seen(
    *,
    of: ModelSeen | None = None,
    on: EngineSeen | None = None,
    folder: PurePosixPath = FOLDER,
    owner: Owner = OWNER,
    gpus: tuple[Gpu, ...] = (),
    taken_subnets: tuple[IPv4Network, ...] = (),
    taken_ports: dict[int, str] | None = None,
) -> Observed:
    return Observed(
        folder=folder,
        owner=owner,
        model=of or model(),
        key=KEY,
        engine=on,
        gpus=gpus,
        taken_subnets=taken_subnets,
        taken_ports=taken_ports or {},
    )


def decided(spec: Spec | None = None, world: Observed | None = None, recorded: Lock | None = None) -> Planned:
    """What plan() decides, with the program file at hand where the backend needs one."""
    spec, world = spec or wanted(), world or seen()
    if backends.find_backend(spec.backend.kind).PROGRAMS:
        world = replace(world, programs=PROGRAMS)
    return plan(spec, world, recorded or Lock())


def a_plan(spec: Spec | None = None, world: Observed | None = None) -> Plan:
    return decided(spec, world).plan


def backend_of(stack: Plan) -> Service:
    """The backend as a service of the stack, which it is unless it runs elsewhere."""
    assert stack.backend_service
    return stack.backend_service


@cache
def template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def rendered(spec: Spec | None = None, world: Observed | None = None) -> str:
    return render(a_plan(spec, world), template)
