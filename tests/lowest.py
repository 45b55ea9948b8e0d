"""The unit tests with every dependency in the lowest version that pyproject.toml allows: `make lowest`.

tests/lowest.txt pins those versions, and what they need themselves. They are installed into an environment that finds
everything else, such as pytest, in the one that runs this.
"""

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".venv-lowest"
PYTHON = FOLDER / "bin" / "python"


def make() -> None:
    """Make the environment anew, which takes some seconds."""
    for words in (
        ("-m", "venv", "--clear", "--without-pip", str(FOLDER)),
        (
            *("-m", "pip", "--python", str(PYTHON), "install", "-q", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", "tests/lowest.txt"),
        ),
    ):
        subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
    behind = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"  # what it has itself comes first
    Path(sysconfig.get_path("purelib", vars={"base": str(FOLDER)}), "behind.pth").write_text(behind, encoding="utf-8")


def main(wanted: list[str]) -> int:
    make()
    argv = [str(PYTHON), "-m", "pytest", "-q", "-m", "not engine", "-n", "logical", *wanted]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
