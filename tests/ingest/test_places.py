"""Places pictures come from: what an update does when they are odd, empty or away."""

from __future__ import annotations

import os

import pytest

from lookalike.errors import NoImagesFound, SourceNotFound, SpaceMismatch, UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import add_images, remove_images, remove_source, update_images
from lookalike.vectors import EmbeddingSpace


def state(gallery):
    return list(gallery.images()), gallery.sources(), gallery.generation


def paths(gallery):
    return [image.path for image in gallery.images()]


def second_folder(photos, tmp_path):
    """Fill another folder of pictures."""
    other = type(photos)(tmp_path / "more")
    other.add("x.png", 8)
    other.add("y.png", 9)
    return other


def test_a_folder_that_is_not_there(photos, gallery, encoder, update, tmp_path):
    photos.add("a.png", 1)
    update()
    before = state(gallery)
    photos.folder.rename(tmp_path / "unplugged")
    for run in (lambda: add_images(gallery, photos.folder, encoder),
                lambda: update_images(gallery, encoder)):  # fmt: skip
        with pytest.raises(SourceNotFound):
            run()
    assert state(gallery) == before


def test_a_folder_that_is_suddenly_empty_is_taken_for_unplugged(photos, gallery, update, encoder):
    photos.add("a.png", 1)
    update()
    before = state(gallery)
    photos.delete("a.png")
    with pytest.raises(NoImagesFound, match=r"knows 1 of them.*remove --source"):
        add_images(gallery, photos.folder, encoder)
    assert state(gallery) == before


def test_one_of_several_sources_is_missing(photos, gallery, encoder, update, tmp_path):
    photos.add("a.png", 1)
    update()
    more = second_folder(photos, tmp_path)
    add_images(gallery, more.folder, encoder)
    photos.delete("a.png")
    photos.add("b.png", 2)
    more.folder.rename(tmp_path / "unplugged")
    before = state(gallery)
    with pytest.raises(SourceNotFound):
        update_images(gallery, encoder)
    assert state(gallery) == before


def test_all_sources_are_brought_up_to_date_together(
    photos, gallery, encoder, update, tmp_path, aligned
):
    photos.add("a.png", 1)
    update()
    more = second_folder(photos, tmp_path)
    add_images(gallery, more.folder, encoder)
    photos.add("b.png", 8)
    more.delete("x.png")
    report = update_images(gallery, encoder)
    assert (report.added, report.copies, report.forgotten, report.unchanged) == (1, 1, 1, 2)
    aligned(gallery, encoder)


def test_a_picture_that_moves_to_another_source_is_not_embedded_again(
    photos, gallery, encoder, update, tmp_path, aligned
):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    more = second_folder(photos, tmp_path)
    add_images(gallery, more.folder, encoder)
    os.rename(photos.folder / "a.png", more.folder / "a.png")
    os.rename(more.folder / "x.png", photos.folder / "x.png")
    report = update_images(gallery, encoder)
    assert (report.added, report.embedded, report.forgotten) == (2, 0, 2)
    assert sorted(paths(gallery)) == ["a.png", "b.png", "x.png", "y.png"]
    aligned(gallery, encoder)


def test_a_source_with_nothing_readable_left_does_not_keep_the_others_from_their_update(
    photos, gallery, encoder, update, tmp_path
):
    photos.add("a.png", 1)
    update()
    more = second_folder(photos, tmp_path)
    add_images(gallery, more.folder, encoder)
    photos.write("a.png", b"no picture")
    more.add("z.png", 3)
    with pytest.raises(NoImagesFound, match="None of the 1 picture files"):
        update_images(gallery, encoder)
    # nothing is concluded from a source in which everything fails
    assert sorted(paths(gallery)) == ["a.png", "x.png", "y.png", "z.png"]


def test_a_gallery_without_sources_cannot_be_brought_up_to_date(gallery, encoder):
    with pytest.raises(NoImagesFound, match="no source yet"):
        update_images(gallery, encoder)


def test_a_new_place_without_pictures_leaves_the_gallery_as_it_was(
    photos, gallery, encoder, update, tmp_path
):
    photos.add("a.png", 1)
    update()
    images, sources, _ = state(gallery)
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoImagesFound, match="holds no pictures"):
        add_images(gallery, tmp_path / "empty", encoder)
    assert (list(gallery.images()), gallery.sources()) == (images, sources)


