"""Adding pictures where something goes wrong: what is acknowledged is kept."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi")

from lookalike.encoders import Encoder
from lookalike.errors import GalleryNotFound, StorageFull
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from lookalike.server import working
from lookalike.server.forms import PicturePiece
from lookalike.server.uploads import adding, desk, inbox, uploads_folder
from lookalike.server.uploads.receiving import ReceivedForm
from uploading import (
    API,
    CYAN,
    GREEN,
    OLIVE,
    HeldAdding,
    ended,
    files_of,
    names_of,
    pictures,
    sent,
    until,
)

if TYPE_CHECKING:
    from conftest import Served


def test_a_full_disk_while_receiving_is_said_and_nothing_is_lost(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("lookalike.server.uploads.receiving.flush", full)
    answer = sent(served, ("green.png", GREEN))

    assert answer.status == 507
    assert answer.json()["error"] == "StorageFull"
    assert "no room left" in answer.json()["detail"]
    assert files_of(served) == []
    assert served.gallery.verify().is_clean


def test_what_a_thread_still_writes_when_a_request_was_given_up_is_not_kept(
    tmp_path: Path,
) -> None:
    with ThreadPoolExecutor(1) as pool:
        form = ReceivedForm(lambda: tmp_path / f"{len(form.files)}", pool)
        asyncio.run(form.take([PicturePiece("a.png", b"1")]))
        begun = [file.name for file in tmp_path.iterdir()]
        form.discard()
        asyncio.run(
            form.take([PicturePiece("a.png", b"2", is_last=True), PicturePiece("b.png", b"3")])
        )

    assert begun == ["0"]
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_while_taking_in_refuses_all_of_the_request(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = desk.Inbox.keep, []

    def keep(self: Any, *values: Any, **more: Any) -> Path:
        calls.append(values)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *values, **more)

    monkeypatch.setattr(desk.Inbox, "keep", keep)
    answer = sent(served, ("green.png", GREEN), ("cyan.png", CYAN))

    assert answer.status == 507
    assert files_of(served) == []
    assert served.get(f"{API}/jobs").json() == {"jobs": []}


def test_a_full_disk_for_the_metadata_refuses_its_picture_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(desk, "write_metadata", full)
        answer = sent(served, ("green.png", GREEN), metadata='{"label": "plain"}')
    recovered = served.server.uploads["colours"].recover()

    assert answer.status == 507
    assert files_of(served) == []
    assert recovered == []


def test_a_file_system_without_links_keeps_uploads_too(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(inbox.os, "link", no_links)
    answers = [sent(served, ("green.png", data)) for data in (GREEN, CYAN)]
    monkeypatch.setattr(inbox.os, "replace", no_links)
    refused = sent(served, ("olive.png", OLIVE))

    assert [answer.status for answer in answers] == [201, 201]
    assert refused.status == 403
    assert names_of(served) == ["green (2).png", "green.png"]


def test_what_is_just_being_kept_is_not_taken_for_left_over(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = served.server.uploads["colours"]
    real, recovered = uploads._inbox.keep, []

    def keep(*values: Any, **more: Any) -> Path:
        kept: Path = real(*values, **more)
        recovered.append(uploads.recover())
        return kept

    monkeypatch.setattr(uploads._inbox, "keep", keep)
    answer = sent(served, ("green.png", GREEN))

    assert answer.status == 201
    assert recovered == [[]]


def test_two_copies_that_an_update_added_first_do_not_both_give_way(
    served: Served, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is found to be there already, as the other: one of them has to stay."""
    real = adding.Adding.__init__

    def late(self: Any, gallery: Gallery, *values: Any) -> None:
        add_images(gallery, uploads_folder(gallery), encoder)
        real(self, gallery, *values)

    monkeypatch.setattr(adding.Adding, "__init__", late)
    answer = sent(served, ("green.png", GREEN), ("again.png", GREEN))
    statuses = sorted(status for _, status, _ in pictures(answer))

    assert statuses == ["added", "already_there"]
    assert len(served.gallery) == 6
    assert names_of(served) == ["green.png"]


