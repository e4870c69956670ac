"""``info``, ``verify``, ``remove`` and ``compact``."""

from __future__ import annotations

import json
import shutil

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


def test_a_source_is_forgotten_even_when_it_is_gone(lookalike, photos, encoder):
    lookalike("index", photos, "--encoder", encoder, "--gallery", "g")
    shutil.rmtree(photos)
    done = lookalike("remove", "--source", photos, "--gallery", "g")
    assert done.out == "forgot a source and its 4 images; 0 left\n"


def test_a_source_and_pictures_are_not_removed_together(lookalike, indexed):
    done = lookalike("remove", "photos/red.png", "--source", indexed, "--gallery", indexed)
    assert done.code == 2


def test_compact_drops_the_rows_of_removed_pictures(lookalike, indexed):
    lookalike("remove", "photos/red.png", "--gallery", indexed)
    done = lookalike("compact", "--gallery", indexed)
    assert done.out.startswith("4 rows in 1 segment; now 3 in 1, ")
    again = lookalike("compact", "--gallery", indexed)
    assert again.out == "There is nothing to compact: 3 rows in 1 segment, all in use.\n"
