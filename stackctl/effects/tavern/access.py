"""The port `Tavern`: the two ways to SillyTavern's page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackctl.contracts.request import Request
from stackctl.core.formats.answer_limit import Limit
from stackctl.effects.tavern.exec import ApiClient, inside
from stackctl.effects.tavern.http import Tavern
from stackctl.secret import Secret

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class TavernAccess:
    """SillyTavern, by HTTP or from inside its container. `over_http`, `bounded` and `ask` keep each request's limit."""

    engine: ApiClient
    over_http: "Callable[[], httpx.BaseTransport]"
    bounded: "Callable[[httpx.BaseTransport], httpx.BaseTransport]"
    ask: "Callable[[httpx.BaseTransport, str, Limit, str, str], str]"

    def open(self, url: str, login: tuple[str, Secret] | None) -> Tavern:
        return Tavern(url, self.over_http(), login=login)

    def open_inside(self, container: str, url: str, login: tuple[str, Secret] | None) -> Tavern:
        return Tavern(url, self.bounded(inside(self.engine, container)), reads_many=True, login=login)

    def ask_backend(self, container: str, url: str, request: Request, limit: Limit, key: Secret | None = None) -> str:
        """Return what the backend answers to a request of SillyTavern's container; "" without an answer of 2xx."""
        way = self.bounded(inside(self.engine, container, url))
        return self.ask(way, f"{url}{request.path}", limit, request.body, key.reveal() if key else "")
