"""Every kind of index against a plain ranking in float64.

The rows lie in 50 clusters on the unit sphere. The least recalls were measured once on
them (FAISS 1.15, seed 7) and lowered by a hundredth or two.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import faiss
import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.index import ExactIndex, FaissIndex, IndexConfig, SearchParams, build_index
from lookalike.vectors import unit_rows

DIM, ROWS, LISTS, K = 32, 3000, 30, 10
WIDE = SearchParams(nprobe=LISTS, ef_search=400, k_factor=30)


def made(kind: str, **settings: Any) -> IndexConfig:
    lists = {"nlist": LISTS} if kind.startswith("ivf") else {}
    return IndexConfig(kind, **{**lists, **settings})


def factory(text: str) -> IndexConfig:
    return IndexConfig("factory", factory=text)


PCA = {"reduction": "pca", "reduced_dim": 16}
# name: (config, least recall, largest error of a score)
KINDS: dict[str, tuple[IndexConfig, float, float]] = {
    "exact": (made("exact"), 1.0, 1e-6),
    "flat": (made("flat"), 1.0, 1e-6),
    "flat float16": (made("flat", codes="float16"), 0.99, 5e-4),
    "flat int8": (made("flat", codes="int8"), 0.98, 6e-3),
    "flat pca": (made("flat", **PCA), 0.92, 5e-4),
    "flat rotate": (made("flat", reduction="rotate"), 0.99, 1e-6),
    "ivf": (made("ivf"), 0.99, 1e-6),
    "ivf float16": (made("ivf", codes="float16"), 0.99, 5e-4),
    "ivf int8": (made("ivf", codes="int8"), 0.98, 6e-3),
    "ivf pca": (made("ivf", **PCA), 0.92, 5e-4),
    "ivf rotate": (made("ivf", reduction="rotate"), 0.99, 1e-6),
    "ivf int8 refined": (made("ivf", codes="int8", refine="float32"), 0.99, 1e-6),
    "ivf-pq": (made("ivf-pq"), 0.98, 5e-4),
    "ivf-pq int8": (made("ivf-pq", refine="int8"), 0.98, 6e-3),
    "ivf-pq float32": (made("ivf-pq", refine="float32"), 0.99, 1e-6),
    "ivf-pq none": (made("ivf-pq", refine="none"), 0.88, 0.08),
    "ivf-pq pca": (made("ivf-pq", **PCA), 0.92, 5e-4),
    "ivf-pq rotate": (made("ivf-pq", reduction="rotate"), 0.98, 5e-4),
    "ivf-pq opq": (made("ivf-pq", reduction="opq", reduced_dim=16, pq_m=4), 0.77, 5e-4),
    "ivf-rabitq": (made("ivf-rabitq"), 0.92, 5e-4),
    "ivf-rabitq 4 bits": (made("ivf-rabitq", rabitq_bits=4, refine="none"), 0.88, 0.06),
    "hnsw": (made("hnsw"), 0.99, 1e-6),
    "hnsw float16": (made("hnsw", codes="float16"), 0.99, 5e-4),
    "hnsw int8": (made("hnsw", codes="int8"), 0.98, 6e-3),
    "hnsw pca": (made("hnsw", **PCA), 0.92, 5e-4),
    "factory RFlat": (factory("PCA16,IVF30,Flat,RFlat"), 0.92, 1e-6),
    "factory 4 bits RFlat": (factory("IVF30,PQ16x4fs,RFlat"), 0.97, 1e-6),
    "factory Refine": (factory("IVF30,SQ8,Refine(SQfp16)"), 0.98, 5e-4),
    "factory IVF_HNSW": (factory("IVF30_HNSW8,Flat"), 0.98, 1e-6),
}
EVERY = pytest.mark.parametrize("name", KINDS)
TRAINED = [name for name, (config, _, _) in KINDS.items() if config.kind.startswith("ivf")]
GRAPHS = ["hnsw", "hnsw float16", "hnsw int8"]


@cache
def clustered() -> tuple[np.ndarray, np.ndarray]:
    """Make rows (3000, 32) and queries (40, 32), of unit length."""
    dice = np.random.default_rng(7)
    centres = dice.normal(size=(50, DIM))
    rows = centres[dice.integers(0, 50, ROWS)] + dice.normal(size=(ROWS, DIM))
    queries = centres[dice.integers(0, 50, 40)] + dice.normal(size=(40, DIM))
    return unit_rows(rows), unit_rows(queries)


@cache
def built(name: str) -> Any:
    return build_index([clustered()[0]], KINDS[name][0], dim=DIM)


def scores_of(queries: np.ndarray, rows: np.ndarray, metric: str = "cosine") -> np.ndarray:
    """Score every row for every query in float64."""
    queries, rows = queries.astype(np.float64), rows.astype(np.float64)
    if metric == "l2":
        return -((queries[:, None] - rows[None]) ** 2).sum(axis=2)
    if metric == "cosine":
        queries = queries / np.linalg.norm(queries, axis=1, keepdims=True)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return queries @ rows.T


def ranked(scores: np.ndarray, k: int = K, allowed: np.ndarray | None = None) -> np.ndarray:
    """Name the k best rows of each line; equal scores by row."""
    if allowed is not None:
        scores = np.where(allowed, scores, -np.inf)
    return np.argsort(-scores.astype(np.float32), axis=1, kind="stable")[:, :k]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of the true neighbors that was found."""
    shared = [len(set(line) & set(best)) for line, best in zip(found, truth, strict=True)]
    return sum(shared) / truth.size


