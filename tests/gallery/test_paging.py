"""Pages and samples of images, compared with lists that can be written down."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.gallery import Gallery, NewImage, parse_where

PICTURES = 40


@pytest.fixture
def forty(gallery: Gallery, photos: Path) -> Gallery:
    """Images 1 to 40, of which 7, 8 and 9 were removed; every fifth is a PNG."""
    same = {"source_id": 1, "size_bytes": 9, "mtime_ns": 1, "width": 4, "height": 3}
    images = [
        NewImage(
            **same,
            path=f"{number}.jpg",
            content_hash=f"hash {number}",
            format="PNG" if number % 5 == 0 else "JPEG",
            embedding_row=number - 1,
        )
        for number in range(1, PICTURES + 1)
    ]
    rows = np.tile(np.array([1, 0, 0, 0], dtype=np.float32), (PICTURES, 1))
    with gallery.writer() as writer:
        writer.add_source("folder", str(photos))
        writer.commit(images=images, embeddings=rows)
        writer.commit(removed=[7, 8, 9])
    return gallery


def ids(records: list) -> list[int]:
    return [record.image_id for record in records]


def test_pages_follow_one_another(forty: Gallery) -> None:
    assert ids(forty.page(5)) == [1, 2, 3, 4, 5]
    assert ids(forty.page(5, after=5)) == [6, 10, 11, 12, 13]
    assert ids(forty.page(5, after=38)) == [39, 40]
    assert forty.page(5, after=40) == []


def test_newest_come_first(forty: Gallery) -> None:
    assert ids(forty.page(3, newest_first=True)) == [40, 39, 38]
    assert ids(forty.page(3, newest_first=True, after=11)) == [10, 6, 5]


def test_a_page_may_begin_after_an_image_that_is_gone(forty: Gallery) -> None:
    assert ids(forty.page(2, after=8)) == [10, 11]


def test_a_page_is_filtered(forty: Gallery) -> None:
    png = parse_where("format = 'png' AND image_id <> 20")

    assert ids(forty.page(4, condition=png)) == [5, 10, 15, 25]
    assert ids(forty.page(4, condition=png, after=25)) == [30, 35, 40]
    assert ids(forty.page(2, condition=png, newest_first=True, after=30)) == [25, 15]


def test_a_page_of_a_source_is_not_sorted_first(forty: Gallery) -> None:
    from lookalike.gallery.where import compile_condition

    where = compile_condition(parse_where("source_id = 1"), list, folders={})
    with forty._pool.transaction() as connection:
        query = (
            "EXPLAIN QUERY PLAN SELECT image_id FROM images NOT INDEXED "
            f"WHERE image_id > 3 AND ({where.sql}) ORDER BY image_id LIMIT 2"
        )
        plan = [line[-1] for line in connection.execute(query, where.values)]

    assert plan == ["SEARCH images USING INTEGER PRIMARY KEY (rowid>?)"]
    assert ids(forty.page(2, after=3, condition=parse_where("source_id = 1"))) == [4, 5]


def test_numbers_beyond_sqlite_are_no_error(forty: Gallery) -> None:
    assert forty.page(3, after=10**30) == []
    assert ids(forty.page(10**30, after=38)) == [39, 40]
    assert forty.images_by_id([10**30, -1]) == {}


@pytest.mark.parametrize("limit", [0, -1])
def test_an_empty_page_is_refused(forty: Gallery, limit: int) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        forty.page(limit)
    with pytest.raises(UsageError, match="1 or more"):
        forty.sample(limit)


def test_a_sample_has_each_image_once(forty: Gallery) -> None:
    everything = [number for number in range(1, 41) if number not in {7, 8, 9}]

    assert sorted(ids(forty.sample(100, seed=3))) == everything
    assert len(set(ids(forty.sample(10, seed=3)))) == 10


def test_a_sample_is_the_same_for_the_same_seed(forty: Gallery) -> None:
    assert ids(forty.sample(10, seed=3)) == ids(forty.sample(10, seed=3))
    assert ids(forty.sample(10, seed=3)) != ids(forty.sample(10, seed=4))


def test_a_sample_is_filtered(forty: Gallery) -> None:
    png = parse_where("format = 'PNG'")

    assert sorted(ids(forty.sample(100, condition=png))) == [5, 10, 15, 20, 25, 30, 35, 40]
    assert set(ids(forty.sample(3, condition=png))) <= {5, 10, 15, 20, 25, 30, 35, 40}


def test_every_image_is_drawn_equally_often(forty: Gallery) -> None:
    # One of 37, drawn 3,700 times without knowing which image_ids are in use: 100 times each,
    # give or take five standard deviations of about ten.
    drawn = Counter(ids(forty.sample(1, seed=seed))[0] for seed in range(3700))

    assert len(drawn) == 37
    assert min(drawn.values()) > 50
    assert max(drawn.values()) < 150


def test_a_sample_of_a_gallery_full_of_holes(forty: Gallery) -> None:
    with forty.writer() as writer:
        writer.commit(removed=[*range(2, 7), *range(10, 40)])

    assert ids(forty.page(100)) == [1, 40]
    assert set(ids(forty.sample(1, seed=8))) <= {1, 40}
    assert sorted(ids(forty.sample(2, seed=8))) == [1, 40]


def test_a_sample_of_nothing(gallery: Gallery) -> None:
    assert gallery.sample(5) == []
    assert gallery.page(5) == []


def test_images_come_in_the_order_asked_for(forty: Gallery) -> None:
    assert list(forty.images_by_id([12, 3, 8, 12, 40])) == [12, 3, 40]
    assert forty.images_by_id([12])[12].path == "12.jpg"
