"""This machine's web browser."""

import webbrowser


def open_browser(url: str) -> bool:
    """Open a page for the person who sits here; False: there is no browser to do it."""
    return webbrowser.open(url)