def test_a_new_place_with_nothing_readable_leaves_the_gallery_as_it_was(
    photos, gallery, encoder, update, tmp_path
):
    photos.add("a.png", 1)
    update()
    images, sources, _ = state(gallery)
    broken = type(photos)(tmp_path / "broken")
    broken.write("bad.jpg", b"no picture")
    with pytest.raises(NoImagesFound, match=r"None of the 1 picture files.*bad\.jpg") as caught:
        add_images(gallery, broken.folder, encoder)
    assert [os.path.basename(item.path) for item in caught.value.skipped] == ["bad.jpg"]
    assert (list(gallery.images()), gallery.sources()) == (images, sources)
    assert gallery.info().skipped == 0


@pytest.mark.parametrize("inner_first", [True, False])
def test_folders_inside_each_other_are_refused(photos, gallery, encoder, inner_first):
    photos.add("trip/a.png", 1)
    first, second = photos.folder / "trip", photos.folder
    if not inner_first:
        first, second = second, first
    add_images(gallery, first, encoder)
    sources = gallery.sources()
    with pytest.raises(UsageError, match="inside each other"):
        add_images(gallery, second, encoder)
    assert gallery.sources() == sources


def test_a_folder_whose_name_merely_begins_alike_is_welcome(photos, gallery, encoder, tmp_path):
    photos.add("a.png", 1)
    alike = type(photos)(tmp_path / "photos 2")
    alike.add("b.png", 2)
    add_images(gallery, photos.folder, encoder)
    assert add_images(gallery, alike.folder, encoder).added == 1


def test_a_folder_that_cannot_be_listed_keeps_its_images(
    photos, gallery, encoder, update, monkeypatch, aligned
):
    photos.add("a.png", 1)
    photos.add("locked/b.png", 2)
    photos.write("locked/bad.png", b"no picture")
    photos.add("locked away.png", 3)
    update()
    photos.delete("locked away.png")
    scandir = os.scandir

    def refuse(folder):
        if os.fspath(folder).rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied", folder)
        return scandir(folder)

    with monkeypatch.context() as locked:
        locked.setattr(os, "scandir", refuse)
        report = add_images(gallery, photos.folder, encoder)
    assert report.forgotten == 1
    assert paths(gallery) == ["a.png", "locked/b.png"]
    told = {item.path: item.reason for item in report.skipped}
    assert "cannot be looked into" in told[str(photos.folder / "locked")]
    assert str(photos.folder / "locked/bad.png") in told
    assert update() == {"unchanged": 2, "skipped": 1}


@pytest.mark.parametrize(
    "name",
    [
        "two words.png",
        "line\nbreak.png",
        "صورة.png",
        "🐈.png",
        " .png",
        "[a-z]*.png",
        "%s.png",
        os.fsdecode(b"caf\xe9.png"),
    ],
)
def test_odd_names_come_back_as_they_are(photos, gallery, update, name):
    photos.add(name, 1)
    assert update() == {"added": 1}
    assert paths(gallery) == [name]
    image = next(gallery.images())
    assert gallery.image_at_path(str(photos.folder / name)) == image
    photos.rename(name, f"moved/{name}")
    assert update() == {"renamed": 1}
    assert paths(gallery) == [f"moved/{name}"]


def test_links_in_circles_and_hidden_files_do_not_count(photos, gallery, update):
    photos.add("trip/a.png", 1)
    photos.add(".hidden.png", 2)
    photos.add(".trash/b.png", 3)
    photos.write("notes.txt", b"no picture by name")
    (photos.folder / "trip/loop").symlink_to(photos.folder)
    assert update() == {"added": 1}
    assert paths(gallery) == ["trip/a.png"]


def test_what_lies_behind_a_link_is_kept_while_the_link_leads_nowhere(
    photos, gallery, encoder, update, tmp_path
):
    photos.add("a.png", 1)
    drive = second_folder(photos, tmp_path).folder
    (photos.folder / "usb").symlink_to(drive)
    (photos.folder / "favourite.png").symlink_to(drive / "x.png")
    assert update() == {"added": 4, "copies": 1}
    drive.rename(tmp_path / "unplugged")
    report = add_images(gallery, photos.folder, encoder)
    assert (report.unchanged, report.forgotten) == (1, 0)
    told = {os.path.basename(item.path): item.reason for item in report.skipped}
    assert told.keys() == {"usb", "favourite.png"}
    assert all("cannot be looked into" in reason for reason in told.values())
    (tmp_path / "unplugged").rename(drive)
    assert update() == {"unchanged": 4}


def test_extensions_count_in_any_case(photos, gallery, update):
    photos.add("A.PNG", 1)
    photos.add("b.Jpg", 2)  # a PNG by its bytes: what a file is counts, not what it is called
    assert update() == {"added": 2}
    assert [image.format for image in gallery.images()] == ["PNG", "PNG"]


