"""``info``, ``verify``, ``remove`` and ``compact``."""

from __future__ import annotations

import json
import shutil

from PIL import Image

from lookalike.gallery import Gallery


def test_info_shows_what_the_gallery_holds(lookalike, indexed):
    done = lookalike("info", "--gallery", indexed)
    lines = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert lines["gallery"] == str(indexed / ".lookalike")
    assert lines["images"] == "4"
    assert lines["embeddings"] == "4 of dim 3 as float16, in 1 segment"
    assert lines["source"] == f"folder {indexed}: 4 images"


def test_info_as_json_has_the_same_facts_as_numbers(lookalike, indexed):
    facts = json.loads(lookalike("info", "--json", "--gallery", indexed).out)
    assert facts["images"] == facts["embeddings"] == 4
    assert facts["dim"] == 3
    assert facts["sources"] == [{"kind": "folder", "location": str(indexed), "images": 4}]


def test_verify_of_a_whole_gallery_says_clean(lookalike, indexed):
    done = lookalike("verify", "--gallery", indexed)
    assert (done.code, done.out) == (0, "clean: 4 images, 4 embeddings, 1 segment\n")
    assert lookalike("verify", "-q", "--gallery", indexed).out == ""


def test_verify_of_a_damaged_gallery_names_the_problems_and_fails(lookalike, indexed):
    (segment,) = (indexed / ".lookalike" / "segments").iterdir()
    data = bytearray(segment.read_bytes())
    data[-1] ^= 255
    segment.write_bytes(data)
    done = lookalike("verify", "--gallery", indexed)
    assert done.code == 1
    assert done.out.startswith("problem: ")
    assert done.err.count("\n") == 1
    assert "bring its files back from a backup" in done.err


def test_a_removed_picture_stays_out_and_its_file_stays_there(lookalike, indexed):
    done = lookalike("remove", "photos/red.png", "--gallery", indexed)
    assert (done.code, done.out) == (0, "removed 1 image; 3 left\n")
    assert (indexed / "red.png").exists()
    again = lookalike("index", indexed)
    assert again.out.startswith("3 pictures in")


def test_pictures_are_removed_by_path_and_by_id_once(lookalike, indexed):
    with Gallery.open(indexed / ".lookalike") as gallery:
        image_id = gallery.image_at_path(str(indexed / "red.png")).image_id
    done = lookalike("remove", "photos/red.png", "--id", image_id, "--gallery", indexed)
    assert done.out == "removed 1 image; 3 left\n"


def test_a_folder_is_removed_with_all_below_it_though_it_is_gone(lookalike, photos, encoder):
    for name in ("hat/a.png", "hat/far/b.png", "hats.png"):
        file = photos / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (len(name), 9, 9)).save(file)
    lookalike("index", photos, "--encoder", encoder)
    shutil.rmtree(photos / "hat" / "far")
    done = lookalike("remove", "photos/hat/", "--gallery", photos)
    assert (done.code, done.out) == (0, "removed 2 images; 5 left\n")
    assert lookalike("index", photos).out.startswith("5 pictures in")
    again = lookalike("remove", "photos/hat", "--gallery", photos)
    assert (again.code, again.err.count("has no image of photos/hat")) == (1, 1)
    back = lookalike("index", photos, "--restore", "photos/hat")
    assert back.out.startswith("6 pictures in")


def test_a_whole_source_is_not_removed_picture_by_picture(lookalike, indexed):
    for place in ("photos", "photos/..", indexed.parent):
        done = lookalike("remove", place, "--gallery", indexed)
        assert done.code == 2
        assert "holds a whole source: to forget that, use --source photos" in done.err


def test_a_source_is_forgotten_even_when_it_is_gone(lookalike, photos, encoder):
    lookalike("index", photos, "--encoder", encoder, "--gallery", "g")
    shutil.rmtree(photos)
    done = lookalike("remove", "--source", photos, "--gallery", "g")
    assert done.out == "forgot a source and its 4 images; 0 left\n"


def test_a_source_and_pictures_are_not_removed_together(lookalike, indexed):
    done = lookalike("remove", "photos/red.png", "--source", indexed, "--gallery", indexed)
    assert done.code == 2


def test_uploads_are_deleted_with_their_images_one_by_one_or_as_a_source(
    lookalike, photos, encoder
):
    lookalike("index", photos, "--encoder", encoder, "--gallery", "g")
    day = photos.parent / "g" / "uploads" / "2026-05-04"
    day.mkdir(parents=True)
    for name in ("red.png", "green.png"):
        (day / name).write_bytes((photos / name).read_bytes())
    lookalike("index", day.parent, "--gallery", "g")
    with Gallery.open(photos.parent / "g") as gallery:
        image_id = gallery.image_at_path(str(day / "red.png")).image_id

    one = lookalike("remove", "--id", image_id, "--gallery", "g")
    (day / "new.png").write_bytes((photos / "red.png").read_bytes())
    all_ = lookalike("remove", "--source", "g/uploads", "--gallery", "g")

    assert one.out == "removed 1 image and deleted 1 uploaded file; 5 left\n"
    assert all_.out.splitlines() == [
        "forgot a source and its 1 image and deleted 1 uploaded file; 4 left",
        "left 1 file there that the gallery did not know: its next server adds what is there",
    ]
    assert [file.name for file in day.iterdir()] == ["new.png"]
    assert (photos / "red.png").exists()


def test_compact_drops_the_rows_of_removed_pictures(lookalike, indexed):
    lookalike("remove", "photos/red.png", "--gallery", indexed)
    done = lookalike("compact", "--gallery", indexed)
    assert done.out.startswith("4 rows in 1 segment; now 3 in 1, ")
    again = lookalike("compact", "--gallery", indexed)
    assert again.out == "There is nothing to compact: 3 rows in 1 segment, all in use.\n"
