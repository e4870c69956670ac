"""Files of a source looked up by path: alone, and with all that lies below."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.gallery import Skipped

PATHS = ["a.jpg", "b/c.jpg", "b/d/e.jpg", "b0.jpg", "b-.jpg", "b/\udcff.jpg", "b\udcff/f.jpg"]


@pytest.fixture
def nested(gallery, photos, picture):
    """Seven images, two of them with names that are not UTF-8, and two skipped files."""
    rows = np.eye(4, dtype=np.float32)[[0] * len(PATHS)]
    with gallery.writer() as writer:
        writer.add_source("folder", str(photos))
        writer.commit(
            images=[picture(path, row, content_hash=f"{row}") for row, path in enumerate(PATHS)],
            embeddings=rows,
            skipped=[Skipped(1, "b/x.jpg", 1, 2, "why"), Skipped(1, "c.jpg", 3, 4, "why not")],
        )
    return gallery


@pytest.mark.parametrize(
    ("asked", "images", "skipped"),
    [
        (["a.jpg"], {"a.jpg"}, set()),
        (["b"], {"b/c.jpg", "b/d/e.jpg", "b/\udcff.jpg"}, {"b/x.jpg"}),
        (["b/d", "c.jpg"], {"b/d/e.jpg"}, {"c.jpg"}),
        (["b\udcff"], {"b\udcff/f.jpg"}, set()),
        (["b/\udcff.jpg"], {"b/\udcff.jpg"}, set()),
        (["no", "a.jp", "b/c"], set(), set()),
        ([""], set(PATHS), {"b/x.jpg", "c.jpg"}),
    ],
)
def test_paths_are_files_or_folders(nested, asked, images, skipped):
    found = nested.known_files(1, asked)
    assert set(found.images) == images
    assert set(found.skipped) == skipped


def test_what_is_known_is_what_planning_needs(nested):
    found = nested.known_files(1, ["a.jpg", "c.jpg"])
    assert found.images["a.jpg"] == (1, 1000, 10**18, "0")
    assert found.skipped["c.jpg"] == Skipped(1, "c.jpg", 3, 4, "why not")


def test_other_sources_are_others(nested, tmp_path):
    assert nested.known_files(2, [""]).images == {}


def test_the_index_by_path_answers(nested):
    from lookalike.gallery import files

    plans = []
    with nested._pool.transaction() as connection:
        for condition, values in files._at_and_below("b"):
            for table in ("images", "skipped"):
                query = (
                    f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE source_id = ? AND {condition}"
                )
                plans += [row[3] for row in connection.execute(query, (1, *values))]
    assert plans
    assert all("path" in plan for plan in plans)
