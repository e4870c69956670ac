"""The libraries that encoders are compared with."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def libraries() -> None:
    """Skip where timm or OpenCLIP is missing."""
    pytest.importorskip("torch")
    import torchvision_shim  # noqa: F401 - before timm and open_clip

    pytest.importorskip("timm")
    pytest.importorskip("open_clip")
