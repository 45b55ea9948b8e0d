"""The group that the commands about model files belong to."""

from stackctl.cli.root import main


@main.group(examples=("stackctl models recommend", "stackctl models list"))
def models() -> None:
    """Find, check, fetch and delete model files."""
