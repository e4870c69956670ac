"""Full-size networks through every gate, on photographs. Their weights are random."""

from __future__ import annotations

import importlib.util
import tarfile
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders import EncoderCard
from lookalike.encoders.exporting import export_network
from lookalike.images import Preprocessing, crop, decode
from lookalike.images.preprocessing import normalized

pytestmark = [pytest.mark.heavy, pytest.mark.shared]

for library in ("torch", "timm", "onnxscript", "openvino", "nncf"):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}", allow_module_level=True)

import torchvision_shim  # noqa: E402, F401 - before timm

PREPROCESSING = Preprocessing(
    size=224, resize=256, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


@pytest.fixture(scope="module")
def photographs(shared) -> np.ndarray:
    """300 photographs of many kinds, prepared."""
    found = []
    with tarfile.open(shared / "data" / "caltech101-eval.tar") as tar:
        files = [member for member in tar if member.isfile()]
        for member in files[:: len(files) // 300][:300]:
            file = tar.extractfile(member)
            assert file is not None
            found.append(crop(decode(file.read(), shortest_side=256), PREPROCESSING))
    return np.stack(found)


@pytest.fixture(scope="module")
def network(photographs):
    """Make a network of timm's, its batch norms' statistics those of 32 photographs."""
    import timm
    import torch

    from lookalike.encoders.families.network import TorchNetwork

    @cache
    def settled(name: str) -> torch.nn.Module:
        torch.manual_seed(0)
        module = timm.create_model(name, pretrained=False, num_classes=0)
        norms = [part for part in module.modules() if hasattr(part, "reset_running_stats")]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None
        with torch.no_grad():
            module.train()(torch.from_numpy(normalized(photographs[:32], PREPROCESSING)))
        return module.eval().requires_grad_(False)

    def make(name: str) -> TorchNetwork:
        module = deepcopy(settled(name))  # an export may leave its marks
        return TorchNetwork(module, PREPROCESSING, module.num_features, 0)

    return make


@pytest.mark.parametrize("name", ["resnet18", "vit_small_patch16_224"])
@pytest.mark.parametrize(
    ("to", "precision"),
    [
        ("openvino", "exact"),
        ("openvino", "bf16"),
        ("openvino", "int8"),
        ("onnx", "exact"),
        ("onnx", "int8"),
    ],
)
def test_full_size_networks_pass_every_gate(
    network, photographs, cache: Path, integers_fit, name, to, precision
):
    if precision == "int8":
        integers_fit(to)
    card = EncoderCard(
        name=f"timm:{name}",
        weights="",
        dim=0,
        preprocessing=PREPROCESSING,
        family="timm",
        architecture=name,
    )
    few = photographs if precision == "int8" else photographs[:48]
    made = export_network(network(name), card, "ab" * 32, to=to, precision=precision, pictures=few)
    print(name, to, precision, made.evidence)  # noqa: T201
    lowest = {"exact": 0.99999, "bf16": 0.9995, "int8": 0.95}[precision]
    assert made.evidence.cosine_min >= lowest
