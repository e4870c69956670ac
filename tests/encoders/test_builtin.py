"""The encoder in the box: that it is the one its card describes, and as good as it says."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders import Encoder, embed, load_card, load_encoder
from lookalike.encoders.canonical import canonical_picture
from lookalike.encoders.cards import weights_digest

FOLDER = Path(str(resources.files("lookalike.encoders") / "builtin"))
# Shares of the teacher's mean average precision that the encoder in the box has to reach.
BARS = {"caltech101-eval": 0.70, "grocery-eval": 0.80, "clothing-eval": 0.90}


@pytest.fixture(scope="module")
def builtin() -> Encoder:
    return load_encoder("builtin")


def test_its_canonical_vector_is_the_cards(builtin):
    canonical = builtin.card.canonical
    assert canonical is not None
    first = embed([canonical_picture()], builtin)[0, : len(canonical.first)]
    np.testing.assert_allclose(first, canonical.first, atol=canonical.tolerance)


def test_its_rows_have_unit_length_and_the_cards_dim(builtin):
    rows = embed([canonical_picture(), canonical_picture()[::-1]], builtin)
    assert rows.shape == (2, builtin.card.dim)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_one_picture_alone_has_the_embedding_it_has_in_a_batch(builtin):
    size = builtin.preprocessing.size
    pixels = np.random.default_rng(0).integers(0, 256, (33, size, size, 3), dtype=np.uint8)
    batch = builtin.encode(pixels)
    for position in (0, 15, 16, 32):
        alone = builtin.encode(pixels[position : position + 1])[0]
        assert float(alone @ batch[position]) > 1 - 1e-5


def test_the_weights_are_small_and_the_cards(builtin):
    card = load_card(FOLDER / "card.json")
    weights = FOLDER / card.weights
    assert weights.stat().st_size <= 8_000_000
    assert weights_digest(weights) == card.sha256


def test_the_card_states_what_a_user_wants_to_know():
    facts = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    for key in ("licence", "data", "recipe", "parameters", "size_bytes", "canonical", "measured"):
        assert facts[key]
    assert facts["size_bytes"] == (FOLDER / facts["weights"]).stat().st_size
    assert facts["measured"]["ms_per_picture_one_thread"] > 0
    assert set(facts["measured"]["retrieval"]) == set(BARS)


@pytest.mark.heavy
@pytest.mark.shared
def test_it_retrieves_as_well_as_its_card_says_and_as_its_teacher_demands(builtin, shared):
    pytest.importorskip("torch")
    from lookalike.training.measure import compare, teacher_encoder

    (teacher,) = (shared / "weights").glob("mobilenetv2*/*.onnx")
    measured = compare(shared / "data", builtin, teacher_encoder(teacher))
    stated = json.loads((FOLDER / "card.json").read_text())["measured"]["retrieval"]
    for name, bar in BARS.items():
        ours = measured[name]["mean_average_precision"]
        assert ours / measured[name]["teacher_mean_average_precision"] >= bar, name
        assert ours == pytest.approx(stated[name]["mean_average_precision"], abs=2e-3)
        ours_at_1 = measured[name]["precision_at_1"]
        assert ours_at_1 == pytest.approx(stated[name]["precision_at_1"], abs=5e-3)
