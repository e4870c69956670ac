"""The matrix over six pictures whose rankings were counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from lookalike.encoders import load_encoder
from lookalike.errors import NoImagesFound, UsageError
from lookalike.evaluation.datasets import ImageSet
from lookalike.evaluation.judging.qrels import ListedQrels
from lookalike.evaluation.matrix import EvalWish, evaluate, write_outputs
from lookalike.evaluation.matrix.results import load_result
from lookalike.gallery import Gallery
from lookalike.ingest import add_images, load_metadata

# From query 0 to query 5, counted on the angles that conftest.py names.
AVERAGE_PRECISIONS = (0.75, 0.5, 0.7, (1 / 2 + 2 / 3) / 2, (1 / 4 + 2 / 5) / 2, (1 / 2 + 2 / 3) / 2)
NAMES = ("a/0.png", "a/1.png", "b/2.png", "b/3.png", "a/4.png", "b/5.png")
RANKINGS = [
    [1, 2, 3, 4, 5], [2, 0, 3, 4, 5], [3, 1, 4, 0, 5], [4, 2, 5, 1, 0], [5, 3, 2, 1, 0],
    [4, 3, 2, 1, 0],
]  # fmt: skip


def wish(encoder_name, **changes):
    return EvalWish(**{"encoders": (encoder_name,), "ks": (1, 2), **changes})


def result_files(folder):
    return sorted(folder.glob("row-*/*/*.json"))


def test_every_number_of_exact_search_is_the_one_counted_by_hand(make_set, encoder_name, tmp_path):
    (result,) = evaluate(make_set(), wish(encoder_name), folder=tmp_path / "out")
    means = {name: each["mean"] for name, each in result["metrics"].items()}
    assert means["ap"] == pytest.approx(np.mean(AVERAGE_PRECISIONS))
    assert means["precision@1"] == pytest.approx(2 / 6)
    assert means["precision@2"] == pytest.approx(5 / 12)
    assert means["fpr@2"] == pytest.approx(7 / 12)
    assert means["hit_rate@2"] == pytest.approx(5 / 6)
    assert result["index"]["ann_recall"] == {"1": 1.0}
    assert result["parameters"]["ranking"] == "whole"
    assert result["parameters"]["depth"] == 5
    assert result["left_out"] == 0
    assert result["set"]["is_leave_one_out"] is True
    assert result["set"]["queries"] == 6


def test_rankings_and_values_lie_beside_the_result(make_set, encoder_name, tmp_path):
    evaluate(make_set(), wish(encoder_name, ks=(5,)), folder=tmp_path / "out")
    stored = load_result(result_files(tmp_path / "out")[0])
    assert stored.run.image_ids.tolist() == RANKINGS
    assert stored.scores.values["ap"].tolist() == pytest.approx(AVERAGE_PRECISIONS)
    assert stored.scores.groups == ("a", "a", "b", "b", "a", "b")


def test_classes_and_the_best_and_worst_queries(make_set, encoder_name, tmp_path):
    (result,) = evaluate(make_set(), wish(encoder_name), folder=tmp_path / "out")
    classes = {each["label"]: each for each in result["classes"]}
    assert classes["a"]["queries"] == 3
    assert classes["a"]["metrics"]["ap"] == pytest.approx((0.75 + 0.5 + 0.325) / 3)
    assert result["best"][0]["query"] == "a/0.png"
    assert result["worst"][0]["query"] == "a/4.png"
    assert result["worst"][0]["value"] == pytest.approx(0.325)
    assert [hit["is_positive"] for hit in result["worst"][0]["hits"]] == [False, False]


@pytest.mark.parametrize("index", ["exact", "hnsw", "ivf:nlist=1", "IVF1,Flat", "auto"])
def test_every_kind_of_index_finds_what_exact_search_finds(make_set, encoder_name, tmp_path, index):
    if "ivf" in index:
        many = [f"{line}.png" for line in range(60)]
        greens, labels = [2 * line for line in range(60)], ["a", "b"] * 30
        image_set = make_set(many, greens, labels)
    else:
        image_set = make_set()
    (result,) = evaluate(image_set, wish(encoder_name, indexes=(index,)), folder=tmp_path / "out")
    assert set(result["index"]["ann_recall"].values()) == {1.0}
    assert ("ap" in result["metrics"]) == (result["index"]["config"]["kind"] in {"exact", "flat"})
    if index in {"exact", "hnsw", "auto"}:
        assert result["metrics"]["precision@2"]["mean"] == pytest.approx(5 / 12)


def test_latencies_are_of_many_queries_and_memory_is_counted(make_set, encoder_name, tmp_path):
    (result,) = evaluate(make_set(), wish(encoder_name), folder=tmp_path / "out")
    latency = result["index"]["latency_ms"]
    assert latency["count"] >= 100
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"]
    assert result["index"]["memory_bytes"] == 6 * (4 * 3 + 8)
    assert result["index"]["batch_qps"] > 0


def test_a_knob_gives_a_curve_that_rises_to_everything(make_set, encoder_name, tmp_path):
    names = [f"{line}.png" for line in range(120)]
    image_set = make_set(names, range(120), ["a", "b", "c"] * 40)
    asked = wish(encoder_name, indexes=("ivf:nlist=3",))
    (result,) = evaluate(image_set, asked, folder=tmp_path / "out")
    points = result["index"]["curve"]
    assert [point["params"]["nprobe"] for point in points] == [1, 2, 3][: len(points)]
    recalls = [point["ann_recall@10"] for point in points]
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[-1] == 1.0


def test_of_copies_any_is_right(make_set, encoder_name, tmp_path):
    names = [f"{line}.png" for line in range(40)]
    image_set = make_set(names, [10] * 20 + [90] * 20, ["a"] * 20 + ["b"] * 20)
    asked = wish(encoder_name, indexes=("flat", "hnsw"), ks=(10,))
    for result in evaluate(image_set, asked, folder=tmp_path / "out"):
        assert set(result["index"]["ann_recall"].values()) == {1.0}
        assert result["metrics"]["precision@10"]["mean"] == 1.0


def test_queries_that_are_no_images_are_embedded_apart(make_set, paint, encoder_name, tmp_path):
    paint(tmp_path / "elsewhere" / "q.png", 0)
    image_set = make_set(queries=["../elsewhere/q.png"], query_labels=["a"])
    (result,) = evaluate(image_set, wish(encoder_name, ks=(3,)), folder=tmp_path / "out")
    assert result["set"]["is_leave_one_out"] is False
    assert result["metrics"]["precision@3"]["mean"] == pytest.approx(2 / 3)
    assert result["parameters"]["depth"] == 6
    with Gallery.open(next(tmp_path.glob("out/galleries/*/*/images"))) as gallery:
        assert len(gallery) == 6


def test_what_is_there_is_neither_embedded_nor_measured_again(make_set, encoder_name, tmp_path):
    image_set, said = make_set(), []
    first = evaluate(image_set, wish(encoder_name), folder=tmp_path / "out")
    (file,) = result_files(tmp_path / "out")
    before = file.stat().st_mtime_ns
    again = evaluate(image_set, wish(encoder_name), folder=tmp_path / "out", say=said.append)
    assert again == first
    assert file.stat().st_mtime_ns == before
    assert again[0]["encoder"]["pictures"] == 6
    assert not any("again" in line for line in said)


def test_a_result_of_other_parameters_is_measured_again_and_that_is_said(
    make_set, encoder_name, tmp_path
):
    image_set, said = make_set(), []
    evaluate(image_set, wish(encoder_name), folder=tmp_path / "out")
    asked = wish(encoder_name, ks=(1, 3), seed=7)
    (result,) = evaluate(image_set, asked, folder=tmp_path / "out", say=said.append)
    assert "precision@3" in result["metrics"]
    assert "is of other parameters (k 1,2, now 1,3; seed 0, now 7): it is measured again" in said[0]


def test_pictures_that_changed_since_are_measured_again(make_set, encoder_name, tmp_path):
    evaluate(make_set(), wish(encoder_name), folder=tmp_path / "out")
    changed, said = make_set(greens=(0, 20, 100, 60, 80, 40)), []
    evaluate(changed, wish(encoder_name), folder=tmp_path / "out", say=said.append)
    assert "embeddings" in said[0]


def test_a_damaged_result_is_measured_again(make_set, encoder_name, tmp_path):
    image_set, said = make_set(), []
    evaluate(image_set, wish(encoder_name), folder=tmp_path / "out")
    (file,) = result_files(tmp_path / "out")
    file.write_text("{")
    evaluate(image_set, wish(encoder_name), folder=tmp_path / "out", say=said.append)
    assert "cannot be read: it is measured again" in said[0]
    file.with_suffix(".npz").unlink()
    evaluate(image_set, wish(encoder_name), folder=tmp_path / "out", say=said.append)
    assert "has lost the rankings beside it" in said[2]
    assert load_result(file).run.depth == 2


def test_an_interrupted_evaluation_goes_on_where_it_was(make_set, encoder_name, tmp_path):
    image_set, finished = make_set(), []
    asked = wish(encoder_name, indexes=("flat", "exact", "hnsw"))

    def interrupt(what, done, total):
        if "exact" in what and "timing" in what:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(
            image_set, asked, folder=tmp_path / "out", on_progress=interrupt,
            on_result=finished.append,
        )  # fmt: skip
    assert [result["index"]["name"] for result in finished] == ["flat"]
    assert [file.stem for file in result_files(tmp_path / "out")] == ["flat"]
    told = []
    results = evaluate(
        image_set, asked, folder=tmp_path / "out",
        on_progress=lambda what, done, total: told.append((what, total)),
    )  # fmt: skip
    assert [result["index"]["name"] for result in results] == ["flat", "exact", "hnsw"]
    assert not any(what == "timing flat" for what, _ in told)
    assert not any(what.startswith("embedding") and total for what, total in told)


def test_the_time_of_embedding_is_kept(make_set, encoder_name, tmp_path):
    evaluate(make_set(), wish(encoder_name), folder=tmp_path)
    (kept,) = tmp_path.glob("galleries/*/*/extraction.json")
    facts = json.loads(kept.read_text())
    assert facts["pictures"] == 6
    assert facts["extraction_s"] > 0
    assert facts["load_s"] > 0


def test_pictures_that_cannot_be_read_are_left_out_and_not_missed(make_set, encoder_name, tmp_path):
    image_set, said = make_set(), []
    (tmp_path / "pictures" / "a" / "1.png").write_bytes(b"no picture")
    (result,) = evaluate(image_set, wish(encoder_name), folder=tmp_path / "out", say=said.append)
    assert said[0] == "1 picture cannot be read, and is left out: a/1.png."
    assert (result["set"]["images"], result["set"]["queries"]) == (5, 5)
    # Without picture 1: 0 finds b b a; 2 finds b a a b; 3 a b b; 4 b b b a; 5 a b b.
    counted = [1 / 3, (1 + 2 / 4) / 2, (1 / 2 + 2 / 3) / 2, 1 / 4, (1 / 2 + 2 / 3) / 2]
    assert result["metrics"]["ap"]["mean"] == pytest.approx(np.mean(counted))
    assert "were left out: 1." in result["set"]["remarks"][-1]


def test_names_of_any_bytes_go_through(make_set, encoder_name, tmp_path):
    names = ["a b/\udcff\udcfe.png", "#x/new\nline.png", "#x/-c.png", "a b/é\u202e.png"]
    image_set = make_set(names, [0, 90, 100, 10], ["a", "b", "b", "a"])
    (result,) = evaluate(image_set, wish(encoder_name, ks=(1,)), folder=tmp_path / "out")
    assert result["metrics"]["precision@1"]["mean"] == 1.0
    assert {row["query"] for row in result["best"]} == set(names)
    files = write_outputs([result], tmp_path / "out", has_report=False)
    assert json.loads(files[0].read_text()) == [result]


def test_a_random_part_of_the_queries_is_asked_over_all_images(make_set, encoder_name, tmp_path):
    asked = wish(encoder_name, queries=3, seed=1)
    (result,) = evaluate(make_set(), asked, folder=tmp_path / "out")
    (again,) = evaluate(make_set(), asked, folder=tmp_path / "again")
    assert result["set"]["queries"] == 3
    assert result["set"]["images"] == 6
    assert result["metrics"] == again["metrics"]


def test_a_gallery_is_measured_with_its_own_embeddings(make_set, encoder, tmp_path):
    image_set = make_set()
    with Gallery.create(tmp_path / "g", encoder.space, dtype="float32") as gallery:
        add_images(gallery, image_set.root, encoder)
        (result,) = evaluate(gallery, EvalWish(ks=(1, 2)), folder=tmp_path / "out")
        with_encoder = evaluate(
            gallery, EvalWish(ks=(1, 2), encoders=("any",)), folder=tmp_path / "again",
            load=lambda name: encoder,
        )  # fmt: skip
    # Folders are the labels: as pictures lie in the folders of their labels.
    assert result["metrics"]["ap"]["mean"] == pytest.approx(np.mean(AVERAGE_PRECISIONS))
    assert result["metrics"] == with_encoder[0]["metrics"]
    assert result["encoder"]["fingerprint"] == encoder.space.fingerprint
    assert result["encoder"]["pictures_per_s"] is None
    assert result["set"]["name"] == "g"


def test_a_gallery_is_judged_by_a_column(make_set, encoder, tmp_path):
    image_set = make_set()
    table = tmp_path / "labels.csv"
    table.write_text("path,kind\na/0.png,x\na/1.png,x\nb/2.png,y\nb/3.png,y\na/4.png,\n")
    with Gallery.create(tmp_path / "g", encoder.space, dtype="float32") as gallery:
        add_images(gallery, image_set.root, encoder, metadata=load_metadata(table))
        asked = EvalWish(ks=(1,), labels="kind")
        (result,) = evaluate(gallery, asked, folder=tmp_path / "out")
        with pytest.raises(UsageError, match="no column 'colour'"):
            evaluate(gallery, EvalWish(labels="colour"), folder=tmp_path / "out")
    assert (result["set"]["images"], result["set"]["queries"]) == (4, 4)
    assert result["set"]["remarks"][1] == "2 pictures have no kind: they are left out."
    # 0 finds 1; 1 finds 2; 2 finds 3; 3 finds 2.
    assert result["metrics"]["precision@1"]["mean"] == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ks": (6,)}, "k is 6, but in the set row a query can find 5 pictures besides itself"),
        ({"indexes": ("ivf-pq",)}, "needs at least 624 rows"),
        ({"indexes": ("XYZ",)}, "FAISS refuses the factory string 'XYZ'"),
    ],
)
def test_what_cannot_be_measured_is_said(make_set, encoder_name, tmp_path, changes, said):
    with pytest.raises(UsageError, match=said):
        evaluate(make_set(), wish(encoder_name, **changes), folder=tmp_path / "out")


def test_an_index_that_cannot_be_built_is_left_out_and_that_is_said(
    make_set, encoder_name, tmp_path
):
    said = []
    asked = wish(encoder_name, indexes=("ivf-pq", "flat"))
    (result,) = evaluate(make_set(), asked, folder=tmp_path / "out", say=said.append)
    assert result["index"]["name"] == "flat"
    assert said[0].startswith("ivf-pq is left out: The index")


def test_ks_are_those_that_the_set_has_pictures_for(make_set, encoder_name, tmp_path):
    (result,) = evaluate(make_set(), wish(encoder_name, ks=()), folder=tmp_path / "out")
    assert result["parameters"]["ks"] == [1, 5]


def test_not_one_readable_picture(make_set, encoder_name, tmp_path):
    image_set = make_set()
    for name in NAMES:
        (tmp_path / "pictures" / name).write_bytes(b"no picture")
    with pytest.raises(NoImagesFound):
        evaluate(image_set, wish(encoder_name), folder=tmp_path / "out")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"indexes": ()}, "No index was named"),
        ({"indexes": ("flat", "flat")}, "'flat' is named twice"),
        ({"ks": (0,)}, "k is 0"),
        ({"ranking": "half"}, "Ranking 'half' is unknown"),
        ({"resamples": 5}, "at least 100 resamples"),
        ({"level": 95}, "The level is 95"),
        ({"queries": 0}, "0 queries were asked for"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(given, said):
    with pytest.raises(UsageError, match=said):
        EvalWish(**given)


def test_a_captioned_set_without_a_text_tower_is_only_compared_with_exact_search(
    make_set, encoder_name, tmp_path
):
    plain, said = make_set(), []
    captioned = ImageSet(
        name="row", root=plain.root, images=plain.images, queries=plain.queries,
        judgements=plain.judgements, labels=None, fingerprint="captions",
        captions=tuple("abcdef"),
    )  # fmt: skip
    (result,) = evaluate(captioned, wish(encoder_name), folder=tmp_path / "out", say=said.append)
    assert "reads no texts" in said[0]
    assert result["metrics"] == {}
    assert result["index"]["ann_recall"] == {"1": 1.0}


class Reader:
    """The encoder of the tests, which reads texts too: each is the green of a picture."""

    def __init__(self, encoder):
        self.encoder = encoder
        self.card = replace(encoder.card, has_text=True)

    def __getattr__(self, name):
        return getattr(self.encoder, name)

    def encode_texts(self, texts, *, template=None):
        rows = np.array([[200.0, 2.0 * int(text), 0.0] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_texts_find_the_picture_that_they_describe(make_set, encoder, tmp_path):
    plain = make_set()
    captioned = replace(
        plain, captions=("0", "20", "40", "60", "95", "100"), fingerprint="captions",
        judgements={"captions": ListedQrels(plain.queries, [[place] for place in range(6)])},
    )  # fmt: skip
    (result,) = evaluate(
        captioned, EvalWish(encoders=("any",), ks=(1, 2)), folder=tmp_path / "out",
        load=lambda name: Reader(encoder),
    )  # fmt: skip
    # Green 95 lies nearer to picture 5 than to its own, and no picture is left out.
    assert result["metrics"]["recall@1"]["mean"] == pytest.approx(5 / 6)
    assert result["metrics"]["recall@2"]["mean"] == 1.0
    assert result["set"]["is_leave_one_out"] is False


def test_an_encoder_is_loaded_once_for_all_indexes(make_set, encoder_name, tmp_path):
    loaded = []

    def load(name):
        loaded.append(name)
        return load_encoder(name, threads=1)

    asked = wish(encoder_name, indexes=("flat", "exact"))
    evaluate(make_set(), asked, folder=tmp_path / "out", load=load)
    assert loaded == [encoder_name]