def require_order(found: Any) -> None:
    """Best first, equal scores by row, nothing twice, -1 and -inf in the same places at the end."""
    for scores, rows in zip(found.scores, found.rows, strict=True):
        count = int((rows >= 0).sum())
        assert (rows[count:] == -1).all()
        assert np.isneginf(scores[count:]).all()
        assert len(set(rows[:count])) == count
        pairs = list(zip(-scores[:count], rows[:count], strict=True))
        assert pairs == sorted(pairs)


@EVERY
def test_it_finds_what_a_plain_ranking_finds(name):
    rows, queries = clustered()
    _, least, error = KINDS[name]
    found = built(name).search(queries, K)
    require_order(found)
    truth = scores_of(queries, rows)
    assert recall(found.rows, ranked(truth)) >= least
    np.testing.assert_allclose(
        found.scores, np.take_along_axis(truth, found.rows, axis=1), atol=error
    )


@EVERY
def test_a_mask_hides_rows_and_the_others_are_still_found(name):
    rows, queries = clustered()
    allowed = np.random.default_rng(1).random(ROWS) < 0.3
    found = built(name).search(queries, K, allowed=allowed, params=WIDE)
    require_order(found)
    assert allowed[found.rows].all()
    truth = ranked(scores_of(queries, rows), allowed=allowed)
    assert recall(found.rows, truth) >= KINDS[name][1] - 0.03


@EVERY
def test_a_mask_that_allows_nothing_finds_nothing(name):
    found = built(name).search(clustered()[1][:2], 3, allowed=np.zeros(ROWS, dtype=np.bool_))
    assert found.rows.tolist() == [[-1] * 3] * 2
    assert np.isneginf(found.scores).all()


@EVERY
def test_dead_rows_of_several_half_precision_blocks_are_never_found(name):
    rows, queries = clustered()
    halves = rows.astype(np.float16)
    blocks = [halves[:1000], halves[1000:1001], halves[1001:1001], halves[1001:]]
    alive = np.random.default_rng(2).random(ROWS) < 0.8
    dead = np.flatnonzero(~alive)
    index = build_index(blocks, KINDS[name][0], dim=DIM, dead=dead)
    assert index.size == ROWS - len(dead)
    found = index.search(queries, K, params=WIDE)
    require_order(found)
    assert alive[found.rows].all()
    truth = ranked(scores_of(queries, halves), allowed=alive)
    assert recall(found.rows, truth) >= KINDS[name][1] - 0.03


@EVERY
def test_one_query_is_answered_as_in_a_batch(name):
    queries = clustered()[1][:9]
    batch = built(name).search(queries, K)
    for line, query in enumerate(queries):
        alone = built(name).search(query[None], K)
        assert alone.rows[0].tolist() == batch.rows[line].tolist()
        np.testing.assert_allclose(alone.scores[0], batch.scores[line], atol=1e-6)


