"""Nothing about the user is written or sent beside what was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from PIL import Image


def test_a_new_home_stays_empty(tmp_path):
    photos, home = tmp_path / "photos", tmp_path / "home"
    photos.mkdir()
    home.mkdir()
    Image.new("RGB", (64, 48), (200, 30, 40)).save(photos / "red.png")
    variables = {"PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "SYSTEMROOT"}
    kept = {name: value for name, value in os.environ.items() if name in variables}
    for words in (["index", "photos"], ["search", "photos/red.png", "--gallery", "photos"]):
        subprocess.run(
            [sys.executable, "-m", "lookalike", *words],
            cwd=tmp_path,
            env=kept | {"HOME": str(home)},
            check=True,
            capture_output=True,
        )
    assert files_below(home) == []


def files_below(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
