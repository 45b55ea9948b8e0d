"""stack.yml by Docker's own command: taken without one line of warning, and made into what stackctl makes of it."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from stackctl.core.model import demo_model
from stackctl.orchestrators.swarm.render import parse
from stackctl.orchestrators.swarm.service_spec import convert
from tests.e2e.swarm.cluster import NAS, Cluster
from tests.orchestrators.swarm.cases import CASES, case_text

pytestmark = [pytest.mark.engine, pytest.mark.debian]
# what Docker's command leaves out, and the file says that it does
LOST = "TaskTemplate.ContainerSpec.Privileges.NoNewPrivileges"
# what it adds for itself, and the engine's defaults for what neither sets
ADDED = (
    "Labels.com.docker.stack.image",
    "TaskTemplate.Runtime",
    "TaskTemplate.ContainerSpec.Isolation",
    "RollbackConfig.",
)


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def file(case: str, tmp_path: Path) -> Path:
    """The golden file with the files that it names, and no task."""
    for name, secret in CASES[case]().files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(secret.reveal())
    (tmp_path / demo_model.FILE_NAME).write_bytes(demo_model.gguf_bytes())
    path = tmp_path / "stack.yml"
    text = case_text(case).replace("replicas: 1", "replicas: 0")
    path.write_text(text.replace(f"/srv/chat/{demo_model.FILE_NAME}", f"./{demo_model.FILE_NAME}"))
    return path


def docker(*words: str, host: str = "") -> str:
    """Run Docker's command; it must succeed and say nothing that is a warning."""
    at = ("--host", host) if host else ()
    done = subprocess.run(("docker", *at, *words), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "gnoring" not in done.stderr + done.stdout
    assert "arning" not in done.stderr + done.stdout.lower()
    return done.stdout


def test_dockers_parser_takes_it_without_a_warning(file: Path) -> None:
    assert "services:" in docker("stack", "config", "--compose-file", str(file))


@pytest.fixture
def deployed(file: Path, cluster: Cluster) -> Iterator[str]:
    """The stack as `docker stack deploy` makes it of the file alone; an overlay of the proxy's is there."""
    host, name = cluster.host(NAS), "bycommand"
    docker("network", "create", "--driver", "overlay", "--attachable", "caddy", host=host)
    try:
        words = ("stack", "deploy", "--detach=true", "--resolve-image", "never", "--compose-file", str(file), name)
        docker(*words, host=host)
        yield name
    finally:
        docker("stack", "rm", name, host=host)
        docker("network", "rm", "caddy", host=host)


def test_dockers_command_makes_of_it_what_stackctl_makes(
    case: str, file: Path, deployed: str, cluster: Cluster
) -> None:
    host = cluster.host(NAS)
    wanted = convert(
        deployed,
        parse(file.read_text()),
        lambda path: (file.parent / path).read_bytes(),
        folder=PurePosixPath(file.parent),
        tmpfs_options=False,  # a folder in memory that lets programs run is beyond the command
    )
    for name, ours in wanted.services.items():
        (found,) = json.loads(docker("service", "inspect", f"{deployed}_{name}", host=host))
        assert differences(plain(ours), plain(found["Spec"])) == {LOST: (True, None)}, (case, name)
    for name, network in wanted.networks.items():
        (made,) = json.loads(docker("network", "inspect", name, host=host))
        assert made["Labels"] == network["Labels"]
        assert [made[key] for key in ("Driver", "Internal", "Attachable")] == [
            network[key] for key in ("Driver", "Internal", "Attachable")
        ]
        assert [one["Subnet"] for one in made["IPAM"]["Config"]] == [one["Subnet"] for one in network["IPAM"]["Config"]]
    for kind, bodies in (("secret", wanted.secrets), ("config", wanted.configs)):
        for name, body in bodies.items():
            (made,) = json.loads(docker(kind, "inspect", name, host=host))
            assert made["Spec"]["Labels"] == body["Labels"]


def plain(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec with one value for each path; without ids, and what is empty is left out."""
    return dict(_flat(spec, ""))


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(one, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        for number, one in enumerate(value):
            yield from _flat(one, f"{path}.{number}")
    elif value not in (None, "", 0, False, [], {}) and not path.endswith(("SecretID", "ConfigID")):
        yield path, sorted(value) if isinstance(value, list) and path.endswith(("Env", "Constraints")) else value


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The paths whose values differ; a network has its name in the one and its id in the other."""
    paths = [path for path in sorted(ours.keys() | theirs.keys()) if not path.startswith(ADDED)]
    return {
        path: (ours.get(path), theirs.get(path))
        for path in paths
        if ours.get(path) != theirs.get(path)
        and not (path.startswith("TaskTemplate.Networks.") and path.endswith(".Target"))
    }