@EVERY
def test_a_query_is_answered_alike_beside_one_of_another_length(name):
    queries = clustered()[1][:9].copy()
    alone = built(name).search(queries[:8], K)
    queries[8] *= 3
    beside = built(name).search(queries, K)
    np.testing.assert_array_equal(beside.rows[:8], alone.rows)
    np.testing.assert_allclose(beside.scores[:8], alone.scores, atol=1e-7)


@pytest.mark.parametrize("name", ["exact", "flat"])
@pytest.mark.parametrize("is_masked", [False, True])
def test_exact_answers_are_the_same_bits_in_batches_of_any_size(name, is_masked):
    dice = np.random.default_rng(5)
    queries = dice.normal(size=(30, DIM)).astype(np.float32)
    queries[::2] = unit_rows(queries[::2])
    allowed = dice.random(ROWS) < 0.5 if is_masked else None
    batch = built(name).search(queries, K, allowed=allowed)
    for size in (1, 4, 13):
        parts = [
            built(name).search(queries[start : start + size], K, allowed=allowed)
            for start in range(0, 30, size)
        ]
        np.testing.assert_array_equal(np.concatenate([part.rows for part in parts]), batch.rows)
        np.testing.assert_array_equal(np.concatenate([part.scores for part in parts]), batch.scores)


@EVERY
def test_more_neighbors_than_rows_are_padded(name):
    found = built(name).search(clustered()[1][:2], ROWS + 5, params=WIDE)
    assert found.rows.shape == found.scores.shape == (2, ROWS + 5)
    require_order(found)
    assert (found.rows[:, -5:] == -1).all()
    # A walk over a graph need not reach every row, or every list.
    if "hnsw" not in name.lower():
        assert (found.rows >= 0).sum(axis=1).tolist() == [ROWS] * 2


@EVERY
def test_no_queries_get_no_answers(name):
    found = built(name).search(np.empty((0, DIM), dtype=np.float32), K)
    assert found.rows.shape == found.scores.shape == (0, K)


@EVERY
def test_several_threads_get_the_same_answers(name):
    queries = clustered()[1]
    index = built(name)
    alone = index.search(queries, K)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: index.search(queries, K), range(8)))
    for answer in answers:
        np.testing.assert_array_equal(answer.rows, alone.rows)


@EVERY
@pytest.mark.parametrize(
    ("k", "query", "sentence"),
    [
        (0, np.ones((1, DIM)), "ask for at least one"),
        (1, np.ones((1, DIM + 1)), r"need shape \(n, 32\); these have \(1, 33\)"),
        (1, np.full((1, DIM), np.nan), "not finite"),
        (1, np.full((1, DIM), np.inf), "not finite"),
    ],
)
def test_queries_that_make_no_sense_are_refused(name, k, query, sentence):
    with pytest.raises(UsageError, match=sentence):
        built(name).search(query.astype(np.float32), k)


@EVERY
def test_a_row_that_is_not_finite_is_refused(name):
    rows = clustered()[0].copy()
    rows[17, 3] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        build_index([rows], KINDS[name][0], dim=DIM).search(rows[:1], 1)


@EVERY
def test_a_block_of_another_dim_is_refused(name):
    with pytest.raises(UsageError, match=r"needs shape \(rows, 32\); this has \(9, 8\)"):
        build_index([np.ones((9, 8), dtype=np.float32)], KINDS[name][0], dim=DIM)


@pytest.mark.parametrize("name", [name for name in KINDS if name.startswith(("ivf", "factory"))])
def test_more_lists_find_more(name):
    rows, queries = clustered()
    truth = ranked(scores_of(queries, rows))
    recalls = [
        recall(built(name).search(queries, K, params=SearchParams(nprobe=nprobe)).rows, truth)
        for nprobe in (1, 2, 4, 8, LISTS)
    ]
    assert np.diff(recalls).min() > -0.01
    assert recalls[0] < recalls[-1] - 0.05


