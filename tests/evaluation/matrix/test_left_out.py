"""What cannot be measured is left out and said, and the rest is measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lookalike.encoders import load_encoder
from lookalike.errors import EncoderNotFound, MissingExtra, UsageError
from lookalike.evaluation.judging.qrels import ListedQrels
from lookalike.evaluation.matrix import EvalWish, compare_results, evaluate, evaluating

NOTHING = [[]] * 5


def listed(image_set, **positives):
    """Judge the six pictures by lists."""
    judgements = {
        name: ListedQrels(image_set.queries, each, self_ids=range(6))
        for name, each in positives.items()
    }
    return replace(image_set, judgements=judgements, labels=None)


@pytest.mark.parametrize(
    "error", [EncoderNotFound("It is not there."), MissingExtra("timm", "The encoder")]
)
def test_an_encoder_that_cannot_be_used_leaves_the_others(make_set, encoder_name, tmp_path, error):
    said = []

    def load(name):
        if name == "broken":
            raise error
        return load_encoder(encoder_name, threads=1)

    asked = EvalWish(encoders=("broken", "fine"), ks=(1,))
    (result,) = evaluate(make_set(), asked, folder=tmp_path, load=load, say=said.append)
    assert result["metrics"]["precision@1"]["mean"] == pytest.approx(2 / 6)
    assert said[0] == f"broken is left out: {error}"
    with pytest.raises(type(error)):
        evaluate(make_set(), EvalWish(encoders=("broken",)), folder=tmp_path, load=load)


def test_an_index_that_cannot_be_measured_leaves_the_others(
    make_set, encoder_name, tmp_path, monkeypatch
):
    measure, said = evaluating.measure, []

    def refusing(image_set, exact, built, wish, *, tell):
        if built.name == "hnsw":
            raise UsageError("It cannot be measured.")
        return measure(image_set, exact, built, wish, tell=tell)

    monkeypatch.setattr(evaluating, "measure", refusing)
    asked = EvalWish(encoders=(encoder_name,), indexes=("hnsw", "flat"), ks=(1,))
    (result,) = evaluate(make_set(), asked, folder=tmp_path, say=said.append)
    assert result["index"]["name"] == "flat"
    assert said[0] == "hnsw is left out: It cannot be measured."


def test_the_only_thing_that_fails_is_said_once(make_set, encoder_name, tmp_path):
    said = []
    with pytest.raises(UsageError, match="needs at least 624 rows"):
        evaluate(
            make_set(), EvalWish(encoders=(encoder_name,), indexes=("ivf-pq",)),
            folder=tmp_path, say=said.append,
        )  # fmt: skip
    assert said == []


def test_usual_ks_are_those_that_pictures_can_be_read_for(make_set, encoder_name, tmp_path):
    image_set = make_set()
    (tmp_path / "pictures" / "a" / "1.png").write_bytes(b"no picture")
    asked = EvalWish(encoders=(encoder_name,))
    (result,) = evaluate(image_set, asked, folder=tmp_path / "out")
    assert result["parameters"]["ks"] == [1]
    with pytest.raises(UsageError, match="k is 5, but only 4 pictures"):
        evaluate(image_set, replace(asked, ks=(5,)), folder=tmp_path / "out")


def test_left_out_queries_are_counted_by_protocol(make_set, encoder_name, tmp_path):
    image_set = listed(make_set(), easy=[[1], *NOTHING], hard=[[2], [3], [0], *NOTHING[:3]])
    asked = EvalWish(encoders=(encoder_name,), ks=(1,))
    (result,) = evaluate(image_set, asked, folder=tmp_path)
    assert result["left_out_by"] == {"easy": 5, "hard": 3}
    assert result["metrics"]["easy:precision@1"]["mean"] == 1.0


def test_a_protocol_without_answers_to_the_drawn_queries_is_left_out(
    make_set, encoder_name, tmp_path
):
    # Of six, the two drawn with seed 0 are not the first.
    image_set, said = make_set(), []
    judged = listed(image_set, easy=[[1], *NOTHING], hard=[[1], [2], [3], [4], [5], [0]])
    asked = EvalWish(encoders=(encoder_name,), ks=(1,), queries=2)
    (result,) = evaluate(judged, asked, folder=tmp_path, say=said.append)
    assert "By the judgements easy no query has anything to find" in said[0]
    assert result["set"]["judgements"] == ["hard"]
    assert "precision@1" in result["metrics"]
    assert "By the judgements easy" in result["set"]["remarks"][-1]


def test_drawn_queries_with_nothing_to_find_are_refused_before_the_work(make_set, tmp_path):
    judged = listed(make_set(), easy=[[1], *NOTHING])
    with pytest.raises(UsageError, match=r"None of the 2 queries asked .* ask more of them"):
        evaluate(
            judged, EvalWish(encoders=("any",), queries=2), folder=tmp_path / "out",
            load=lambda name: pytest.fail("loaded"),
        )  # fmt: skip
    assert not (tmp_path / "out").exists()


def test_results_with_other_positives_of_any_protocol_are_not_compared(
    make_set, encoder_name, tmp_path
):
    plain = make_set()
    asked = EvalWish(encoders=(encoder_name,), ks=(1,))
    files = []
    for hard in ([[2]], [[2, 3]]):
        judged = listed(plain, easy=[[1], *NOTHING], hard=[*hard, *NOTHING])
        folder = tmp_path / str(len(files))
        evaluate(judged, asked, folder=folder)
        files += folder.glob("row-*/*/*.json")
    with pytest.raises(UsageError, match=r"By the judgements hard the query 'a/0\.png' has 1"):
        compare_results(*files)


def test_another_part_of_a_collection_embeds_only_what_is_new(make_set, encoder_name, tmp_path):
    whole = make_set()
    names, labels = ("a/0.png", "a/1.png", "b/2.png", "b/3.png"), "aabb"
    part = make_set(names, (0, 20, 40, 60), labels)
    asked, embedded = EvalWish(encoders=(encoder_name,), ks=(1,)), []

    def heard(what, done, total):
        if what.startswith("embedding"):
            embedded.append(total)

    evaluate(part, asked, folder=tmp_path / "out", on_progress=heard)
    assert max(embedded) == 4
    embedded.clear()
    evaluate(whole, asked, folder=tmp_path / "out", on_progress=heard)
    assert max(embedded) == 2
    embedded.clear()
    (few,) = evaluate(part, replace(asked, ks=(2,)), folder=tmp_path / "out", on_progress=heard)
    evaluate(whole, replace(asked, ks=(2,)), folder=tmp_path / "out", on_progress=heard)
    assert not any(embedded)
    assert few["set"]["images"] == 4


def test_junk_that_leaves_too_few_of_all_pictures_is_no_reason_to_refuse(
    make_set, encoder_name, tmp_path
):
    plain = make_set()
    qrels = ListedQrels(plain.queries, [[1], *NOTHING], junk=[[2], *NOTHING], self_ids=range(6))
    judged = replace(plain, judgements={"easy": qrels}, labels=None)
    asked = EvalWish(encoders=(encoder_name,), indexes=("flat", "hnsw"), ks=(5,), ranking="top")
    for result in evaluate(judged, asked, folder=tmp_path):
        # 0 finds 1, 3, 4 and 5 without the junk: one of five.
        assert result["metrics"]["precision@5"]["mean"] == pytest.approx(1 / 5)
