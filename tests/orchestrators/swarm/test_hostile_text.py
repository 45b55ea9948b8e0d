"""Whatever stands in a string of stack.toml, or in a model's name, arrives literally in stack.yml, too."""

from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from stackctl.core.config.swarm_spec import Swarm
from stackctl.orchestrators.rendering import literal
from stackctl.orchestrators.swarm.cluster import Cluster
from stackctl.orchestrators.swarm.render import node_files, parse, render
from stackctl.orchestrators.swarm.service_spec import convert
from tests.core.samples import backend_of, template
from tests.core.test_hostile_text import FILE_NAME, NASTY, PATH, PLAIN, TEXT, WISHES, all_texts, planned


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=40)
@given(WISHES, st.lists(FILE_NAME, min_size=1, max_size=2), FILE_NAME, TEXT, PATH)
@example({**PLAIN, "backend.extra_args": NASTY}, ["x.gguf"], "x", "$${X}", "/a $b")
@example(PLAIN, [name.replace("/", "_") + ".gguf" for name in NASTY], "# ' \" ${X}", "NVIDIA-GPU", "auto")
def test_every_text_arrives_literally_and_nothing_is_left_to_replace(
    wish: dict[str, Any], names: list[str], folder: str, kind: str, models: str
) -> None:
    plan, place = planned({**wish, "backend.publish": ""}, names, folder), PurePosixPath("/srv") / folder
    cluster = Cluster(settings=Swarm(models=models), kind=kind)
    text = render(plan, cluster, place, template)
    stack = parse(text)
    assert yaml.load(text, yaml.SafeLoader) == stack
    assert not [value for value in all_texts(stack) if "$" in value.replace("$$", "")]
    got, backend = literal(stack)["services"], backend_of(plan)
    for service in plan.services:
        about = got[service.name]
        assert about.get("command", []) == list(service.command)
        assert about.get("entrypoint", []) == list(service.entrypoint)
        assert about["image"] == service.image
        assert dict(service.environment).items() <= about.get("environment", {}).items()
        assert about["labels"]["stackctl.folder"] == str(place)
    binds = [one["source"] for one in got[backend.name].get("volumes", ()) if one["type"] == "bind"]
    assert sorted(binds) == sorted(node_files(plan, backend, cluster))
    if backend.gpu and kind:
        reserved = got[backend.name]["deploy"]["resources"]["reservations"]["generic_resources"]
        assert reserved[0]["discrete_resource_spec"]["kind"] == kind
    # sizes and numbers alone may not fit: the words are all taken
    stated = convert(plan.name, stack, None, folder=place, tmpfs_options=True)
    assert set(stated.services) == {service.name for service in plan.services}


def test_a_label_of_the_proxys_arrives_literally() -> None:
    plan = planned({**PLAIN, "backend.publish": ""}, ["x.gguf"], "x")
    page = replace(plan.sillytavern, labels=("a.b=$x: ${y} # 'z'",))
    hostile = replace(plan, services=(backend_of(plan), page))
    text = render(hostile, Cluster(settings=Swarm()), PurePosixPath("/srv"), template)
    labels = convert(plan.name, parse(text), None, folder=PurePosixPath("/srv"), tmpfs_options=True)
    assert labels.services["sillytavern"]["Labels"]["a.b"] == "$x: ${y} # 'z'"
