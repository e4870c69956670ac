"""Small torch networks and pictures to export, judge and ruin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import EncoderCard
from lookalike.images import Preprocessing

SIZE = 32
PREPROCESSING = Preprocessing(size=SIZE, resize=SIZE, mean=(0.5, 0.4, 0.6), std=(0.25, 0.3, 0.2))


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """150 blurred patterns, uint8 ``(150, 32, 32, 3)``."""
    drawn = np.random.default_rng(0).integers(0, 256, (150, 4, 4, 3), dtype=np.uint8)
    grown = [Image.fromarray(each).resize((SIZE, SIZE)) for each in drawn]
    return np.stack([np.asarray(picture) for picture in grown])


@pytest.fixture(scope="session")
def small_network() -> Callable[..., Any]:
    """Make a TorchNetwork: ``conv``, ``ruined`` (by integers), or ``vit``."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from lookalike.encoders.families.network import TorchNetwork

    class Convolutions(torch.nn.Module):
        def __init__(self, outlier: float) -> None:
            super().__init__()
            self.first = torch.nn.Conv2d(3, 8, 5, stride=4, padding=2)
            self.second = torch.nn.Conv2d(8, 16, 3, stride=2, padding=1)
            self.last = torch.nn.Linear(256, 24)
            if outlier != 1:
                # One channel is huge and then not looked at: rounded in steps of
                # its range, the others are all 0.
                with torch.no_grad():
                    self.first.weight[0] *= outlier
                    self.second.weight[:, 0] = 0

        def forward(self, planes: Any) -> Any:
            maps = self.second(torch.nn.functional.silu(self.first(planes)))
            return self.last(torch.flatten(maps, 1))

    def transformer() -> Any:
        pytest.importorskip("torchvision_shim")
        models = pytest.importorskip("timm.models.vision_transformer")
        return models.VisionTransformer(
            img_size=SIZE, patch_size=8, embed_dim=48, depth=2, num_heads=3, num_classes=0
        )

    makers = {
        "conv": lambda: Convolutions(1),
        "ruined": lambda: Convolutions(1e5),
        "vit": transformer,
    }

    def make(kind: str) -> TorchNetwork:
        torch.manual_seed(0)
        module = makers[kind]().eval().requires_grad_(False)
        rows = module(torch.zeros(1, 3, SIZE, SIZE))
        return TorchNetwork(module, PREPROCESSING, rows.shape[1], 0)

    return make


@pytest.fixture(scope="session")
def card_of() -> Callable[[str], EncoderCard]:
    """Write the card of a small network."""

    def write(kind: str) -> EncoderCard:
        return EncoderCard(
            name=f"timm:{kind}",
            weights="",
            dim=0,
            preprocessing=PREPROCESSING,
            family="timm",
            architecture=f"{kind}.random",
        )

    return write


@pytest.fixture
def integers_fit() -> Callable[[str], None]:
    """Skip what this processor cannot: without dot products of bytes, OpenVINO's sums overflow."""

    def check(to: str) -> None:
        facts = Path("/proc/cpuinfo")
        known = facts.read_text() if facts.is_file() else ""
        if to == "openvino" and not ("vnni" in known or "asimddp" in known):
            pytest.skip("this processor has no dot products of bytes")

    return check


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
