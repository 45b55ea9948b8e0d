"""The engine's modules are scripts that run before anything is installed: they are found by their folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "images" / "engine"))
