"""Every known encoder at its full size, with random weights, against its own library."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import torchvision_shim  # noqa: F401 - before timm and open_clip

pytest.importorskip("timm")
pytest.importorskip("open_clip")
import hub_forms
from lookalike.encoders.families import describe
from lookalike.encoders.known import known_card, known_names
from lookalike.encoders.weights.folders import open_folder

# A picture takes these seconds on two cores: one has to do.
SLOW_PARAMETERS = 200_000_000
SLOW_SIZE = 378


@pytest.fixture
def folder() -> Iterator[Path]:
    """Free each network before the next: the largest take gigabytes, here and on the disk.

    The tests' own folder may be one in memory, where they would lie twice.
    """
    with tempfile.TemporaryDirectory() as made:
        yield Path(made)
    gc.collect()


@pytest.mark.heavy
@pytest.mark.parametrize("name", known_names())
def test_a_known_encoder_answers_as_its_own_library(name, folder, pictures):
    known = known_card(name)
    is_slow = known.parameters > SLOW_PARAMETERS or known.preprocessing.size >= SLOW_SIZE
    chosen = pictures[6:7] if is_slow else pictures[::4]
    if known.family == "timm":
        reference = hub_forms.save_timm(known.architecture, folder, pictures[::4])
    else:
        # The text tower is another test's; here it is only as large as it must be.
        text = {"layers": 1, "vocab_size": 600}
        reference = hub_forms.save_openclip(known.architecture, folder, pictures[::4], text=text)
    expected = reference.embed(chosen)
    del reference
    card = describe(open_folder(folder))
    assert card.preprocessing == known.preprocessing
    assert card.has_text == known.has_text
    assert card.dim in {0, known.dim}
    rows = hub_forms.product_rows(folder, chosen)
    assert rows.shape[1] == known.dim
    assert hub_forms.cosines(rows, expected).min() >= 1 - 1e-4
    if not is_slow:
        hub_forms.assert_alike(rows, expected)
