"""A GPU that is given by device files, on a machine that has none of them."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Stack
from tests.e2e.own_engine import IMAGES

pytestmark = [pytest.mark.engine, pytest.mark.debian, pytest.mark.chaos, pytest.mark.sample]


def test_a_device_file_that_is_not_there_is_named_with_the_fix_before_anything_starts(
    stack: Stack, own_images: None
) -> None:
    del own_images
    assert not Path("/dev/kfd").exists(), "this test needs a machine without a GPU of AMD's"
    (stack.folder / "stack.toml").write_text(f'images = "auto"\n[backend]\nimage = "{IMAGES[0]}"\n')
    said = stack.fails(5, "deploy", "--gpu", "rocm")
    assert "a device file of the GPU does not exist on the engine's machine" in said
    assert '"/dev/kfd"' in said
    assert "--gpu none" in said
    assert "have not run it on such a GPU" in said
    assert stack.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack.name}") == ""
