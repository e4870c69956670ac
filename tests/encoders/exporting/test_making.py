"""Exports of small torch networks: accepted with their numbers, or refused with them."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders import EncoderCard
from lookalike.encoders.exporting import (
    export_network,
    exports_of,
    find_export,
    making,
    runtime_of,
)
from lookalike.encoders.exporting.graphs import pixel_network
from lookalike.errors import EncoderError, MissingExtra
from lookalike.images.preprocessing import normalized

for library in ("torch", "onnx", "onnxscript", "openvino", "nncf"):
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"needs {library}", allow_module_level=True)

DIGEST = "ab" * 32


def by_torch(network, pictures: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        return network.images(torch.from_numpy(normalized(pictures, network.preprocessing))).numpy()


def files_below(folder: Path) -> list[str]:
    """Name the files of exports; hashes are remembered beside them once a file is old enough."""
    names = (path.name for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if name != "digests.json")


@pytest.fixture
def export(small_network, card_of, pictures, cache) -> Callable:
    def run(kind, to, precision, **changes):
        given = {"pictures": pictures, **changes}
        return export_network(
            small_network(kind), card_of(kind), DIGEST, to=to, precision=precision, **given
        )

    return run


def test_normalisation_is_part_of_the_graph(small_network, pictures):
    import torch

    network = small_network("conv")
    module = pixel_network(network.images, network.preprocessing)
    with torch.inference_mode():
        rows = module(torch.from_numpy(pictures[:5])).numpy()
    np.testing.assert_allclose(rows, by_torch(network, pictures[:5]), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "to"),
    [
        ("conv", "openvino"),
        ("vit", "onnx"),
        pytest.param("conv", "onnx", marks=pytest.mark.heavy),
        pytest.param("vit", "openvino", marks=pytest.mark.heavy),
    ],
)
def test_exact_exports_give_the_embeddings_of_torch(
    export, small_network, card_of, pictures, kind, to
):
    made = export(kind, to, "exact")
    assert find_export(card_of(kind), DIGEST, to) == made
    # Closer than the gate asks: bfloat16 in disguise would show.
    assert made.evidence.cosine_min >= 0.999999
    assert made.evidence.overlap == pytest.approx(1, abs=0.01)
    assert made.evidence.pictures == 150
    assert made.evidence.libraries["torch"].startswith("2.")
    assert made.evidence.speed_ratio == made.evidence.rate / made.evidence.torch_rate > 0
    # Batches of any size, though two pictures were traced.
    rows = runtime_of(made, card_of(kind)).run(pictures[:7])
    np.testing.assert_allclose(rows, by_torch(small_network(kind), pictures[:7]), atol=1e-4)
    assert without_torch(card_of(kind), to) == made.fingerprint


def without_torch(card: EncoderCard, backend: str) -> str:
    """Run an export in a process that stops at torch; return the fingerprint of its encoder."""
    program = """
import json, sys
import numpy as np
for name in ("torch", "onnx", "onnxscript", "nncf"):
    sys.modules[name] = None  # importing it fails
