"""How stackctl itself was installed, and with which command it is removed."""

from pathlib import Path
from typing import Final

_NAME: Final = "stackctl"


def removal(prefix: Path, python: str, *, is_venv: bool) -> tuple[str, ...]:
    """Return the command line that removes it. prefix: that of the Python that runs it; is_venv: it is no system's.

    pipx and uv leave a file each in the environment that they make for a program: pipx_metadata.json,
    https://pipx.pypa.io, and uv-receipt.toml, https://docs.astral.sh/uv/concepts/tools .
    """
    if (prefix / "pipx_metadata.json").exists():
        return ("pipx", "uninstall", _NAME)
    if (prefix / "uv-receipt.toml").exists():
        return ("uv", "tool", "uninstall", _NAME)
    if is_venv and not any(prefix.glob("lib*/python*/site-packages/pip")):  # as uv makes it
        return ("uv", "pip", "uninstall", "--python", python, _NAME)
    return (python, "-m", "pip", "uninstall", _NAME)
