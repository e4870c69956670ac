"""What a commit changes, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from lookalike.errors import GalleryError, ImageNotInGallery
from lookalike.gallery import Gallery, GalleryWriter, Rename, Skipped, Touch

EAST = [1.0, 0.0, 0.0, 0.0]
NORTH = [0.0, 1.0, 0.0, 0.0]
UP = [0.0, 0.0, 1.0, 0.0]


def rows(*lines: list[float]) -> Any:
    return np.array(lines, dtype=np.float32)


def paths(gallery: Gallery) -> dict[int, str]:
    return {image.image_id: image.path for image in gallery.images()}


def dead(gallery: Gallery) -> list[int]:
    return gallery.snapshot().dead.tolist()


@pytest.fixture
def writer(filled: Gallery) -> Any:
    with filled.writer() as opened:
        yield opened


def test_an_image_keeps_all_it_came_with(gallery: Gallery, photos: Any, picture: Any) -> None:
    new = picture(
        "2024/sea.jpg",
        0,
        taken="2024-06-01T12:00:00",
        camera="Pinhole 1",
        latitude=54.5,
        longitude=-3.25,
        metadata={"stars": 5, "tags": ["sea", "été"]},
    )
    with gallery.writer() as writer:
        source = writer.add_source("folder", str(photos))
        assert writer.commit(images=[new], embeddings=rows(NORTH)) == 2
    found = gallery.image(1)
    assert found.source_id == source.source_id
    assert (found.path, found.content_hash) == ("2024/sea.jpg", "hash of 2024/sea.jpg")
    assert (found.size_bytes, found.mtime_ns) == (1000, 10**18)
    assert (found.width, found.height, found.format) == (640, 480, "JPEG")
    assert (found.taken, found.camera) == ("2024-06-01T12:00:00", "Pinhole 1")
    assert (found.latitude, found.longitude) == (54.5, -3.25)
    assert found.metadata == {"stars": 5, "tags": ["sea", "été"]}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found.indexed_at)
    assert gallery.embedding(1).tolist() == NORTH


def test_each_commit_is_one_generation(writer: GalleryWriter, filled: Gallery) -> None:
    assert filled.generation == 2
    assert writer.commit(touched=[Touch(1, 1, 1)]) == 3
    assert filled.generation == 3


def test_a_commit_of_nothing_changes_nothing(writer: GalleryWriter, filled: Gallery) -> None:
    assert writer.commit() == 2
    assert writer.commit(embeddings=np.empty((0, 4), dtype=np.float32)) == 2


def test_a_changed_picture_keeps_its_image_id(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(metadata={2: {"stars": 3}})
    changed = picture("north.jpg", 0, content_hash="new content", width=10)
    writer.commit(images=[changed], embeddings=rows(UP))
    found = filled.image(2)
    assert (found.path, found.content_hash, found.width) == ("north.jpg", "new content", 10)
    assert found.metadata == {"stars": 3}
    assert filled.embedding(2).tolist() == UP
    assert dead(filled) == [1]
    assert len(filled) == 3


def test_new_metadata_replaces_the_old(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(metadata={2: {"stars": 3}})
    writer.commit(images=[picture("north.jpg", metadata={"tag": "n"})])
    assert filled.image(2).metadata == {"tag": "n"}


def test_copies_share_one_embedding(writer: GalleryWriter, filled: Gallery, picture: Any) -> None:
    east = "hash of east.jpg"
    writer.commit(
        images=[
            picture("copy of east.jpg", content_hash=east),
            picture("up.jpg", 0),
            picture("copy of up.jpg", content_hash="hash of up.jpg"),
        ],
        embeddings=rows(UP),
    )
    snapshot = filled.snapshot()
    shared = filled.images_at(snapshot, [0, 3])
    assert [[image.image_id for image in images] for images in shared] == [[1, 4], [5, 6]]
    assert filled.info().embeddings == 4


def test_a_row_dies_with_the_last_of_its_images(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(images=[picture("copy.jpg", content_hash="hash of east.jpg")])
    writer.commit(removed=[1])
    assert dead(filled) == []
    writer.commit(removed=[4])
    assert dead(filled) == [0]


def test_a_copy_without_an_original_is_refused(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    with pytest.raises(GalleryError, match=r"'lost\.jpg' comes without an embedding"):
        writer.commit(images=[picture("lost.jpg")])
    assert filled.generation == 2


def test_an_image_removed_in_the_same_commit_lends_its_row(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    moved = picture("elsewhere.jpg", content_hash="hash of east.jpg")
    writer.commit(removed=[1], images=[moved])
    assert paths(filled) == {2: "north.jpg", 3: "between.jpg", 4: "elsewhere.jpg"}
    assert filled.embedding(4).tolist() == EAST
    assert dead(filled) == []


def test_removed_images_are_gone_and_their_ids_stay_unused(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(removed=[3])
    with pytest.raises(ImageNotInGallery, match="no image 3"):
        filled.image(3)
    writer.commit(images=[picture("new.jpg", 0)], embeddings=rows(UP))
    assert paths(filled) == {1: "east.jpg", 2: "north.jpg", 4: "new.jpg"}


def test_removing_frees_a_path_for_the_same_commit(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(removed=[1], images=[picture("east.jpg", 0)], embeddings=rows(UP))
    assert paths(filled)[4] == "east.jpg"
    assert dead(filled) == [0]


def test_a_rename_keeps_id_embedding_and_metadata(writer: GalleryWriter, filled: Gallery) -> None:
    before = filled.image(1)
    writer.commit(renamed=[Rename(1, "sub/orient.jpg", 1000, 5)])
    after = filled.image(1)
    assert (after.path, after.mtime_ns) == ("sub/orient.jpg", 5)
    assert (after.indexed_at, after.metadata) == (before.indexed_at, before.metadata)
    assert filled.embedding(1).tolist() == EAST


def test_two_images_may_swap_their_paths(writer: GalleryWriter, filled: Gallery) -> None:
    writer.commit(renamed=[Rename(1, "north.jpg", 1, 1), Rename(2, "east.jpg", 1, 1)])
    assert paths(filled) == {1: "north.jpg", 2: "east.jpg", 3: "between.jpg"}


def test_renaming_onto_another_image_is_refused(writer: GalleryWriter, filled: Gallery) -> None:
    with pytest.raises(GalleryError, match="another image has that path"):
        writer.commit(renamed=[Rename(1, "north.jpg", 1, 1)])
    assert paths(filled)[1] == "east.jpg"


def test_a_touch_changes_size_and_date_only(writer: GalleryWriter, filled: Gallery) -> None:
    writer.commit(touched=[Touch(2, 2000, 7)])
    assert writer.state(1)["north.jpg"] == (2, 2000, 7, "hash of north.jpg")


def test_state_tells_what_planning_needs(writer: GalleryWriter) -> None:
    known = writer.state(1)
    assert sorted(known) == ["between.jpg", "east.jpg", "north.jpg"]
    assert known["between.jpg"].image_id == 3
    assert writer.state(2) == {}
    assert writer.has_content("hash of east.jpg")
    assert not writer.has_content("hash of nothing")


def test_a_date_beyond_64_bits_is_kept_as_the_largest(writer: GalleryWriter, picture: Any) -> None:
    writer.commit(images=[picture("future.jpg", 0, mtime_ns=2**70)], embeddings=rows(UP))
    assert writer.state(1)["future.jpg"].mtime_ns == 2**63 - 1


def test_skipped_files_are_remembered_until_they_can_be_read(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    broken = Skipped(1, "broken.jpg", 10, 20, "it ends in the middle")
    gone = Skipped(1, "gone.jpg", 10, 20, "it is empty")
    writer.commit(skipped=[broken, gone])
    assert writer.skipped(1) == {"broken.jpg": broken, "gone.jpg": gone}
    assert filled.info().skipped == 2
    writer.commit(
        images=[picture("broken.jpg", 0)], embeddings=rows(UP), unskipped=[(1, "gone.jpg")]
    )
    assert writer.skipped(1) == {}


def test_a_rename_onto_a_skipped_path_clears_it(writer: GalleryWriter) -> None:
    writer.commit(skipped=[Skipped(1, "broken.jpg", 10, 20, "?")])
    writer.commit(renamed=[Rename(1, "broken.jpg", 1, 1)])
    assert writer.skipped(1) == {}


def test_an_image_is_not_skipped_as_well(writer: GalleryWriter) -> None:
    now_broken = Skipped(1, "east.jpg", 10, 20, "it ends in the middle")
    with pytest.raises(GalleryError, match="while it is image 1"):
        writer.commit(skipped=[now_broken])
    writer.commit(removed=[1], skipped=[now_broken])
    assert list(writer.skipped(1)) == ["east.jpg"]


def test_names_that_are_no_utf8_come_back(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    name = os.fsdecode(b"caf\xe9\n/\xff.jpg")
    writer.commit(
        images=[picture(name, 0, content_hash="x")],
        embeddings=rows(UP),
        skipped=[Skipped(1, name + "2", 1, 1, f"no picture: {name}")],
    )
    assert filled.image(4).path == name
    assert writer.state(1)[name].image_id == 4
    assert list(writer.skipped(1)) == [name + "2"]
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as catalog:
        stored = catalog.execute("SELECT path FROM images WHERE image_id = 4").fetchone()[0]
    assert stored == b"caf\xe9\n/\xff.jpg"
    writer.commit(renamed=[Rename(4, name + "3", 1, 1)])
    assert filled.image(4).path == name + "3"


def test_metadata_reads_as_json_in_sqlite(writer: GalleryWriter, filled: Gallery) -> None:
    writer.commit(metadata={1: {"place": "Ærø", "broken": "\udce9"}})
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as catalog:
        text = catalog.execute("SELECT metadata FROM images WHERE image_id = 1").fetchone()[0]
    assert json.loads(text) == {"place": "Ærø", "broken": "\udce9"}
    assert filled.image(1).metadata == {"place": "Ærø", "broken": "\udce9"}


@pytest.mark.parametrize("value", [float("nan"), b"bytes", {1, 2}])
def test_metadata_that_is_no_json_is_refused(writer: GalleryWriter, value: object) -> None:
    with pytest.raises(GalleryError, match="cannot be stored as JSON"):
        writer.commit(metadata={1: {"value": value}})


@pytest.mark.parametrize(
    ("embeddings", "said"),
    [
        (rows([1.0, 0.0, 0.0]), r"need shape \(m, 4\)"),
        (np.array(EAST, dtype=np.float32), r"need shape \(m, 4\)"),
        (np.array([[1, 0, 0, 0]]), "a float type"),
        (rows([float("nan"), 0.0, 0.0, 0.0]), "row 0 has length nan"),
        (rows([float("inf"), 0.0, 0.0, 0.0]), "row 0 has length inf"),
        (rows([1.02, 0.0, 0.0, 0.0]), r"row 0 has length 1\.02"),
        (rows([0.0, 0.0, 0.0, 0.0]), "row 0 has length 0"),
        (None, "embedding row 0 is not among them"),
        (rows(EAST, NORTH), "embedding row 1 is named by no image"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(
    writer: GalleryWriter, filled: Gallery, picture: Any, embeddings: Any, said: str
) -> None:
    with pytest.raises(GalleryError, match=said):
        writer.commit(images=[picture("new.jpg", 0)], embeddings=embeddings)
    assert filled.generation == 2
    assert filled.verify().leftovers == ()


def test_rows_a_little_off_unit_length_are_stored_as_they_are(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(images=[picture("new.jpg", 0)], embeddings=rows([1.0078125, 0.0, 0.0, 0.0]))
    assert filled.embedding(4).tolist() == [1.0078125, 0.0, 0.0, 0.0]
    assert filled.verify().is_clean


@pytest.mark.parametrize(
    "change",
    [
        {"removed": [9]},
        {"renamed": [Rename(9, "x.jpg", 1, 1)]},
        {"touched": [Touch(9, 1, 1)]},
        {"metadata": {9: {}}},
    ],
)
def test_an_unknown_image_is_refused(writer: GalleryWriter, change: dict[str, Any]) -> None:
    with pytest.raises(ImageNotInGallery, match="no image 9"):
        writer.commit(**change)


def test_a_refused_change_leaves_nothing_of_itself(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    with pytest.raises(ImageNotInGallery):
        writer.commit(
            removed=[1],
            images=[picture("new.jpg", 0)],
            embeddings=rows(UP),
            metadata={9: {}},
        )
    assert paths(filled) == {1: "east.jpg", 2: "north.jpg", 3: "between.jpg"}
    report = filled.verify()
    assert report.is_clean
    assert report.leftovers == ()


def test_an_unknown_source_is_refused(writer: GalleryWriter, picture: Any) -> None:
    with pytest.raises(GalleryError, match="no source 7"):
        writer.commit(images=[picture("new.jpg", 0, source_id=7)], embeddings=rows(UP))


def test_a_value_sqlite_refuses_is_named(writer: GalleryWriter, picture: Any) -> None:
    with pytest.raises(GalleryError, match=r"NOT NULL.*images\.width"):
        writer.commit(images=[picture("new.jpg", 0, width=None)], embeddings=rows(UP))


def test_the_same_path_twice_keeps_the_last(
    writer: GalleryWriter, filled: Gallery, picture: Any
) -> None:
    writer.commit(
        images=[picture("new.jpg", 0, content_hash="a"), picture("new.jpg", 1, content_hash="b")],
        embeddings=rows(UP, EAST),
    )
    assert filled.image(4).content_hash == "b"
    assert dead(filled) == [3]
    assert filled.verify().is_clean


def test_a_closed_writer_says_so(filled: Gallery) -> None:
    with filled.writer() as writer:
        pass
    with pytest.raises(GalleryError, match=r"writer .* is closed"):
        writer.commit(removed=[1])