def test_a_gallery_inside_its_folder_does_not_see_itself(photos, encoder, aligned):
    photos.add("a.png", 1)
    with Gallery.create(photos.folder / "index", encoder.space) as inside:
        add_images(inside, photos.folder, encoder)
        assert add_images(inside, photos.folder, encoder).unchanged == 1
        aligned(inside, encoder)


def test_a_glob_takes_what_it_matches(photos, gallery, encoder, aligned):
    for number, name in enumerate(["a.png", "b.png", "trip/c.png", "trip/d.gif"], start=1):
        photos.add(name, number)
    pattern = str(photos.folder / "**" / "*.png")
    assert add_images(gallery, pattern, encoder).added == 3
    photos.delete("b.png")
    report = add_images(gallery, pattern, encoder)
    assert (report.forgotten, report.unchanged) == (1, 2)
    aligned(gallery, encoder)


@pytest.mark.parametrize("separator", ["\n", "\0"])
def test_a_list_takes_what_it_names(photos, gallery, encoder, aligned, separator):
    photos.add("a.png", 1)
    photos.add("trip/b.png", 2)
    photos.add("not listed.png", 3)
    names = ["trip/b.png", str(photos.folder / "a.png"), "trip/b.png", "gone.png"]
    file = photos.write("list.txt", separator.join(names).encode())
    assert add_images(gallery, f"@{file}", encoder).added == 2
    aligned(gallery, encoder)
    photos.write("list.txt", b"trip/b.png\n")
    report = add_images(gallery, file, encoder)
    assert (report.forgotten, report.unchanged) == (1, 1)


def test_a_single_picture(photos, gallery, encoder, aligned):
    file = photos.add("a.png", 1)
    assert add_images(gallery, file, encoder).added == 1
    photos.add("a.png", 2)
    assert add_images(gallery, file, encoder).changed == 1
    aligned(gallery, encoder)


def test_a_single_picture_that_was_deleted_is_forgotten(photos, gallery, encoder):
    photos.add("a.png", 1)
    file = photos.add("b.png", 2)
    add_images(gallery, file, encoder)
    file.unlink()
    report = update_images(gallery, encoder)
    assert (report.forgotten, len(gallery)) == (1, 0)


def test_an_emptied_list_forgets_all_it_named(photos, gallery, encoder):
    photos.add("a.png", 1)
    file = photos.write("list.txt", b"a.png\n")
    add_images(gallery, file, encoder)
    photos.write("list.txt", b"# nothing any more\n")
    report = add_images(gallery, file, encoder)
    assert (report.forgotten, len(gallery)) == (1, 0)


def test_a_listed_picture_on_a_drive_that_is_away_is_kept(photos, gallery, encoder, tmp_path):
    drive = second_folder(photos, tmp_path).folder
    photos.add("a.png", 1)
    file = photos.write("list.txt", f"a.png\n{drive / 'x.png'}\n".encode())
    add_images(gallery, file, encoder)
    drive.rename(tmp_path / "unplugged")
    report = add_images(gallery, file, encoder)
    assert (report.unchanged, report.forgotten, len(gallery)) == (1, 0, 2)


def test_an_encoder_of_another_space_is_refused_before_anything_happens(photos, encoder, tmp_path):
    photos.add("a.png", 1)
    with Gallery.create(tmp_path / "other", EmbeddingSpace("other", 3, encoder="other")) as other:
        for run in (lambda: add_images(other, photos.folder, encoder),
                    lambda: update_images(other, encoder)):  # fmt: skip
            with pytest.raises(SpaceMismatch, match="encoder 'other'"):
                run()
        assert other.generation == 0


def test_images_removed_by_hand_stay_away_until_they_change(photos, gallery, update):
    photos.add("a.png", 1)
    photos.add("b.png", 2)
    update()
    remove_images(gallery, [gallery.image(1), gallery.image(1)])
    assert update() == {"unchanged": 1, "skipped": 1}
    photos.add("a.png", 3)
    assert update() == {"unchanged": 1, "added": 1}


def test_a_source_is_removed_even_if_it_is_gone(photos, gallery, encoder, update, tmp_path):
    photos.add("a.png", 1)
    update()
    more = second_folder(photos, tmp_path)
    add_images(gallery, more.folder, encoder)
    more.folder.rename(tmp_path / "unplugged")
    assert remove_source(gallery, str(more.folder)).images == 2
    assert update_images(gallery, encoder).unchanged == 1
    with pytest.raises(SourceNotFound, match="has no source"):
        remove_source(gallery, str(more.folder))
