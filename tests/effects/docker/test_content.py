"""What an engine's answers say of containers and images, and what a report takes of them."""

from types import SimpleNamespace
from typing import Any

from stackctl.core.tavern import container as tavern
from stackctl.effects.docker.content import content
from stackctl.effects.docker.facts import facts

LABELS = {"com.docker.compose.project": "mine", "com.docker.compose.project.working_dir": "/srv/mine"}
SECRET = "planted-s3cret"


def engine(**answers: Any) -> SimpleNamespace:
    """An engine that answers so, and with nothing else."""
    silent: dict[str, Any] = {
        "containers": [],
        "images": [],
        "networks": [],
        "volumes": {"Volumes": None},
        "info": {},
        "version": {},
        **answers,
    }
    api = SimpleNamespace(**{name: lambda found=found, **_: found for name, found in silent.items()})
    api.inspect_container = lambda _: answers["inspected"]
    return SimpleNamespace(client=SimpleNamespace(api=api))


def test_our_sillytavern_is_told_from_another_by_its_entrypoint() -> None:
    command = " ".join(tavern.entrypoint("http://x/y", "", 10, "koboldcpp"))
    rows = [
        {"Id": "1", "Names": ["/a"], "ImageID": "i", "State": "running", "Labels": LABELS, "Command": command},
        {"Id": "2", "Names": None, "ImageID": "i", "State": "exited", "Labels": None, "Command": None},
    ]
    ours, other = content(engine(containers=rows)).containers
    assert (ours.name, ours.project, ours.folder, ours.is_marked) == ("a", "mine", "/srv/mine", True)
    assert (other.name, other.project, other.folder, other.is_marked) == ("2", "", "", False)


def test_an_image_without_names_has_none() -> None:
    rows = [{"Id": "1", "RepoTags": ["<none>:<none>"], "RepoDigests": None, "Size": 5}]
    (found,) = content(engine(images=rows)).images
    assert (found.tags, found.digests, found.size) == ((), (), 5)


def test_a_report_takes_neither_environment_nor_command_nor_labels_of_a_container_and_no_proxy_of_the_engine() -> None:
    inspected = {
        "Name": "/a",
        "Config": {"Env": [f"KEY={SECRET}"], "Cmd": [SECRET], "Labels": {"x": SECRET}, "Image": "i"},
        "State": {"Status": "running", "Health": {"Log": [{"Output": SECRET}]}},
        "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"url": SECRET}}},
    }
    info = {"HttpProxy": f"http://me:{SECRET}@proxy", "Labels": [SECRET], "ServerVersion": "29.1", "Name": "tower"}
    found = facts(engine(containers=[{"Id": "1"}], inspected=inspected, info=info), "mine")
    assert SECRET not in str(found)
    assert "tower" not in str(found)
    assert found["info"]["ServerVersion"] == "29.1"
    assert found["containers"][0]["state"]["Status"] == "running"
