"""What a URL means on this machine, and where it leads from inside a container."""

import pytest

from stackctl.core.external import backend_url
from stackctl.core.observed import HostIdentity

LINUX = HostIdentity(names=("Tower.lan",), addresses=("192.168.1.7", "10.9.0.1"), gateway="172.17.0.1")
WSL = HostIdentity(
    names=("desktop",),
    addresses=("172.20.3.4",),
    gateway="172.17.0.1",
    is_wsl=True,
    windows=("172.20.0.1", "192.168.1.9"),
)


@pytest.mark.parametrize(
    ("url", "origin", "host", "port", "path"),
    [
        ("http://192.168.1.20:5001", "http://192.168.1.20:5001", "192.168.1.20", 5001, ""),
        ("http://tower", "http://tower", "tower", 80, ""),
        ("https://llm.example/", "https://llm.example", "llm.example", 443, ""),
        ("http://[::1]:5001/v1/", "http://[::1]:5001", "::1", 5001, "/v1"),
        ("http://a:1?b=c", "http://a:1", "a", 1, "?b=c"),
    ],
)
def test_a_url_in_its_parts(url: str, origin: str, host: str, port: int, path: str) -> None:
    assert (backend_url.origin(url), backend_url.host(url), backend_url.port(url), backend_url.path(url)) == (
        origin,
        host,
        port,
        path,
    )


@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "127.1.2.3", "localhost", "LOCALHOST", "kobold.localhost", "[::1]", "[::]", "tower",
     "0.0.0.0", "Tower.lan", "tower.local", "host.docker.internal"],  # noqa: S104 - as servers print it
)  # fmt: skip
def test_names_of_this_machine_mean_it(name: str) -> None:
    assert backend_url.means_host(f"http://{name}:5001", LINUX)
    assert backend_url.candidates(f"http://{name}:5001/v1", LINUX) == (
        "http://host.docker.internal:5001",
        "http://172.17.0.1:5001",
        "http://192.168.1.7:5001",
    )


@pytest.mark.parametrize(
    "name", ["192.168.1.20", "tower.example", "towering", "10.9.0.1", "localhost.example", "[::2]"]
)
def test_any_other_name_or_address_is_taken_as_it_is(name: str) -> None:
    assert not backend_url.means_host(f"http://{name}", LINUX)
    assert backend_url.candidates(f"http://{name}/v1", LINUX) == (f"http://{name}",)


def test_an_address_of_this_machine_leads_here_and_needs_no_translation() -> None:
    assert backend_url.is_here("http://10.9.0.1:1", LINUX)
    assert not backend_url.is_here("http://10.9.0.2:1", LINUX)


def test_under_wsl_windows_is_tried_after_wsl_itself() -> None:
    assert backend_url.candidates("https://localhost:5001", WSL) == (
        "https://host.docker.internal:5001",
        "https://172.17.0.1:5001",
        "https://172.20.0.1:5001",
        "https://192.168.1.9:5001",
        "https://172.20.3.4:5001",
    )


def test_where_nothing_is_known_of_the_machine_dockers_name_is_left() -> None:
    assert backend_url.candidates("http://127.0.0.1:5001", HostIdentity()) == ("http://host.docker.internal:5001",)
