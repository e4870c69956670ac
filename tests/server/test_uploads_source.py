"""The uploads of a gallery as one of its sources, and updates of all of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi")

from lookalike.encoders import Encoder
from lookalike.errors import GalleryReadOnly, UsageError
from lookalike.gallery import Gallery, Skipped
from lookalike.gallery.uploads import metadata_file
from lookalike.ingest import add_images, remove_images, remove_source, removing, update_images
from lookalike.ingest.removed import REMOVED_BY_HAND
from lookalike.server.jobs import Job, JobBoard
from lookalike.server.settings import Limits
from lookalike.server.uploads import Uploads
from lookalike.server.uploads.inbox import Inbox
from lookalike.server.uploads.metadata import kept_metadata, write_metadata
from lookalike.server.uploads.receiving import Received
from uploading import API, GREEN, OLIVE, ended, until

if TYPE_CHECKING:
    from conftest import Served


@pytest.fixture
def inside(photos: Path, encoder: Encoder) -> Gallery:
    """A gallery inside the folder of its pictures, with one upload."""
    gallery = Gallery.create(photos / ".lookalike", encoder.space)
    add_images(gallery, photos, encoder)
    upload(gallery, encoder, "green.png", GREEN)
    return gallery


def upload(gallery: Gallery, encoder: Encoder, name: str, data: bytes) -> None:
    """Take a picture in without a server."""
    board = JobBoard()
    uploads = Uploads("colours", gallery, lambda: encoder, board, Limits())
    inbox = Inbox(gallery)
    received = Received(name, inbox.new_file())
    received.file.write_bytes(data)
    job = uploads.accept([received], [None])
    assert isinstance(job, Job)
    until(lambda: board.jobs(state="done"))
    assert board.close()
    uploads.close()
    inbox.close()


def cut_off(monkeypatch: pytest.MonkeyPatch, removal: Callable[[], object]) -> None:
    """Remove something, and be killed when the first file is to be deleted."""

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(removing, "discard", killed)
        with pytest.raises(KeyboardInterrupt):
            removal()


def recovered(gallery: Gallery, encoder: Encoder) -> list[Job]:
    """Do what a server does when it starts."""
    uploads = Uploads("colours", gallery, lambda: encoder, JobBoard(), Limits())
    jobs = uploads.recover()
    uploads.close()
    return jobs


def names(gallery: Gallery) -> list[str]:
    return sorted(image.path.rpartition("/")[2] for image in gallery.images())


FIVE = ["blue.png", "grey.png", "orange.png", "red copy.png", "red.png"]


def test_a_name_that_was_free_again_is_not_taken_for_settled(
    inside: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed server left that the first green.png was removed; another one waits."""
    (green,) = [image for image in inside.images() if image.path.endswith("green.png")]
    file = Path(inside.absolute_path(green))
    cut_off(monkeypatch, lambda: remove_images(inside, [green]))
    file.write_bytes(OLIVE)
    board = JobBoard()
    uploads = Uploads("colours", inside, lambda: encoder, board, Limits())
    (job,) = uploads.recover()
    until(lambda: board.jobs(state="done"))
    board.close()
    uploads.close()

    assert job.result is not None
    assert "green.png" in names(inside)


