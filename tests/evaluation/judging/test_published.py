"""Published numbers, computed again from the ranking that they were computed from.

``data/clothing-eval-builtin.npz`` is the built-in encoder's ranking of the 372 pictures of
clothing-eval: for each picture the numbers of all others, best first, and their labels.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lookalike import encoders
from lookalike.evaluation.judging.intervals import estimates
from lookalike.evaluation.judging.qrels import LabelQrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores, score_run
from lookalike.evaluation.judging.tables import per_class

DATA = Path(__file__).parents[1] / "data" / "clothing-eval-builtin.npz"


@pytest.fixture(scope="module")
def scores() -> Scores:
    with np.load(DATA) as shipped:
        ranking, labels = shipped["ranking"].astype(np.int64), shipped["labels"].tolist()
    names = tuple(f"{label}/{place}" for place, label in enumerate(labels))
    falling = np.broadcast_to(-np.arange(ranking.shape[1], dtype=np.float32), ranking.shape)
    qrels = LabelQrels(names, labels, labels, self_ids=range(len(labels)))
    return score_run(Run(names, ranking, falling), qrels, ks=[1, 10], is_whole=True)


@pytest.fixture(scope="module")
def published():
    card = Path(encoders.__file__).parent / "builtin" / "card.json"
    return json.loads(card.read_text(encoding="utf-8"))["measured"]["retrieval"]["clothing-eval"]


def test_the_card_of_the_builtin_encoder(scores, published):
    assert len(scores) == published["pictures"]
    assert round(scores.mean("ap"), 4) == published["mean_average_precision"]
    assert round(scores.mean("precision@1"), 4) == published["precision_at_1"]


def test_it_lies_in_its_interval(scores, published):
    found = estimates(scores)["ap"]
    assert found.low < published["mean_average_precision"] < found.high
    # Of 372 queries whose AP has a standard deviation of 0.26: 1.96 * 0.26 / sqrt(372) = 0.026.
    deviation = np.std(scores.of("ap")) / np.sqrt(len(scores))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * deviation, rel=0.1)


def test_classes_average_to_the_whole(scores):
    rows = per_class(scores, ["ap"])
    assert sum(row.queries for row in rows) == 372
    weighted = sum(row.queries * row.metrics["ap"] for row in rows) / 372
    assert weighted == pytest.approx(scores.mean("ap"))
