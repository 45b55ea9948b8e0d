"""Who answers SillyTavern, and where: a service of the stack, or a server that runs elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackctl.backends.contract import Backend
from stackctl.contracts.service import Service, Variant
from stackctl.core.fit.choice import Choice
from stackctl.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A backend with nothing left to decide. What only a service of the stack has is empty for one elsewhere."""

    backend: Backend
    url: str  # as SillyTavern's container reaches it
    model_name: str  # as SillyTavern will see it
    context: int  # tokens
    start_s: int  # seconds that loading the model may take
    wait_s: int  # seconds that SillyTavern's container waits for it
    key: Secret | None = None  # what SillyTavern has to send; None: nothing
    service: Service | None = None
    is_on_host: bool = False  # the URL means the engine's own machine, whose name a container must be told
    files: Mapping[str, Secret] = field(default_factory=dict)  # generated, mounted by the service
    variant: Variant | None = None
    program: str = ""  # of backend.PROGRAMS; "": in the image, or the user's own
    gpu_layers: str = ""
    kv_cache: str = ""
    choice: Choice | None = None  # what it takes of memory; None: not known
    notes: tuple[str, ...] = ()
