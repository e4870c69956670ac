"""Compaction: fewer rows and files, the same images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryUnreadable
from lookalike.gallery import CompactReport, Gallery, StaleSnapshot, compacting
from lookalike.gallery.compacting import Run, plan
from lookalike.gallery.segments import Segment

UP = np.array([[0.0, 0.0, 1.0, 0.0]], dtype=np.float32)


def segment(segment_id: int, rows: int) -> Segment:
    return Segment(segment_id, f"{segment_id}.npy", rows, 4, "float16", "", rows * 8)


def files(gallery: Gallery) -> list[Path]:
    return sorted((gallery.path / "segments").iterdir())


def test_the_plan_cuts_out_dead_rows_and_fills_files() -> None:
    segments = [segment(1, 5), segment(2, 3), segment(3, 8)]
    chosen, targets = plan(segments, {1: [0, 2], 3: [7]}, rows_per_file=8)
    assert [it.segment_id for it in chosen] == [1, 2, 3]
    assert targets == [
        [Run(1, 1, 2), Run(1, 3, 5), Run(2, 0, 3), Run(3, 0, 2)],
        [Run(3, 2, 7)],
    ]


def test_the_plan_leaves_full_segments_alone() -> None:
    segments = [segment(1, 4), segment(2, 3), segment(3, 8), segment(4, 1)]
    chosen, targets = plan(segments, {}, rows_per_file=8)
    assert [it.segment_id for it in chosen] == [2, 4]
    assert targets == [[Run(2, 0, 3), Run(4, 0, 1)]]


def test_the_plan_does_nothing_for_one_small_segment() -> None:
    assert plan([segment(1, 3)], {}, rows_per_file=8) == ((), [])
    assert plan([], {}, rows_per_file=8) == ((), [])


def test_the_plan_drops_a_segment_that_is_all_dead() -> None:
    chosen, targets = plan([segment(1, 2)], {1: [0, 1]}, rows_per_file=8)
    assert [it.segment_id for it in chosen] == [1]
    assert targets == []


def test_compaction_keeps_images_and_embeddings(filled: Gallery, picture: Any) -> None:
    with filled.writer() as writer:
        writer.commit(images=[picture("up.jpg", 0)], embeddings=UP)
        writer.commit(images=[picture("copy.jpg", content_hash="hash of up.jpg")], removed=[2])
        before = list(filled.images())
        rows = filled.embeddings([1, 3, 4, 5]).tolist()
        old_bytes = sum(file.stat().st_size for file in files(filled))
        report = writer.compact()
        (file,) = files(filled)
        assert report == CompactReport(4, 3, 2, 1, old_bytes - file.stat().st_size)
    assert list(filled.images()) == before
    assert filled.embeddings([1, 3, 4, 5]).tolist() == rows
    snapshot = filled.snapshot()
    assert snapshot.generation == 5
    assert snapshot.dead.tolist() == []
    shared = filled.images_at(snapshot, [0, 1, 2])
    assert [[image.image_id for image in images] for images in shared] == [[1], [3], [4, 5]]
    assert filled.verify().is_clean


def test_compaction_fills_files_up_to_the_cap(
    filled: Gallery, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compacting, "LARGEST_SEGMENT_BYTES", 4 * 4 * 2)  # four rows a file
    monkeypatch.setattr(compacting, "CHUNK_BYTES", 2 * 4 * 2)
    embeddings = np.eye(4, dtype=np.float32)
    with filled.writer() as writer:
        writer.commit(removed=[2])
        images = [picture(f"{row}.jpg", row) for row in range(4)]
        writer.commit(images=images, embeddings=embeddings)
        writer.commit(removed=[4])
        writer.compact()
        assert writer.compact().rows_after == 5  # nothing more to do
    assert filled.generation == 6
    assert [len(block) for block in filled.snapshot().blocks] == [4, 1]
    np.testing.assert_array_equal(filled.embeddings([5, 6, 7]), embeddings[1:])
    assert filled.verify().is_clean


def test_compacting_a_compact_gallery_changes_nothing(filled: Gallery) -> None:
    with filled.writer() as writer:
        assert writer.compact() == CompactReport(3, 3, 1, 1, 0)
    assert filled.generation == 2


def test_compacting_an_emptied_gallery_leaves_no_file(filled: Gallery) -> None:
    with filled.writer() as writer:
        writer.commit(removed=[1, 2, 3])
        report = writer.compact()
    assert (report.rows_after, report.segments_after) == (0, 0)
    assert files(filled) == []
    assert filled.snapshot().blocks == ()
    assert filled.verify().is_clean


def test_a_catalog_of_strangers_deletes_nothing_elsewhere(filled: Gallery) -> None:
    mine = filled.path.parent / "mine.npy"
    with filled.writer() as writer:
        writer.commit(removed=[1, 2, 3])
        files(filled)[0].rename(mine)
        writer._connection.execute("UPDATE segments SET file = '../../mine.npy'")
        with pytest.raises(GalleryUnreadable, match=r"mine\.npy' with 3 rows is no segment"):
            writer.compact()
    assert mine.exists()


def test_many_segments_or_many_dead_rows_ask_for_it(filled: Gallery, picture: Any) -> None:
    with filled.writer() as writer:
        assert not writer.needs_compaction
        writer.commit(removed=[1])  # 1 of 3 rows
        assert writer.needs_compaction
        for number in range(63):
            writer.commit(images=[picture(f"{number}.jpg", 0)], embeddings=UP)
        assert not writer.needs_compaction  # 1 of 66 rows, 64 segments
        writer.commit(images=[picture("last.jpg", 0)], embeddings=UP)
        assert writer.needs_compaction


def test_a_snapshot_outlives_a_compaction(filled: Gallery) -> None:
    old = filled.snapshot()
    with filled.writer() as writer:
        writer.commit(removed=[2])
        writer.compact()
    assert old.blocks[0][1].tolist() == [0.0, 1.0, 0.0, 0.0]
    with pytest.raises(StaleSnapshot):
        filled.images_at(old, [0])


def test_a_snapshot_taken_during_a_compaction_is_whole(
    filled: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files vanish between reading the catalog and mapping them, once."""
    blocks = filled._blocks.blocks
    compacted = []

    def compact_first(segments: Any) -> Any:
        if not compacted:
            with filled.writer() as writer:
                writer.commit(removed=[2])
                compacted.append(writer.compact())
        return blocks(segments)

    monkeypatch.setattr(filled._blocks, "blocks", compact_first)
    snapshot = filled.snapshot()
    assert snapshot.generation == 4
    assert [len(block) for block in snapshot.blocks] == [2]


def test_damage_is_not_copied_into_a_new_file(filled: Gallery) -> None:
    with filled.writer() as writer:
        writer.commit(removed=[2])
        (file,) = files(filled)
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        with pytest.raises(GalleryUnreadable, match="nothing was compacted"):
            writer.compact()
    assert filled.generation == 3
