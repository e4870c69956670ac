"""What tests of every room share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and weights; tests that need it skip where it is missing."""
    folder = Path(os.environ.get("LOOKALIKE_SHARED", PROJECT.parent / "shared")).resolve()
    if not (folder / "data").is_dir():
        pytest.skip(f"no shared data at {folder}: set LOOKALIKE_SHARED")
    return folder
