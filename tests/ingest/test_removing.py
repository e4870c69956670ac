"""Removing what the gallery itself keeps: uploads, whose files go with their images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lookalike.encoders import Encoder
from lookalike.errors import GalleryReadOnly
from lookalike.gallery import Gallery, ImageRecord
from lookalike.ingest import add_images, remove_images, remove_source, removing

DAY = "2026-05-04"


@pytest.fixture
def uploads(gallery: Gallery, encoder: Encoder, photos) -> Path:
    """Three pictures in a folder, and two of them, changed, among the uploads."""
    for number, name in enumerate(("a.png", "b.png", "c.png"), start=1):
        photos.add(name, number)
    add_images(gallery, photos.folder, encoder)
    folder = gallery.path / "uploads"
    (folder / DAY).mkdir(parents=True)
    for number, name in enumerate(("up.png", "more.png"), start=11):
        photos.add(name, number).rename(folder / DAY / name)
    add_images(gallery, folder, encoder)
    return folder


def called(gallery: Gallery, name: str) -> ImageRecord:
    return next(image for image in gallery.images() if image.path.rpartition("/")[2] == name)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.rglob("*") if file.is_file())


def test_an_uploaded_picture_takes_its_file_along_and_no_other_does(
    gallery: Gallery, uploads: Path, photos
) -> None:
    up, a = called(gallery, "up.png"), called(gallery, "a.png")
    removed = remove_images(gallery, [up, a, up])

    assert (removed.images, removed.deleted) == (2, 1)
    assert files(uploads) == ["more.png"]
    assert files(photos.folder) == ["a.png", "b.png", "c.png"]
    # a.png alone is noted, so that it does not come back.
    assert gallery.info().skipped == 1
    assert gallery.verify().is_clean


def test_all_uploads_go_as_a_source(gallery: Gallery, uploads: Path, photos) -> None:
    (uploads / DAY / "torn.png").write_bytes(b"\x89PNG")
    (uploads / DAY / "new.png").write_bytes(b"\x89PNG")
    with gallery.writer() as writer:
        state = (uploads / DAY / "torn.png").stat()
        torn = removing.Skipped(
            2, f"{DAY}/torn.png", state.st_size, state.st_mtime_ns, "It is torn."
        )
        writer.commit(skipped=[torn])
    removed = remove_source(gallery, str(uploads))

    assert (removed.images, removed.deleted, removed.waiting) == (2, 3, 1)
    assert files(uploads) == ["new.png"]
    assert files(photos.folder) == ["a.png", "b.png", "c.png"]
    assert [record.location for record in gallery.sources()] == [str(photos.folder)]
    assert (len(gallery), gallery.info().skipped) == (3, 0)


def test_the_folder_itself_may_be_gone(gallery: Gallery, uploads: Path) -> None:
    for file in uploads.rglob("*.png"):
        file.unlink()
    (uploads / DAY).rmdir()
    uploads.rmdir()
    removed = remove_source(gallery, str(uploads))

    assert (removed.images, removed.deleted, removed.waiting) == (2, 0, 0)


def test_a_file_that_the_gallery_never_saw_is_not_deleted(
    gallery: Gallery, uploads: Path, photos
) -> None:
    new = photos.add("new.png", 77)
    os.replace(new, uploads / DAY / "up.png")
    os.utime(uploads / DAY / "more.png", (1, 1))  # the same bytes, restored from a backup
    removed = remove_images(gallery, [called(gallery, "up.png"), called(gallery, "more.png")])

    assert (removed.images, removed.deleted) == (2, 1)
    assert files(uploads) == ["up.png"]


def test_a_catalog_of_strangers_deletes_nothing_elsewhere(
    gallery: Gallery, uploads: Path, photos, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "uploads of mine"
    (uploads / DAY).rename(elsewhere)
    (uploads / DAY).symlink_to(elsewhere)
    (gallery.path / "uploads2").mkdir()
    outside = gallery.path / "uploads2" / "c.png"
    outside.write_bytes((elsewhere / "up.png").read_bytes())
    os.utime(outside, ns=(0, called(gallery, "up.png").mtime_ns))
    with gallery.writer() as writer:
        writer._connection.execute(
            "UPDATE images SET path = '../uploads2/c.png' WHERE path LIKE '%up.png'"
        )
    removed = remove_source(gallery, str(uploads))

    assert (removed.images, removed.deleted) == (2, 0)
    assert files(elsewhere) == ["more.png", "up.png"]
    assert outside.exists()


@pytest.mark.parametrize("is_source", [False, True])
def test_pictures_behind_a_link_that_is_called_uploads_stay(
    gallery: Gallery, encoder: Encoder, photos, is_source: bool
) -> None:
    for number, name in enumerate(("a.png", "b.png"), start=1):
        photos.add(name, number)
    add_images(gallery, photos.folder, encoder)
    (gallery.path / "uploads").symlink_to(photos.folder)
    if is_source:
        removed = remove_source(gallery, str(photos.folder))
    else:
        removed = remove_images(gallery, list(gallery.images()))

    assert (removed.images, removed.deleted) == (2, 0)
    assert files(photos.folder) == ["a.png", "b.png"]


@pytest.mark.parametrize("path", ["a\0b.png", "a\0b/c.png", "..", "", "/etc/passwd"])
def test_paths_that_no_upload_has_are_none(gallery: Gallery, uploads: Path, path: str) -> None:
    up = called(gallery, "up.png")
    seen = removing.KnownImage(up.image_id, up.size_bytes, up.mtime_ns, up.content_hash)

    assert removing.delete_uploads(gallery, {path: seen}) == []
    assert files(uploads) == ["more.png", "up.png"]


def test_a_file_that_cannot_be_deleted_is_told_and_stays_out(
    gallery: Gallery, uploads: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(removing, "discard", forbidden)
        with pytest.raises(GalleryReadOnly, match="Permission"):
            remove_source(gallery, str(uploads))
    report = add_images(gallery, uploads, encoder)
    again = remove_source(gallery, str(uploads))

    assert (report.added, len(gallery)) == (0, 3)
    assert (again.images, again.deleted) == (0, 2)
    assert files(uploads) == []
