"""What was decided: services, networks, exposure. Nothing here knows Compose's syntax."""

from collections.abc import Mapping
from dataclasses import dataclass

from stackctl.contracts.service import Network, Service, Variant
from stackctl.core.fit.choice import Choice
from stackctl.core.tavern.prompt_templates import Template
from stackctl.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A stack with nothing left to decide."""

    name: str
    backend: str  # canonical name of the backend
    backend_title: str
    services: tuple[Service, ...]  # in the order of compose.yml; no backend among them: it runs elsewhere
    networks: tuple[Network, ...]
    files: Mapping[str, Secret]  # generated, for the backend's eyes alone, beside compose.yml: path -> text
    key: Secret | None  # what SillyTavern sends to the backend; None: nothing
    hosts: tuple[str, ...]  # names that a proxy serves it under
    password: Secret | None  # what SillyTavern asks everybody for; None: nobody
    folders: tuple[str, ...]  # to be made beforehand, owned by `sillytavern.user`
    tavern_type: str
    backend_url: str
    model_name: str  # as SillyTavern will see it
    is_demo: bool
    variant: Variant | None  # this, the next and `gpu_layers`: as the stack's own service runs it
    program: str  # the name of the backend's program file; "": in its image, or the user's own
    context: int  # tokens
    gpu_layers: str
    kv_cache: str
    extra_args: tuple[str, ...] | None = None  # of stack.toml; None: of a version that did not write them down
    memory: Choice | None = None  # what the backend takes; None: not known
    template: Template | None = None  # None: SillyTavern's are left alone
    model_bytes: int = 0  # of its files, which the backend reads; 0: not known, or it runs elsewhere
    notes: tuple[str, ...] = ()  # what the user should know
    timeout_s: int = 300

    @property
    def backend_service(self) -> Service | None:
        """The backend; None: it runs elsewhere."""
        return next((one for one in self.services if one.role == "backend"), None)

    @property
    def sillytavern(self) -> Service:
        return next(one for one in self.services if one.role == "frontend")

    @property
    def companions(self) -> tuple[Service, ...]:
        return tuple(one for one in self.services if one.role == "companion")

    @property
    def url(self) -> str:
        """Where a person at this machine opens it."""
        if not self.sillytavern.publish:
            return f"https://{self.hosts[0]}"
        return f"http://{self.sillytavern.publish[0].place}"

    @property
    def urls(self) -> tuple[str, ...]:
        """Where a person at another device opens it."""
        return tuple(f"http://{one.place}" for one in self.sillytavern.publish[1:])
