"""A server that watches: files that come to its galleries' folders are found soon."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("watchfiles")

from lookalike.errors import StorageFull
from lookalike.gallery import Gallery, SourceRecord
from lookalike.gallery.uploads import uploads_folder
from lookalike.ingest.watching import rounds
from lookalike.server import watching as server_watching
from lookalike.server.jobs import JobBoard, JobHandle
from squares import encoded

if TYPE_CHECKING:
    from conftest import Served

API = "/api/v1"


GREEN = encoded((0, 200, 0))
CYAN = encoded((0, 200, 100))


def until(is_so: Callable[[], object], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def put(served: Served, name: str, data: bytes) -> None:
    """Put a whole file into the folder that is watched: nobody sees half of it."""
    file = served.photos.parent / name
    file.write_bytes(data)
    os.replace(file, served.photos / name)


@pytest.fixture
def watching(serve: Callable[..., Served]) -> Served:
    return begun(serve(is_watching=True, rescan_s=1.0))


def begun(served: Served) -> Served:
    """Wait until a server watches, and has done what there was to do."""
    put(served, "first.png", CYAN)
    until(lambda: len(served.gallery) == 6)
    until_done(served)
    return served


def until_done(served: Served) -> None:
    until(lambda: all(job["state"] == "done" for job in watch_jobs(served)))


def watch_jobs(served: Served) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = served.get(f"{API}/jobs").json()["jobs"]
    return [job for job in jobs if job["kind"] == "watch"]


def test_a_new_file_is_found_without_a_rescan_and_told_as_a_job(
    serve: Callable[..., Served],
) -> None:
    watching = begun(serve(is_watching=True, rescan_s=3600.0))
    before = len(watch_jobs(watching))
    put(watching, "green.png", GREEN)
    until(lambda: len(watching.gallery) == 7)
    until_done(watching)
    jobs = watch_jobs(watching)
    found = watching.search({"parts": [{"image_id": 7}], "k": 1}).json()

    assert len(jobs) == before + 1
    assert jobs[0]["result"]["added"] == 1
    whole = watching.get(f"{API}/jobs/{jobs[0]['job_id']}").json()
    assert whole["result"]["changes"][0]["path"].endswith("green.png")
    assert found["hits"][0]["image_id"] == 7


def test_a_change_stays_one_job_however_long_another_process_writes(
    watching: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(JobBoard.do.__kwdefaults__, "patience_s", 0.1)
    notes, tell = list[str | None](), JobHandle.progress

    def noted(
        handle: JobHandle,
        done: int | None = None,
        total: int | None = None,
        note: str | None = None,
    ) -> None:
        notes.append(note)
        tell(handle, done, total, note)

    monkeypatch.setattr(JobHandle, "progress", noted)
    before = len(watch_jobs(watching))
    with watching.gallery.writer():
        put(watching, "green.png", GREEN)
        until(lambda: "It waits: " in watch_jobs(watching)[0]["note"])
        until(lambda: len(notes) >= 5)
        waiting = watch_jobs(watching)
    until(lambda: len(watching.gallery) == 7)
    until(lambda: watch_jobs(watching)[0]["state"] == "done")

    assert [job["state"] for job in waiting[:-before]] == ["running"]
    assert len(watch_jobs(watching)) == before + 1
    assert notes[-1] == ""  # it is not told to wait while it works


def test_a_full_disk_is_one_job_that_waits_and_is_told_once(
    watching: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, refused, is_seen = rounds.update_places, list[str](), threading.Event()

    def full(*given: Any, **settings: Any) -> Any:
        if len(refused) < 4 or not is_seen.is_set():
            refused.append("")
            raise StorageFull(f"There is no room, {len(refused)}.")
        return real(*given, **settings)

    monkeypatch.setattr(rounds, "REFUSED_AGAIN_S", 0.1)
    monkeypatch.setattr(rounds, "update_places", full)
    monkeypatch.setattr(rounds, "REFUSED_MOST_S", 1.0)
    before = len(watch_jobs(watching))
    with caplog.at_level("WARNING"):
        put(watching, "green.png", GREEN)
        until(lambda: "It waits: There is no room" in watch_jobs(watching)[0]["note"])
        is_seen.set()
        until(lambda: len(watching.gallery) == 7)
        until(lambda: watch_jobs(watching)[0]["state"] == "done")

    assert len(watch_jobs(watching)) == before + 1
    assert caplog.text.count("no room") == 1
    assert caplog.text.count("can be written again") == 1


def test_renames_and_deletions_are_followed(watching: Served) -> None:
    os.rename(watching.photos / "blue.png", watching.photos / "azure.png")
    os.unlink(watching.photos / "grey.png")
    names = ["azure.png", "first.png", "orange.png", "red copy.png", "red.png"]
    until(lambda: sorted(image.path for image in watching.gallery.images()) == names)

    assert watching.gallery.image(1).path == "azure.png"


def test_nothing_happens_where_nothing_changes(watching: Served) -> None:
    jobs, generation = len(watch_jobs(watching)), watching.gallery.generation
    time.sleep(2.5)  # over two rescans

    assert len(watch_jobs(watching)) == jobs
    assert watching.gallery.generation == generation


def test_uploads_are_added_by_their_desk_alone(watching: Served) -> None:
    answer = watching.post_form(
        f"{watching.base}/images?wait=60",
        [("picture", "green.png", GREEN), ("picture", "again.png", GREEN)],
    )
    jobs = len(watch_jobs(watching))
    time.sleep(2.0)
    folder = uploads_folder(watching.gallery)
    files = [path.name for path in folder.rglob("*.png")]

    assert [item["status"] for item in answer.json()["result"]["pictures"]] == [
        "added",
        "already_there",
    ]
    assert files == ["green.png"]
    assert len(watch_jobs(watching)) == jobs
    assert len(watching.gallery) == 7


def test_a_gallery_without_sources_waits_for_the_first(
    serve: Callable[..., Served], gallery: Gallery
) -> None:
    with gallery.writer() as writer:
        for record in gallery.sources():
            writer.remove_source(record.source_id)
    served = serve(is_watching=True)

    assert served.get(f"{API}/jobs").json() == {"jobs": []}


def test_metrics_say_whether_a_gallery_is_watched_and_when_that_last_wrote(
    watching: Served,
) -> None:
    name = 'lookalike_watch_last_update_timestamp_seconds{gallery="colours"}'
    until(lambda: name in watching.get("/metrics").body.decode())
    told = watching.get("/metrics").body.decode()
    [line] = [line for line in told.splitlines() if line.startswith(name)]

    assert 'lookalike_watching{gallery="colours"} 1.0' in told
    assert abs(float(line.rpartition(" ")[2]) - time.time()) < 600


def test_a_gallery_that_is_gone_is_told_once_and_once_more_when_it_is_back(
    watching: Served,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server_watching, "AGAIN_S", 0.01)
    tries, again = list[int](), server_watching.Watch._watcher

    def counted(watch: server_watching.Watch) -> Any:
        tries.append(1)
        return again(watch)

    def told(what: str) -> list[str]:
        return [text for text in caplog.messages if text.startswith(f"colours is {what}")]

    monkeypatch.setattr(server_watching.Watch, "_watcher", counted)
    watching.gallery.path.rename(tmp_path / "away")
    until(lambda: len(tries) > 5, timeout_s=60)
    (tmp_path / "away").rename(watching.gallery.path)
    until(lambda: told("watched again"), timeout_s=60)

    assert len(told("not watched just now: ")) == 1


def test_a_gallery_that_cannot_be_written_is_told_at_the_start(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = os.access

    def access(path: Any, mode: int, **more: Any) -> bool:
        return not mode & os.W_OK and real(path, mode, **more)

    monkeypatch.setattr("lookalike.server.describing.os.access", access)
    with caplog.at_level("WARNING"):
        served = serve(is_watching=True)

    assert "colours cannot be written: what changes in its folders is not taken" in caplog.text
    assert served.get(served.base).json()["can_write"] is False
    assert served.get(f"{API}/galleries").json()["galleries"][0]["can_write"] is False


def test_uploads_are_left_out_where_the_link_to_a_gallery_leads_elsewhere_by_now(
    serve: Callable[..., Served], gallery: Gallery, tmp_path: Path
) -> None:
    link, later = tmp_path / "link.gallery", tmp_path / "later.gallery"
    shutil.copytree(gallery.path, later)
    link.symlink_to(gallery.path)
    served = serve(galleries={"colours": link}, is_watching=True)
    here = served.server.galleries["colours"]
    watch = server_watching.Watch("colours", served.server, threading.Event())
    link.unlink()
    link.symlink_to(later)
    until(lambda: served.server.galleries["colours"] is not here)
    watch._watcher()

    assert watch._is_watched(SourceRecord(1, "folder", str(served.photos)))
    assert not watch._is_watched(SourceRecord(2, "folder", str(later / "uploads")))
