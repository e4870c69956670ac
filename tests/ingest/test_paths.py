"""Updates of single paths: the same rules as for whole sources, and no look at the rest."""

from __future__ import annotations

import os
import random

import pytest

from lookalike.errors import GalleryLocked, NoImagesFound, SourceNotFound
from lookalike.gallery import Gallery
from lookalike.images.looking import look_at
from lookalike.ingest import (
    MetadataTable,
    Shard,
    add_images,
    remove_images,
    update_images,
    update_paths,
)

BROKEN = b"\x89PNG\r\n\x1a\nno picture"


@pytest.fixture(autouse=True, params=[512, 1], ids=["one commit", "commits of one file"])
def commit_files(request, monkeypatch):
    """Whatever moves, it may be spread over commits."""
    monkeypatch.setattr("lookalike.ingest.batch.COMMIT_FILES", request.param)


@pytest.fixture
def at(gallery, photos, encoder, aligned):
    """Update some paths, check every embedding, and tell what became of which file."""

    def run(*paths, **given):
        report = update_paths(gallery, encoder, photos.folder, paths, **given)
        aligned(gallery, encoder)
        within = f"{photos.folder}{os.sep}"
        return {
            (change.what, change.path.removeprefix(within), change.image_id)
            for change in report.changes
        }

    return run


def ids(gallery):
    return {image.path: image.image_id for image in gallery.images()}


def test_copies_of_copies_are_each_looked_at_once(photos, gallery, at, monkeypatch):
    for number in range(8):
        photos.add(f"old/{number}.png", 1)
        photos.add(f"new/{number}.png", 1)
    at(photos.folder / "old")
    looked_at = []

    def counted(source, paths, **given):
        looked_at.extend(paths)
        return look_at(source, paths, **given)

    monkeypatch.setattr("lookalike.ingest.source_update.look_at", counted)
    at(photos.folder / "new")
    assert sorted(looked_at) == ["new", *(f"old/{number}.png" for number in range(8))]
    assert len(gallery) == 16


def test_new_files_alone_and_in_new_folders(photos, gallery, at):
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    photos.add("b/d/e.png", 3)
    photos.add("not asked for.png", 4)
    assert at("a.png", photos.folder / "b") == {
        ("added", "a.png", 1),
        ("added", "b/c.png", 2),
        ("added", "b/d/e.png", 3),
    }
    assert ids(gallery) == {"a.png": 1, "b/c.png": 2, "b/d/e.png": 3}


def test_the_source_is_remembered(photos, gallery, at, encoder):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    at("a.png")
    report = update_images(gallery, encoder)
    assert (report.added, report.unchanged) == (1, 1)


def test_changed_touched_and_unchanged(photos, gallery, update, at):
    for number, path in enumerate(["a.png", "b.png", "c.png"]):
        photos.add(path, number + 1)
    update()
    photos.add("a.png", 9)
    photos.touch("b.png")
    assert at("a.png", "b.png", "c.png") == {("changed", "a.png", 1)}
    generation = gallery.generation
    assert at("a.png", "b.png", "c.png") == set()
    assert gallery.generation == generation


