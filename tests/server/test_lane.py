"""A lane: those who come together go together, in order, and nobody waits in vain."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from lookalike.server.hosting.lane import Lane, each_alone, then


class Gate:
    """Work that notes its batches, and waits for a signal."""

    def __init__(self, *, is_open=False):
        self.batches = []
        self.open = threading.Event()
        if is_open:
            self.open.set()

    def __call__(self, items):
        self.batches.append(list(items))
        assert self.open.wait(60)
        return [item * 10 for item in items]


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as made:
        yield made


async def until(is_so):
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end, "it did not come to that"
        await asyncio.sleep(0.005)


def test_those_who_come_meanwhile_are_taken_together_in_order(pool):
    gate = Gate()

    async def walk():
        lane = Lane(gate, pool, max_batch=3)
        under_way = [asyncio.ensure_future(lane.through(number)) for number in range(6)]
        await until(lambda: gate.batches)
        assert len(lane) == 5
        gate.open.set()
        return await asyncio.gather(*under_way)

    assert asyncio.run(walk()) == [0, 10, 20, 30, 40, 50]
    assert gate.batches == [[0], [1, 2, 3], [4, 5]]


def test_several_workers_take_a_batch_each(pool):
    gate = Gate()

    async def walk():
        lane = Lane(gate, pool, workers=2, max_batch=1)
        under_way = [asyncio.ensure_future(lane.through(number)) for number in range(3)]
        await until(lambda: len(gate.batches) == 2)
        assert len(lane) == 1
        gate.open.set()
        return await asyncio.gather(*under_way)

    assert asyncio.run(walk()) == [0, 10, 20]


def test_idle_workers_share_what_waits(pool):
    gate = Gate()

    async def walk():
        lane = Lane(gate, pool)
        under_way = [asyncio.ensure_future(lane.through(number)) for number in range(6)]
        await until(lambda: gate.batches)
        lane.workers = 3
        gate.open.set()
        return await asyncio.gather(*under_way)

    assert asyncio.run(walk()) == [0, 10, 20, 30, 40, 50]
    assert sorted(gate.batches) == [[0], [1, 2], [3, 4], [5]]


def test_nobody_waits_long_for_work_that_takes_long(pool):
    slow = threading.Event()
    batches = []

    def work(items):
        batches.append(list(items))
        assert 1 not in items or slow.wait(60)
        return items

    async def walk():
        lane = Lane(work, pool, workers=2, hold_s=0.05)
        begun = time.monotonic()
        first = asyncio.ensure_future(lane.through(1))
        await until(lambda: batches)
        others = await asyncio.wait_for(asyncio.gather(*map(lane.through, (2, 3))), 60)
        held = time.monotonic() - begun
        slow.set()
        return others, held, await first

    others, held, first = asyncio.run(walk())
    assert (others, first) == ([2, 3], 1)
    assert held >= 0.05


def test_those_who_are_held_go_together(pool, monkeypatch):
    gate, now = Gate(), [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("lookalike.server.hosting.lane.time", clock)

    async def walk():
        lane = Lane(gate, pool, workers=2, hold_s=600)
        under_way = [asyncio.ensure_future(lane.through(number)) for number in (1, 2, 3)]
        await until(lambda: gate.batches)
        assert len(lane) == 2
        now[0] += 600
        lane.pump()
        gate.open.set()
        return await asyncio.gather(*under_way)

    assert asyncio.run(walk()) == [10, 20, 30]
    assert sorted(gate.batches) == [[1], [2, 3]]


def test_whoever_is_cancelled_leaves(pool):
    gate = Gate()

    async def walk():
        lane = Lane(gate, pool)
        under_way = [asyncio.ensure_future(lane.through(number)) for number in range(4)]
        await until(lambda: gate.batches)
        under_way[0].cancel()
        under_way[2].cancel()
        await asyncio.sleep(0)
        gate.open.set()
        return await asyncio.gather(*under_way, return_exceptions=True)

    first, second, third, fourth = asyncio.run(walk())
    assert (second, fourth) == (10, 30)
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(third, asyncio.CancelledError)
    assert gate.batches == [[0], [1, 3]]


def test_a_window_is_kept_open_for_others_that_are_on_their_way(pool):
    gate = Gate(is_open=True)
    coming = [2]

    async def walk():
        lane = Lane(gate, pool, window_s=30, max_batch=8, others=lambda: coming[0])
        under_way = [asyncio.ensure_future(lane.through(1))]
        await asyncio.sleep(0.05)
        assert gate.batches == []
        coming[0] = 1
        under_way.append(asyncio.ensure_future(lane.through(2)))
        await asyncio.sleep(0.05)
        assert gate.batches == []
        coming[0] = 0
        lane.pump()
        return await asyncio.gather(*under_way)

    assert asyncio.run(walk()) == [10, 20]
    assert gate.batches == [[1, 2]]


def test_a_window_closes_though_others_stay_away(pool):
    gate = Gate(is_open=True)

    async def walk():
        lane = Lane(gate, pool, window_s=0.02, others=lambda: 1)
        return await asyncio.wait_for(lane.through(1), 60)

    assert asyncio.run(walk()) == 10


def test_a_full_batch_waits_for_nobody(pool):
    gate = Gate(is_open=True)

    async def walk():
        lane = Lane(gate, pool, window_s=30, max_batch=2, others=lambda: 5)
        together = asyncio.gather(lane.through(1), lane.through(2))
        return await asyncio.wait_for(together, 60)

    assert asyncio.run(walk()) == [10, 20]


def test_a_lone_item_does_not_wait(pool):
    async def walk():
        lane = Lane(Gate(is_open=True), pool, window_s=30)
        return await asyncio.wait_for(lane.through(1), 60)

    assert asyncio.run(walk()) == 10


def test_outcomes_are_told_to_their_own(pool):
    wrong = ValueError("two")

    async def walk():
        lane = Lane(lambda items: [wrong if item == 2 else item for item in items], pool)
        return await asyncio.gather(*map(lane.through, (1, 2, 3)), return_exceptions=True)

    assert asyncio.run(walk()) == [1, wrong, 3]


def test_work_that_breaks_leaves_nobody_waiting_and_the_lane_open(pool):
    def broken(items):
        if 1 in items:
            raise ZeroDivisionError("one")
        return items

    async def walk():
        lane = Lane(broken, pool)
        outcomes = await asyncio.gather(lane.through(1), return_exceptions=True)
        return outcomes, await lane.through(2)

    [error], after = asyncio.run(walk())
    assert isinstance(error, ZeroDivisionError)
    assert after == 2


def test_a_closed_pool_is_told(pool):
    async def walk():
        pool.shutdown()
        await Lane(Gate(), pool).through(1)

    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(walk())


def test_each_alone_keeps_an_error_to_its_own():
    tried = []

    def halves(items):
        tried.append(list(items))
        return [12 // item for item in items]

    one, zero, three = each_alone(halves, [1, 0, 3])
    assert (one, three) == (12, 4)
    assert isinstance(zero, ZeroDivisionError)
    assert tried == [[1, 0, 3], [1], [0], [3]]
    assert each_alone(halves, []) == []


def test_then_goes_on_with_those_that_have_come_so_far():
    early = ValueError("early")
    outcomes = then([4, early, 0], lambda items: [8 // item for item in items])
    assert outcomes[:2] == [2, early]
    assert isinstance(outcomes[2], ZeroDivisionError)
