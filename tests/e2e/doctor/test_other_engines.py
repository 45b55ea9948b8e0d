"""No false alarm on an engine that is no rootful Docker: Podman, and a rootless Docker."""

import pytest

from tests.e2e.doctor.faults import doctor
from tests.e2e.engines.contained import Kind, contained_engine
from tests.e2e.own_engine import IMAGES

pytestmark = [pytest.mark.engine, pytest.mark.machines]


@pytest.mark.parametrize("kind", ["podman", "podman rootless", "rootless"])
def test_a_healthy_engine_of_another_kind_is_no_fault(kind: Kind, own_images: None) -> None:
    del own_images
    with contained_engine(kind, images=IMAGES[:1]) as engine:
        folder = engine.place / "stack"  # which it sees
        folder.mkdir()
        seen = doctor(folder, environment=engine.environment)
    assert seen.state("engine") == "passed"
    found = [one["name"] for one in seen.values["checks"] if one["state"] == "failed"]
    assert [one for one in found if one not in {"names", "servers"}] == []  # of the machine that runs the tests
