"""Whole maps of small galleries, and what is written about them."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from lookalike.errors import GalleryError, MissingExtra, UsageError
from lookalike.evaluation.maps import MapWish, layouts, map_gallery, mapping, naming
from lookalike.evaluation.maps.writing import (
    KeptLayout,
    keep_layout,
    keep_thumbnails,
    kept_layout,
    kept_thumbnails,
)
from lookalike.vectors import unit_rows

FAST = MapWish(layout="pca", has_plot=False)


def table(folder):
    with open(folder / "map.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def facts_of(folder):
    page = (folder / "map.html").read_text(encoding="utf-8")
    start = page.index('id="map-facts">') + len('id="map-facts">')
    return json.loads(page[start : page.index("</script>", start)])


def test_a_map_has_page_picture_table_and_report(zoo, tmp_path):
    pytest.importorskip("openTSNE")
    pytest.importorskip("matplotlib")
    report = map_gallery(zoo, MapWish(), tmp_path / "out")
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["layout.npz", "map.csv", "map.html", "map.json", "map.png", "thumbnails.npz"]
    assert (report.images, report.of, report.thumbnails) == (30, 30, 30)
    assert sorted(cluster.name for cluster in report.clusters) == ["cat", "dog", "owl"]
    assert {(cluster.size, cluster.share) for cluster in report.clusters} == {(10, 1.0)}
    assert (report.scores.purity, report.scores.nmi, report.scores.ari) == (1, 1, 1)
    assert json.loads(report.facts.read_text())["clusters"][0]["size"] == 10
    assert report.plot.read_bytes().startswith(b"\x89PNG")


def test_the_table_says_of_each_image_where_it_is_and_what_it_belongs_to(zoo, tmp_path):
    map_gallery(zoo, FAST, tmp_path)
    lines = table(tmp_path)
    assert [int(line["image_id"]) for line in lines] == list(range(1, 31))
    assert lines[0]["path"].endswith("/zoo/cat/00.png")
    assert all(line["label"] == line["cluster_name"] for line in lines)
    points = np.load(tmp_path / "layout.npz")["points"]
    assert float(lines[3]["x"]) == pytest.approx(points[3, 0], rel=1e-5)
    assert sum(int(line["is_outlier"]) for line in lines) == 1


def test_other_colours_take_the_layout_over(zoo, tmp_path, monkeypatch):
    first = map_gallery(zoo, FAST, tmp_path)
    monkeypatch.setattr(mapping, "lay_out", lambda *_, **__: pytest.fail("laid out again"))
    again = map_gallery(
        zoo, MapWish(layout="pca", has_plot=False, colour="age", clusters=5), tmp_path
    )
    assert (first.is_layout_kept, again.is_layout_kept) == (False, True)
    assert facts_of(tmp_path)["columns"][0]["name"] == "age"


def test_small_pictures_are_made_once(zoo, tmp_path, monkeypatch):
    first = map_gallery(zoo, FAST, tmp_path)
    page = (tmp_path / "map.html").read_bytes()
    monkeypatch.setattr(mapping, "small_pictures", lambda *_, **__: pytest.fail("made again"))
    again = map_gallery(zoo, FAST, tmp_path)
    assert (first.thumbnails, again.thumbnails) == (30, 30)
    assert (tmp_path / "map.html").read_bytes() == page


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"layout": "tsne"}, {"layout": "tsne", "perplexity": 5.0}]
)
def test_other_parameters_lay_out_anew(zoo, tmp_path, monkeypatch, change):
    monkeypatch.setattr(layouts, "tsne_layout", lambda rows, **_: np.zeros((len(rows), 2), "f4"))
    monkeypatch.setattr(mapping, "layout_library", lambda _: None)
    map_gallery(zoo, FAST, tmp_path)
    wish = MapWish(**{"layout": "pca", "has_plot": False, **change})
    assert not map_gallery(zoo, wish, tmp_path).is_layout_kept
    assert map_gallery(zoo, wish, tmp_path).is_layout_kept


def test_a_changed_gallery_is_laid_out_anew(zoo, tmp_path):
    map_gallery(zoo, FAST, tmp_path)
    with zoo.writer() as writer:
        writer.commit(removed=[3])
    report = map_gallery(zoo, FAST, tmp_path)
    assert (report.images, report.is_layout_kept) == (29, False)


def test_a_damaged_layout_is_made_again(zoo, tmp_path):
    map_gallery(zoo, FAST, tmp_path)
    (tmp_path / "layout.npz").write_bytes(b"PK no zip")
    assert not map_gallery(zoo, FAST, tmp_path).is_layout_kept


def test_columns_may_be_chosen(zoo, tmp_path):
    wish = MapWish(layout="pca", has_plot=False, columns=("keeper",), colour="size_bytes")
    map_gallery(zoo, wish, tmp_path)
    names = [column["name"] for column in facts_of(tmp_path)["columns"]]
    assert names == ["size_bytes", "cluster", "label", "outlier score", "keeper"]


def test_unasked_the_page_offers_what_tells_pictures_apart(zoo, tmp_path):
    map_gallery(zoo, FAST, tmp_path)
    names = [column["name"] for column in facts_of(tmp_path)["columns"]]
    assert names == ["cluster", "label", "outlier score", "age", "size_bytes"]


def test_a_sample_of_a_large_gallery(zoo, tmp_path):
    wish = MapWish(layout="pca", has_plot=False, most_images=12)
    report = map_gallery(zoo, wish, tmp_path)
    assert (report.images, report.of) == (12, 30)
    assert report.remarks == ("A sample of 12 of 30 pictures is drawn.",)
    assert len(table(tmp_path)) == 12


def test_thumbnails_keep_to_their_budget(zoo, tmp_path):
    whole = map_gallery(zoo, FAST, tmp_path)
    size = (tmp_path / "map.html").stat().st_size
    wish = MapWish(layout="pca", has_plot=False, thumbnails_mb=0.004)
    some = map_gallery(zoo, wish, tmp_path)
    none = map_gallery(zoo, MapWish(layout="pca", has_plot=False, thumbnails_mb=0), tmp_path)
    assert whole.thumbnails == 30
    assert 0 < some.thumbnails < 30
    assert none.thumbnails == 0
    assert size - (tmp_path / "map.html").stat().st_size > 4_000


def test_pictures_that_are_gone_leave_a_map(make_gallery, tmp_path):
    rows = np.eye(4)
    gallery = make_gallery(rows, [f"{row}.png" for row in range(4)], has_files=False)
    report = map_gallery(gallery, FAST, tmp_path)
    assert (report.images, report.thumbnails) == (4, 0)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_handful_of_pictures(make_gallery, tmp_path, count):
    pytest.importorskip("openTSNE")
    rows = unit_rows(np.random.default_rng(0).normal(size=(count, 4)))
    gallery = make_gallery(rows, [f"{row}.png" for row in range(count)])
    report = map_gallery(gallery, MapWish(clusters=9, has_plot=False), tmp_path)
    assert report.images == count
    assert len(report.clusters) <= count
    assert report.scores is None
    assert report.outliers == ()


def test_pictures_that_all_look_the_same(make_gallery, tmp_path):
    pytest.importorskip("matplotlib")
    gallery = make_gallery(
        np.ones((30, 4)) / 2, [f"{'ab'[row % 2]}/{row}.png" for row in range(30)]
    )
    report = map_gallery(gallery, MapWish(layout="pca"), tmp_path)
    assert [(cluster.name, cluster.size) for cluster in report.clusters] == [("a", 30)]
    assert np.isfinite(np.load(tmp_path / "layout.npz")["points"]).all()


def test_words_name_clusters_where_the_encoder_has_a_text_tower(make_gallery, tmp_path):
    rows = np.repeat(np.eye(2), 6, axis=0)
    gallery = make_gallery(rows, [f"{row}.png" for row in range(12)], encoder="clip-vit-b-32")

    class TextTower:
        def encode_texts(self, texts, *, template=None):
            cat, dog = texts.index("a photo of a cat"), texts.index("a photo of a dog")
            found = np.full((len(texts), 2), 0.1)
            found[cat], found[dog] = (1, 0), (0, 1)
            return found

    wish = MapWish(layout="pca", has_plot=False, clusters=2)
    report = map_gallery(gallery, wish, tmp_path, encoder=TextTower())
    assert sorted(cluster.name for cluster in report.clusters) == ["cat", "dog"]
    assert {cluster.name_source for cluster in report.clusters} == {"word"}


def test_no_weights_are_fetched_just_for_names(make_gallery, tmp_path, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(naming, "load_encoder", lambda _: pytest.fail("fetched"))
    gallery = make_gallery(np.eye(2), ["x.png", "y.png"], encoder="clip-vit-b-32")
    report = map_gallery(gallery, FAST, tmp_path / "map")
    assert report.clusters[0].name == "like x"
    assert "the encoder could not be had" in report.remarks[0]


def test_without_labels_and_texts_files_name_clusters(make_gallery, tmp_path):
    gallery = make_gallery(np.eye(3), ["x.png", "y.png", "z.png"])
    report = map_gallery(gallery, MapWish(layout="pca", has_plot=False, clusters=3), tmp_path)
    assert [cluster.name for cluster in report.clusters] == ["like x", "like y", "like z"]


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"colour": "shade"}, "no column of this gallery"),
        ({"colour": "label", "labels": "nothing"}, "no column of this gallery"),
        ({"labels": "species"}, "no column of this gallery"),
        ({"names": "words"}, "knows pictures only"),
    ],
)
def test_what_cannot_be_shown_is_refused(zoo, tmp_path, wish, message):
    with pytest.raises(UsageError, match=message):
        map_gallery(zoo, MapWish(layout="pca", has_plot=False, **wish), tmp_path)


def test_labels_are_missed_where_they_are_needed(make_gallery, tmp_path):
    gallery = make_gallery(np.eye(3), ["x.png", "y.png", "z.png"])
    with pytest.raises(UsageError, match="with --labels"):
        map_gallery(gallery, MapWish(layout="pca", colour="label", has_plot=False), tmp_path)
    with pytest.raises(UsageError, match="with --labels"):
        map_gallery(gallery, MapWish(layout="pca", names="labels", has_plot=False), tmp_path)


def test_an_empty_gallery_is_refused(make_gallery, tmp_path):
    gallery = make_gallery(np.eye(3), ["x.png", "y.png", "z.png"])
    with gallery.writer() as writer:
        writer.commit(removed=[1, 2, 3])
    with pytest.raises(GalleryError, match="no pictures to draw"):
        map_gallery(gallery, FAST, tmp_path)


def test_a_place_that_cannot_be_written_is_found_out_first(zoo, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="name another with --out"):
        map_gallery(zoo, FAST, tmp_path / "file")


def test_a_missing_matplotlib_is_named_before_the_work(zoo, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"lookalike\[plot\]"):
        map_gallery(zoo, MapWish(layout="pca"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"clusters": 0}, {"layout": "circle"}, {"names": "numbers"}, {"perplexity": 1.0},
        {"most_images": 0}, {"thumbnails_mb": -1.0}, {"thumbnails_mb": float("nan")},
    ],
)  # fmt: skip
def test_wishes_that_make_no_sense_are_refused(wrong):
    with pytest.raises(UsageError):
        MapWish(**wrong)


def test_progress_is_told(zoo, tmp_path):
    told = []
    map_gallery(zoo, FAST, tmp_path, on_progress=lambda *step: told.append(step))
    assert ("neighbors", 30, 30) in told
    assert ("small pictures", 30, 30) in told


@pytest.mark.shared
def test_real_pictures_of_a_kind_lie_together(shared, tmp_path):
    import tarfile

    from lookalike.encoders import load_encoder
    from lookalike.gallery import Gallery
    from lookalike.ingest import add_images

    pytest.importorskip("openTSNE")
    with tarfile.open(shared / "data" / "clothing-eval.tar") as tar:
        tar.extractall(tmp_path / "pictures", filter="data")
    encoder = load_encoder("builtin")
    with Gallery.create(tmp_path / "gallery", encoder.space) as gallery:
        add_images(gallery, tmp_path / "pictures", encoder)
        report = map_gallery(gallery, MapWish(has_plot=False), tmp_path / "map")
    points = np.load(tmp_path / "map" / "layout.npz")["points"]
    labels = np.array([line["label"] for line in table(tmp_path / "map")])
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    nearest = labels[gaps.argmin(axis=1)]
    assert (nearest == labels).mean() > 2 * np.unique(labels, return_counts=True)[1].max() / len(
        labels
    )
    assert report.scores.purity > 0.4


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"perplexity": float("inf")}, "finite perplexity above 1, not inf"),
        ({"perplexity": float("nan")}, "finite perplexity above 1, not nan"),
        ({"thumbnails_mb": float("inf")}, "inf MB of thumbnails"),
        ({"thumbnails_mb": float("nan")}, "nan MB of thumbnails"),
    ],
)
def test_what_is_not_finite_is_refused(wish, message):
    with pytest.raises(UsageError, match=message):
        MapWish(**wish)


def test_half_of_a_pair_in_a_label_becomes_a_mark(make_gallery, tmp_path):
    labels = [{"label": "a\ud83d" if row % 2 else "b"} for row in range(12)]
    rows = unit_rows(np.random.default_rng(0).normal(size=(12, 8)))
    gallery = make_gallery(rows, [f"{row}.png" for row in range(12)], metadata=labels)
    map_gallery(gallery, replace(FAST, labels="label", title="\ud83d"), tmp_path / "map")
    assert {line["label"] for line in table(tmp_path / "map")} == {"a\ufffd", "b"}
    (column,) = (each for each in facts_of(tmp_path / "map")["columns"] if each["name"] == "label")
    assert sorted(column["values"]) == ["a\ufffd", "b"]


def test_a_map_has_the_title_that_was_asked_for(zoo, tmp_path):
    map_gallery(zoo, replace(FAST, title="Animals & co"), tmp_path)
    assert "<title>Animals &amp; co</title>" in (tmp_path / "map.html").read_text()


def test_flipped_bytes_in_what_is_kept_are_nothing_kept(tmp_path):
    made = KeptLayout(np.zeros((5, 2), np.float32), np.zeros(5, np.float32))
    keep_layout(tmp_path, "key", made)
    keep_thumbnails(tmp_path, "key", [b"one", None, b"two"])
    assert kept_thumbnails(tmp_path, "key") == [b"one", None, b"two"]
    assert kept_layout(tmp_path, "other") is None
    dice = np.random.default_rng(0)
    for name, read in (("layout.npz", kept_layout), ("thumbnails.npz", kept_thumbnails)):
        whole = (tmp_path / name).read_bytes()
        for place in range(len(whole)):
            damaged = bytearray(whole)
            damaged[place] ^= int(dice.integers(1, 256))
            (tmp_path / name).write_bytes(damaged)
            found = read(tmp_path, "key")
            assert found is None or name == "thumbnails.npz" or len(found.points) == 5
