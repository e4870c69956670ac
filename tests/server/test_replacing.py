"""A gallery that is made anew, or restored, in its place while a server runs."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("fastapi")

import serving
from lookalike.client.records import find_record
from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import GalleryError
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from lookalike.server import replacing
from lookalike.server.replacing import Replacing
from networks import write_card, write_mean_colour
from squares import encoded
from uploading import API, CYAN, GREEN, OLIVE, HeldAdding, ended, sent, until

if TYPE_CHECKING:
    from conftest import Reply, Served

own_settings, start = serving.own_settings, serving.start

NEXT = Path("next.gallery")


@pytest.fixture
def other(tmp_path: Path, encoder: Encoder) -> Path:
    """Another gallery, of green 1 and cyan 2, beside the one that is served."""
    return made(tmp_path, encoder)


def made(tmp_path: Path, encoder: Encoder) -> Path:
    photos = tmp_path / "other photos"
    photos.mkdir()
    (photos / "a.png").write_bytes(GREEN)
    (photos / "b.png").write_bytes(CYAN)
    with Gallery.create(tmp_path / NEXT, encoder.space) as gallery:
        add_images(gallery, photos, encoder)
        with gallery.writer() as writer:  # the two were made within one second, perhaps
            writer._connection.execute("UPDATE settings SET value = '' WHERE key = 'created'")
    return tmp_path / NEXT


def put_in_place(served: Served, other: Path) -> Path:
    """Put another gallery where the served one is; says where that is then."""
    former = served.gallery.path.with_name("former.gallery")
    served.gallery.path.rename(former)
    other.rename(served.gallery.path)
    return former


def likes_of(served: Served, image_id: int) -> Reply:
    return served.search({"parts": [{"image_id": image_id}], "k": 5})


def is_ready(served: Served) -> bool:
    return served.get("/readyz").status == 200


def paths_in(answer: Reply) -> list[str]:
    return [Path(hit["path"]).name for hit in answer.json()["hits"]]


def test_another_gallery_in_its_place_is_served_without_a_restart(
    served: Served, other: Path
) -> None:
    before = served.get(served.base).json()
    put_in_place(served, other)
    first, second = likes_of(served, 1), likes_of(served, 1)
    until(lambda: is_ready(served))
    after = served.get(served.base).json()

    assert first.status == 200 or first.headers["retry-after"] == "1"
    assert second.status == 200
    assert paths_in(second) == ["a.png", "b.png"]
    assert (before["images"], after["images"]) == (5, 2)
    assert after["sources"][0]["location"].endswith("other photos")
    assert served.get(f"{API}/galleries").json()["galleries"][0]["images"] == 2


def test_another_gallery_is_found_though_nobody_asks_for_it(served: Served, other: Path) -> None:
    former = served.server.galleries["colours"]
    put_in_place(served, other)
    until(lambda: served.server.galleries["colours"] is not former)

    assert len(served.server.galleries["colours"].gallery) == 2


def test_what_is_sent_goes_into_the_new_one_and_nothing_into_the_former(
    served: Served, other: Path
) -> None:
    former = put_in_place(served, other)
    refused = sent(served, ("olive.png", OLIVE))
    taken = sent(served, ("olive.png", OLIVE))

    assert refused.status == 201 or refused.headers["retry-after"] == "1"
    assert taken.json()["result"]["image_ids"] == [3]
    assert len(list((served.gallery.path / "uploads").rglob("olive*"))) == 1
    assert not (former / "uploads").exists()
    for folder, count in ((former, 5), (served.gallery.path, 3)):
        with Gallery.open(folder) as gallery:
            assert len(gallery) == count
            assert gallery.verify().is_clean


def test_pictures_are_not_removed_by_the_numbers_of_the_former_one(
    serve: Callable[..., Served], other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "LOOK_S", 3600.0)  # the requests themselves find out
    served = serve()
    put_in_place(served, other)
    refused = [
        served.delete(f"{served.base}/images/1"),
        served.post(f"{served.base}/images/remove", {"image_ids": [1, 2]}),
    ]
    seen = likes_of(served, 1)
    removed = served.delete(f"{served.base}/images/1")

    assert [answer.status for answer in refused] == [409, 409]
    assert "its numbers mean other pictures" in refused[0].json()["detail"]
    assert "retry-after" not in refused[0].headers
    assert (seen.status, removed.status) == (200, 200)


def test_a_job_of_the_former_one_ends_and_leaves_the_new_one_alone(
    served: Served, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldAdding(monkeypatch)
    running = sent(served, ("olive.png", OLIVE), wait=0).json()
    assert held.begun.wait(60)
    waiting = served.post(f"{served.base}/update").json()
    former = put_in_place(served, other)
    held.go.set()
    jobs = [ended(served, job) for job in (running, waiting)]

    assert [job["state"] for job in jobs] == ["failed", "failed"]
    assert all("Another gallery has taken the place" in job["error"]["detail"] for job in jobs)
    assert len(list((former / "uploads").rglob("olive.png"))) == 1
    with Gallery.open(served.gallery.path) as gallery:
        assert len(gallery) == 2
        assert gallery.verify().is_clean


def test_what_waits_for_the_former_one_does_not_take_the_new_ones_along(
    served: Served, other: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldAdding(monkeypatch)
    jobs = [sent(served, ("olive.png", OLIVE), wait=0).json()]
    assert held.begun.wait(60)
    jobs.append(sent(served, ("late.png", encoded((9, 0, 9))), wait=0).json())
    here = served.server.galleries["colours"]
    put_in_place(served, other)
    until(lambda: served.server.galleries["colours"] is not here)
    jobs.append(sent(served, ("olive.png", OLIVE), wait=0).json())
    held.go.set()

    assert [ended(served, job)["state"] for job in jobs] == ["failed", "failed", "done"]
    assert served.server.uploads["colours"].pending == 0


def test_half_a_copy_is_not_served_and_the_whole_one_is(
    served: Served, other: Path, tmp_path: Path
) -> None:
    (other / "segments").rename(tmp_path / "segments")
    (other / "segments").mkdir()
    former = served.server.galleries["colours"]
    put_in_place(served, other)
    until(lambda: "misses the file" in likes_of(served, 1).json()["detail"])
    told = served.get("/readyz")
    answer = likes_of(served, 1)
    is_taken = served.server.galleries["colours"] is not former
    for file in (tmp_path / "segments").iterdir():
        file.rename(served.gallery.path / "segments" / file.name)
    until(lambda: is_ready(served))

    assert (told.status, answer.status, is_taken) == (503, 503, False)
    assert "misses the file" in told.json()["detail"]
    assert answer.json()["error"] == "GalleryUnreadable"
    assert paths_in(likes_of(served, 1)) == ["a.png", "b.png"]


def test_a_newer_copy_of_the_same_gallery_is_served_too(
    served: Served, encoder: Encoder, tmp_path: Path
) -> None:
    shutil.copytree(served.gallery.path, tmp_path / NEXT)
    (served.photos / "green.png").write_bytes(GREEN)
    with Gallery.open(tmp_path / NEXT) as copy:
        add_images(copy, served.photos, encoder)
    here = served.server.galleries["colours"]
    put_in_place(served, tmp_path / NEXT)
    answer = likes_of(served, 6)
    until(lambda: served.server.galleries["colours"] is not here)

    assert answer.status == 200
    assert paths_in(answer)[0] == "green.png"
    assert likes_of(served, 6).status == 200


def test_a_gallery_of_another_encoder_brings_that_along(served: Served, tmp_path: Path) -> None:
    file = write_mean_colour(tmp_path / "twice.onnx")
    write_card(
        tmp_path / "twice.json", preprocessing={"size": 4, "resize": 4, "mean": 0.0, "std": 0.5}
    )
    encoder = load_encoder(f"onnx:{file}", threads=2)
    put_in_place(served, made(tmp_path, encoder))
    until(lambda: served.get(served.base).json().get("images") == 2)
    until(lambda: is_ready(served))
    found = served.post_form(f"{served.base}/search", [("picture", "q.png", GREEN)])

    assert found.json()["hits"][0]["path"].endswith("a.png")


def test_an_encoder_that_cannot_be_had_is_told_and_the_rest_is_answered(
    served: Served, other: Path
) -> None:
    with Gallery.open(other) as gallery, gallery.writer() as writer:
        writer._connection.execute(
            "UPDATE settings SET value = 'onnx:/none.onnx' WHERE key = 'encoder'"
        )
    put_in_place(served, other)
    until(lambda: "/none.onnx" in served.get("/readyz").json().get("detail", ""))

    assert served.get("/readyz").status == 503
    assert likes_of(served, 1).status == 200


def test_the_sources_of_the_new_one_are_watched(
    serve: Callable[..., Served], other: Path, tmp_path: Path
) -> None:
    pytest.importorskip("watchfiles")
    served = serve(is_watching=True, rescan_s=1.0)
    former = put_in_place(served, other)
    (tmp_path / "other photos" / "c.png").write_bytes(OLIVE)
    (served.photos / "late.png").write_bytes(encoded((9, 0, 9)))
    until(lambda: served.get(served.base).json().get("images") == 3)
    with Gallery.open(former) as gallery:
        count = len(gallery)

    assert paths_in(likes_of(served, 3))[0] == "c.png"
    assert count == 5


def test_the_command_line_finds_the_server_of_the_new_one(
    gallery: Gallery, other: Path, start: serving.Start
) -> None:
    server = start(gallery.path)
    gallery.path.rename(gallery.path.with_name("former.gallery"))
    other.rename(gallery.path)
    until(lambda: find_record(gallery.path) is not None)

    record = find_record(gallery.path)
    assert record is not None
    assert record.pid == server.process.pid


def test_the_former_one_is_closed_in_the_end(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacing, "FAREWELL_S", 0.0)
    served = serve()
    former = served.server.galleries["colours"].gallery
    shutil.copytree(served.gallery.path, tmp_path / NEXT)
    put_in_place(served, tmp_path / NEXT)

    def is_closed() -> bool:
        try:
            return len(former) != 5
        except GalleryError:
            return True

    until(is_closed)
    assert likes_of(served, 1).status == 200


def test_listeners_are_told_of_a_gallery_with_the_same_numbers(
    served: Served, tmp_path: Path
) -> None:
    generations = served.server.generations
    before = generations.look("colours")
    shutil.copytree(served.gallery.path, tmp_path / NEXT)
    here = served.server.galleries["colours"]
    put_in_place(served, tmp_path / NEXT)
    until(lambda: served.server.galleries["colours"] is not here)
    after = generations.look("colours")

    assert after.sequence > before.sequence
    assert after.text == before.text


class StandIn:
    """A gallery that was found to be another one, or was not."""

    name = "colours"

    def __init__(self, *, is_replaced: bool) -> None:
        self.gallery = SimpleNamespace(is_replaced=is_replaced)
        self.is_closed = False

    def leave(self) -> None:
        """Load nothing any more."""

    def close(self) -> None:
        self.is_closed = True


def test_what_is_being_opened_when_the_server_ends_is_taken_and_the_former_one_closed() -> None:
    former: Any = StandIn(is_replaced=True)
    newer: Any = StandIn(is_replaced=False)
    server: Any = SimpleNamespace(galleries={"colours": former}, on_replaced=lambda: None)
    begun, go = threading.Event(), threading.Event()

    def opened(name: str) -> Any:
        begun.set()
        assert go.wait(60)
        return newer

    async def ends_meanwhile() -> None:
        ending = Replacing(server, opened, lambda name: lambda: None)
        asking = asyncio.create_task(ending.newest(former))
        await asyncio.to_thread(begun.wait, 60)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        go.set()
        await ending.close()

    asyncio.run(ends_meanwhile())

    assert server.galleries == {"colours": newer}  # where the server's end closes it
    assert (former.is_closed, newer.is_closed) == (True, False)


def test_a_former_one_is_closed_though_the_server_ends_in_the_midst_of_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replacing, "FAREWELL_S", 0.0)
    former: Any = StandIn(is_replaced=True)
    newer: Any = StandIn(is_replaced=False)
    server: Any = SimpleNamespace(galleries={"colours": former}, on_replaced=lambda: None)
    begun, go = threading.Event(), threading.Event()

    def end() -> None:
        begun.set()
        assert go.wait(60)

    async def ends_meanwhile() -> None:
        ending = Replacing(server, lambda name: newer, lambda name: end)
        await ending.newest(former)
        await asyncio.to_thread(begun.wait, 60)
        closing = asyncio.create_task(ending.close())
        await asyncio.sleep(0)  # it begins
        go.set()
        await closing

    asyncio.run(ends_meanwhile())

    assert former.is_closed
