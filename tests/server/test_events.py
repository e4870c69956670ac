"""Events over HTTP: heard as they happen, by many, and nothing is left of those who leave."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from PIL import Image

pytest.importorskip("fastapi")

from lookalike.encoders import Encoder
from lookalike.errors import GalleryError
from lookalike.ingest import update_images
from lookalike.server.jobs import Event, Events, JobBoard, JobHandle
from lookalike.server.jobs.generations import Generations
from lookalike.server.jobs.streaming import EventStream

if TYPE_CHECKING:
    from conftest import Served
    from lookalike.gallery import Gallery

API = "/api/v1"


def until(is_so: Callable[[], object], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


class Listener:
    """A stream of events, read line by line as a browser does."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = dict(answer.getheaders())
        self._answer = answer

    def next(self) -> dict[str, Any]:
        """Read the next event: its id, its name and what it tells; empty at the end."""
        told: dict[str, Any] = {}
        end = time.monotonic() + 60
        while line := self._answer.readline().decode():
            assert time.monotonic() < end, "heartbeats alone were told"
            name, _, value = line.rstrip("\n").partition(": ")
            if name in {"id", "event"}:
                told[name] = value
            elif name == "data":
                told["data"] = json.loads(value)
            elif not name and not value and "data" in told:
                return told
        return {}

    def until(self, is_it: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Read until an event is it."""
        while told := self.next():
            if is_it(told):
                return told
        raise AssertionError("the stream ended before")


@contextmanager
def listening(
    served: Served, path: str, headers: Mapping[str, str] | None = None
) -> Iterator[Listener]:
    connection = http.client.HTTPConnection(served.host, served.port, timeout=60)
    try:
        connection.request("GET", path, headers={**served.headers, **(headers or {})})
        yield Listener(connection.getresponse())
    finally:
        connection.close()


def green() -> bytes:
    stream = BytesIO()
    Image.new("RGB", (12, 12), (0, 200, 0)).save(stream, "PNG")
    return stream.getvalue()


def test_a_job_is_followed_to_its_end(served: Served) -> None:
    go = threading.Event()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        handle.progress(1, 2, "Half of it.")
        assert go.wait(90)
        return {"made": 2}

    job = served.server.jobs.submit("colours", "map", work)
    with listening(served, f"{API}/jobs/{job.job_id}/events") as listener:
        half = listener.until(lambda told: told["data"]["note"] == "Half of it.")
        go.set()
        last = listener.until(lambda told: told["data"]["state"] == "done")
        after = listener.next()

    assert listener.status == 200
    assert listener.headers["content-type"].startswith("text/event-stream")
    assert listener.headers["cache-control"] == "no-store"
    assert (half["event"], half["data"]["done"], half["data"]["total"]) == ("job", 1, 2)
    assert last["data"]["result"] == {"made": 2}
    assert after == {}


def test_a_job_that_has_ended_tells_so_at_once(served: Served) -> None:
    job = served.server.jobs.ended("colours", "add", {"added": 0})
    path = f"{API}/jobs/{job.job_id}/events"
    with listening(served, path) as listener:
        told, after = listener.next(), listener.next()
    with listening(served, path, {"Last-Event-ID": told["id"]}) as listener:
        again = listener.next()

    assert told["data"]["state"] == "done"
    assert after == {}
    assert again == told


def test_a_job_that_nobody_knows_is_a_problem(served: Served) -> None:
    answers = [
        served.get(f"{API}/jobs/nonsense"),
        served.get(f"{API}/jobs/nonsense/events"),
        served.delete(f"{API}/jobs/nonsense"),
    ]

    assert [answer.status for answer in answers] == [404, 404, 404]
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert served.get(f"{API}/galleries/nonsense/events").status == 404


def test_a_gallery_tells_its_state_its_jobs_and_its_changes(served: Served) -> None:
    with listening(served, f"{served.base}/events") as listener:
        first = listener.next()
        answer = served.post_form(
            f"{served.base}/images?wait=60", [("picture", "green.png", green())]
        )
        told = {"gallery": first["data"]}
        # Whichever comes first; that the folder of uploads is there may be told before.
        while "job" not in told or told["gallery"]["images"] == 5:
            event = listener.until(lambda told: True)
            told[event["event"]] = event["data"]

    assert answer.status == 201
    assert first["event"] == "gallery"
    assert (first["data"]["gallery"], first["data"]["images"]) == ("colours", 5)
    assert told["job"]["job_id"] == answer.json()["job_id"]
    assert told["job"]["result"]
    assert told["gallery"]["images"] == 6
    assert told["gallery"]["generation"] > first["data"]["generation"]


def test_what_another_process_writes_is_told_as_well(served: Served, encoder: Encoder) -> None:
    with listening(served, f"{served.base}/events") as listener:
        listener.next()
        (served.photos / "green.png").write_bytes(green())
        update_images(served.gallery, encoder)
        changed = listener.until(lambda told: told["event"] == "gallery")

    assert changed["data"]["images"] == 6


def test_a_change_while_one_begins_to_listen_is_not_lost(
    served: Served, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another listener's look tells of it, after this one's and before it listens."""
    generations = served.server.generations
    real = generations.look

    def look(name: str) -> Event:
        event: Event = real(name)
        if "again" not in changed:
            changed.append("again")
            (served.photos / "green.png").write_bytes(green())
            update_images(served.gallery, encoder)
            real(name)
        return event

    changed: list[str] = []
    monkeypatch.setattr(generations, "look", look)
    with listening(served, f"{served.base}/events") as listener:
        first = listener.next()

    assert first["data"]["images"] == 6


def test_looking_goes_on_after_a_failure_of_any_kind(
    served: Served, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = served.server.generations
    real, calls = generations.look, []

    def look(name: str) -> Event:
        calls.append(name)
        if len(calls) == 2:
            raise RuntimeError("a slip")
        return real(name)

    monkeypatch.setattr(generations, "look", look)
    with listening(served, f"{served.base}/events") as listener:
        listener.next()
        until(lambda: len(calls) > 2)
        (served.photos / "green.png").write_bytes(green())
        update_images(served.gallery, encoder)
        told = listener.next()

    assert told["data"]["images"] == 6


def test_who_comes_back_hears_what_was_missed_and_nothing_twice(served: Served) -> None:
    path = f"{served.base}/events"
    with listening(served, path) as listener:
        first = listener.next()
    missed = served.server.jobs.ended("colours", "add", {"added": 0})
    with listening(served, path, {"Last-Event-ID": first["id"]}) as listener:
        back = listener.next()
    with listening(served, path, {"Last-Event-ID": "another-7"}) as listener:
        stranger = listener.next()
    with listening(
        served, path, {"Last-Event-ID": f"{first['id']}9999999999999999999"}
    ) as listener:
        served.server.jobs.ended("colours", "add", {"added": 1})
        odd = listener.next()

    assert back["event"] == "job"
    assert back["data"]["job_id"] == missed.job_id
    assert stranger == first
    assert odd["data"]["result"] == {"added": 1}


def test_who_leaves_leaves_nothing_behind(served: Served) -> None:
    events = served.server.jobs.events

    def tasks(loop: asyncio.AbstractEventLoop) -> int:
        counted: list[int] = []
        done = threading.Event()

        def count() -> None:
            counted.append(len(asyncio.all_tasks()))
            done.set()

        loop.call_soon_threadsafe(count)
        assert done.wait(60)
        return counted[0]

    with listening(served, f"{served.base}/events") as listener:
        listener.next()
        (subscription,) = events.subscriptions()
        during = tasks(subscription.loop)
    until(lambda: not events.subscriptions())
    until(lambda: tasks(subscription.loop) < during)
    for _ in range(20):
        with listening(served, f"{served.base}/events") as listener:
            listener.next()

    until(lambda: not events.subscriptions())
    until(lambda: tasks(subscription.loop) < during)


def test_many_listen_at_once(served: Served) -> None:
    streams = [listening(served, f"{served.base}/events") for _ in range(100)]
    listeners = [stream.__enter__() for stream in streams]
    for listener in listeners:
        listener.next()
    job = served.server.jobs.ended("colours", "add", {"added": 0})
    heard = [
        listener.until(lambda told: told["data"].get("state") == "done") for listener in listeners
    ]
    for stream in streams:
        stream.__exit__(None, None, None)

    assert {told["data"]["job_id"] for told in heard} == {job.job_id}
    until(lambda: not served.server.jobs.events.subscriptions())


def test_stopping_ends_streams_and_those_who_wait(serve: Callable[..., Served]) -> None:
    served = serve()
    board: JobBoard = served.server.jobs
    go = threading.Event()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        assert go.wait(90)
        return {}

    board.submit("colours", "update", work)
    with listening(served, f"{served.base}/events") as listener:
        listener.next()
        board.stop()
        while listener.next():
            pass
    # What waits now is never begun: an answer that waited for it would come too late for us.
    answer = served.post_form(f"{served.base}/images?wait=60", [("picture", "green.png", green())])
    go.set()

    assert answer.status == 202


def test_quiet_streams_say_that_they_live() -> None:
    async def run() -> list[bytes]:
        sent: list[bytes] = []
        left = asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message.get("body", b""))
            if len(sent) == 4:
                left.set()

        async def receive() -> dict[str, str]:
            await left.wait()
            return {"type": "http.disconnect"}

        events = Events()
        stream = EventStream(events, ["gallery:g"], first=list, heartbeat_s=0.01)
        await stream({"type": "http"}, receive, send)
        assert not events.subscriptions()
        assert len(asyncio.all_tasks()) == 1
        return sent

    sent = asyncio.run(run())
    assert sent[1:4] == [b"retry: 2000\n\n", b": still here\n\n", b": still here\n\n"]


def test_names_that_are_no_text_can_be_told(served: Served, tmp_path: Path) -> None:
    with listening(served, f"{served.base}/events") as listener:
        listener.next()
        served.server.jobs.ended("colours", "update", {"path": "caf\udce9\n.png"})
        told = listener.until(lambda told: told["data"].get("result"))

    assert told["data"]["result"] == {"path": "caf\udce9\n.png"}


def test_a_gallery_that_cannot_be_looked_at_is_told_once_and_once_more_when_it_can(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Going:
        """Gone for the first looks, then there again."""

        looks = 0

        @property
        def generation(self) -> int:
            self.looks += 1
            if self.looks < 6:
                raise GalleryError("It is not there any more.")
            return 7

        def __len__(self) -> int:
            return 3

    async def heard() -> list[Event] | None:
        events, gallery = Events(), Going()
        generations = Generations(events, {"photos": cast("Gallery", gallery)})
        with events.subscribe(["gallery:photos"]) as subscription:
            running = asyncio.create_task(generations.run())
            event = await subscription.take(60)
            while gallery.looks < 10:
                await asyncio.sleep(0.01)
            running.cancel()
        return event

    monkeypatch.setattr("lookalike.server.jobs.generations.LOOK_S", 0.001)
    assert len(asyncio.run(asyncio.wait_for(heard(), 90)) or []) == 1
    assert caplog.messages == [
        "the gallery photos cannot be looked at just now: It is not there any more",
        "the gallery photos can be looked at again",
    ]


def test_another_gallery_is_looked_at_at_once_though_a_look_takes_its_time() -> None:
    begun, go = threading.Event(), threading.Event()

    class Slow:
        def __len__(self) -> int:
            return 5

        @property
        def generation(self) -> int:
            begun.set()
            assert go.wait(60)
            return 1

    generations = Generations(Events(), {"photos": cast(Any, Slow())})
    looking = threading.Thread(target=generations.look, args=("photos",), daemon=True)
    looking.start()
    assert begun.wait(60)
    anew = threading.Thread(
        target=generations.begin_anew, args=("photos", cast(Any, Slow())), daemon=True
    )
    anew.start()
    anew.join(30)  # in the server, its event loop
    is_waiting = anew.is_alive()
    go.set()
    looking.join(60)
    first = generations.latest("photos")

    assert not is_waiting
    assert generations.look("photos").sequence > first.sequence
