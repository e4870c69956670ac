"""A gallery of plain colours, judged by its columns and asked through a searcher."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import Encoder
from lookalike.errors import UsageError
from lookalike.evaluation.datasets import open_set
from lookalike.evaluation.judging.from_gallery import qrels_from_gallery
from lookalike.evaluation.judging.from_searcher import run_of
from lookalike.evaluation.judging.scoring import score_run
from lookalike.gallery import Gallery
from lookalike.ingest import MetadataTable, add_images
from lookalike.search import Query, QueryPart, Searcher

# The tiny encoder's embedding is the direction of (red, 2 green, 4 blue).
COLOURS = {
    "white.png": (204, 102, 51),  # (1, 1, 1)
    "cold/blue.png": (0, 0, 200),
    "cold/cyan.png": (0, 100, 50),  # (0, 1, 1)
    "warm/orange.png": (100, 50, 0),  # (1, 1, 0)
    "warm/red.png": (200, 0, 0),
}
WHITE, BLUE, CYAN, ORANGE, RED = 1, 2, 3, 4, 5


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for name, colour in COLOURS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 12), colour).save(folder / name)
    return folder


@pytest.fixture
def gallery(tmp_path: Path, photos: Path, encoder: Encoder) -> Iterator[Gallery]:
    rows = {
        name: {"bright": name == "white.png", "year": 1900 + 10 * ((place + 1) // 2), "one": "x"}
        for place, name in enumerate(COLOURS)
    }
    rows["white.png"]["maker"] = ""
    with Gallery.create(tmp_path / "gallery", encoder.space) as made:
        add_images(made, photos, encoder, metadata=MetadataTable(rows))
        yield made


def test_folders_of_a_gallery_judge_it(gallery, photos):
    qrels = qrels_from_gallery(gallery, "folder")
    assert qrels.queries == tuple(str(photos / name) for name in COLOURS)
    assert qrels.groups == ("", "cold", "cold", "warm", "warm")
    assert qrels.self_ids == (WHITE, BLUE, CYAN, ORANGE, RED)
    assert qrels.positives.tolist() == [0, 1, 1, 1, 1]
    assert qrels.most_junk == 1


def test_a_number_is_a_label_too(gallery):
    assert qrels_from_gallery(gallery, "year").groups == ("1900", "1910", "1910", "1920", "1920")


def test_labels_have_one_form_in_galleries_and_tables(gallery, photos, encoder):
    values = dict(zip(COLOURS, (1, 1.0, " red", "red ", "NaN"), strict=True))
    rows = {name: {"kind": value} for name, value in values.items()}
    add_images(gallery, photos, encoder, metadata=MetadataTable(rows))
    (photos / "kinds.jsonl").write_text(
        "".join(json.dumps({"path": name, **row}) + "\n" for name, row in rows.items())
    )
    assert qrels_from_gallery(gallery, "kind").groups == ("1", "1", "red", "red", "")
    assert open_set(str(photos / "kinds.jsonl")).labels == ("1", "red", "red", "1")


def test_names_of_folders_stay_as_they_are(tmp_path, photos, encoder):
    (photos / "cold").rename(photos / "nan")
    (photos / "warm").rename(photos / "1.0")
    with Gallery.create(tmp_path / "named", encoder.space) as made:
        add_images(made, photos, encoder)
        assert set(qrels_from_gallery(made, "folder").groups) == {"", "1.0", "nan"}


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        ("colour", "no column 'colour' in the gallery .* choose one of image_id, path, folder"),
        ("one", "All images have the same label, 'x'"),
        ("maker", "None of the 5 images has a label"),
        ("name", "None of the 5 queries has anything to find"),
    ],
)
def test_columns_that_judge_nothing(gallery, column, sentence):
    with pytest.raises(UsageError, match=sentence):
        qrels_from_gallery(gallery, column)


def test_one_file_of_two_sources_is_two_images(gallery, photos, encoder):
    (photos / "few.txt").write_text("warm/orange.png\nwarm/red.png\n")
    add_images(gallery, photos / "few.txt", encoder)
    qrels = qrels_from_gallery(gallery, "name")
    assert qrels.queries[3:5] == tuple(
        f"{photos / name} (image {image_id})"
        for name, image_id in (("warm/orange.png", ORANGE), ("warm/red.png", RED))
    )
    assert qrels.positives.tolist() == [0, 0, 0, 1, 1, 1, 1]


def test_a_searcher_makes_a_run(gallery, encoder):
    run = run_of(Searcher(gallery, encoder), [BLUE, RED], 3)
    # Blue is 0.71 of cyan and 0.58 of white; red is 0.71 of orange and 0.58 of white.
    assert run.queries == ("image 2", "image 5")
    assert run.image_ids[0].tolist() == [CYAN, WHITE, ORANGE]
    assert run.image_ids[1].tolist() == [ORANGE, WHITE, BLUE]
    np.testing.assert_allclose(run.scores[:, :2], [[0.7071, 0.5774]] * 2, atol=1e-3)


def test_where_hits_end_the_line_is_filled_up(gallery, encoder):
    run = run_of(Searcher(gallery, encoder), [BLUE], 6)
    assert run.image_ids[0, 4:].tolist() == [-1, -1]
    assert np.isneginf(run.scores[0, 4:]).all()


def test_a_query_of_the_gallery_can_be_told_to_find_itself(gallery, encoder, photos):
    searcher, query = Searcher(gallery, encoder), str(photos / "warm/red.png")
    assert run_of(searcher, [query], 1).image_ids.tolist() == [[ORANGE]]
    assert run_of(searcher, [query], 1, exclude_self=False).image_ids.tolist() == [[RED]]


def test_more_queries_than_are_asked_at_once(gallery, encoder, monkeypatch):
    monkeypatch.setattr("lookalike.evaluation.judging.from_searcher.ASKED_AT_ONCE", 2)
    run = run_of(Searcher(gallery, encoder), [1, 2, 3, 4, 5], 1, names=list("abcde"))
    assert run.queries == tuple("abcde")
    assert run.image_ids[1:, 0].tolist() == [CYAN, WHITE, WHITE, ORANGE]


def test_a_second_stage_may_put_lower_scores_first(gallery, encoder):
    query = Query((QueryPart.of(WHITE),), k=4, exclude_self=True, diversity=0.9)
    run = run_of(Searcher(gallery, encoder), [query], 4)
    assert sorted(run.image_ids[0].tolist()) == [BLUE, CYAN, ORANGE, RED]
    assert (np.diff(run.scores[0]) <= 0).all()


def test_no_queries_are_refused(gallery, encoder):
    with pytest.raises(UsageError, match="no queries"):
        run_of(Searcher(gallery, encoder), [], 3)


def test_the_gallery_is_judged_as_a_whole(gallery, encoder):
    qrels = qrels_from_gallery(gallery, "folder")
    run = run_of(Searcher(gallery, encoder), qrels.self_ids, 4, names=qrels.queries)
    scores = score_run(run, qrels, ks=[1], is_whole=True)
    # White, which has no label, comes first for cyan and orange: without it, every colour
    # has its own kind next to it.
    assert run.image_ids[2, 0] == WHITE
    assert scores.of("ap")[1:].tolist() == [1, 1, 1, 1]
    assert scores.left_out == 1
