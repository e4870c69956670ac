"""Every invariant, broken by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryUnreadable
from lookalike.gallery import Gallery, VerifyReport, segments


def segment_file(gallery: Gallery) -> Path:
    (file,) = (gallery.path / "segments").glob("*.npy")
    return file


def change(gallery: Gallery, *statements: str) -> None:
    """Damage the catalog behind the gallery's back, foreign keys unchecked."""
    with closing(sqlite3.connect(gallery.path / "catalog.sqlite")) as catalog, catalog:
        for statement in statements:
            catalog.execute(statement)


def rewrite(gallery: Gallery, rows: Any) -> None:
    """Replace the segment, and make the catalog believe in it."""
    file = segment_file(gallery)
    with open(file, "wb") as opened:
        np.save(opened, rows)
    change(
        gallery,
        f"UPDATE segments SET checksum = '{segments.file_checksum(file)}', "
        f"size_bytes = {file.stat().st_size}",
    )


def problem(gallery: Gallery) -> str:
    report = gallery.verify()
    assert not report.is_clean
    assert len(report.problems) == 1, report.problems
    return report.problems[0]


def test_a_sound_gallery_is_clean(filled: Gallery) -> None:
    assert filled.verify() == VerifyReport(3, 3, 1, (), ())


def test_a_missing_segment(filled: Gallery) -> None:
    name = segment_file(filled).name
    segment_file(filled).unlink()
    assert problem(filled) == f"Segment {name} is missing."


def test_a_cut_segment(filled: Gallery) -> None:
    file = segment_file(filled)
    file.write_bytes(file.read_bytes()[:-1])
    assert problem(filled) == f"Segment {file.name} should have 152 bytes but has 151."


def test_a_flipped_bit(filled: Gallery) -> None:
    file = segment_file(filled)
    content = bytearray(file.read_bytes())
    content[-2] ^= 1  # the last bit of a value: still a unit row
    file.write_bytes(content)
    assert "does not have its checksum" in problem(filled)


def test_a_header_of_another_shape(filled: Gallery) -> None:
    rewrite(filled, np.eye(4, dtype=np.float16))
    assert "should hold float16 (3, 4) but holds float16 (4, 4)" in problem(filled)


def test_a_header_of_another_type(filled: Gallery) -> None:
    rewrite(filled, np.eye(4, dtype=np.float32)[:3])
    assert "should hold float16 (3, 4) but holds float32 (3, 4)" in problem(filled)


def test_another_dtype_than_the_gallery(filled: Gallery) -> None:
    rewrite(filled, np.eye(4, dtype=np.float32)[:3])
    change(filled, "UPDATE segments SET dtype = 'float32'")
    assert "has dim 4 and dtype float32, but the gallery has dim 4 and dtype float16" in problem(
        filled
    )


def test_values_that_are_not_finite(filled: Gallery) -> None:
    rows = np.eye(4, dtype=np.float16)[:3]
    rows[1, 3] = np.nan
    rewrite(filled, rows)
    assert "not finite (1 rows, first row 1)" in problem(filled)


def test_rows_that_are_not_of_unit_length(filled: Gallery) -> None:
    rows = np.eye(4, dtype=np.float16)[:3]
    rows[2] *= 2
    rewrite(filled, rows)
    assert "not of unit length (1 rows, first row 2 with length 2)" in problem(filled)


def test_an_image_outside_its_segment(filled: Gallery) -> None:
    change(filled, "UPDATE images SET row = 3 WHERE image_id = 2")
    outside, unnamed = filled.verify().problems
    assert outside.startswith("Image 2 names row 3")
    assert "1 rows with neither an image nor a tombstone" in unnamed


def test_an_image_of_no_segment(filled: Gallery) -> None:
    change(
        filled,
        "UPDATE images SET segment_id = 9 WHERE image_id = 2",
        "INSERT INTO tombstones VALUES (1, 1)",
    )
    assert problem(filled) == ("A line of table images names a line of segments that is not there.")
    with pytest.raises(GalleryUnreadable, match=r"Image 2 .* names an embedding"):
        filled.embedding(2)


