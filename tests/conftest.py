"""What every test run shares: Ctrl-C as usual, Hypothesis profiles and the flag that rewrites the golden files."""

import os
import signal

import pytest
from hypothesis import settings

# a run that a shell started with `&` ignores Ctrl-C, and so would all that the tests start and interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)

# pytest-xdist gives its processes a width of 80 columns; results in a pipe have none
os.environ.pop("COLUMNS", None)

settings.register_profile("ci", max_examples=60, derandomize=True, deadline=None, database=None)
settings.register_profile("deep", max_examples=3000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens", action="store_true", help="Write tests/golden/*.yml again instead of comparing."
    )


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that is measured here goes to the cache of the person who runs the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))
