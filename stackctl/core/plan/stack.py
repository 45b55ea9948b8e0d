"""The plan of a stack: services, networks, exposure. Nothing here knows Compose's syntax."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.contracts.service import Network, Service, Variant
from stackctl.core.fit.choice import Choice
from stackctl.core.tavern.preset_files import PresetFile
from stackctl.core.tavern.prompt_templates import Template
from stackctl.core.tavern.samplers import Samplers
from stackctl.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A stack with nothing left to decide."""

    name: str
    backend: str  # canonical name of the backend
    backend_title: str
    services: tuple[Service, ...]  # in the order of compose.yml; without a backend if that is external
    networks: tuple[Network, ...]
    files: Mapping[str, Secret]  # generated files next to compose.yml that only the backend may read: path -> text
    key: Secret | None  # the key that SillyTavern sends to the backend; None for no key
    hosts: tuple[str, ...]  # names that a proxy serves it under
    password: Secret | None  # the password of SillyTavern's page; None for no password
    folders: tuple[str, ...]  # folders that must exist before the start, owned by `sillytavern.user`
    tavern_type: str
    backend_url: str
    model_name: str  # as SillyTavern will see it
    is_demo: bool
    variant: Variant | None  # variant, program and gpu_layers are those of the stack's service
    program: str  # the name of the backend's program file; "" if it is in its image, or the user's
    context: int  # tokens
    gpu_layers: str
    kv_cache: str
    extra_args: tuple[str, ...] | None = None  # from stack.toml; None if an older version did not record them
    memory: Choice | None = None  # the memory that the backend takes; None if unknown
    template: Template | None = None  # None if SillyTavern's templates are not changed
    samplers: Samplers | None = None  # what is recommended for its model; None if nothing is
    idle_unload_s: int = 0  # seconds without a message after which the backend unloads its model; 0 if it never does
    model_bytes: int = 0  # size of the files that the backend reads; 0 if unknown, or if it is external
    notes: tuple[str, ...] = ()  # notes for the user
    timeout_s: int = 300

    @property
    def sampler_presets(self) -> tuple[PresetFile, ...]:
        """Return the preset of its model's samplers; () if none are recommended."""
        return (self.samplers.file,) if self.samplers else ()

    @property
    def expected_tokens_per_s(self) -> float | None:
        """Return the speed in a short chat, as the sum of the memory has it; None if that is unknown."""
        return round(self.memory.tokens_per_s, 1) if self.memory and not self.is_demo else None

    @property
    def backend_service(self) -> Service | None:
        """Return the backend's service; None if it is external."""
        return next((one for one in self.services if one.role == "backend"), None)

    @property
    def sillytavern(self) -> Service:
        return next(one for one in self.services if one.role == "frontend")

    @property
    def companions(self) -> tuple[Service, ...]:
        return tuple(one for one in self.services if one.role == "companion")

    @property
    def url(self) -> str:
        """Return the URL of the page for a person at this machine."""
        if not self.sillytavern.publish:
            return f"https://{self.hosts[0]}"
        return f"http://{self.sillytavern.publish[0].place}"

    @property
    def urls(self) -> tuple[str, ...]:
        """Return the URLs of the page for a person at another device."""
        return tuple(f"http://{one.place}" for one in self.sillytavern.publish[1:])
