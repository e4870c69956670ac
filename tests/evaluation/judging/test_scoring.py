"""From run and judgements to named values."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.protocol import JUNK
from lookalike.evaluation.judging.qrels import LabelQrels, ListedQrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores, score_run

LABELS = ["cat", "cat", "cat", "dog", "dog", "owl"]
QRELS = LabelQrels([f"q{line}" for line in range(6)], LABELS, LABELS, self_ids=range(6))


def run_with(queries, image_ids):
    ids = np.array(image_ids, dtype=np.int64)
    scores = np.broadcast_to(-np.arange(ids.shape[1], dtype=np.float32), ids.shape)
    return Run(tuple(queries), ids, scores)


WHOLE = run_with(
    QRELS.queries,
    [
        [1, 3, 2, 4, 5],
        [0, 2, 3, 4, 5],
        [3, 4, 5, 0, 1],
        [4, 0, 1, 2, 5],
        [0, 1, 2, 5, 3],
        [0, 1, 2, 3, 4],
    ],
)


def test_a_whole_ranking_by_hand():
    scores = score_run(WHOLE, QRELS, ks=[1, 2], is_whole=True)
    assert list(scores.values) == [
        *(f"{name}@{k}" for name in ("precision", "fpr", "recall", "hit_rate", "ndcg", "map")
          for k in (1, 2)),
        "mrr", "ap", "r_precision",
    ]  # fmt: skip
    nan = np.nan
    expected = {
        "precision@1": [1, 1, 0, 1, 0, nan],
        "precision@2": [1 / 2, 1, 0, 1 / 2, 0, nan],
        "fpr@2": [1 / 2, 0, 1, 1 / 2, 1, nan],
        "recall@2": [1 / 2, 1, 0, 1, 0, nan],
        "hit_rate@2": [1, 1, 0, 1, 0, nan],
        "map@2": [1 / 2, 1, 0, 1, 0, nan],
        "mrr": [1, 1, 1 / 4, 1, 1 / 5, nan],
        "ap": [(1 + 2 / 3) / 2, 1, (1 / 4 + 2 / 5) / 2, 1, 1 / 5, nan],
        "r_precision": [1 / 2, 1, 0, 1, 0, nan],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(scores.of(name), values, err_msg=name)
    assert scores.positives.tolist() == [2, 2, 2, 1, 1, 0]
    assert scores.groups == tuple(LABELS)
    assert scores.left_out == 1
    assert scores.mean("precision@1") == pytest.approx(3 / 5)


def test_a_ranking_that_was_cut_off_has_no_metrics_of_the_whole():
    shallow = Run(WHOLE.queries, WHOLE.image_ids[:, :2], WHOLE.scores[:, :2])
    scores = score_run(shallow, QRELS, ks=[2, 1, 2], is_whole=False)
    whole = score_run(WHOLE, QRELS, ks=[1, 2], is_whole=True)
    assert set(whole.values) - set(scores.values) == {"ap", "r_precision"}
    for name in set(scores.values) - {"mrr"}:
        np.testing.assert_array_equal(scores.of(name), whole.of(name))
    # What is found at rank 4 of the whole ranking is not found in the first two.
    np.testing.assert_array_equal(scores.of("mrr"), [1, 1, 0, 1, 0, np.nan])


def test_only_the_revisited_protocol_has_its_own_metrics():
    qrels = ListedQrels(["a"], [[1, 2]], junk=[[0]], is_revisited=True)
    run = run_with(["a"], [[0, 1, 3, 2]])
    scores = score_run(run, qrels, ks=[3], is_whole=True)
    assert scores.of("ap_trapezoid") == pytest.approx((1 + (1 / 2 + 2 / 3) / 2) / 2)
    assert scores.of("mp@3") == pytest.approx(2 / 3)
    plain = score_run(run, ListedQrels(["a"], [[1, 2]], junk=[[0]]), ks=[3], is_whole=True)
    assert not {"ap_trapezoid", "mp@3"} & set(plain.values)
    assert not {"ap_trapezoid", "ap"} & set(score_run(run, qrels, ks=[3], is_whole=False).values)


def test_junk_in_a_run_that_was_cut_off_costs_depth():
    qrels = ListedQrels(["a", "b"], [[1], [2]], junk=[[0], []])
    run = run_with(["a", "b"], [[0, 1, 3], [0, 1, 2]])
    assert score_run(run, qrels, ks=[2], is_whole=False).of("precision@2").tolist() == [1 / 2, 0]
    with pytest.raises(UsageError, match="of the 3 hits of a query up to 1 are junk"):
        score_run(run, qrels, ks=[3], is_whole=False)
    # Of a whole ranking, nothing could have followed.
    assert score_run(run, qrels, ks=[3], is_whole=True).of("precision@3").tolist() == [1 / 3, 1 / 3]


def test_of_a_run_as_deep_as_there_are_images_nothing_is_cut_off():
    qrels = ListedQrels(["a", "b"], [[1], [2]], junk=[[0], []])
    run = run_with(["a", "b"], [[0, 1, 3], [0, 1, 2]])
    scores = score_run(run, qrels, ks=[3], is_whole=False, findable=3)
    assert scores.of("precision@3").tolist() == [1 / 3, 1 / 3]
    with pytest.raises(UsageError, match="search deeper"):
        score_run(run, qrels, ks=[3], is_whole=False, findable=4)


def test_a_ranking_that_ended_by_itself_is_not_cut_off():
    qrels = ListedQrels(["a"], [[1]], junk=[[0]])
    run = run_with(["a"], [[0, 1, -1]])
    assert score_run(run, qrels, ks=[3], is_whole=False).of("precision@3").tolist() == [1 / 3]


@pytest.mark.parametrize(
    ("ks", "is_whole", "sentence"),
    [
        ([1, 6], True, "k is 6, and there are only 5 images for each query: choose a smaller k."),
        ([6], False, "k is 6, and the run has only the first 5 images for each query: .* deeper"),
        ([0, 1], True, r"The cut-offs k are \[0, 1\]"),
        ([], True, r"The cut-offs k are \[\]"),
    ],
)
def test_a_k_beyond_the_gallery(ks, is_whole, sentence):
    with pytest.raises(UsageError, match=sentence):
        score_run(WHOLE, QRELS, ks=ks, is_whole=is_whole)


def test_a_run_that_is_called_whole_and_is_not():
    shallow = Run(WHOLE.queries, WHOLE.image_ids[:, :1], WHOLE.scores[:, :1])
    with pytest.raises(UsageError, match="needs whole rankings"):
        score_run(shallow, QRELS, ks=[1], is_whole=True)


def test_blocks_of_queries_join_to_the_whole():
    whole = score_run(WHOLE, QRELS, ks=[1, 2], is_whole=True)
    blocks = [
        score_run(
            Run(WHOLE.queries[part], WHOLE.image_ids[part], WHOLE.scores[part]),
            QRELS,
            ks=[1, 2],
            is_whole=True,
        )
        for part in (slice(0, 4), slice(4, 6))
    ]
    joined = Scores.joined(blocks)
    assert joined.queries == whole.queries
    assert joined.groups == whole.groups
    assert joined.positives.tolist() == whole.positives.tolist()
    for name in whole.values:
        np.testing.assert_array_equal(joined.of(name), whole.of(name))


def test_only_scores_of_equal_metrics_join():
    one = score_run(WHOLE, QRELS, ks=[1], is_whole=True)
    two = score_run(WHOLE, QRELS, ks=[2], is_whole=True)
    for parts in ([], [one, two]):
        with pytest.raises(UsageError, match="all of the same metrics"):
            Scores.joined(parts)


def test_metrics_carry_the_name_of_their_protocol():
    scores = score_run(WHOLE, QRELS, ks=[1], is_whole=False).prefixed("easy:")
    assert scores.mean("easy:precision@1") == pytest.approx(3 / 5)
    with pytest.raises(
        UsageError, match=r"no metric 'precision@1' .* choose one of easy:precision"
    ):
        scores.mean("precision@1")


def test_some_queries_in_another_order():
    scores = score_run(WHOLE, QRELS, ks=[1], is_whole=True).of_queries(["q2", "q0"])
    assert scores.of("mrr").tolist() == [1 / 4, 1]
    assert (scores.queries, scores.groups) == (("q2", "q0"), ("cat", "cat"))
    with pytest.raises(UsageError, match="no query 'q9'"):
        scores.of_queries(["q9"])


def test_a_mean_of_nothing_is_refused():
    only = score_run(WHOLE, QRELS, ks=[1], is_whole=True).of_queries(["q5"])
    with pytest.raises(UsageError, match="no query has anything to find"):
        only.mean("ap")


def test_a_query_that_finds_itself_is_scored_as_if_it_had_not():
    with_self = run_with(["q0"], [[0, 1, 3, 2, 4, 5]])
    judged = QRELS.judge(with_self)
    assert judged.grades[0, 0] == JUNK
    scores = score_run(with_self, QRELS, ks=[1, 2], is_whole=True)
    whole = score_run(WHOLE, QRELS, ks=[1, 2], is_whole=True).of_queries(["q0"])
    for name in whole.values:
        np.testing.assert_array_equal(scores.of(name), whole.of(name))
