"""Two results side by side, from rankings counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.datasets import ImageSet
from lookalike.evaluation.judging.makers import qrels_from_labels, qrels_from_revisited
from lookalike.evaluation.matrix import EvalWish, compare_results, evaluate, set_beside
from lookalike.evaluation.matrix.results import load_result

WISH = EvalWish(ks=(1, 2))


@pytest.fixture
def measured(make_set, encoder_name, tmp_path):
    """Measure a set with some indexes, and give the results' files."""

    def measure(image_set=None, folder="out", **changes):
        wish = replace(WISH, encoders=(encoder_name,), **changes)
        evaluate(image_set or make_set(), wish, folder=tmp_path / folder)
        return sorted((tmp_path / folder).glob("row-*/*/*.json"))

    return measure


def test_a_result_compared_with_itself_differs_in_nothing(measured):
    (file,) = measured()
    compared = compare_results(file, file)
    assert compared["queries"] == 6
    assert compared["metric"] == "ap"
    assert compared["counts"] == {"rose": 0, "fell": 0, "same": 6}
    assert compared["differences"]["ap"]["mean"] == 0
    assert compared["gained"] == compared["lost"] == []


def test_queries_that_moved_and_what_they_found(measured, make_set):
    (before,) = measured(folder="before", indexes=("exact",))
    # The same set and labels, but two pictures have changed places: 0 and 5.
    (after,) = measured(make_set(greens=(100, 20, 40, 60, 80, 0)), folder="after")
    compared = compare_results(before, after)
    # Before, 4 found b b b a a; now it finds 0, a, first, and 1, a, fourth.
    (best, *_) = compared["gained"]
    assert best["query"] == "a/4.png"
    assert best["before"] == pytest.approx(0.325)
    assert best["after"] == pytest.approx((1 + 2 / 4) / 2)
    assert [hit["path"] for hit in best["first_hits"]] == ["b/5.png", "b/3.png"]
    assert [hit["path"] for hit in best["second_hits"]] == ["a/0.png", "b/3.png"]
    assert [hit["is_positive"] for hit in best["second_hits"]] == [True, False]
    assert sum(compared["counts"].values()) == 6


def test_an_approximate_index_shares_only_the_metrics_at_k(measured):
    flat, hnsw = measured(indexes=("flat", "hnsw"))
    compared = compare_results(flat, hnsw)
    assert "ap" not in compared["differences"]
    # The reciprocal rank of a ranking that ends after 2 is another measure.
    assert "mrr" not in compared["differences"]
    assert compared["metric"] == "precision@1"
    assert compare_results(flat, hnsw, metric="map@2")["metric"] == "map@2"
    with pytest.raises(UsageError, match="no metric 'ap' in common"):
        compare_results(flat, hnsw, metric="ap")


def test_results_of_other_sets_or_labels_are_refused(measured, make_set):
    (ours,) = measured()
    (theirs,) = measured(make_set(labels="abbaab"), folder="relabelled")
    with pytest.raises(UsageError, match="different states of the set row"):
        compare_results(ours, theirs)
    facts = json.loads(theirs.read_text())
    facts["set"]["name"] = "column"
    theirs.write_text(json.dumps(facts))
    with pytest.raises(UsageError, match=r"is of the set row, and .* of column"):
        compare_results(ours, theirs)


def test_what_is_no_result_is_refused(measured, tmp_path):
    (file,) = measured()
    with pytest.raises(UsageError, match="No such file"):
        compare_results(file, tmp_path / "nothing.json")
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(UsageError, match="not the result of one configuration"):
        compare_results(file, tmp_path / "list.json")
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(UsageError, match="no JSON file"):
        compare_results(file, tmp_path / "text.json")
    facts = json.loads(file.read_text())
    (file.parent / "newer.json").write_text(json.dumps({**facts, "format": 2}))
    with pytest.raises(UsageError, match="has format 2"):
        compare_results(file, file.parent / "newer.json")
    (file.parent / "lost.json").write_text(json.dumps({**facts, "run": "lost.npz"}))
    with pytest.raises(UsageError, match="missing or damaged"):
        compare_results(file, file.parent / "lost.json")
    (file.parent.parent / "set.json").unlink()
    with pytest.raises(UsageError, match=r"set\.json"):
        compare_results(file, file)


