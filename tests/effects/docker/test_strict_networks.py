"""A stack's networks where the engine would let others into those that Compose makes (Podman's API is played)."""

from types import SimpleNamespace
from typing import Any

import pytest
import requests

from stackctl.contracts.service import Network
from stackctl.effects.docker.strict_networks import make_networks
from stackctl.errors import EngineError, StackctlError, Taken

EDGE = Network(name="edge", subnet="10.1.0.0/24", gateway="10.1.0.1", internal=False)
INNER = Network(name="inner", subnet="10.2.0.0/24", gateway="10.2.0.1", internal=True)


class Api:
    """The SDK's calls for networks. `refusal`: what Podman answers to one that is to be made."""

    base_url = "http+docker://localhost"

    def __init__(self, *there: str, refusal: str = "") -> None:
        self._there, self._refusal, self.made = there, refusal, list[dict[str, Any]]()

    def networks(self) -> list[dict[str, str]]:
        return [{"Name": name} for name in self._there]

    def post(self, url: str, *, json: dict[str, Any]) -> requests.Response:
        assert url == "http+docker://localhost/v4.0.0/libpod/networks/create"
        self.made.append(json)
        answer = requests.Response()
        answer.status_code = 500 if self._refusal else 200
        answer._content = self._refusal.encode()
        return answer


def make(api: Api) -> None:
    make_networks(SimpleNamespace(client=SimpleNamespace(api=api)), "chat", (EDGE, INNER))


def test_each_is_made_as_compose_would_but_shut_off_from_all_others() -> None:
    api = Api("bridge", "other_edge")
    make(api)
    edge, inner = api.made
    assert (edge["name"], edge["internal"], inner["name"], inner["internal"]) == (
        *("chat_edge", False),
        *("chat_inner", True),
    )
    assert edge["options"] == inner["options"] == {"isolate": "strict"}
    assert edge["subnets"] == [{"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"}]
    # by these Compose knows its own; without its hash of the file it does not make one anew
    assert edge["labels"] == {"com.docker.compose.project": "chat", "com.docker.compose.network": "edge"}


def test_one_that_is_there_stays() -> None:
    api = Api("chat_edge")
    make(api)
    assert [one["name"] for one in api.made] == ["chat_inner"]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        ("subnet 10.1.0.0/24 is already used on the host or by another config", Taken),  # which chooses others
        ("netavark: cannot allocate memory", EngineError),
    ],
)
def test_a_refusal_is_podman_s_own(says: str, error: type[StackctlError]) -> None:
    with pytest.raises(error) as caught:
        make(Api(refusal=says))
    assert says in " ".join(caught.value.evidence)
