"""The tuner against exact search, on clusters that no index has seen."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from lookalike.errors import MissingExtra, UsageError
from lookalike.index import ExactIndex, FaissIndex, IndexConfig, SearchParams, build_index
from lookalike.index.tuning import (
    Measurement,
    Tuned,
    TuneWish,
    choice_lines,
    needs_index,
    pareto_table,
    retune,
    trial_table,
    tune,
)
from lookalike.index.tuning.candidates import predicted_bytes, usual_candidates
from lookalike.index.tuning.choosing import spoken_time
from lookalike.index.tuning.exploring import in_order
from lookalike.index.tuning.held_out import hold_out
from lookalike.index.tuning.plot import save_tuning_plot
from lookalike.index.tuning.sweeping import stepped, sweep
from lookalike.index.tuning.truth import Exam, interval
from lookalike.index.tuning.wishes import Trial, cost, pareto_front
from lookalike.vectors import Neighbors, unit_rows

DIM = 48
NOTHING_DEAD = np.empty(0, dtype=np.int64)


def clustered(count: int, seed: int) -> np.ndarray:
    """Draw rows around 60 centres that are the same for every seed."""
    centres = np.random.default_rng(7).normal(size=(60, DIM))
    dice = np.random.default_rng(seed)
    return unit_rows(centres[dice.integers(60, size=count)] + dice.normal(size=(count, DIM)))


ROWS = clustered(8000, seed=1)
DEAD = np.arange(3, 8000, 97)
WISH = TuneWish(recall=0.9, k=10)


def share_found(index, queries, rows, dead=NOTHING_DEAD, k=10) -> float:
    """Count by hand which share of the true neighbors an index finds."""
    true = ExactIndex([rows], dim=DIM, dead=dead).search(queries, k).rows
    found = index.search(queries, k).rows
    return float(np.mean([len(set(a) & set(b)) / k for a, b in zip(true, found, strict=True)]))


@pytest.fixture(scope="module")
def tuned() -> Tuned:
    """Tuned over two blocks with dead rows."""
    blocks = [ROWS[:5000].astype(np.float16), ROWS[5000:].astype(np.float16)]
    return tune(blocks, WISH, dim=DIM, dead=DEAD)


@pytest.fixture(scope="module")
def lists() -> Tuned:
    """The index with lists, built without a trial."""
    return retune(IndexConfig("ivf-pq"), [ROWS], WISH, dim=DIM)


def test_the_promise_holds_on_queries_that_the_tuner_never_saw(tuned):
    others = clustered(400, seed=2)
    recall = share_found(tuned.index, others, ROWS.astype(np.float16), DEAD)
    assert recall >= 0.9 - 0.02
    assert tuned.chosen.recall_low - 0.02 <= recall <= tuned.chosen.recall_high + 0.03


def test_the_choice_is_never_slower_than_comparing_all_rows(tuned):
    exact = next(each for each in tuned.measurements if each.config.kind == "exact")
    assert exact.recall == 1
    assert cost(tuned.chosen, "single") <= cost(exact, "single")


def test_rows_held_out_are_in_the_index_at_the_end(lists):
    assert isinstance(lists.index, FaissIndex)
    assert lists.index.size == 8000
    assert lists.chosen.rows == 8000 - 400
    every = SearchParams(nprobe=lists.index.nlist, k_factor=32)
    own = lists.index.search(ROWS, 1, params=every).rows[:, 0]
    assert (own == np.arange(8000)).mean() > 0.999


def test_dead_rows_are_never_found(tuned):
    assert tuned.index.size == 8000 - len(DEAD)
    found = tuned.index.search(ROWS[DEAD], 10).rows
    assert not np.isin(found, DEAD).any()


def test_the_index_is_searched_with_the_params_that_were_chosen(lists):
    assert lists.index.params == lists.params == lists.chosen.params
    assert lists.params.nprobe
    assert lists.params.k_factor


def test_each_candidate_is_tried_before_the_full_build(tuned):
    names = [trial.name for trial in tuned.before]
    assert names[:3] == ["flat float32", "ivf-pq + float16", "flat float16"]
    assert tuned.before[0].measured.rows == 2000
    assert tuned.before[0].expected_bytes == pytest.approx(8000 * (4 * DIM + 8), rel=0.02)


def test_a_config_chosen_before_is_built_without_trials(lists):
    assert lists.before == ()
    assert {each.config.kind for each in lists.measurements} == {"exact", "ivf-pq"}
    assert share_found(lists.index, clustered(300, seed=3), ROWS) >= 0.88


def test_all_neighbors_means_comparing_all_rows():
    done = tune([ROWS[:3000]], TuneWish(recall=1.0), dim=DIM)
    assert done.config.is_exact
    assert (done.chosen.recall_low, done.chosen.recall_high) == (1, 1)
    assert share_found(done.index, clustered(50, seed=4), ROWS[:3000]) == 1


def test_too_little_memory_leaves_comparing_all_rows_where_they_lie():
    done = tune([ROWS], replace(WISH, memory_bytes=1000), dim=DIM)
    assert done.config.kind == "exact"
    assert done.index.size_bytes == 0
    assert {trial.verdict for trial in done.before} == {"takes too much memory"}


def test_memory_holds_for_the_index_that_was_built():
    done = tune([ROWS], replace(WISH, memory_bytes=150 * 8000), dim=DIM)
    assert done.index.size_bytes <= 150 * 8000


def test_a_latency_that_nothing_reaches_is_said_and_the_fastest_is_taken():
    done = tune([ROWS[:2000]], replace(WISH, latency_s=1e-9), dim=DIM)
    (sentence,) = done.missed
    assert sentence.startswith("The latency of 0.001 us was missed: at recall 0.9 the fastest")
    assert done.chosen.recall >= 0.9


def test_a_build_time_that_nothing_keeps_leaves_comparing_all_rows():
    done = tune([ROWS], replace(WISH, build_s=1e-6), dim=DIM)
    assert done.config.is_exact


def test_too_few_rows_are_all_compared_and_that_is_said():
    done = tune([ROWS[:100]], WISH, dim=DIM)
    assert done.config.kind == "exact"
    assert done.remarks == (
        "Every query compares all 100 rows: there are too few rows to tune an index on.",
    )
    assert done.index.search(ROWS[5:6], 1).rows.tolist() == [[5]]


def test_a_gallery_of_copies_has_no_queries_to_tune_with():
    copies = np.repeat(ROWS[:20], 100, axis=0)
    done = tune([copies], WISH, dim=DIM)
    assert "nearly only copies" in done.remarks[0]


def test_given_queries_are_used_and_nothing_is_held_out():
    done = retune(IndexConfig("ivf-pq"), [ROWS], WISH, dim=DIM, queries=clustered(60, seed=5))
    assert done.chosen.queries in {30, 60}
    assert done.chosen.rows == 8000


NOT_FINITE = np.full((9, DIM), np.nan, dtype=np.float32)
REFUSED = [
    ({"blocks": [ROWS[:, :8]]}, "A block needs shape"),
    ({"blocks": []}, "there are 0 rows"),
    ({"blocks": [ROWS[:5]]}, "asks for 10 neighbors, but there are 5 rows"),
    ({"queries": NOT_FINITE}, "not finite"),
    ({"queries": np.zeros((9, 5), np.float32)}, r"shape \(n, 48\)"),
    ({"queries": np.zeros(DIM, np.float32)}, r"shape \(n, 48\)"),
    ({"queries": np.zeros((9, DIM), np.int64)}, "floats"),
    ({"queries": ROWS[:1]}, "needs 2"),
    ({"candidates": [IndexConfig("ivf"), IndexConfig("ivf", metric="l2")]}, "differ in metric"),
]


@pytest.mark.parametrize(("given", "sentence"), REFUSED)
def test_what_cannot_be_tuned_is_refused_in_a_sentence(given, sentence):
    blocks = given.pop("blocks", [ROWS[:2000]])
    with pytest.raises(UsageError, match=sentence):
        tune(blocks, WISH, dim=DIM, **given)


@pytest.mark.parametrize(
    ("field", "value"),
    [("recall", 0), ("recall", 1.01), ("recall", float("nan")), ("k", 0), ("memory_bytes", 0),
     ("latency_s", -1), ("build_s", 0), ("traffic", "heavy")],
)  # fmt: skip
def test_wishes_that_make_no_sense_are_refused(field, value):
    with pytest.raises(UsageError):
        replace(WISH, **{field: value})


def test_a_row_that_scores_as_the_last_true_one_counts_as_found():
    rows = np.array([[1, 0], [0.8, 0.6], [0.8, -0.6], [0, 1]], dtype=np.float32)
    query = np.array([[1, 0]], dtype=np.float32)
    exam = Exam(query, Neighbors(np.array([[1, 0.8]], np.float32), np.array([[0, 1]])), [rows])

    def recall_of(*found: int) -> float:
        scores = np.zeros((1, len(found)), np.float32)
        return float(exam.recalls(Neighbors(scores, np.array([found])))[0])

    assert recall_of(0, 1) == 1
    assert recall_of(0, 2) == 1
    assert recall_of(0, 3) == 0.5
    assert recall_of(3, -1) == 0


def test_intervals_by_hand():
    assert interval(np.ones(100)) == (0.97, 1.0)
    assert interval(np.full(100, 0.5)) == (0.5, 0.5)
    half = np.array([0.0, 1.0] * 200)
    low, high = interval(half)
    assert low == pytest.approx(0.5 - 1.96 * 0.5 / 20, abs=0.01)
    assert high == pytest.approx(0.5 + 1.96 * 0.5 / 20, abs=0.01)


def test_rows_with_an_equal_in_the_index_are_no_queries():
    rows = ROWS[:2000].copy()
    rows[1000:1900] = rows[:900]
    held = hold_out(
        [rows], np.arange(2000), 5, dead=NOTHING_DEAD, metric="cosine",
        dice=np.random.default_rng(0),
    )  # fmt: skip
    assert 5 <= len(held.rows) <= 30
    true = ExactIndex([rows], dim=DIM, dead=held.rows).search(held.exam.queries, 5)
    np.testing.assert_array_equal(held.exam.truth.rows, true.rows)
    assert true.scores.max() < 1 - 1e-5


def measured(params: SearchParams, recall: float, seconds: float) -> Measurement:
    return Measurement(
        IndexConfig("ivf-pq"), params, recall, recall, recall, seconds, seconds, 1 / seconds,
        1 / seconds, 100, 1, 1000, 100,
    )  # fmt: skip


def test_a_sweep_finds_the_cheapest_params_in_few_measurements(lists):
    def measure(params: SearchParams) -> Measurement:
        recall = min(1 - 1 / (params.nprobe + 1), 1 - 0.4 / params.k_factor)
        return measured(params, recall, params.nprobe + 2 * params.k_factor)

    done = sweep(lists.index, measure, k=10, recall=0.94, traffic="single")
    best = min((each for each in done if each.recall >= 0.94), key=lambda each: each.p50_s)
    assert best.params == SearchParams(nprobe=16, k_factor=8)
    assert len(done) <= 14


def test_a_sweep_stops_where_nothing_can_reach_the_recall(lists):
    def measure(params: SearchParams) -> Measurement:
        return measured(params, 0.5, 1.0)

    done = sweep(lists.index, measure, k=10, recall=0.94, traffic="single")
    assert len(done) < 40
    assert {each.recall for each in done} == {0.5}


def test_the_next_step_looks_into_more_lists_then_scores_more_again(lists):
    steps = SearchParams(nprobe=16, k_factor=8)
    assert stepped(lists.index, steps, 10) == SearchParams(nprobe=24, k_factor=8)
    top = SearchParams(nprobe=lists.index.nlist, k_factor=8)
    assert stepped(lists.index, top, 10) == replace(top, k_factor=16)


def test_the_front_holds_what_nothing_beats():
    fast, good = measured(SearchParams(1), 0.8, 1.0), measured(SearchParams(4), 0.9, 2.0)
    beaten, best = measured(SearchParams(3), 0.85, 2.5), measured(SearchParams(9), 1.0, 9.0)
    assert pareto_front([best, beaten, good, fast], "single") == (fast, good, best)


def test_of_two_as_fast_the_one_built_sooner_comes_first():
    def trial(seconds: float, build_s: float, verdict: str = "") -> Trial:
        return Trial(IndexConfig("ivf"), None, seconds, build_s, 0, verdict)

    slow, close, fast = trial(2.0, 1), trial(1.1, 5), trial(1.0, 50)
    dropped = trial(0.1, 1, "finds 0.8 at most")
    assert in_order([slow, fast, dropped, close]) == [close, fast, slow]


@pytest.mark.parametrize("config", usual_candidates(8000, DIM, WISH), ids=lambda one: one.kind)
def test_memory_is_predicted_to_a_few_percent(config):
    index = build_index([ROWS], config, dim=DIM)
    assert predicted_bytes(config, 8000, DIM) == pytest.approx(index.size_bytes, rel=0.08)


def test_an_index_is_worth_it_from_twenty_million_numbers():
    assert not needs_index(78_000, 256)
    assert needs_index(79_000, 256)


def test_the_tables_show_the_choice_and_the_trials(lists, tuned):
    table = pareto_table(lists)
    assert [line.split()[0] for line in table if line.startswith("*")] == ["*"]
    assert "recall@10" in table[0]
    assert len(trial_table(tuned)) == 1 + len(tuned.before)
    assert choice_lines(lists)[0].startswith("chosen: ivf-pq + float16 with nprobe ")
    assert "95 % interval" in choice_lines(lists)[1]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(90.0, "90 s"), (1.5, "1.5 s"), (0.00025, "250 us"), (0.0123, "12.3 ms"), (1e-9, "0.001 us")],
)
def test_times_are_spoken_with_their_unit(seconds, words):
    assert spoken_time(seconds) == words


def test_the_evidence_is_json(tuned):
    again = json.loads(json.dumps(tuned.to_dict()))
    assert again["chosen"]["recall"] == tuned.chosen.recall
    assert IndexConfig.from_dict(again["config"]) == tuned.config
    assert again["wish"]["recall"] == 0.9
    assert len(again["before"]) == len(tuned.before)


def test_progress_is_told():
    heard: list[str] = []
    retune(
        IndexConfig("ivf-pq"), [ROWS[:4000]], WISH, dim=DIM,
        on_progress=lambda what, done, of: heard.append(what),
    )  # fmt: skip
    assert heard[0] == "answering held-out queries exactly"
    assert "building ivf-pq" in heard


def test_the_plot_is_drawn_as_picture_and_as_drawing(lists, tmp_path):
    save_tuning_plot(lists.to_dict(), tmp_path / "plot.png")
    save_tuning_plot(lists.to_dict(), tmp_path / "plot.svg")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_a_plot_of_an_unknown_format_is_refused(lists, tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.xyz: name it \.png"):
        save_tuning_plot(lists.to_dict(), tmp_path / "plot.xyz")


def test_without_matplotlib_the_install_line_is_said(lists, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"lookalike\[plot\]"):
        save_tuning_plot(lists.to_dict(), tmp_path / "plot.png")
