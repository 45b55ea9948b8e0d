"""What a user gets who installs the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

from stackctl.core.plan.images import OWN

ROOT = Path(__file__).resolve().parents[2]
DATA = "stackctl/_data/"


def test_the_wheel_holds_the_templates_and_the_folder_of_every_image_and_not_the_private_engine(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if name.startswith(DATA)}
    wanted = {
        f"{DATA}{path.relative_to(ROOT)}"
        for folder in (ROOT / "compose-templates", *(ROOT / "images" / name for name in OWN.values()))
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert held == wanted