def test_a_folder_stands_for_the_one_result_in_it(measured, tmp_path):
    (file,) = measured()
    for folder in (tmp_path / "out", file.parent.parent, file.parent):
        assert compare_results(folder, file)["queries"] == 6
        assert set_beside(folder).name == "row"
    measured(indexes=("flat", "hnsw"))
    with pytest.raises(UsageError, match=r"There are 2 results in .*flat\.json, .*hnsw\.json"):
        compare_results(tmp_path / "out", file)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="There is no result in"):
        compare_results(tmp_path / "empty", file)


def test_the_set_beside_a_result_is_the_one_that_was_measured(measured, make_set):
    (file,) = measured()
    image_set = make_set()
    beside = set_beside(file)
    assert beside.images == image_set.images
    assert beside.labels == image_set.labels
    assert beside.root == image_set.root


def test_several_protocols_stand_side_by_side(make_set, encoder_name, tmp_path):
    plain = make_set()
    # 0 finds 1 2 3 4 5; 4 finds 5 3 2 1 0.
    lists = [
        {"easy": [1], "hard": [2], "junk": [0]},
        {"easy": [3], "hard": [1], "junk": [4, 5]},
    ]
    gnd = {"imlist": plain.images, "qimlist": ["a/0.png", "a/4.png"], "gnd": lists}
    image_set = ImageSet(
        name="row", root=plain.root, images=plain.images, queries=("a/0.png", "a/4.png"),
        judgements={name: qrels_from_revisited(gnd, name) for name in ("easy", "medium", "hard")},
        labels=None, fingerprint="revisited",
    )  # fmt: skip
    wish = EvalWish(encoders=(encoder_name,), ks=(1,), indexes=("flat", "hnsw"))
    flat, hnsw = evaluate(image_set, wish, folder=tmp_path / "out")
    assert flat["set"]["judgements"] == ["easy", "medium", "hard"]
    assert flat["metrics"]["easy:ap_trapezoid"]["mean"] == 1.0
    assert flat["metrics"]["medium:precision@1"]["mean"] == 1.0
    # Hard: 0 finds 2 first, as 1 is junk; 4 finds 2, then 1: (0 + 1/2) / 2.
    assert flat["metrics"]["hard:ap_trapezoid"]["mean"] == pytest.approx((1 + 1 / 4) / 2)
    assert hnsw["metrics"]["hard:precision@1"] == flat["metrics"]["hard:precision@1"]
    assert "hard:ap" not in hnsw["metrics"]
    assert flat["classes"] == []
    assert flat["best"][0]["metric"] == "easy:ap_trapezoid"
    (file, _) = sorted((tmp_path / "out").glob("row-*/*/*.json"))
    assert load_result(file).scores.values["hard:precision@1"].tolist() == [1.0, 0.0]


def test_labels_of_queries_that_are_no_images(make_set, paint, encoder_name, tmp_path):
    plain = make_set()
    for name, green in (("x.png", 5), ("y.png", 95)):
        paint(tmp_path / "pictures" / "q" / name, green)
    queries = ("q/x.png", "q/y.png")
    qrels = qrels_from_labels(plain.images, plain.labels, queries=queries, query_labels=["a", "b"])
    image_set = replace(plain, queries=queries, judgements={"labels": qrels})
    wish = EvalWish(encoders=(encoder_name,), ks=(1, 2))
    evaluate(image_set, wish, folder=tmp_path / "out")
    (file,) = sorted((tmp_path / "out").glob("row-*/*/*.json"))
    # x lies between 0 and 1, y between 4 and 5, nearer to 5.
    assert load_result(file).run.image_ids.tolist() == [[0, 1], [5, 4]]
