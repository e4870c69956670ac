"""Whoever hangs up leaves the batch."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from types import SimpleNamespace

import pytest

from lookalike.server.leaving import while_there
from lookalike.server.problems import Problem


def asker(*messages):
    """A request whose asker sends these, then waits for ever."""
    left = list(messages)

    async def receive():
        if left:
            return left.pop(0)
        await asyncio.Event().wait()
        raise AssertionError

    return SimpleNamespace(receive=receive)


BODY = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


def test_an_answer_that_comes_soon_is_given_without_a_look():
    async def answer():
        return 7

    assert asyncio.run(while_there(asker(GONE), answer())) == 7


def test_an_answer_that_takes_longer_is_given_to_whoever_waits():
    async def answer():
        await asyncio.sleep(0.1)
        return 7

    assert asyncio.run(while_there(asker(BODY), answer())) == 7


def test_the_work_is_cancelled_where_nobody_waits():
    ended = []

    async def answer():
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")

    with pytest.raises(Problem, match="hung up") as refused:
        asyncio.run(while_there(asker(BODY, GONE), answer()))
    assert refused.value.status == 499
    assert ended == ["cancelled"]


def test_an_error_goes_on():
    async def answer():
        await asyncio.sleep(0.1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(while_there(asker(BODY), answer()))


def test_whoever_is_cancelled_cancels_the_work():
    ended = []

    async def answer():
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")

    async def walk():
        outer = asyncio.ensure_future(while_there(asker(BODY), answer()))
        await asyncio.sleep(0.1)
        outer.cancel()
        await asyncio.wait({outer})
        await asyncio.sleep(0)
        assert outer.cancelled()

    asyncio.run(walk())
    assert ended == ["cancelled"]


def test_a_query_of_an_asker_who_hung_up_leaves_the_lane(served):
    """The first holds the lane up; the second leaves before its turn."""
    batcher = served.server.galleries["colours"]._batcher
    usual, asked, may_go_on = batcher.finding._work, [], threading.Event()

    def held(batch):
        asked.append(len(batch))
        assert may_go_on.wait(60)
        return usual(batch)

    batcher.finding._work = held
    batcher.finding.workers = 1
    try:
        first = threading.Thread(target=served.get, args=(f"{served.base}/search?image_id=1",))
        first.start()
        wait_for(lambda: asked == [1])
        second = http.client.HTTPConnection(served.host, served.port)
        second.request("GET", f"{served.base}/search?image_id=2")
        wait_for(lambda: len(batcher.finding) == 1)
        second.sock.close()
        second.close()
        wait_for(lambda: b'status="499"' in served.get("/metrics").body)
    finally:
        may_go_on.set()
    first.join()
    assert asked == [1]


def wait_for(is_so):
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until, "it did not come to that"
        time.sleep(0.01)
