"""``map``: what is written, printed and refused."""

from __future__ import annotations

import json

import pytest

from lookalike.cli.extras import install_line
from lookalike.evaluation.maps import layouts

pytest.importorskip("matplotlib")


def test_a_folder_becomes_a_map(lookalike, indexed, tmp_path):
    done = lookalike("map", "photos", "--layout", "pca", "--clusters", "2")
    assert done.code == 0, done.err
    assert "4 pictures, 2 clusters" in done.out
    assert sorted(file.name for file in (tmp_path / "map").iterdir()) == [
        "layout.npz", "map.csv", "map.html", "map.json", "map.png", "thumbnails.npz",
    ]  # fmt: skip
    assert "map/map.html" in done.out


def test_the_gallery_may_be_named_like_anywhere_else(lookalike, indexed, monkeypatch):
    monkeypatch.chdir(indexed)
    assert lookalike("map", "--layout", "pca", "--out", "m").code == 0
    assert lookalike("map", "--gallery", indexed, "--layout", "pca", "--out", "m").code == 0
    elsewhere = lookalike("map", indexed, "--gallery", "elsewhere")
    assert elsewhere.code == 2
    assert "Two galleries are named" in elsewhere.err


def test_the_layout_of_before_is_kept(lookalike, indexed):
    lookalike("map", "photos", "--layout", "pca")
    again = lookalike("map", "photos", "--layout", "pca", "--colour", "size_bytes")
    assert "layout of the map before was kept" in again.err


def test_json_is_the_report(lookalike, indexed, tmp_path):
    done = lookalike("map", "photos", "--layout", "pca", "--json", "--no-png", "--no-page")
    report = json.loads(done.out)
    assert report == json.loads((tmp_path / "map" / "map.json").read_text())
    assert report["images"] == 4
    assert (report["page"], report["plot"]) == (None, None)
    assert not (tmp_path / "map" / "map.html").exists()


def test_labels_are_compared_with_clusters(lookalike, paint, encoder, tmp_path):
    for kind, colour in (("red", (200, 0, 0)), ("blue", (0, 0, 200))):
        for shade in range(6):
            tone = tuple(value and value + 5 * shade for value in colour)
            paint(tmp_path / "kinds" / kind / f"{shade}.png", tone)
    assert lookalike("index", "kinds", "--encoder", encoder).code == 0
    done = lookalike("map", "kinds", "--layout", "pca", "--no-png")
    assert "clusters against 2 labels: purity 1.000, NMI 1.000, ARI 1.000" in done.out
    assert "100 % of one label" in done.out


def test_quiet_is_silent(lookalike, indexed):
    done = lookalike("map", "photos", "--layout", "pca", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--clusters", "0"], "0 is less than 1"),
        (["--perplexity", "1"], "perplexity above 1"),
        (["--color", "camra"], "did you mean camera"),
        (["--labels", "kind"], "no column of this gallery"),
        (["--names", "labels"], "--labels"),
        (["--thumbnails-mb", "-1"], "0 or more"),
        (["--out", "photos/red.png"], "name another with --out"),
    ],
)
def test_bad_input_is_refused_in_one_line(lookalike, indexed, words, message):
    done = lookalike("map", "photos", "--layout", "pca", *words)
    assert done.code == 2
    assert message in done.err
    assert done.err.count("\n") == 1


def test_no_gallery_is_a_sentence(lookalike, tmp_path):
    done = lookalike("map", tmp_path)
    assert done.code == 1
    assert "There is no gallery at" in done.err


def test_an_interruption_says_what_is_left(lookalike, indexed, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(layouts, "pca_layout", interrupt)
    done = lookalike("map", "photos", "--layout", "pca")
    assert done.code == 130
    assert "no map was finished in map" in done.err


def test_without_what_draws_it_the_picture_is_left_out(lookalike, indexed, tmp_path, monkeypatch):
    monkeypatch.setattr("lookalike.evaluation.reports.figures.can_draw", lambda: False)
    done = lookalike("map", "photos", "--layout", "pca")
    assert done.code == 0
    assert f"map.png is left out: it needs {install_line('plot')}." in done.err
    assert not (tmp_path / "map" / "map.png").exists()
    assert (tmp_path / "map" / "map.html").exists()


def test_a_folder_that_cannot_take_the_map_is_named(lookalike, indexed, tmp_path):
    (tmp_path / "taken").write_text("a file")
    done = lookalike("map", "photos", "--layout", "pca", "--out", "taken")
    assert done.code == 2
    assert "taken cannot take the map" in done.err
    assert "name another with --out" in done.err
    assert ".probe" not in done.err