def test_a_rename_in_one_batch(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.rename("a.png", "c/d.png")
    assert at("a.png", "c") == {("renamed", "c/d.png", 1)}
    assert ids(gallery) == {"c/d.png": 1, "b.png": 2}


def test_a_rename_of_which_only_the_new_name_is_told(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.rename("a.png", "c.png")
    assert at("c.png") == {("renamed", "c.png", 1)}
    assert at("a.png") == set()


def test_only_one_of_two_copies_is_the_renamed_file(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.rename("a.png", "c.png")
    photos.add("d.png", 1)
    done = at("c.png", "d.png")
    assert {(what, image_id) for what, _, image_id in done} == {("renamed", 1), ("added", 3)}


def test_a_copy_shares_its_row_and_says_so(photos, gallery, update, encoder):
    photos.add("a.png", 1)
    update()
    photos.add("b.png", 1)
    report = update_paths(gallery, encoder, photos.folder, ["b.png"])
    assert (report.added, report.copies, report.embedded) == (1, 1, 0)
    assert [change.is_copy for change in report.changes] == [True]
    assert gallery.info().embeddings == 1


def test_two_files_swap_their_names(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.swap("a.png", "b.png")
    assert at("a.png", "b.png") == {("changed", "a.png", 1), ("changed", "b.png", 2)}


def test_a_deleted_folder_takes_all_below_with_it(photos, gallery, update, at):
    for number, path in enumerate(["a.png", "b/c.png", "b/d/e.png", "bc.png"]):
        photos.add(path, number + 1)
    update()
    photos.delete("b/c.png")
    photos.delete("b/d/e.png")
    os.rmdir(photos.folder / "b" / "d")
    os.rmdir(photos.folder / "b")
    known = ids(gallery)
    assert at("b") == {("removed", path, known[path]) for path in ("b/c.png", "b/d/e.png")}
    assert set(ids(gallery)) == {"a.png", "bc.png"}


def test_a_folder_in_the_place_of_a_file(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.delete("a.png")
    photos.add("a.png/inside.png", 3)
    assert at("a.png") == {("added", "a.png/inside.png", 3), ("removed", "a.png", 1)}


def test_unreadable_files_have_reasons_and_are_told_once_more_only_if_asked(
    photos, gallery, update, encoder
):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    photos.write("a.png", BROKEN)
    photos.write("c.png", BROKEN)
    report = update_paths(gallery, encoder, photos.folder, ["a.png", "c.png"])
    assert {os.path.basename(item.path) for item in report.skipped} == {"a.png", "c.png"}
    assert [(change.what, change.image_id) for change in report.changes] == [("removed", 1)]
    assert update_paths(gallery, encoder, photos.folder, ["b.png"]).skipped == ()


def test_one_unreadable_upload_is_no_failure_of_its_source(photos, gallery, encoder):
    photos.write("a.png", BROKEN)
    report = update_paths(gallery, encoder, photos.folder, ["a.png"])
    assert (report.added, len(report.skipped)) == (0, 1)


def test_what_was_removed_by_hand_is_left_alone_until_it_changes(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    remove_images(gallery, [gallery.image(1)])
    assert at("a.png") == set()
    photos.add("a.png", 3)
    assert at("a.png") == {("added", "a.png", 3)}


def test_a_root_that_is_away_or_empty_is_no_deletion(photos, gallery, update, encoder, tmp_path):
    photos.add("a.png", 1)
    update()
    before = list(gallery.images())
    photos.delete("a.png")
    with pytest.raises(NoImagesFound, match="plug the drive in"):
        update_paths(gallery, encoder, photos.folder, ["a.png"])
    record = gallery.sources()[0]
    photos.folder.rename(tmp_path / "unplugged")
    with pytest.raises(SourceNotFound):
        update_paths(gallery, encoder, record, ["a.png"])
    assert list(gallery.images()) == before


def test_the_last_picture_of_a_folder_beside_others_is_forgotten(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    update()
    photos.delete("a.png")
    assert at("a.png") == {("removed", "a.png", 1)}


def test_what_a_scan_would_not_list_is_left_out(photos, gallery, at, tmp_path, encoder):
    photos.add("a.png", 1)
    photos.add(".hidden/b.png", 2)
    photos.add(".c.png", 3)
    photos.add("note.txt", 4)
    Gallery.create(photos.folder / "other", encoder.space).close()
    photos.add("other/uploads/d.png", 5)
    other = tmp_path / "elsewhere.png"
    other.write_bytes(b"")
    everything = ["a.png", ".hidden/b.png", ".hidden", ".c.png", "note.txt", "other"]
    everything += ["other/uploads/d.png", other, "../elsewhere.png"]
    assert at(*everything) == {("added", "a.png", 1)}


def test_a_folder_that_became_a_gallery_is_forgotten(photos, gallery, update, at, encoder):
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    update()
    (photos.folder / "b" / "catalog.sqlite").touch()
    (photos.folder / "b" / "segments").mkdir()
    assert at("b/c.png") == {("removed", "b/c.png", 2)}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root sees everything")
def test_what_cannot_be_looked_into_is_spared(photos, gallery, update, at):
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    update()
    (photos.folder / "b").chmod(0)
    assert at("b", "b/c.png") == set()
    (photos.folder / "b").chmod(0o700)
    assert ids(gallery) == {"a.png": 1, "b/c.png": 2}


def test_a_link_to_an_unplugged_drive_is_spared(photos, gallery, update, encoder, tmp_path):
    drive = type(photos)(tmp_path / "drive")
    drive.add("x.png", 7)
    photos.add("a.png", 1)
    os.symlink(drive.folder, photos.folder / "linked")
    update()
    drive.folder.rename(tmp_path / "unplugged")
    assert update_paths(gallery, encoder, photos.folder, ["linked/x.png", "linked"]).changes == ()
    assert ids(gallery) == {"a.png": 1, "linked/x.png": 2}


def test_links_rename_nothing_and_never_lead_round(photos, gallery, at, tmp_path, encoder):
    outside = type(photos)(tmp_path / "outside")
    outside.add("x.png", 7)
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    os.symlink(photos.folder / "b", photos.folder / "again")
    os.symlink(outside.folder, photos.folder / "linked")
    os.symlink("..", photos.folder / "b" / "round")
    at("b", "a.png", "again/c.png", "linked/x.png", "again", "linked", "b/round/a.png")
    assert set(ids(gallery)) == {"a.png", "b/c.png", "linked/x.png"}
    assert add_images(gallery, photos.folder, encoder).unchanged == 3


def test_a_link_to_what_lies_above_does_not_lead_back_in(photos, gallery, at, tmp_path):
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    os.symlink(tmp_path, photos.folder / "b" / "above")
    at("b", "b/above/photos/a.png")
    assert set(ids(gallery)) == {"b/c.png"}


def test_names_that_are_not_utf8(photos, gallery, at):
    photos.add("\udcff/\udcfe.png", 1)
    assert at("\udcff") == {("added", "\udcff/\udcfe.png", 1)}
    photos.delete("\udcff/\udcfe.png")
    photos.add("b.png", 2)
    assert at("\udcff") == {("removed", "\udcff/\udcfe.png", 1)}


def test_a_glob_takes_what_it_matches(photos, gallery, encoder):
    photos.add("a.png", 1)
    photos.add("b/c.png", 2)
    photos.add("b/d.jpg", 3)
    pattern = photos.folder / "**" / "*.png"
    report = update_paths(gallery, encoder, pattern, ["b", "a.png"])
    assert report.added == 2
    photos.delete("b/c.png")
    report = update_paths(gallery, encoder, pattern, ["b/c.png"])
    assert (report.forgotten, set(ids(gallery))) == (1, {"a.png"})


def test_a_list_takes_what_it_names(photos, gallery, encoder, tmp_path):
    inside, absolute = photos.add("a.png", 1), photos.add("b.png", 2)
    photos.add("c.png", 3)
    names = tmp_path / "names.txt"
    names.write_text(f"photos/a.png\n{absolute}\n")
    report = update_paths(gallery, encoder, names, [photos.folder])
    assert report.added == 2
    assert set(ids(gallery)) == {"photos/a.png", str(absolute)}
    photos.delete("b.png")
    report = update_paths(gallery, encoder, names, [absolute, inside])
    assert (report.forgotten, set(ids(gallery))) == (1, {"photos/a.png"})


def test_metadata_describes_new_and_known_pictures(photos, gallery, update, encoder):
    photos.add("a.png", 1)
    update()
    photos.add("b.png", 2)
    table = MetadataTable({"a.png": {"by": "Ada"}, "b.png": {"by": "Bob"}})
    update_paths(gallery, encoder, photos.folder, ["a.png", "b.png"], metadata=table)
    assert [image.metadata for image in gallery.images()] == [{"by": "Ada"}, {"by": "Bob"}]


def test_a_shard_keeps_to_itself(photos, gallery, encoder):
    shard = Shard(1, 2)
    with gallery.writer() as writer:
        writer.keep_to_shard(str(shard))
    paths = [photos.add(f"{number}.png", number).name for number in range(1, 9)]
    update_paths(gallery, encoder, photos.folder, paths)
    mine = {path for path in paths if shard.holds(path)}
    assert set(ids(gallery)) == mine
    assert 0 < len(mine) < 8


def test_a_source_in_the_gallerys_own_folder(photos, encoder, tmp_path):
    photos.add("a.png", 1)
    with Gallery.create(photos.folder / ".lookalike", encoder.space) as gallery:
        add_images(gallery, photos.folder, encoder)
        uploads = gallery.path / "uploads"
        photos.add(".lookalike/uploads/day/u.png", 2)
        report = update_paths(gallery, encoder, uploads, ["day/u.png"])
        assert report.added == 1
        report = update_images(gallery, encoder)
        assert (report.unchanged, report.added, report.forgotten) == (2, 0, 0)
        assert len(gallery.sources()) == 2


def test_another_writer_is_at_work(photos, gallery, update, encoder):
    photos.add("a.png", 1)
    update()
    with gallery.writer(), pytest.raises(GalleryLocked):
        update_paths(gallery, encoder, photos.folder, ["a.png"])


def test_many_small_updates_leave_few_segments_and_large_ones_alone(
    photos, gallery, encoder, monkeypatch
):
    monkeypatch.setattr("lookalike.ingest.updating.MOST_SMALL", 4)
    monkeypatch.setattr("lookalike.gallery.writing.SMALL_ROWS", 3)
    monkeypatch.setattr("lookalike.ingest.updating.SMALL_ROWS", 3)
    for number in range(1, 20):
        photos.add(f"{number}.png", number)
        update_paths(gallery, encoder, photos.folder, [f"{number}.png"])
    info = gallery.info()
    assert info.images == 19
    assert info.segments < 12
    assert gallery.verify().is_clean


@pytest.mark.parametrize("seed", range(12))
def test_paths_give_what_a_whole_update_gives(photos, gallery, encoder, aligned, tmp_path, seed):
    """Random changes, told path by path to one gallery and looked for by another."""
    dice = random.Random(seed)
    whole = Gallery.create(tmp_path / "whole.gallery", gallery.space)
    folders = ["", "a/", "a/b/", "c/"]
    photos.add("anchor.png", 1000)
    update_paths(gallery, encoder, photos.folder, ["anchor.png"])
    for _ in range(8):
        told = []
        for _ in range(dice.randint(1, 5)):
            files = sorted(
                path.relative_to(photos.folder).as_posix()
                for path in photos.folder.rglob("*.png")
                if path.is_file() and path.name != "anchor.png"
            )
            path = f"{dice.choice(folders)}{dice.randint(1, 5)}.png"
            move = dice.choice(["add", "add", "break", "delete", "rename", "touch", "away"])
            if move == "add" or not files:
                photos.add(path, dice.randint(1, 6))
                told.append(path)
            elif move == "break":
                photos.write(path, BROKEN)
                told.append(path)
            elif move == "away":
                folder = dice.choice(folders[1:]).rstrip("/")
                if (photos.folder / folder).is_dir():
                    photos.rename(folder, f"moved {dice.random()}")
                    told += [folder, *(p.name for p in photos.folder.glob("moved *"))]
            else:
                old = dice.choice(files)
                told.append(old)
                if move == "delete":
                    photos.delete(old)
                elif move == "touch":
                    photos.touch(old)
                else:
                    photos.rename(old, path)
                    told.append(path)
        update_paths(gallery, encoder, photos.folder, told)
        add_images(whole, photos.folder, encoder)
        assert facts(gallery) == facts(whole)
    aligned(gallery, encoder)
    whole.close()


def facts(gallery):
    images = {image.path: (image.content_hash, image.mtime_ns) for image in gallery.images()}
    return images, {item.path: item.reason for item in gallery.skipped(1)}
