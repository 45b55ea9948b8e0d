"""Names and servers, and whether they matter."""

from dataclasses import replace
from pathlib import PurePosixPath

import pytest

from stackctl.contracts.engine import EngineDetails
from stackctl.contracts.system import Reached
from stackctl.core.doctor.servers import NO_TIME, Server, judge_engines_way, judge_names, judge_servers, registry_of

DOCKER = PurePosixPath("/var/lib/docker")
GHCR = Server(name="ghcr.io", kind="registry")
HUB = Server(name="huggingface.co", kind="hub")
LACKS = replace(GHCR, needs="the image ghcr.io/a/b:1 has")
NO_NAME = "[Errno -2] Name or service not known"


def details(**given: object) -> EngineDetails:
    return EngineDetails(root=DOCKER, image_folder=DOCKER, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("ghcr.io/sillytavern/sillytavern:1.19.0", "ghcr.io"),
        ("koboldai/koboldcpp:latest", "registry-1.docker.io"),
        ("debian", "registry-1.docker.io"),
        ("docker.io/library/debian@sha256:00", "registry-1.docker.io"),
        ("registry.example:5000/a:1", "registry.example:5000"),
        ("localhost/stackctl/llamacpp:debian", ""),
        ("localhost:5000/a/b:1", ""),
        ("127.0.0.1:5000/a/b:1", ""),
    ],
)
def test_the_registry_of_an_image(image: str, server: str) -> None:
    assert registry_of(image) == server


@pytest.mark.parametrize(
    ("asked", "severity"),
    [
        ([], ""),
        ([(GHCR, ""), (HUB, "")], ""),
        ([(GHCR, NO_NAME), (HUB, "")], ""),  # one name alone is its server's matter
        ([(GHCR, NO_NAME), (HUB, NO_NAME)], "warning"),  # offline on purpose, with all that is needed
        ([(LACKS, NO_NAME), (HUB, NO_NAME)], "failure"),
        ([(LACKS, "timeout"), (HUB, "timeout")], "failure"),
        ([(replace(LACKS, proxy="proxy:3128"), ""), (replace(HUB, proxy="proxy:3128"), "")], ""),
    ],
)
def test_names_that_are_not_resolved(asked: list[tuple[Server, str]], severity: str) -> None:
    found = judge_names(asked, "nameserver 192.168.1.1\n", None)
    assert [one.severity for one in found] == ([severity] if severity else [])


def test_the_resolvers_are_the_evidence() -> None:
    (found,) = judge_names([(LACKS, "timeout")], "# by dhcp\nnameserver 192.168.1.1\nsearch lan\n", None)
    assert found.says == (
        "ghcr.io has no address (no resolver answered in time), and the image ghcr.io/a/b:1 has to come from there"
    )
    assert found.evidence == ("/etc/resolv.conf: nameserver 192.168.1.1",)
    (none,) = judge_names([(LACKS, NO_NAME)], None, None)
    assert none.evidence == ("/etc/resolv.conf names no resolver",)


def test_names_without_an_address_are_told_in_words_alone() -> None:
    (found,) = judge_names([(GHCR, NO_NAME), (HUB, NO_NAME)], "", None)
    assert found.says == f"ghcr.io and {HUB.name} have no address (Name or service not known)"


def test_an_engine_with_a_proxy_needs_no_names_here() -> None:
    (found,) = judge_names([(LACKS, NO_NAME)], "", details(proxies=("proxy:3128",)))
    assert found.severity == "warning"


@pytest.mark.parametrize(
    ("server", "reached", "engine", "expected"),
    [
        (GHCR, Reached(status=401), None, ""),
        (GHCR, Reached(status=503), None, ""),  # it is there
        (GHCR, Reached(failure="name"), None, ""),  # the check of names has it
        (GHCR, Reached(failure="refused", says="Connection refused"), None, "registry-unreachable warning"),
        (LACKS, Reached(failure="refused", says="Connection refused"), None, "registry-unreachable failure"),
        (LACKS, Reached(failure="timeout"), None, "registry-unreachable warning"),  # it may be slow
        (LACKS, Reached(failure="refused"), details(mirrors=("https://m",)), "registry-unreachable warning"),
        (LACKS, Reached(failure="refused"), details(), "registry-unreachable failure"),
        (HUB, Reached(failure="other", says="Network is unreachable"), None, "hub-unreachable warning"),
        (LACKS, Reached(failure="tls", says="self-signed certificate"), None, "certificate-not-trusted failure"),
        (GHCR, Reached(failure="tls", says="self-signed certificate"), None, "certificate-not-trusted warning"),
        (LACKS, Reached(failure="tls", says="WRONG_VERSION_NUMBER"), None, ""),  # it speaks HTTP
        (LACKS, Reached(failure="tls", says="certificate is not yet valid"), None, "registry-unreachable failure"),
    ],
)
def test_a_server_that_does_not_answer(
    server: Server, reached: Reached, engine: EngineDetails | None, expected: str
) -> None:
    found = judge_servers([(server, reached)], engine)
    assert [f"{one.issue} {one.severity}" for one in found] == ([expected] if expected else [])


def test_the_proxy_that_was_asked_is_named() -> None:
    (found,) = judge_servers([(HUB, Reached(failure="refused", says="Connection refused", proxy="proxy:3128"))], None)
    assert found.says == "huggingface.co does not answer by the proxy proxy:3128 (Connection refused)"


@pytest.mark.parametrize(
    ("server", "why", "engine", "is_shut"),
    [
        (replace(LACKS, proxy="proxy:3128"), NO_NAME, details(), True),
        (replace(LACKS, proxy="proxy:3128"), "", details(), False),  # it may go there without one
        (replace(LACKS, proxy="proxy:3128"), NO_NAME, details(proxies=("proxy:3128",)), False),
        (replace(LACKS, proxy="proxy:3128"), NO_NAME, details(mirrors=("https://m",)), False),
        (replace(LACKS, proxy="proxy:3128"), NO_TIME, details(), False),
        (replace(GHCR, proxy="proxy:3128"), NO_NAME, details(), False),  # nothing has to be pulled
        (LACKS, NO_NAME, details(), False),  # the check of names has it
        (replace(HUB, proxy="proxy:3128", needs="the model has"), NO_NAME, details(), False),
    ],
)
def test_an_engine_without_the_users_proxy(server: Server, why: str, engine: EngineDetails, is_shut: bool) -> None:
    found = judge_engines_way([(server, why)], engine)
    assert [(one.issue, one.severity) for one in found] == ([("registry-unreachable", "failure")] if is_shut else [])