def test_a_gallery_that_was_removed_takes_nothing_and_is_not_made_again(
    served: Served, tmp_path: Path
) -> None:
    served.gallery.path.rename(tmp_path / "elsewhere")
    answers = [
        sent(served, ("green.png", GREEN)),
        served.delete(f"{served.base}/images/1"),
        served.search({"parts": [{"image_id": 1}]}),
        served.get(served.base),
    ]

    assert [answer.status for answer in answers] == [404, 404, 404, 404]
    assert {answer.json()["error"] for answer in answers} == {"GalleryNotFound"}
    assert not served.gallery.path.exists()


def test_a_full_disk_while_adding_keeps_what_was_acknowledged(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StorageFull("There is no room left.")

    with monkeypatch.context() as patched:
        patched.setattr(adding, "update_paths", full)
        answer = sent(served, ("green.png", GREEN), metadata='{"label": "kept"}')
    kept = names_of(served)
    (again,) = served.server.uploads["colours"].retry()
    job = ended(served, again.to_dict())

    assert answer.status == 507
    assert answer.json()["job"]["state"] == "failed"
    assert "The pictures are kept" in answer.json()["detail"]
    assert kept == ["green.png", "green.png.metadata"]
    assert job["result"]["image_ids"] == [6]
    assert served.gallery.image(6).metadata == {"label": "kept"}
    assert served.server.uploads["colours"].retry() == []
    assert names_of(served) == ["green.png"]


def test_another_writer_is_waited_for_and_the_job_says_so(served: Served) -> None:
    with served.gallery.writer():
        answer = sent(served, ("green.png", GREEN), wait=0)
        path = f"{API}/jobs/{answer.json()['job_id']}"
        until(lambda: "another process" in served.get(path).json()["note"])
        searched = served.search({"parts": [{"image_id": 1}], "k": 1})
    job = ended(served, answer.json())

    assert searched.status == 200
    assert (job["state"], job["note"]) == ("done", "")
    assert job["result"]["image_ids"] == [6]


def test_an_upload_that_waits_can_be_taken_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldAdding(monkeypatch)
    kept = sent(served, ("green.png", GREEN), wait=0).json()
    assert held.begun.wait(60)
    unwanted = sent(served, ("cyan.png", CYAN), wait=0).json()
    answer = served.delete(f"{API}/jobs/{unwanted['job_id']}")
    held.go.set()

    assert answer.json()["state"] == "cancelled"
    assert ended(served, kept)["state"] == "done"
    assert names_of(served) == ["green.png"]


def test_an_upload_that_waits_for_another_writer_can_be_taken_back(served: Served) -> None:
    with served.gallery.writer():
        job = sent(served, ("green.png", GREEN), wait=0).json()
        path = f"{API}/jobs/{job['job_id']}"
        until(lambda: "another process" in served.get(path).json()["note"])
        served.delete(path)
        until(lambda: served.get(path).json()["state"] == "cancelled")
    again = served.server.uploads["colours"].retry()

    assert again == []
    assert files_of(served) == []


def test_who_waits_for_an_upload_that_is_taken_back_is_told(served: Served) -> None:
    with served.gallery.writer(), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(sent, served, ("green.png", GREEN))
        until(lambda: served.server.jobs.jobs())
        (job,) = served.server.jobs.jobs()
        served.delete(f"{API}/jobs/{job.job_id}")

        assert answer.result(60).status == 409
        assert answer.result(60).json()["job"]["state"] == "cancelled"


def test_what_waits_when_the_server_stops_is_added_at_its_next_start(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    with monkeypatch.context() as patched:
        patched.setattr(served.server.jobs._lines, "put", lambda *_, **__: True)
        answer = sent(served, ("green.png", GREEN), wait=0, metadata='{"label": "late"}')
    served.server.jobs.close()
    again = serve()
    until(lambda: len(again.gallery) == 6)
    until(lambda: names_of(again) == ["green.png"])

    assert answer.status == 202
    assert again.gallery.image(6).metadata == {"label": "late"}
    assert again.gallery.verify().is_clean


def test_what_is_being_added_when_the_server_stops_is_finished(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    held = HeldAdding(monkeypatch)
    sent(served, ("green.png", GREEN), wait=0)
    assert held.begun.wait(60)
    sent(served, ("cyan.png", CYAN), wait=0)
    served.server.jobs.stop()
    held.go.set()

    assert served.server.jobs.close(timeout_s=60)
    assert len(served.gallery) == 6
    assert names_of(served) == ["cyan.png", "green.png"]


def test_a_gallery_of_a_shard_takes_no_pictures(
    serve: Callable[..., Served], tmp_path: Path, encoder: Encoder
) -> None:
    with Gallery.create(tmp_path / "shard.gallery", encoder.space) as gallery:
        with gallery.writer() as writer:
            writer.keep_to_shard("1/2")
        answer = sent(serve(galleries={"colours": gallery.path}), ("green.png", GREEN))

    assert answer.status == 409
    assert "merge" in answer.json()["detail"]


def test_an_upload_is_not_tried_again_while_it_is_taken_back(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve()
    uploads, parts = served.server.uploads["colours"], served.server.jobs._parts
    real, tried = parts.withdraw, list[Any]()

    def withdraw(job_id: str) -> Any:
        tried.append(uploads.retry())
        return real(job_id)

    monkeypatch.setattr(parts, "withdraw", withdraw)
    go = threading.Event()
    board = served.server.jobs
    blocking = board.submit("colours", "update", lambda handle: {"is_so": go.wait(60)})
    unwanted = sent(served, ("green.png", GREEN), wait=0).json()
    served.delete(f"{API}/jobs/{unwanted['job_id']}")
    go.set()
    ended(served, blocking.to_dict())

    assert tried == [[]]
    assert files_of(served) == []
    assert uploads.pending == 0


def test_what_failed_is_tried_again_though_looking_for_it_failed(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StorageFull("There is no room left.")

    served = serve()
    uploads = served.server.uploads["colours"]
    with monkeypatch.context() as patched:
        patched.setattr(adding, "update_paths", full)
        sent(served, ("green.png", GREEN))
    with monkeypatch.context() as patched:
        patched.setattr(desk, "left_files", full)
        with pytest.raises(StorageFull):
            uploads.retry()
    (again,) = uploads.retry()

    assert ended(served, again.to_dict())["result"]["image_ids"] == [6]
    assert uploads.retry() == []


def test_uploads_of_before_are_added_though_looking_for_them_failed_at_first(
    serve: Callable[..., Served], gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads_folder(gallery).mkdir()
    (uploads_folder(gallery) / "green.png").write_bytes(GREEN)
    real, failures = desk.left_files, [StorageFull("The disk is away.")]

    def left(*values: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*values)

    monkeypatch.setattr(desk, "left_files", left)
    monkeypatch.setattr(working, "RETRY_S", 0.05)
    serve()

    until(lambda: len(gallery) == 6)
    assert not failures


def test_a_job_whose_files_cannot_be_deleted_ends_when_it_is_cancelled(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise GalleryNotFound("It is not there any more.")

    monkeypatch.setattr(desk, "image_at", away)
    with served.gallery.writer():
        job = sent(served, ("green.png", GREEN), wait=0).json()
        path = f"{API}/jobs/{job['job_id']}"
        until(lambda: "another process" in served.get(path).json()["note"])
        served.delete(path)
        until(lambda: served.get(path).json()["state"] == "cancelled")

    assert names_of(served) == ["green.png"]