@pytest.mark.parametrize("name", GRAPHS)
def test_a_wider_walk_finds_more(name):
    rows, queries = clustered()
    wide = unit_rows(np.random.default_rng(3).normal(size=(ROWS, DIM)))
    index = build_index([wide], IndexConfig("hnsw", codes=KINDS[name][0].codes, hnsw_m=4), dim=DIM)
    truth = ranked(scores_of(queries, wide))
    recalls = [
        recall(index.search(queries, K, params=SearchParams(ef_search=width)).rows, truth)
        for width in (10, 30, 100, 1000)
    ]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.7
    assert recalls[-1] > 0.95
    assert len(rows) == index.size


@pytest.mark.parametrize("name", ["ivf", "ivf-pq float32", "ivf int8 refined"])
def test_all_lists_with_all_candidates_scored_again_are_exact(name):
    rows, queries = clustered()
    everything = SearchParams(nprobe=LISTS, k_factor=ROWS / K)
    found = built(name).search(queries, K, params=everything)
    assert found.rows.tolist() == built("exact").search(queries, K).rows.tolist()
    assert found.rows.tolist() == ranked(scores_of(queries, rows)).tolist()


@EVERY
def test_equal_rows_are_ordered_by_their_numbers(name):
    rows = clustered()[0].copy()
    copies = [5, 900, 901, 2999]
    rows[copies] = rows[5]
    index = build_index([rows], KINDS[name][0], dim=DIM)
    found = index.search(rows[5:6], 4, params=WIDE)
    require_order(found)
    if KINDS[name][2] < 0.01:
        assert found.rows.tolist() == [copies]


@pytest.mark.parametrize("metric", ["cosine", "inner_product", "l2"])
@pytest.mark.parametrize(
    "config",
    [
        made("exact"),
        made("flat"),
        made("flat", codes="float16"),
        made("ivf"),
        made("ivf-pq", refine="float32"),
        made("ivf-rabitq", refine="float32"),
        made("hnsw"),
        made("flat", **PCA),
    ],
    ids=lambda config: f"{config.kind}-{config.codes}-{config.reduction}",
)
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_rows_of_any_length_are_ranked_by_the_metric(metric, config, dtype):
    rows, queries = clustered()
    lengths = np.random.default_rng(4).uniform(0.5, 2, size=(ROWS, 1))
    rows = (rows * lengths).astype(dtype)
    settings = {**config.to_dict(), "metric": metric}
    index = build_index([rows], IndexConfig.from_dict(settings), dim=DIM)
    found = index.search(3 * queries, K, params=WIDE)
    require_order(found)
    truth = scores_of(3 * queries, rows, metric)
    assert recall(found.rows, ranked(truth)) >= 0.97
    np.testing.assert_allclose(
        found.scores, np.take_along_axis(truth, found.rows, axis=1), rtol=2e-3, atol=2e-3
    )


@pytest.mark.parametrize("name", ["exact", "flat", "flat float16", "hnsw", "hnsw float16"])
def test_an_empty_index_and_one_of_a_single_row(name):
    rows, queries = clustered()
    empty = build_index([], KINDS[name][0], dim=DIM)
    assert empty.size == 0
    assert empty.search(queries[:2], 3).rows.tolist() == [[-1] * 3] * 2
    single = build_index([rows[:1]], KINDS[name][0], dim=DIM)
    found = single.search(queries[:2], 3)
    assert found.rows.tolist() == [[0, -1, -1]] * 2
    np.testing.assert_allclose(found.scores[:, 0], queries[:2] @ rows[0], atol=5e-4)


@pytest.mark.parametrize("name", TRAINED)
def test_too_few_rows_to_train_say_how_many_are_needed(name):
    with pytest.raises(UsageError, match=r"needs at least 1170 rows to be trained; there are 600"):
        build_index([clustered()[0][:600]], KINDS[name][0], dim=DIM)


def test_codes_need_rows_too():
    with pytest.raises(UsageError, match="needs at least 624 rows to be trained; there are 623"):
        build_index([clustered()[0][:623]], made("ivf-pq", nlist=2), dim=DIM)
    assert build_index([clustered()[0][:624]], made("ivf-pq", nlist=2), dim=DIM).size == 624


