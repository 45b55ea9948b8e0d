"""Under Compose there are no nodes, and the commands about them say for whom they are."""

from pathlib import Path

import pytest

from stackctl.errors import ConfigError
from stackctl.orchestrators.compose.orchestrator import ComposeOrchestrator
from tests.core.samples import a_plan, template
from tests.fakes import FakeDocker, disk


def test_a_look_at_nodes_and_a_copy_to_them_are_refused_with_the_setting_that_they_need(tmp_path: Path) -> None:
    compose = ComposeOrchestrator(disk(tmp_path).folder(tmp_path), FakeDocker(), template, details=print, note=print)
    with pytest.raises(ConfigError, match="`stackctl nodes` is for target") as caught:
        compose.nodes(a_plan())
    assert '`target = "swarm"`' in caught.value.hint
    with pytest.raises(ConfigError, match="`stackctl models pull --nodes`"):
        compose.bring(a_plan(), lambda *_: None)
    assert not compose.survey(a_plan())
