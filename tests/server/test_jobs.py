"""Jobs: in line, told of as they go, ended when nobody wants them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

pytest.importorskip("fastapi")

from lookalike.errors import GalleryLocked, UsageError
from lookalike.gallery.patience import patiently
from lookalike.server.jobs import Cancelled, Job, JobBoard, JobHandle, PutOff
from lookalike.server.jobs.ledger import MOST_JOBS
from lookalike.server.jobs.sharing import Part


@pytest.fixture
def board() -> Iterator[JobBoard]:
    made = JobBoard()
    yield made
    assert made.close(timeout_s=60)


def until(is_so: Callable[[], object], timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def ended(board: JobBoard, job: Job) -> Job:
    until(lambda: found(board, job).has_ended)
    return found(board, job)


def found(board: JobBoard, job: Job) -> Job:
    now = board.job(job.job_id)
    assert now is not None
    return now


def test_a_job_goes_from_waiting_to_done(board: JobBoard) -> None:
    go = threading.Event()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        handle.progress(1, 4, "Counting.")
        assert go.wait(60)
        return {"counted": 4}

    job = board.submit("photos", "update", work)
    until(lambda: found(board, job).note == "Counting.")
    during = found(board, job)
    go.set()
    after = ended(board, job)

    assert (job.state, during.state, after.state) == ("waiting", "running", "done")
    assert (during.done, during.total, during.result) == (1, 4, None)
    assert (after.done, after.total, after.result) == (4, 4, {"counted": 4})
    assert job.created <= str(after.started) <= str(after.ended)


def test_a_failure_is_told_as_an_answer_would_tell_it(board: JobBoard) -> None:
    def work(handle: JobHandle) -> Mapping[str, Any]:
        raise UsageError("That makes no sense: try something else.")

    job = ended(board, board.submit("photos", "map", work))

    assert job.state == "failed"
    assert job.error is not None
    assert job.error["status"] == 400
    assert job.error["error"] == "UsageError"
    assert job.error["detail"] == "That makes no sense: try something else."


def test_work_that_writes_is_in_line_and_other_work_is_beside_it(board: JobBoard) -> None:
    order: list[str] = []
    go, mapped = threading.Event(), threading.Event()

    def slow(handle: JobHandle) -> Mapping[str, Any]:
        order.append("update")
        assert go.wait(60)
        return {}

    def note(name: str) -> Callable[[JobHandle], Mapping[str, Any]]:
        def work(handle: JobHandle) -> Mapping[str, Any]:
            order.append(name)
            mapped.set()
            return {}

        return work

    board.submit("photos", "update", slow)
    until(lambda: order == ["update"])
    behind = board.submit("photos", "remove", note("remove"))
    board.submit("photos", "map", note("map"))
    assert mapped.wait(60)
    assert found(board, behind).state == "waiting"
    go.set()
    ended(board, behind)

    assert order == ["update", "map", "remove"]


def test_parts_that_wait_are_done_in_one_call(board: JobBoard) -> None:
    calls: list[list[int]] = []
    begun, go = threading.Event(), threading.Event()

    def work(parts: Any) -> None:
        calls.append([part.value for part in parts])
        begun.set()
        assert go.wait(60)
        for part in parts:
            if part.value == 3:
                part.error = UsageError("Three is too many.")
            else:
                part.result = {"twice": 2 * part.value}

    jobs = [board.submit_shared("photos", "add", 0, work)]
    assert begun.wait(60)
    jobs += [board.submit_shared("photos", "add", value, work) for value in range(1, 6)]
    go.set()
    results = [ended(board, job) for job in jobs]

    assert calls == [[0], [1, 2, 3, 4, 5]]
    assert [job.result for job in results if job.state == "done"] == [
        {"twice": 2 * value} for value in (0, 1, 2, 4, 5)
    ]
    assert results[3].state == "failed"


def test_a_part_that_nobody_foresaw_hurts_no_other(board: JobBoard) -> None:
    begun, go = threading.Event(), threading.Event()

    def work(parts: Any) -> None:
        begun.set()
        assert go.wait(60)
        if any(part.value == 2 for part in parts):
            raise RuntimeError("a slip")
        for part in parts:
            part.result = {"value": part.value}

    jobs = [board.submit_shared("photos", "add", 0, work)]
    assert begun.wait(60)
    jobs += [board.submit_shared("photos", "add", value, work) for value in (1, 2, 3)]
    go.set()

    assert [ended(board, job).state for job in jobs] == ["done", "done", "failed", "done"]


def test_shared_work_is_taken_in_bounded_portions(board: JobBoard) -> None:
    weights: list[int] = []
    begun, go = threading.Event(), threading.Event()

    def work(parts: Any) -> None:
        weights.append(sum(part.weight for part in parts))
        begun.set()
        assert go.wait(60)

    jobs = [board.submit_shared("photos", "add", 0, work)]
    assert begun.wait(60)
    jobs += [board.submit_shared("photos", "add", 0, work, weight=100) for _ in range(5)]
    jobs += [board.submit_shared("photos", "add", 0, work, weight=1000)]
    go.set()
    for job in jobs:
        ended(board, job)

    assert weights == [1, 200, 200, 100, 1000]


def test_a_job_that_waits_is_cancelled_at_once(board: JobBoard) -> None:
    go, undone, calls = threading.Event(), threading.Event(), list[int]()

    def work(parts: Any) -> None:
        calls.extend(part.value for part in parts)

    def block(handle: JobHandle) -> Mapping[str, Any]:
        assert go.wait(60)
        return {}

    blocking = board.submit("photos", "update", block)
    kept = board.submit_shared("photos", "add", 1, work)
    unwanted = board.submit_shared("photos", "add", 2, work, on_cancel=undone.set)
    later = board.submit("photos", "update", block)
    cancelled = [board.cancel(unwanted.job_id), board.cancel(later.job_id)]
    go.set()
    ended(board, blocking)
    ended(board, kept)

    assert [job.state for job in cancelled if job is not None] == ["cancelled", "cancelled"]
    assert undone.is_set()
    assert calls == [1]
    assert found(board, later).state == "cancelled"


def test_a_part_that_is_cancelled_while_it_is_taken_is_undone_once(
    board: JobBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, undone = list[int](), list[str]()
    parts = board._parts
    go = threading.Event()

    class Cancelling:
        """Lets somebody cancel a job between the taking of its part and its begin."""

        def __getattr__(self, name: str) -> Any:
            return getattr(parts, name)

        def take(self, work: Any) -> tuple[list[Part], bool]:
            assert go.wait(60)
            taken = parts.take(work)
            board.cancel(unwanted.job_id)
            return taken

    monkeypatch.setattr(board, "_parts", Cancelling())

    def work(parts: Any) -> None:
        calls.extend(part.value for part in parts)

    kept = board.submit_shared("photos", "add", 1, work)
    unwanted = board.submit_shared("photos", "add", 2, work, on_cancel=lambda: undone.append("2"))
    go.set()

    assert ended(board, kept).state == "done"
    assert found(board, unwanted).state == "cancelled"
    assert (calls, undone) == ([1], ["2"])


def test_a_job_that_runs_ends_when_it_next_looks(board: JobBoard) -> None:
    running = threading.Event()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        running.set()
        while True:
            handle.heed()
            time.sleep(0.005)

    job = board.submit("photos", "update", work)
    assert running.wait(60)
    asked = board.cancel(job.job_id)

    assert asked is not None
    assert asked.is_unwanted
    assert ended(board, job).state == "cancelled"
    assert board.cancel(job.job_id) == found(board, job)
    assert board.cancel("nonsense") is None


def test_a_locked_gallery_is_waited_for_and_the_job_says_so(board: JobBoard) -> None:
    tries: list[int] = []
    is_seen = threading.Event()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        tries.append(1)
        if len(tries) < 3 or not is_seen.is_set():
            raise GalleryLocked("Another process writes.")
        return {"tries": len(tries)}

    job = board.submit("photos", "update", work)
    until(lambda: found(board, job).note == "It waits: Another process writes.")
    is_seen.set()

    assert ended(board, job).result == {"tries": len(tries)}
    assert len(tries) >= 3
    assert found(board, job).note == ""


def test_patience_ends() -> None:
    def work() -> None:
        raise GalleryLocked("Another process writes.")

    with pytest.raises(GalleryLocked):
        patiently(work, patience_s=0.0)


def test_small_work_goes_before_what_waits(board: JobBoard) -> None:
    order: list[str] = []
    begun, go = threading.Event(), threading.Event()

    def block(handle: JobHandle) -> Mapping[str, Any]:
        begun.set()
        assert go.wait(60)
        return {}

    async def run() -> int:
        board.submit("photos", "update", block)
        await asyncio.to_thread(begun.wait, 60)
        board.submit("photos", "update", lambda handle: order.append("update") or {})  # type: ignore[func-returns-value]
        removing = asyncio.create_task(
            board.run_now("photos", "remove", lambda: order.append("remove") or 7)  # type: ignore[func-returns-value]
        )
        await asyncio.sleep(0.02)
        go.set()
        return await removing

    assert asyncio.run(run()) == 7
    until(lambda: order == ["remove", "update"])


def test_small_work_that_cannot_begin_in_time_is_not_done(board: JobBoard) -> None:
    go, done = threading.Event(), list[int]()

    def block(handle: JobHandle) -> Mapping[str, Any]:
        assert go.wait(60)
        return {}

    async def run() -> None:
        job = board.submit("photos", "update", block)
        while found(board, job).state == "waiting":
            await asyncio.sleep(0.005)
        with pytest.raises(GalleryLocked, match="try again when its jobs have ended"):
            await board.run_now("photos", "remove", lambda: done.append(1), patience_s=0.05)
        go.set()

    asyncio.run(run())
    assert board.close(timeout_s=60)
    assert done == []


def test_the_failure_of_small_work_is_its_askers(board: JobBoard) -> None:
    def work() -> None:
        raise UsageError("No.")

    with pytest.raises(UsageError, match="No"):
        asyncio.run(board.run_now("photos", "remove", work))


def test_the_oldest_jobs_are_forgotten(board: JobBoard) -> None:
    first = board.ended("photos", "add", {})
    for _ in range(MOST_JOBS):
        board.ended("photos", "add", {})

    assert board.job(first.job_id) is None
    assert len(board.jobs()) == MOST_JOBS
    assert board.counts() == {("add", "done"): MOST_JOBS}


def test_jobs_are_listed_newest_first_by_gallery_and_state(board: JobBoard) -> None:
    one = board.ended("photos", "add", {})
    two = board.ended("photos", "add", {}, error={"status": 507})
    other = board.ended("other", "add", {})

    assert [job.job_id for job in board.jobs()] == [other.job_id, two.job_id, one.job_id]
    assert [job.job_id for job in board.jobs(gallery="photos")] == [two.job_id, one.job_id]
    assert [job.job_id for job in board.jobs(state="failed")] == [two.job_id]


def test_stopping_lets_what_runs_end_and_what_waits_wait() -> None:
    board = JobBoard()
    running, calls = threading.Event(), list[str]()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        running.set()
        while True:
            try:
                handle.heed()
            except Cancelled:
                calls.append("committed")
                raise
            time.sleep(0.005)

    job = board.submit("photos", "update", work)
    assert running.wait(60)
    waiting = board.submit_shared(
        "photos", "add", 1, lambda parts: calls.append("added"), on_cancel=lambda: calls.append("x")
    )

    assert board.close(timeout_s=60)
    assert calls == ["committed"]
    assert found(board, job).state == "cancelled"
    assert found(board, waiting).state == "cancelled"
    assert "kept" in found(board, waiting).note
    with pytest.raises(GalleryLocked, match="about to stop"):
        asyncio.run(board.run_now("photos", "remove", lambda: None))
    with pytest.raises(Cancelled):
        board.do("photos", "watch", lambda handle: None, result_of=lambda found: {})


def test_threads_wait_for_what_they_put_in_line(board: JobBoard) -> None:
    def work(handle: JobHandle) -> str:
        return threading.current_thread().name

    def broken(handle: JobHandle) -> str:
        raise UsageError("No.")

    name = board.do("photos", "watch", work, result_of=lambda found: {"thread": found})
    with pytest.raises(UsageError, match="No"):
        board.do("photos", "watch", broken, result_of=lambda found: {})
    until(lambda: not board.jobs(state="running"))
    failed, done = board.jobs()

    assert name == "write photos"
    assert done.result == {"thread": "write photos"}
    assert failed.state == "failed"


def test_what_is_put_off_waits_and_is_tried_again_as_the_same_job(board: JobBoard) -> None:
    def refused(handle: JobHandle) -> str:
        raise PutOff(handle.job_id, "It waits for room.")

    with pytest.raises(PutOff) as caught:
        board.do("photos", "watch", refused, result_of=lambda found: {})
    until(lambda: not board.jobs(state="running"))
    [waiting] = board.jobs()
    name = caught.value.job_id
    found = board.do("photos", "watch", lambda handle: "a", result_of=lambda found: {}, job_id=name)
    until(lambda: board.jobs(state="done"))
    [done] = board.jobs()

    assert (waiting.state, waiting.note, waiting.error) == ("waiting", "It waits for room.", None)
    assert (found, done.job_id, done.note) == ("a", waiting.job_id, "")


def test_what_was_put_off_and_cancelled_is_not_tried_again(board: JobBoard) -> None:
    def refused(handle: JobHandle) -> None:
        board.cancel(handle.job_id)
        raise PutOff(handle.job_id, "It waits for room.")

    with pytest.raises(PutOff) as caught:
        board.do("photos", "watch", refused, result_of=lambda found: {})
    until(lambda: board.jobs(state="cancelled"))
    with pytest.raises(Cancelled):
        board.do("photos", "watch", refused, result_of=lambda _: {}, job_id=caught.value.job_id)


@pytest.mark.skipif(sys.platform != "linux", reason="niceness of threads is Linux's")
def test_work_lets_requests_go_first(board: JobBoard) -> None:
    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def work(handle: JobHandle) -> list[int]:
        found = [niceness()]
        thread = threading.Thread(target=lambda: found.append(niceness()))
        thread.start()
        thread.join()
        return found

    before = niceness()
    own, inherited = board.do("photos", "watch", work, result_of=lambda found: {})

    assert own == inherited == min(before + 5, 19)
    assert niceness() == before


def test_a_slow_listener_misses_what_no_longer_matters_and_never_the_last(board: JobBoard) -> None:
    async def run() -> list[dict[str, Any]]:
        go = threading.Event()

        def work(handle: JobHandle) -> Mapping[str, Any]:
            assert go.wait(60)
            for number in range(200):
                handle.progress(number, 200, f"Step {number}.")
            return {"steps": 200}

        job = board.submit("photos", "update", work)
        with board.events.subscribe(["gallery:photos"]) as subscription:
            go.set()
            await asyncio.to_thread(ended, board, job)
            taken = await subscription.take(60)
            assert taken is not None
            return [json.loads(event.text) for event in taken]

    (told,) = asyncio.run(run())
    assert told["state"] == "done"
    assert told["result"] == {"steps": 200}


def test_many_listeners_are_told_by_waking_their_loop_once(
    board: JobBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[asyncio.AbstractEventLoop] = []

    async def run() -> set[str]:
        loop = asyncio.get_running_loop()
        wake = loop.call_soon_threadsafe
        monkeypatch.setattr(
            loop, "call_soon_threadsafe", lambda *call: woken.append(loop) or wake(*call)
        )
        subscriptions = [board.events.subscribe(["gallery:photos"]) for _ in range(1000)]
        board.ended("photos", "add", {})
        states = set()
        for subscription in subscriptions:
            taken = await subscription.take(60)
            assert taken
            states.add(json.loads(taken[-1].text)["state"])
        for subscription in subscriptions:
            board.events.forget(subscription)
        return states

    assert asyncio.run(run()) == {"done"}
    assert len(woken) == 2, "when it was noted, and when it ended"
    assert not board.events.subscriptions()


def test_waiting_for_a_job_ends_with_it_or_in_time(board: JobBoard) -> None:
    go = threading.Event()

    def work(handle: JobHandle) -> Mapping[str, Any]:
        assert go.wait(60)
        return {}

    async def run() -> tuple[Job | None, Job | None]:
        job = board.submit("photos", "update", work)
        early = await board.wait(job.job_id, 0.05)
        go.set()
        return early, await board.wait(job.job_id, 5)

    early, late = asyncio.run(run())
    assert early is not None
    assert early.state in {"waiting", "running"}
    assert late is not None
    assert late.state == "done"


def test_a_part_of_work_without_result_keeps_what_was_told_at_first(board: JobBoard) -> None:
    def work(parts: list[Part]) -> None:
        raise UsageError("No.")

    job = board.submit_shared("photos", "add", 1, work, result={"waiting": 1})  # type: ignore[arg-type]

    assert ended(board, job).result == {"waiting": 1}
    assert found(board, job).state == "failed"
