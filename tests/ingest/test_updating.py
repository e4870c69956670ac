"""What an update counts, and what the gallery holds afterwards, move by move."""

from __future__ import annotations

import random

import pytest

from lookalike.errors import ImageOutOfReach
from lookalike.images import content_hash
from lookalike.ingest import add_images

BROKEN = b"\x89PNG\r\n\x1a\nno picture"


@pytest.fixture(autouse=True, params=[512, 1], ids=["one commit", "commits of one file"])
def commit_files(request, monkeypatch):
    """Whatever moves, it may be spread over commits."""
    monkeypatch.setattr("lookalike.ingest.batch.COMMIT_FILES", request.param)


@pytest.fixture
def decoded(monkeypatch):
    """Record what is decoded."""
    from lookalike.ingest import pipeline

    contents = []
    decode = pipeline.decode

    def spy(data, **given):
        contents.append(content_hash(data))
        return decode(data, **given)

    monkeypatch.setattr(pipeline, "decode", spy)
    return contents


def ids(gallery):
    return {image.path: image.image_id for image in gallery.images()}


def skipped(gallery):
    with gallery.writer() as writer:
        return {path: item.reason for path, item in writer.skipped(1).items()}


def test_new_pictures_are_added_in_order(photos, gallery, update):
    photos.add("b.png", 2)
    photos.add("a.png", 1)
    photos.add("c/d.png", 3)
    assert update() == {"added": 3}
    assert ids(gallery) == {"a.png": 1, "b.png": 2, "c/d.png": 3}


def test_nothing_to_do_changes_nothing(photos, gallery, update, decoded):
    photos.add("a.png", 1)
    update()
    generation = gallery.generation
    assert update() == {"unchanged": 1}
    assert gallery.generation == generation
    assert len(decoded) == 1


