"""A server that watches: files that come to its galleries' folders are found soon."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("watchfiles")

from lookalike.errors import StorageFull
from lookalike.gallery import Gallery
from lookalike.gallery.uploads import uploads_folder
from lookalike.ingest.watching import rounds
from lookalike.server.jobs import JobBoard, JobHandle
from squares import encoded

if TYPE_CHECKING:
    from conftest import Served

API = "/api/v1"


GREEN = encoded((0, 200, 0))
CYAN = encoded((0, 200, 100))


def until(is_so: Callable[[], object], timeout_s: float = 15.0) -> float:
    start = time.monotonic()
    while not is_so():
        assert time.monotonic() - start < timeout_s, "it did not happen in time"
        time.sleep(0.02)
    return time.monotonic() - start


@pytest.fixture
def watching(serve: Callable[..., Served]) -> Served:
    served = serve(is_watching=True, rescan_s=1.0)
    (served.photos / "first.png").write_bytes(CYAN)
    until(lambda: len(served.gallery) == 6)
    return served


def watch_jobs(served: Served) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = served.get(f"{API}/jobs").json()["jobs"]
    return [job for job in jobs if job["kind"] == "watch"]


def test_a_new_file_is_found_soon_and_told_as_a_job(watching: Served) -> None:
    before = len(watch_jobs(watching))
    (watching.photos / "green.png").write_bytes(GREEN)
    took = until(lambda: len(watching.gallery) == 7)
    until(lambda: all(job["state"] == "done" for job in watch_jobs(watching)))
    jobs = watch_jobs(watching)
    found = watching.search({"parts": [{"image_id": 7}], "k": 1}).json()

    assert took < 2
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
    until(lambda: all(job["state"] == "done" for job in watch_jobs(watching)))
    before = len(watch_jobs(watching))
    with watching.gallery.writer():
        (watching.photos / "green.png").write_bytes(GREEN)
        until(lambda: "It waits: " in watch_jobs(watching)[0]["note"])
        time.sleep(1.0)
        waiting = watch_jobs(watching)
    until(lambda: len(watching.gallery) == 7)
    until(lambda: watch_jobs(watching)[0]["state"] == "done")

    assert [job["state"] for job in waiting[:-before]] == ["running"]
    assert len(watch_jobs(watching)) == before + 1
    assert notes[-1] == ""  # it is not told to wait while it works


def test_a_full_disk_is_one_job_that_waits_and_is_told_once(
    watching: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, refused = rounds.update_places, list[str]()

    def full(*given: Any, **settings: Any) -> Any:
        if len(refused) < 4:
            refused.append("")
            raise StorageFull(f"There is no room, {len(refused)}.")
        return real(*given, **settings)

    monkeypatch.setattr(rounds, "REFUSED_AGAIN_S", 0.1)
    monkeypatch.setattr(rounds, "update_places", full)
    until(lambda: all(job["state"] == "done" for job in watch_jobs(watching)))
    before = len(watch_jobs(watching))
    with caplog.at_level("WARNING"):
        (watching.photos / "green.png").write_bytes(GREEN)
        until(lambda: "It waits: There is no room" in watch_jobs(watching)[0]["note"])
        until(lambda: len(watching.gallery) == 7)
        until(lambda: watch_jobs(watching)[0]["state"] == "done")

    assert len(watch_jobs(watching)) == before + 1
    assert caplog.text.count("no room") == 1
    assert caplog.text.count("can be written again") == 1


def test_renames_and_deletions_are_followed(watching: Served) -> None:
    os.rename(watching.photos / "blue.png", watching.photos / "azure.png")
    os.unlink(watching.photos / "grey.png")
    until(lambda: len(watching.gallery) == 5)
    names = sorted(image.path for image in watching.gallery.images())

    assert names == ["azure.png", "first.png", "orange.png", "red copy.png", "red.png"]
    assert watching.gallery.image(1).path == "azure.png"


def test_nothing_happens_where_nothing_changes(watching: Served) -> None:
    jobs, generation = len(watch_jobs(watching)), watching.gallery.generation
    time.sleep(2.5)  # over two rescans

    assert len(watch_jobs(watching)) == jobs
    assert watching.gallery.generation == generation


def test_uploads_are_added_by_their_desk_alone(watching: Served) -> None:
    answer = watching.post_form(
        f"{watching.base}/images?wait=10",
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
    assert abs(float(line.rpartition(" ")[2]) - time.time()) < 60


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