def test_a_row_nobody_names(filled: Gallery) -> None:
    change(filled, "DELETE FROM images WHERE image_id = 2")
    assert "1 rows with neither an image nor a tombstone" in problem(filled)


def test_a_tombstone_of_a_living_image(filled: Gallery) -> None:
    change(filled, "INSERT INTO tombstones VALUES (1, 0)")
    assert "1 rows with both an image and a tombstone" in problem(filled)


def test_a_tombstone_outside_its_segment(filled: Gallery) -> None:
    change(filled, "INSERT INTO tombstones VALUES (1, 3)")
    assert problem(filled).startswith("A tombstone names row 3")


def test_a_tombstone_of_no_segment(filled: Gallery) -> None:
    change(filled, "INSERT INTO tombstones VALUES (9, 0)")
    assert problem(filled) == (
        "A line of table tombstones names a line of segments that is not there."
    )
    assert filled.snapshot().dead.tolist() == []


def test_an_image_that_is_skipped_as_well(filled: Gallery) -> None:
    change(filled, "INSERT INTO skipped VALUES (1, 'north.jpg', 1, 1, 'reason', 'now', NULL)")
    assert problem(filled) == "Image 2 ('north.jpg') is noted as skipped as well."


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_metadata_that_is_no_object(filled: Gallery, text: str) -> None:
    change(filled, f"UPDATE images SET metadata = '{text}' WHERE image_id = 2")
    assert problem(filled) == "The metadata of image 2 is no JSON object."
    with pytest.raises(GalleryUnreadable, match="metadata of image 2"):
        filled.image(2)


def test_a_generation_of_no_sense(filled: Gallery) -> None:
    change(filled, "UPDATE settings SET value = -1 WHERE key = 'generation'")
    assert "The generation is -1" in problem(filled)


def test_a_missing_table(filled: Gallery) -> None:
    change(filled, "DROP TABLE skipped")
    assert "no such table: skipped" in " ".join(filled.verify().problems)


def test_many_of_a_kind_are_counted(filled: Gallery) -> None:
    for row in range(3, 10):
        change(filled, f"INSERT INTO tombstones VALUES (1, {row})")
    problems = filled.verify().problems
    assert len(problems) == 6
    assert problems[-1] == "In all, 7 tombstones name rows outside their segments."


def test_a_damaged_page_of_the_catalog(filled: Gallery) -> None:
    filled.close()
    catalog = filled.path / "catalog.sqlite"
    content = bytearray(catalog.read_bytes())
    with closing(sqlite3.connect(catalog)) as opened:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'images'"
        page = opened.execute(query).fetchone()[0]
    content[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    catalog.write_bytes(content)
    with Gallery.open(filled.path) as damaged:
        assert "damaged" in " ".join(damaged.verify().problems)
        with pytest.raises(GalleryUnreadable, match="malformed"):
            damaged.image(1)


def test_files_no_row_names_are_leftovers_only(filled: Gallery) -> None:
    (filled.path / "segments" / "00000009-0badcafe.npy").touch()
    (filled.path / "segments" / "00000009-0badcafe.npy.tmp").touch()
    (filled.path / "segments" / "notes.txt").touch()
    (filled.path / "probe-0badcafe.tmp").touch()
    (filled.path / "segments" / "probe-0badcafe.tmp").touch()
    report = filled.verify()
    assert report.is_clean
    assert report.leftovers == (
        "probe-0badcafe.tmp",
        "segments/00000009-0badcafe.npy",
        "segments/00000009-0badcafe.npy.tmp",
        "segments/notes.txt",
        "segments/probe-0badcafe.tmp",
    )
    filled.writer().close()
    assert filled.verify().leftovers == ("segments/notes.txt",)  # not ours to delete