def test_changed_bytes_keep_the_image_id(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.add("a.png", 3)
    assert update() == {"changed": 1, "unchanged": 1}
    assert ids(gallery) == {"a.png": 1, "b.png": 2}
    assert gallery.info().embeddings == 2


def test_a_new_date_alone_is_no_change(photos, gallery, update, decoded):
    photos.add("a.png", 1)
    update()
    photos.touch("a.png")
    assert update() == {"unchanged": 1}
    assert len(decoded) == 1
    # and it is remembered: the file is not even read the next time
    generation = gallery.generation
    update()
    assert gallery.generation == generation


def test_a_renamed_picture_keeps_its_image_id_undecoded(photos, gallery, update, decoded):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.rename("a.png", "holiday/z.png")
    assert update() == {"renamed": 1, "unchanged": 1}
    assert ids(gallery) == {"holiday/z.png": 1, "b.png": 2}
    assert len(decoded) == 2


def test_a_deleted_picture_is_forgotten(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.delete("a.png")
    assert update() == {"forgotten": 1, "unchanged": 1}
    assert ids(gallery) == {"b.png": 2}
    assert gallery.info().embeddings == 1


def test_a_rename_over_another_picture(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.rename("a.png", "b.png")
    assert update() == {"changed": 1, "copies": 1, "forgotten": 1}
    assert ids(gallery) == {"b.png": 2}
    assert gallery.info().embeddings == 1


def test_two_pictures_swap_their_names(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.swap("a.png", "b.png")
    photos.touch("a.png")
    photos.touch("b.png")
    # both contents are known, so neither is embedded again
    assert update() == {"changed": 2, "copies": 2}
    assert ids(gallery) == {"a.png": 1, "b.png": 2}


def test_three_pictures_change_names_in_a_ring_and_a_copy_joins(photos, gallery, update):
    for number, name in enumerate(["a.png", "b.png", "c.png"], start=1):
        photos.add(name, number)
    update()
    photos.add("a.png", 2)
    photos.add("b.png", 3)
    photos.add("c.png", 1)
    photos.add("d.png", 2)
    assert update() == {"changed": 3, "added": 1, "copies": 4}
    assert ids(gallery) == {"a.png": 1, "b.png": 2, "c.png": 3, "d.png": 4}


def test_a_renamed_picture_and_a_new_one_under_its_old_name(photos, gallery, update):
    photos.add("a.png", 1)
    update()
    photos.rename("a.png", "b.png")
    photos.add("a.png", 2)
    # a.png is still there, so it has changed; b.png is new
    assert update() == {"changed": 1, "added": 1, "copies": 1}
    assert ids(gallery) == {"a.png": 1, "b.png": 2}


def test_a_copy_of_a_known_picture_is_not_embedded(photos, gallery, update):
    photos.add("a.png", 1)
    update()
    photos.add("b.png", 1)
    assert update() == {"added": 1, "copies": 1, "unchanged": 1}
    assert gallery.info().embeddings == 1


def test_two_new_copies_are_embedded_once(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 1)
    assert update() == {"added": 2, "copies": 1}
    assert gallery.info().embeddings == 1


@pytest.mark.parametrize("gone", ["a.png", "b.png"])
def test_one_of_two_copies_is_gone(photos, gallery, update, gone):
    photos.add("a.png", 1)
    photos.add("b.png", 1)
    update()
    photos.delete(gone)
    assert update() == {"forgotten": 1, "unchanged": 1}
    assert gallery.info().embeddings == 1
    assert gallery.info().tombstones == 0


def test_of_two_copies_one_is_renamed_and_one_is_gone(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 1)
    update()
    photos.rename("a.png", "c.png")
    photos.delete("b.png")
    assert update() == {"renamed": 1, "forgotten": 1}
    assert list(ids(gallery)) == ["c.png"]


def test_one_picture_becomes_two_under_new_names(photos, gallery, update):
    photos.add("a.png", 1)
    update()
    photos.rename("a.png", "b.png")
    photos.add("c.png", 1)
    assert update() == {"renamed": 1, "added": 1, "copies": 1}
    assert gallery.info().embeddings == 1


def test_both_copies_change_to_one_new_picture(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 1)
    update()
    photos.add("a.png", 2)
    photos.add("b.png", 2)
    assert update() == {"changed": 2, "copies": 1}
    assert gallery.info().embeddings == 1


def test_renamed_and_changed_at_once_is_another_picture(photos, gallery, update):
    photos.add("a.png", 1)
    update()
    photos.delete("a.png")
    photos.add("b.png", 2)
    assert update() == {"added": 1, "forgotten": 1}
    assert ids(gallery) == {"b.png": 2}


def test_a_picture_that_becomes_unreadable_is_forgotten_and_skipped(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.write("a.png", BROKEN)
    assert update() == {"forgotten": 1, "skipped": 1, "unchanged": 1}
    assert ids(gallery) == {"b.png": 2}
    assert list(skipped(gallery)) == ["a.png"]


def test_an_unreadable_file_is_tried_again_only_when_it_changes(photos, gallery, update, decoded):
    photos.add("a.png", 1)
    photos.write("bad.png", BROKEN)
    assert update() == {"added": 1, "skipped": 1}
    assert len(decoded) == 2
    assert update() == {"unchanged": 1, "skipped": 1}
    assert len(decoded) == 2
    photos.touch("bad.png")
    assert update() == {"unchanged": 1, "skipped": 1}
    assert len(decoded) == 3
    photos.add("bad.png", 2)
    assert update() == {"unchanged": 1, "added": 1}
    assert skipped(gallery) == {}


def test_an_unreadable_file_that_is_deleted_is_not_spoken_of(photos, gallery, update):
    photos.add("a.png", 1)
    photos.write("bad.png", BROKEN)
    update()
    photos.delete("bad.png")
    assert update() == {"unchanged": 1}
    assert skipped(gallery) == {}


def test_a_picture_is_renamed_to_where_an_unreadable_file_was(photos, gallery, update):
    photos.add("a.png", 1)
    photos.write("bad.png", BROKEN)
    update()
    photos.rename("a.png", "bad.png")
    assert update() == {"renamed": 1}
    assert ids(gallery) == {"bad.png": 1}
    assert skipped(gallery) == {}


def vanishing(monkeypatch, photos, path):
    """Let a file go away between the look at the folder and the reading."""
    from lookalike.ingest import source_update

    make_plan = source_update.make_plan

    def plan(*given):
        made = make_plan(*given)
        photos.delete(path)
        return made

    monkeypatch.setattr(source_update, "make_plan", plan)


def test_a_new_file_that_vanishes_meanwhile(photos, gallery, update, monkeypatch):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    with monkeypatch.context() as meanwhile:
        vanishing(meanwhile, photos, "b.png")
        assert update() == {"added": 1, "skipped": 1}
    assert skipped(gallery) == {}
    assert update() == {"unchanged": 1}


def test_a_changed_file_that_vanishes_meanwhile_is_forgotten_when_it_stays_away(
    photos, gallery, encoder, update, monkeypatch
):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.add("b.png", 3)
    with monkeypatch.context() as meanwhile:
        vanishing(meanwhile, photos, "b.png")
        report = add_images(gallery, photos.folder, encoder)
    assert [item.reason.endswith("it is not there.") for item in report.skipped] == [True]
    assert (report.unchanged, report.forgotten) == (1, 0)
    assert ids(gallery) == {"a.png": 1, "b.png": 2}
    assert update() == {"unchanged": 1, "forgotten": 1}


def test_a_file_out_of_reach_is_tried_again_as_it_is(photos, gallery, encoder, update, monkeypatch):
    def refuse(path):
        raise ImageOutOfReach(f"Cannot read {path!r}: input/output error.")

    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.add("b.png", 3)
    photos.add("c.png", 4)
    with monkeypatch.context() as broken_drive:
        broken_drive.setattr("lookalike.ingest.pipeline.read_file", refuse)
        report = add_images(gallery, photos.folder, encoder)
    assert (report.unchanged, len(report.skipped)) == (1, 2)
    assert ids(gallery) == {"a.png": 1, "b.png": 2}
    # same sizes, same dates: only the drive is back
    assert update() == {"unchanged": 1, "changed": 1, "added": 1}
    assert ids(gallery) == {"a.png": 1, "b.png": 2, "c.png": 3}


def test_a_picture_without_direction_is_skipped_with_its_copies(photos, gallery, update):
    from io import BytesIO

    from PIL import Image

    stream = BytesIO()
    Image.new("RGB", (12, 10)).save(stream, "PNG")
    photos.add("a.png", 1)
    # black has the mean colour (0, 0, 0)
    photos.write("black.png", stream.getvalue())
    photos.write("night.png", stream.getvalue())
    assert update() == {"added": 1, "skipped": 2}
    assert all("all zeros" in reason for reason in skipped(gallery).values())


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_in_a_folder_the_gallery_follows(photos, gallery, update, seed):
    chance = random.Random(seed)
    names = [f"{letter}.png" for letter in "abcdefgh"]
    photos.add("stays.png", 100)
    for _ in range(15):
        for _ in range(chance.randint(1, 6)):
            one, other = chance.sample(names, 2)
            present = [name for name in (one, other) if (photos.folder / name).exists()]
            move = chance.choice(["add", "add", "break", "touch", "delete", "rename", "swap"])
            if move == "add":
                photos.add(one, chance.randint(1, 5))
            elif move == "break":
                photos.write(one, BROKEN + bytes([chance.randint(0, 2)]))
            elif one in present and move == "touch":
                photos.touch(one)
            elif one in present and move == "delete":
                photos.delete(one)
            elif one in present and move == "rename":
                photos.rename(one, other)
            elif len(present) == 2 and move == "swap":
                photos.swap(one, other)
        before = ids(gallery)
        done = update()
        contents = {file.name: file.read_bytes() for file in photos.folder.iterdir()}
        broken = {name for name, data in contents.items() if data.startswith(BROKEN)}
        assert ids(gallery).keys() == contents.keys() - broken
        assert skipped(gallery).keys() == broken
        gained = done.get("added", 0) - done.get("forgotten", 0)
        assert gained == len(ids(gallery)) - len(before)
        # one embedding for each content; a second where a copy came while its twin was rewritten
        distinct = len({contents[name] for name in ids(gallery)})
        assert distinct <= gallery.info().embeddings <= len(ids(gallery))
