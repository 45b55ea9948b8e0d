"""The server for SillyTavern: a service of the stack, or an external server."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackctl.backends.contract import Backend
from stackctl.contracts.request import Request
from stackctl.contracts.service import Service, Variant
from stackctl.core.fit.choice import Choice
from stackctl.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A backend with nothing left to decide. Fields of a service of the stack are empty for an external one."""

    backend: Backend
    url: str  # as SillyTavern's container reaches it
    model_name: str  # as SillyTavern will see it
    context: int  # tokens
    start_s: int  # seconds that loading the model may take
    wait_s: int  # seconds that SillyTavern's container waits for it
    key: Secret | None = None  # the key that SillyTavern sends; None for no key
    service: Service | None = None
    is_on_host: bool = False  # the URL means the engine's machine, whose name is added to the container
    files: Mapping[str, Secret] = field(default_factory=dict)  # generated, mounted by the service
    variant: Variant | None = None
    program: str = ""  # a key of backend.PROGRAMS; "" if it is in the image, or the user's
    gpu_layers: str = ""
    kv_cache: str = ""
    choice: Choice | None = None  # the memory that it takes; None if unknown
    idle_unload_s: int = 0  # seconds without a message after which it unloads the model; 0 if it never does
    notes: tuple[str, ...] = ()

    @property
    def ready(self) -> Request:
        """Return the request that succeeds once the backend can answer; it wakes none that sleeps."""
        return self.backend.QUIET if self.idle_unload_s else self.backend.READY
