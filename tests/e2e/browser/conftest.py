"""One Chromium for all tests; a fresh profile for each page."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e.browser.chromium import chromium
from tests.e2e.browser.page import Tavern
from tests.e2e.conftest import ARTEFACTS


@pytest.fixture(scope="session")
def browser(own_images: None) -> Iterator[Browser]:
    """The browser of the whole session."""
    del own_images
    with chromium() as one:
        yield one


@pytest.fixture
def tavern(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Tavern]]:
    """Open SillyTavern's page at a URL. Whatever went wrong in a page fails the test at its end."""
    shots = ARTEFACTS / "screens" / request.node.name.removeprefix("test_")
    opened: list[Tavern] = []

    def open_page(url: str) -> Tavern:
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
        opened.append(Tavern(context.new_page(), url, shots))
        return opened[-1]

    yield open_page
    troubles = [trouble for one in opened for trouble in one.troubles]
    for one in opened:
        one.page.context.close()
    assert not troubles, troubles
