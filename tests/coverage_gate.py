"""How much of each folder the unit tests alone run, and how much they must: `make coverage` ends with it."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# percent of the lines
LEAST = {
    "core": 95,
    "contracts": 95,
    "companions": 95,
    "gpus": 95,
    "backends": 95,
    "steps": 90,
    "commands": 90,
}


def line_coverage(files: Mapping[str, Any]) -> dict[str, float]:
    """Percent of the lines of each folder of stackctl/ that ran; `files`: as in coverage's JSON report."""
    lines: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    for name, about in files.items():
        folder = (*Path(name).parts, "", "")[1]
        lines[folder] += about["summary"]["num_statements"]
        ran[folder] += about["summary"]["covered_lines"]
    return {folder: 100 * ran[folder] / lines[folder] for folder in lines if lines[folder]}


def too_low(found: Mapping[str, float], least: Mapping[str, int]) -> list[str]:
    """The folders that the tests run less of than they must."""
    return [folder for folder, bound in least.items() if found.get(folder, 100) < bound]


def main(report: str) -> int:
    found = line_coverage(json.loads(Path(report).read_text(encoding="utf-8"))["files"])
    for folder, percent in sorted(found.items()):
        print(f"{percent:5.1f} %  {folder}" + (f" (at least {LEAST[folder]} %)" if folder in LEAST else ""))
    for folder in (wrong := too_low(found, LEAST)):
        print(f"error: unit tests run {found[folder]:.1f} % of stackctl/{folder}/, and must run {LEAST[folder]} %")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