from lookalike.encoders import NetworkEncoder
from lookalike.encoders.cards import card_from
from lookalike.encoders.exporting import find_export, runtime_of
card = card_from(json.loads(sys.argv[1]))
found = find_export(card, sys.argv[2], sys.argv[3])
encoder = NetworkEncoder(card, sys.argv[2], runtime_of(found, card))
encoder.encode(np.zeros((2, 32, 32, 3), np.uint8))
print(encoder.space.fingerprint)
"""
    command = [sys.executable, "-c", program, json.dumps(asdict(card)), DIGEST, backend]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_bfloat16_is_close_and_has_a_space_of_its_own(export, card_of):
    made = export("conv", "openvino", "bf16")
    assert 0.999 <= made.evidence.cosine_mean <= 1
    if "bfloat16" in runtime_of(made, card_of("conv")).description:  # not on every processor
        assert made.evidence.cosine_min < 0.999999
    card = replace(card_of("conv"), precision="bf16")
    assert made.fingerprint == replace(card, dim=24).space(DIGEST).fingerprint
    assert find_export(card, DIGEST) == made
    assert find_export(card_of("conv"), DIGEST) is None


@pytest.mark.parametrize(("kind", "to"), [("conv", "onnx"), ("vit", "openvino")])
def test_integers_that_rank_alike_are_accepted(export, integers_fit, kind, to):
    integers_fit(to)
    made = export(kind, to, "int8")
    assert 0.95 <= made.evidence.overlap < 1
    # A third of the pictures sets the ranges, and judges nothing.
    assert (made.evidence.calibrated_on, made.evidence.pictures) == (50, 100)


@pytest.mark.parametrize("to", ["openvino", pytest.param("onnx", marks=pytest.mark.heavy)])
def test_integers_that_ruin_a_network_are_refused_with_the_number(export, card_of, cache, to):
    with pytest.raises(EncoderError, match=r"nearest pictures that stay the same is 0\.\d{4}, and"):
        export("ruined", to, "int8")
    assert files_below(cache) == []
    assert exports_of(card_of("ruined"), DIGEST) == ()


def test_integers_are_tried_with_more_care_before_they_are_refused():
    assert making.attempts("openvino", "int8") == (False, True)
    assert making.attempts("openvino", "bf16") == (False,)
    assert making.attempts("onnx", "int8") == (False,)


def test_an_export_that_differs_is_refused_and_leaves_the_earlier_one(
    export, card_of, pictures, cache, monkeypatch
):
    heard = []
    few = pictures[:20]
    earlier = export(
        "conv",
        "onnx",
        "exact",
        pictures=few,
        pictures_from="of a friend",
        on_progress=lambda *told: heard.append(told),
    )
    assert earlier.evidence.pictures_from == "of a friend"
    assert heard == [
        ("writing the graph", 0, 1),
        ("comparing with torch", 20, 20),
    ]
    run = making.torch_runner
    monkeypatch.setattr(
        making, "torch_runner", lambda network: lambda pixels: run(network)(pixels) + 0.05
    )
    with pytest.raises(EncoderError, match=r"lowest cosine is 0\.\d{6}, and at least 0.9999 is"):
        export("conv", "onnx", "exact", pictures=few)
    assert find_export(card_of("conv"), DIGEST, "onnx") == earlier
    assert files_below(cache) == ["export.json", "model.onnx"]


def test_an_interrupted_export_leaves_nothing(export, pictures, cache):
    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "comparing with torch":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export("conv", "openvino", "exact", pictures=pictures[:20], on_progress=interrupt)
    assert files_below(cache) == []


def test_a_network_that_cannot_be_traced_is_refused(small_network, card_of, pictures, cache):
    import torch

    class Undecided(torch.nn.Module):
        def forward(self, planes):
            return (
                planes.flatten(1)[:, :4] if planes.sum().item() > 0 else planes.flatten(1)[:, 4:8]
            )

    network = replace(small_network("conv"), images=Undecided())
    with pytest.raises(EncoderError, match="torch cannot write encoder 'timm:conv' as a graph"):
        export_network(
            network, card_of("conv"), DIGEST, to="onnx", precision="exact", pictures=pictures[:8]
        )
    assert files_below(cache) == []


def test_too_few_pictures_are_refused_before_any_work(export, pictures, monkeypatch):
    monkeypatch.setattr(making, "write_graph", None)
    with pytest.raises(EncoderError, match="at least 75 of them"):
        export("conv", "onnx", "int8", pictures=pictures[:60])


def test_without_the_libraries_the_extra_is_named(export, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtra, match=r"lookalike\[export\]"):
        export("conv", "onnx", "exact")


def test_quantizing_reports_to_nobody(tmp_path):
    program = (
        "from lookalike.encoders.exporting.quantizing import imported_nncf; imported_nncf(); "
        "import sys; print(sum('openvino_telemetry' in name for name in sys.modules))"
    )
    environment = {**os.environ, "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "0"
    assert list(tmp_path.iterdir()) == []