def test_a_file_whose_removal_was_cut_off_is_deleted(
    inside: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (green,) = [image for image in inside.images() if image.path.endswith("green.png")]
    cut_off(monkeypatch, lambda: remove_images(inside, [green]))
    was_there = Path(inside.absolute_path(green)).exists()
    jobs = recovered(inside, encoder)

    assert was_there
    assert jobs == []
    assert not Path(inside.absolute_path(green)).exists()


def test_a_file_that_only_stays_out_is_not_deleted(inside: Gallery, encoder: Encoder) -> None:
    (green,) = [image for image in inside.images() if image.path.endswith("green.png")]
    file = Path(inside.absolute_path(green))
    facts = (green.source_id, green.path, green.size_bytes, green.mtime_ns)
    with inside.writer() as writer:
        note = Skipped(*facts, REMOVED_BY_HAND, green.content_hash)
        writer.commit(removed=[green.image_id], skipped=[note])

    assert recovered(inside, encoder) == []
    assert file.exists()


@pytest.mark.parametrize("place", ["uploads", "uploads/2026-05-04"])
def test_a_start_leaves_pictures_behind_a_link_alone(
    photos: Path, encoder: Encoder, tmp_path: Path, place: str
) -> None:
    """They are in the gallery already: as uploads, they would be needless and deleted."""
    gallery = Gallery.create(tmp_path / "linked.gallery", encoder.space)
    add_images(gallery, photos, encoder)
    mine = tmp_path / "mine"
    shutil.copytree(photos, mine)
    (mine / ".incoming-mine").mkdir()
    link = gallery.path / place
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(mine)
    before = sorted(file.name for file in mine.rglob("*"))
    (gallery.path / "uploads" / ".incoming-1").symlink_to(mine)
    jobs = recovered(gallery, encoder)
    (mine / ".incoming-1").unlink(missing_ok=True)

    assert jobs == []
    assert sorted(file.name for file in mine.rglob("*")) == before


@pytest.mark.parametrize("is_whole", [True, False])
def test_uploads_do_not_follow_links_out_of_the_gallery(
    inside: Gallery, encoder: Encoder, tmp_path: Path, is_whole: bool
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    uploads = inside.path / "uploads"
    (day,) = (path for path in uploads.iterdir() if not path.name.startswith("."))
    place = uploads if is_whole else day
    shutil.rmtree(place)
    place.symlink_to(mine)

    with pytest.raises(GalleryReadOnly, match="leads out of it"):
        upload(inside, encoder, "olive.png", OLIVE)
    assert list(mine.iterdir()) == []


def test_metadata_is_not_written_through_a_link(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("what I wrote")
    file = tmp_path / "cat.jpg"
    metadata_file(file).symlink_to(mine)
    write_metadata(file, {"label": "cat"})

    assert mine.read_text() == "what I wrote"
    assert kept_metadata(file) == {"label": "cat"}


def test_uploads_that_were_removed_as_a_source_are_not_added_again(
    inside: Gallery, photos: Path, encoder: Encoder
) -> None:
    removed = remove_source(inside, str(inside.path / "uploads"))
    jobs = recovered(inside, encoder)
    report = update_images(inside, encoder)

    assert (removed.images, removed.deleted, removed.waiting) == (1, 1, 0)
    assert jobs == []
    assert (report.added, report.unchanged) == (0, 5)
    assert [record.location for record in inside.sources()] == [str(photos)]
    assert list((inside.path / "uploads").rglob("*.png")) == []
    assert inside.verify().is_clean


def test_a_removal_of_all_uploads_that_was_cut_off_is_finished_later(
    inside: Gallery, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(inside, encoder, "olive.png", OLIVE)
    folder = inside.path / "uploads"
    cut_off(monkeypatch, lambda: remove_source(inside, str(folder)))
    left = sorted(file.name for file in folder.rglob("*.png"))
    meanwhile = update_images(inside, encoder)
    jobs = recovered(inside, encoder)
    removed = remove_source(inside, str(folder))

    assert left == ["green.png", "olive.png"]
    assert (meanwhile.added, names(inside)) == (0, FIVE)
    assert jobs == []
    assert list(folder.rglob("*.png")) == []
    assert (removed.images, removed.waiting) == (0, 0)
    assert len(inside.sources()) == 1


def test_an_upload_that_waits_outlives_the_removal_of_the_others(
    inside: Gallery, encoder: Encoder
) -> None:
    (day,) = (inside.path / "uploads").glob("2*")
    (day / "olive.png").write_bytes(OLIVE)
    (day / "olive.png.metadata").write_text('{"label": "late"}')
    removed = remove_source(inside, str(inside.path / "uploads"))
    board = JobBoard()
    uploads = Uploads("colours", inside, lambda: encoder, board, Limits())
    uploads.recover()
    until(lambda: board.jobs(state="done"))
    board.close()
    uploads.close()

    assert (removed.images, removed.deleted, removed.waiting) == (1, 1, 1)
    assert names(inside) == sorted([*FIVE, "olive.png"])
    assert [image.metadata for image in inside.images() if image.path.endswith("olive.png")] == [
        {"label": "late"}
    ]


def test_indexing_goes_on_as_before(inside: Gallery, photos: Path, encoder: Encoder) -> None:
    (photos / "olive.png").write_bytes(OLIVE)
    folder = add_images(inside, photos, encoder)
    every = update_images(inside, encoder)

    assert (folder.added, folder.forgotten) == (1, 0)
    assert (every.added, every.forgotten, every.unchanged) == (0, 0, 7)
    assert names(inside) == sorted([*FIVE, "green.png", "olive.png"])
    assert [record.kind for record in inside.sources()] == ["folder", "folder"]
    assert inside.verify().is_clean
    assert inside.verify().leftovers == ()


def test_other_galleries_do_not_walk_into_the_uploads(
    inside: Gallery, photos: Path, tmp_path: Path, encoder: Encoder
) -> None:
    with Gallery.create(tmp_path / "other.gallery", encoder.space) as other:
        add_images(other, photos, encoder)
        assert names(other) == FIVE


def test_a_folder_named_first_does_not_forbid_uploads_and_the_other_way_round(
    tmp_path: Path, photos: Path, encoder: Encoder
) -> None:
    with Gallery.create(photos / ".lookalike", encoder.space) as gallery:
        upload(gallery, encoder, "green.png", GREEN)
        add_images(gallery, photos, encoder)
        assert names(gallery) == sorted([*FIVE, "green.png"])
        with pytest.raises(UsageError, match="lie inside each other"):
            add_images(gallery, tmp_path, encoder)


def test_a_gallery_moves_and_is_copied_with_its_uploads(
    inside: Gallery, photos: Path, tmp_path: Path, encoder: Encoder
) -> None:
    inside.close()
    shutil.copytree(photos, tmp_path / "copied")
    with Gallery.open(tmp_path / "copied" / ".lookalike") as copied:
        paths = [copied.absolute_path(image) for image in copied.images()]
        report = update_images(copied, encoder)
    shutil.move(photos, tmp_path / "moved")
    with Gallery.open(tmp_path / "moved" / ".lookalike") as moved:
        again = update_images(moved, encoder)

    assert len(paths) == 6
    assert all(path.startswith(str(tmp_path / "copied")) for path in paths)
    assert (report.unchanged, report.forgotten) == (6, 0)
    assert (again.unchanged, again.forgotten) == (6, 0)


def test_an_emptied_uploads_folder_does_not_stop_an_update(
    inside: Gallery, photos: Path, encoder: Encoder
) -> None:
    (green,) = [image for image in inside.images() if image.path.endswith("green.png")]
    Path(inside.absolute_path(green)).unlink()
    by_hand = update_images(inside, encoder)
    again = update_images(inside, encoder)

    assert (by_hand.forgotten, by_hand.unchanged) == (1, 5)
    assert (again.forgotten, again.unchanged) == (0, 5)


def test_compaction_leaves_uploads_alone(inside: Gallery) -> None:
    with inside.writer() as writer:
        writer.compact()
    (green,) = [image for image in inside.images() if image.path.endswith("green.png")]

    assert Path(inside.absolute_path(green)).read_bytes() == GREEN
    assert inside.info().images == 6
    assert inside.verify().is_clean


# Updates.


def test_an_update_brings_in_what_came_to_the_folders(served: Served) -> None:
    (served.photos / "green.png").write_bytes(GREEN)
    (served.photos / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    answer = served.post(f"{served.base}/update", {})
    job = ended(served, answer.json())

    assert answer.status == 202
    assert answer.headers["location"] == f"{API}/jobs/{answer.json()['job_id']}"
    assert (job["kind"], job["state"]) == ("update", "done")
    assert (job["result"]["added"], job["result"]["unchanged"]) == (1, 5)
    assert job["result"]["skipped"] == 1
    assert job["result"]["skipped_files"][0]["path"].endswith("broken.jpg")


def test_updates_that_wait_are_one(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.server.jobs._lines, "put", lambda *_, **__: True)
    first = served.post(f"{served.base}/update", {}).json()
    second = served.post(f"{served.base}/update", {}).json()

    assert first["job_id"] == second["job_id"]


def test_a_source_that_is_not_there_is_told_by_the_job(served: Served) -> None:
    shutil.rmtree(served.photos)
    job = ended(served, served.post(f"{served.base}/update", {}).json())

    assert job["state"] == "failed"
    assert job["error"]["error"] == "SourceNotFound"
    assert len(served.gallery) == 5
