"""This machine's web browser."""

import webbrowser


def open_browser(url: str) -> bool:
    """Open a page in this machine's browser; return False if there is none."""
    return webbrowser.open(url)
