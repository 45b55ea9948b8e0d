"""The group that the commands about model files belong to."""

from stackctl.cli.root import main


@main.group()
def models() -> None:
    """Model files: what they are, whether they fit, and how to get them."""
