"""The port `Tavern`: the two ways to SillyTavern's page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stackctl.core.formats.answer_limit import Limit
from stackctl.effects.tavern.exec import ApiClient, inside
from stackctl.effects.tavern.http import Tavern
from stackctl.secret import Secret

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class TavernAccess:
    """SillyTavern, by HTTP or from inside its container. `over_http`, `bounded` and `get` keep each request's limit."""

    engine: ApiClient
    over_http: "Callable[[], httpx.BaseTransport]"
    bounded: "Callable[[httpx.BaseTransport], httpx.BaseTransport]"
    get: "Callable[[httpx.BaseTransport, str, Limit], str]"

    def open(self, url: str, login: tuple[str, Secret] | None) -> Tavern:
        return Tavern(url, self.over_http(), login=login)

    def open_inside(self, container: str, url: str, login: tuple[str, Secret] | None) -> Tavern:
        return Tavern(url, self.bounded(inside(self.engine, container)), reads_many=True, login=login)

    def read_backend(self, container: str, url: str, path: str, limit: Limit) -> str:
        """Return what the backend answers at a path to SillyTavern's container; "" if nothing comes."""
        return self.get(self.bounded(inside(self.engine, container, url)), f"{url}{path}", limit)
