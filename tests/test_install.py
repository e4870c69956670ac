"""What a user gets who installs the package on a bare machine."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
LARGEST_INSTALL_BYTES = 350 * 10**6

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Path:
    """A new environment with the core alone, installed as a wheel and not from the source tree."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    subprocess.run(
        [
            folder / "bin" / "python", "-m", "pip", "install", "--quiet",
            "--disable-pip-version-check", "-c", PROJECT / "constraints.txt", PROJECT,
        ],
        check=True,
    )  # fmt: skip
    return folder


def test_the_core_is_light_and_has_no_torch(environment):
    (site,) = (environment / "lib").glob("python*/site-packages")
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    assert size <= LARGEST_INSTALL_BYTES
    assert not (site / "torch").exists()


def test_the_main_job_runs_from_the_wheel(environment, tmp_path):
    run = subprocess.run(
        [environment / "bin" / "lookalike", "demo", "--pictures", "48", tmp_path / "demo"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "demo" / "sheet.jpg").stat().st_size > 10_000
    assert "48 pictures" in run.stdout
