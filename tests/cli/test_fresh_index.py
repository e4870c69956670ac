"""The index follows the gallery: built at the end of a command, shown by ``info``."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lookalike.errors import StorageFull
from lookalike.search import rebuilding
from lookalike.vectors import unit_rows


@pytest.fixture
def embeddings(tmp_path):
    dice = np.random.default_rng(3)
    centres = dice.normal(size=(30, 24))
    rows = unit_rows(centres[dice.integers(30, size=1600)] + 0.5 * dice.normal(size=(1600, 24)))
    np.save(tmp_path / "rows.npy", rows)
    return tmp_path / "rows.npy"


@pytest.fixture
def imported(lookalike, embeddings, tmp_path):
    return lambda: lookalike(
        "import", embeddings, "--format", "numpy", "--space", "tests", "--gallery", tmp_path / "g"
    )


def test_a_gallery_that_outgrew_exact_search_gets_an_index(
    lookalike, imported, tmp_path, monkeypatch
):
    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    done = imported()
    assert done.code == 0, done.err
    assert "recall@10" in done.out
    told = lookalike("info", "--gallery", tmp_path / "g").out
    assert "index       " in told
    assert "recall@10" in told
    facts = json.loads(lookalike("info", "--gallery", tmp_path / "g", "--json").out)["index"]
    assert facts["evidence"]["chosen"]["recall"] >= 0.95
    assert facts["problem"] is None


def test_a_small_gallery_has_none_and_says_so(lookalike, imported, tmp_path):
    assert "index" not in imported().out
    told = lookalike("info", "--gallery", tmp_path / "g").out
    assert "index       none: every picture is compared" in told
    assert json.loads(lookalike("info", "--gallery", tmp_path / "g", "--json").out)["index"] is None


def test_a_full_disk_costs_the_index_and_nothing_else(lookalike, imported, tmp_path, monkeypatch):
    def full(*_: object, **__: object):
        raise StorageFull("The disk is full: free some space.")

    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    monkeypatch.setattr(rebuilding, "tune", full)
    done = imported()
    assert done.code == 0
    assert "The index was not built" in done.err
    assert lookalike("verify", "--gallery", tmp_path / "g").code == 0


def test_ctrl_c_while_the_index_is_built_keeps_the_pictures(
    lookalike, imported, tmp_path, monkeypatch
):
    def interrupted(*_: object, **__: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(rebuilding, "needs_index", lambda rows, dim: rows > 1000)
    monkeypatch.setattr(rebuilding, "tune", interrupted)
    done = imported()
    assert done.code == 130
    assert "all pictures are safe" in done.err
    assert "1,600" in lookalike("info", "--gallery", tmp_path / "g").out
