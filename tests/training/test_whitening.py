"""Whitening by class, on four points whose scatter is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from lookalike.errors import UsageError
from lookalike.training import whitening
from lookalike.training.pictures import UNLABELLED


@pytest.fixture(autouse=True)
def small_classes(monkeypatch):
    monkeypatch.setattr(whitening, "LEAST_MEMBERS", 2)


# Two classes of two points: within each, x varies by +-3 and y by +-1.
ROWS = np.array([[3, 11], [-3, 9], [3, -9], [-3, -11]], dtype=np.float32)
LABELS = np.array([0, 0, 1, 1])


def test_the_scatter_is_taken_around_the_class_means():
    # deviations (3, 1) and (-3, -1) in each class: covariance [[9, 3], [3, 1]]
    np.testing.assert_allclose(whitening.within_classes(ROWS, LABELS), [[9, 3], [3, 1]])


def test_what_varies_within_classes_is_scaled_down():
    rows = np.array([[2, 5], [-2, 5], [0, 6], [0, 4], [2, -5], [-2, -5], [0, -6], [0, -4]])
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    # within: x has variance 8/4 = 2, y 2/4 = 0.5; over the trace: 0.8 and 0.2
    projection = whitening.fit_class_whitening([(rows.astype(np.float32), labels)], 1.0, 0.0)
    gains = np.linalg.norm(projection.axes, axis=1)
    np.testing.assert_allclose(gains, [0.8**-0.5, 0.2**-0.5], rtol=1e-6)
    np.testing.assert_allclose(projection.mean, [0, 0], atol=1e-7)


def test_power_zero_keeps_the_geometry():
    projection = whitening.fit_class_whitening([(ROWS, LABELS)], 0.0)
    np.testing.assert_allclose(projection.axes @ projection.axes.T, np.eye(2), atol=1e-6)


def test_pictures_without_a_class_do_not_count():
    rows = np.concatenate([ROWS, [[100, 100]]]).astype(np.float32)
    labels = np.append(LABELS, UNLABELLED)
    np.testing.assert_allclose(whitening.within_classes(rows, labels), [[9, 3], [3, 1]])


def test_no_class_of_enough_members_is_refused():
    with pytest.raises(UsageError, match="--whitening 0"):
        whitening.within_classes(ROWS, np.array([0, 1, 2, 3]))
