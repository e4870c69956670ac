"""Layouts keep groups together, survive equal rows and few rows, and repeat themselves."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lookalike.errors import MissingExtra, UsageError
from lookalike.evaluation.maps.layouts import lay_out, pca_layout, tsne_layout, umap_layout
from lookalike.evaluation.maps.neighboring import neighborhood_of
from lookalike.vectors import unit_rows


def groups(*sizes: int, dim: int = 12, seed: int = 0):
    dice = np.random.default_rng(seed)
    numbers = np.repeat(np.arange(len(sizes)), sizes)
    return unit_rows(np.eye(dim)[numbers] + 0.1 * dice.normal(size=(len(numbers), dim))), numbers


def same_group(points: np.ndarray, numbers: np.ndarray, k: int = 5) -> float:
    """The share of the k nearest points that are of the same group."""
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return float((numbers[np.argsort(gaps, axis=1)[:, :k]] == numbers[:, None]).mean())


@pytest.fixture
def tsne():
    pytest.importorskip("openTSNE")
    return tsne_layout


def test_tsne_keeps_groups_together(tsne):
    rows, numbers = groups(60, 50, 40, 30)
    points = tsne(rows)
    assert points.shape == (180, 2)
    assert points.dtype == np.float32
    assert same_group(points, numbers) == 1.0
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    assert np.allclose(middle, 0, atol=1e-3)


def test_tsne_repeats_itself(tsne):
    rows, _ = groups(60, 50, 40)
    assert np.array_equal(tsne(rows, seed=4, threads=1), tsne(rows, seed=4, threads=1))


def test_tsne_takes_neighbors_that_are_known(tsne):
    rows, _ = groups(60, 50, 40)
    known = neighborhood_of(rows, 120)
    assert np.array_equal(tsne(rows, neighborhood=known, threads=1), tsne(rows, threads=1))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8, 9, 30])
def test_tsne_of_few_rows_is_finite(tsne, count):
    points = tsne(unit_rows(np.random.default_rng(0).normal(size=(count, 6))))
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == count


def test_equal_rows_do_not_break_tsne(tsne):
    rows, numbers = groups(30, 30)
    rows[:25] = rows[0]
    rows[40:60] = rows[40]
    points = tsne(rows)
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == 60
    assert same_group(points, numbers) > 0.95
    width = np.ptp(points, axis=0).max()
    assert np.linalg.norm(points[:25] - points[0], axis=1).max() < 0.01 * width


def test_nothing_but_equal_rows_is_a_small_fan(tsne):
    points = tsne(np.ones((40, 6)))
    assert np.isfinite(points).all()
    assert len(np.unique(points, axis=0)) == 40


def test_nearly_equal_rows_do_not_break_tsne(tsne):
    dice = np.random.default_rng(0)
    rows = np.eye(6)[dice.integers(3, size=90)] + 1e-7 * dice.normal(size=(90, 6))
    assert np.isfinite(tsne(rows)).all()


def test_rows_of_zeros_do_not_break_tsne(tsne):
    rows, _ = groups(20, 20)
    rows[:3] = 0
    assert np.isfinite(tsne(rows)).all()


def test_tsne_tells_how_far_it_is(tsne):
    told = []
    tsne(groups(40, 40)[0], on_progress=lambda *step: told.append(step))
    assert told[0][0] == "neighbors"
    assert told[-1] == ("t-SNE", 750, 750)


def test_principal_components_by_hand():
    rows = np.array([[4, 0, 3.0], [-4, 0, 3], [0, 1, 5], [0, -1, 5]])
    points = pca_layout(rows)
    # At unit length the rows are (±.8, 0, .6) and (0, ±.196, .981): the first axis carries most.
    assert points[0] == pytest.approx((0.8, 0.0), abs=0.2)
    assert points[1] == pytest.approx((-0.8, 0.0), abs=0.2)
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(1.6)


@pytest.mark.filterwarnings("ignore")  # what its import says
@pytest.mark.heavy
def test_umap_keeps_groups_together():
    pytest.importorskip("umap")
    rows, numbers = groups(60, 50, 40)
    points = umap_layout(rows)
    assert same_group(points, numbers) == 1.0


@pytest.mark.parametrize(
    ("layout", "module", "extra"), [("tsne", "openTSNE", "eval"), ("umap", "umap", "umap")]
)
def test_a_missing_library_is_named_with_its_extra(monkeypatch, layout, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra) as caught:
        lay_out(groups(20, 20)[0], layout)
    assert caught.value.extra == extra


def test_bad_arguments_are_refused():
    with pytest.raises(UsageError, match="perplexity above 1"):
        tsne_layout(np.eye(4), perplexity=1)
    with pytest.raises(UsageError, match="no layout 'circle'"):
        lay_out(np.eye(4), "circle")
    with pytest.raises(UsageError, match="not finite"):
        pca_layout(np.full((3, 2), np.inf))