def test_principal_components_cannot_be_had_of_nothing():
    with pytest.raises(UsageError, match="cannot be trained on 0 rows"):
        build_index([], made("flat", **PCA), dim=DIM)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Foo", "'Foo' for dim 32 and the metric 'cosine': could not parse index string Foo.$"),
        ("IVF30,PQ7", "'IVF30,PQ7' cannot|refuses the factory string 'IVF30,PQ7'|divi|failed"),
        ("LSH", "refuses the factory string 'LSH' .* failed.$"),
        ("IDMap,Flat", "leave IDMap out"),
        ("IDMap2,IVF30,Flat", "leave IDMap out"),
        ("PCA16,IDMap,Flat", "leave IDMap out|could not parse"),
        ("HNSW16,PQ8x4", "for the metric 'l2' only"),
        ("IVF5000,Flat", "cannot be trained on 3000 rows"),
    ],
)
def test_factory_strings_that_cannot_be_used_get_a_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence) as refused:
        build_index([clustered()[0]], factory(text), dim=DIM)
    assert "/" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_a_structure_that_cannot_filter_says_so():
    index = build_index([clustered()[0][:500]], factory("NSG8,Flat"), dim=DIM)
    with pytest.raises(UsageError, match=r"'NSG8,Flat' under a filter: .*not supported"):
        index.search(clustered()[1], 1, allowed=np.ones(500, dtype=np.bool_))


@pytest.mark.parametrize("name", GRAPHS)
def test_thousands_of_equal_rows_do_not_ruin_a_graph(name):
    rows, queries = clustered()
    crowd = np.concatenate([rows[:1500], np.repeat(rows[:3], 1000, axis=0), rows[1500:]])
    index = build_index([crowd], KINDS[name][0], dim=DIM)
    assert index.size == len(crowd)
    assert index.base.ntotal == ROWS
    usual = ~np.isin(np.arange(len(crowd)), np.arange(1500, 4500))
    truth = ranked(scores_of(queries, crowd), allowed=usual)
    assert recall(index.search(queries, K, allowed=usual).rows, truth) >= KINDS[name][1]
    found = index.search(rows[1:2], 1200)
    require_order(found)
    assert found.rows[0, :1001].tolist() == [1, *range(2500, 3500)]


@pytest.mark.parametrize("name", GRAPHS)
def test_a_mask_may_hide_the_row_that_stands_for_its_copies(name):
    rows = clustered()[0].copy()
    rows[[700, 800, 2000]] = rows[4]
    index = build_index([rows], KINDS[name][0], dim=DIM)
    allowed = np.ones(ROWS, dtype=np.bool_)
    allowed[[4, 800]] = False
    found = index.search(rows[4:5], 3, allowed=allowed)
    assert found.rows[0, :2].tolist() == [700, 2000]
    assert found.rows[0, 2] not in {4, 800}


@pytest.mark.parametrize("name", TRAINED)
def test_what_was_learned_serves_other_rows(name):
    rows, queries = clustered()
    learned = built(name)
    index = build_index([rows[:400]], KINDS[name][0], dim=DIM, trained=learned)
    assert isinstance(index, FaissIndex)
    assert index.nlist == LISTS
    assert index.size == 400
    assert learned.size == ROWS
    found = index.search(queries, K, params=WIDE)
    truth = ranked(scores_of(queries, rows[:400]))
    assert recall(found.rows, truth) >= KINDS[name][1] - 0.03


@pytest.mark.parametrize("name", [name for name in KINDS if name not in {"exact", "flat"}])
def test_rows_can_be_added_after_the_build(name):
    rows, queries = clustered()
    index = build_index([rows[:2000]], KINDS[name][0], dim=DIM)
    before = index.size_bytes
    index.add(rows[2000:], np.arange(5000, 6000))
    assert index.size == ROWS
    assert index.size_bytes > before
    found = index.search(queries, K, params=WIDE)
    truth = ranked(scores_of(queries, rows))
    assert recall(found.rows, truth + 3000 * (truth >= 2000)) >= KINDS[name][1] - 0.03


@EVERY
def test_the_size_is_what_faiss_would_write_and_the_row_numbers(name):
    index = built(name)
    if isinstance(index, FaissIndex):
        parts = [part for part in (index.base, index.refine) if part is not None]
        written = sum(len(faiss.serialize_index(part)) for part in parts)
        assert index.size_bytes == written + 8 * ROWS
    else:
        assert index.size_bytes == (0 if isinstance(index, ExactIndex) else ROWS * (4 * DIM + 8))
