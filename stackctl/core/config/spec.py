"""The user's wishes: the content of stack.toml as frozen, typed values."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from stackctl import backends, gpus
from stackctl.core.config.files import COMPOSE, Target
from stackctl.core.config.files import DEMO as DEMO  # noqa: PLC0414 - whoever reads the spec finds it here
from stackctl.core.config.section import NONE, Section
from stackctl.core.config.swarm_spec import Swarm
from stackctl.core.config.tavern_spec import SillyTavern
from stackctl.core.config.values import (
    Auto,
    Cpus,
    Devices,
    Idle,
    Image,
    ImageSource,
    Mac,
    Memory,
    ModelName,
    Name,
    NameOrNone,
    Origin,
    Path,
    Place,
    Reserve,
    Subnet,
    Switch,
    Text,
    Url,
    choice,
    either,
    whole,
)

AUTO = "auto"
EXTERNAL = "external"
_KV_TYPES = backends.kv_types()
_SOURCE = (
    "Where the model comes from while it is not there: hf:OWNER/NAME:Q4_K_M or hf:OWNER/NAME/FILE (Hugging Face),\n"
    "or an http(s) address. It is pulled once."
)


class Model(Section):
    path: Path = Field(
        AUTO,
        description=(
            "The model: a .gguf file, the first part of a split one, or a folder that holds one model.\n"
            '"demo" is the built-in demo model, which knows one sentence.\n'
            "auto: what `source` brings, in stackctl's own folder for models; without a source the first deploy asks."
        ),
    )
    source: Origin = Field("", description=_SOURCE)
    use: NameOrNone = Field(
        "", description='The entry of [models] that runs (`stackctl use NAME` sets it); "": `path`.'
    )

    @property
    def is_demo(self) -> bool:
        return self.path == DEMO or (self.path == AUTO and not self.source)


class OneModel(Section):
    """One of several models, by its name in [models]."""

    path: Path = Field(AUTO, description="As in [model].")
    source: Origin = Field("", description="As in [model].")
    context: Annotated[int | Auto, *whole(256, 4194304, "a number of tokens")] = Field(
        "auto", description="Context size in tokens for this model; auto: as in [backend]."
    )
    gpu_layers: Annotated[int | Auto, *whole(0, 9999, "a number of layers")] = Field(
        "auto", description="Layers on the GPU for this model; auto: as in [backend]."
    )
    kv_cache: Annotated[str, *choice((AUTO, *_KV_TYPES))] = Field(
        "auto", description="Type of the KV cache for this model; auto: as in [backend]."
    )
    template: Path = Field("auto", description="Prompt template for this model; auto: as in [sillytavern].")
    thinking: Annotated[Switch, *choice(Switch)] = Field(
        "auto", description="Whether this model thinks before it answers; auto: as in [sillytavern]."
    )

    @property
    def is_demo(self) -> bool:
        return self.path == DEMO

    @model_validator(mode="after")
    def _can_be_had(self) -> Self:
        if self.path == AUTO and not self.source:
            raise ValueError("a model needs a path or a source")
        return self


class Backend(Section):
    kind: Annotated[str, *choice((*backends.names(), EXTERNAL))] = Field(
        backends.DEFAULT,
        description=(
            f"{either(*backends.BACKENDS)} (also: {', '.join(backends.aliases())});\n"
            "external: one of them that runs elsewhere, at `url`."
        ),
    )
    url: Url = Field(
        "",
        description=(
            "external only: where it runs, such as http://192.168.1.20:5001; 127.0.0.1 is this machine.\n"
            "Which of those kinds it is, its model and its context are asked of it."
        ),
    )
    key_file: Text = Field(
        "", description="external only: a file, readable for you alone, that holds the API key that the server wants."
    )
    wake: Mac = Field(
        "", description="external only: its network card's MAC address; if it sleeps, Wake-on-LAN is sent there."
    )
    publish: Place = Field(
        "",
        description=(
            "Opens the API to other programs, always with the key: an address of this machine and a port, such as\n"
            '"127.0.0.1:5001" or "192.168.1.5:5001"; "": SillyTavern alone uses it.'
        ),
    )
    image: Image = Field("auto", description="The container image; auto: the pinned official one for the GPU mode.")
    build: Text = Field(
        AUTO,
        description="The build of the program, such as b9191; auto: the newest that is known, for a new stack.",
    )
    program: Path = Field(
        "auto",
        description=(
            f"{either(*backends.with_programs())} only: the program file, a path or an http(s) URL; "
            "auto: the pinned release, fetched once."
        ),
    )
    context: Annotated[int | Auto, *whole(256, 4194304, "a number of tokens")] = Field(
        "auto",
        description=(
            "Context size in tokens; auto: 8192, less where the model or the memory does not allow it;\n"
            "for a new stack up to 32768 (16384 without a GPU), while the model is good for it and memory is free."
        ),
    )
    gpu_layers: Annotated[int | Auto, *whole(0, 9999, "a number of layers")] = Field(
        "auto",
        description="Layers on the GPU, the output layer counted, too; auto: as many as fit, none without a GPU.",
    )
    kv_cache: Annotated[str, *choice((AUTO, *_KV_TYPES))] = Field(
        "auto",
        description=f"Type of the KV cache: {either(*_KV_TYPES)}; all but f16 save memory; auto: f16, or q8_0 to fit.",
    )
    flash_attention: Annotated[Switch, *choice(Switch)] = Field(
        "auto", description="on, off, or auto: as the backend thinks best (always on with a quantised KV cache)."
    )
    threads: Annotated[int | Auto, *whole(1, 1024, "a number of threads")] = Field(
        "auto", description="CPU threads; auto: one per physical core on the CPU, with a GPU the backend decides."
    )
    batch: Annotated[int | Auto, *whole(32, 16384, "a number of tokens")] = Field(
        "auto", description="Prompt tokens processed at a time; auto: the backend decides."
    )
    idle_unload: Idle = Field(
        "off",
        description=(
            'Free the GPU while you do not chat: a time without messages, such as "20 min", after which the backend\n'
            "unloads its model. The next message loads it again. off: it stays loaded."
        ),
    )
    extra_args: tuple[Text, ...] = Field(
        (), description='More arguments for the program, one word per string, none that a key decides: ["--seed", "1"].'
    )
    override_args: tuple[Text, ...] = Field(
        (), description='Arguments that win over what stackctl decides, which then plans with them: ["-c", "32768"].'
    )

    @property
    def is_external(self) -> bool:
        """Return whether the stack does not run its backend: `external` is a place, not a program."""
        return self.kind == EXTERNAL

    @model_validator(mode="after")
    def _has_a_place(self) -> Self:
        if self.is_external and not self.url:
            raise ValueError('kind = "external" needs a url, such as url = "http://192.168.1.20:5001"')
        if self.build != AUTO and {self.image, self.program} != {AUTO}:
            raise ValueError("a build stands for its own image and program: leave out build, or image and program")
        return self


class Gpu(Section):
    mode: Annotated[str, *choice((AUTO, *gpus.MODES, NONE))] = Field(
        AUTO, description=f"{gpus.described_modes()},\nnone (CPU), or auto: what is there."
    )
    devices: Devices = Field(
        ("all",),
        description='["all"]; GPUs by index or UUID: ["0", "1"]; ["free"], that with most free memory; ["count:2"]; '
        '["not-display"].',
    )
    reserve: Reserve = Field(
        "0.5 GiB",
        description="Memory of each GPU that a choice leaves free, for the desktop or another program.",
    )


class Network(Section):
    inner: Subnet = Field(
        "auto", description="Subnet between SillyTavern and the backend, without a way out; auto: a free one."
    )
    edge: Subnet = Field(
        "auto", description="Subnet of SillyTavern's way out and of its published port; auto: a free one."
    )


class Limits(Section):
    backend_memory: Memory = Field(
        "auto", description='Most memory that the backend may use, such as "16 GiB"; auto: what is planned, with room.'
    )
    backend_cpus: Cpus = Field("auto", description="Most CPUs for the backend, such as 4 or 1.5; auto: no limit.")
    sillytavern_memory: Memory = Field(
        "auto", description='Most memory that SillyTavern may use, such as "1 GiB"; auto: no limit.'
    )
    sillytavern_cpus: Cpus = Field("auto", description="Most CPUs that SillyTavern may use; auto: no limit.")


class Spec(Section):
    """The whole content of stack.toml."""

    name: Name = Field("auto", description="Name of the stack (the Compose project); auto: this folder's name.")
    target: Annotated[Target, *choice(Target)] = Field(
        COMPOSE,
        description=(
            "compose: this machine runs the stack. swarm: this node of Docker Swarm is a manager, and SillyTavern's\n"
            "data stays in this folder, on it; the backend runs on any node that can (see [swarm])."
        ),
    )
    images: Annotated[ImageSource, *choice(ImageSource)] = Field(
        "auto", description="official: pull the projects' own images; own: build ours; auto: ours where a pull fails."
    )
    model: Model = Model()
    models: dict[ModelName, OneModel] = Field(
        {},
        description="Several models, one table each: [models.NAME]. `stackctl use NAME` runs that one.",
        json_schema_extra={"additionalProperties": False},
    )
    backend: Backend = Backend()
    gpu: Gpu = Gpu()
    sillytavern: SillyTavern = SillyTavern()
    network: Network = Network()
    limits: Limits = Limits()
    swarm: Swarm = Swarm()
