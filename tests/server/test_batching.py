"""Queries answered together: as each alone, errors apart, nobody waits in vain."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import EncoderError, ImageNotInGallery, ImageUnreadable, UsageError
from lookalike.index import SearchParams
from lookalike.ingest import add_images
from lookalike.search import Query, QueryPart, Region, Searcher
from lookalike.server.hosting import QueryBatcher
from lookalike.server.hosting.lane import Lane, each_alone, then
from lookalike.server.measuring import Measures
from lookalike.vectors import unit_rows

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5
WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}
PIXELS = {
    "red.png": (200, 0, 0), "orange.png": (100, 50, 0), "grey.png": (204, 102, 51),
    "blue.png": (0, 0, 200),
}  # fmt: skip


class Gate:
    """Work that notes its batches, and waits for a signal."""

    def __init__(self, *, is_open=False):
        self.batches = []
        self.open = threading.Event()
        if is_open:
            self.open.set()

    def __call__(self, items):
        self.batches.append(list(items))
        assert self.open.wait(10)
        return [item * 10 for item in items]


class Watched:
    """The mean-colour encoder: knows three texts, notes what it is given, can be held up."""

    def __init__(self, encoder):
        self._encoder = encoder
        self.batches = []
        self.texts = []
        self.open = threading.Event()
        self.open.set()
        self.refused = None

    def __getattr__(self, name):
        return getattr(self._encoder, name)

    def encode(self, pixels):
        self.batches.append(len(pixels))
        assert self.open.wait(10)
        if self.refused is not None and (pixels == self.refused).all(axis=(1, 2, 3)).any():
            raise EncoderError("The encoder refuses the batch: it has 13 in it.")
        return self._encoder.encode(pixels)

    def encode_texts(self, texts, *, template=None):
        self.texts.append(list(texts))
        return unit_rows(np.array([WORDS[text] for text in texts], dtype=np.float32))


@pytest.fixture
def watched(encoder):
    return Watched(encoder)


@pytest.fixture
def reader(gallery, watched):
    return Searcher(gallery, watched)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(4) as made:
        yield made


def asked_of(searcher, queries, **settings):
    """Ask a batcher everything at once; errors are outcomes."""

    async def ask():
        batcher = QueryBatcher(searcher, **settings)
        try:
            asked = [
                batcher.search(*(query if isinstance(query, tuple) else (query,)))
                for query in queries
            ]
            return await asyncio.gather(*asked, return_exceptions=True)
        finally:
            batcher.close()

    return asyncio.run(ask())


def encoded(colour, side=12):
    stream = BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "PNG")
    return stream.getvalue()


def picture(name, **options):
    return Query(QueryPart(picture=encoded(PIXELS[name])), **options)


async def until(is_so):
    for _ in range(1000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to that")


class TestLane:
    def test_those_who_come_meanwhile_are_taken_together_in_order(self, pool):
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

    def test_several_workers_take_a_batch_each(self, pool):
        gate = Gate()

        async def walk():
            lane = Lane(gate, pool, workers=2, max_batch=1)
            under_way = [asyncio.ensure_future(lane.through(number)) for number in range(3)]
            await until(lambda: len(gate.batches) == 2)
            assert len(lane) == 1
            gate.open.set()
            return await asyncio.gather(*under_way)

        assert asyncio.run(walk()) == [0, 10, 20]

    def test_idle_workers_share_what_waits(self, pool):
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

    def test_nobody_waits_long_for_work_that_takes_long(self, pool):
        slow = threading.Event()
        batches = []

        def work(items):
            batches.append(list(items))
            assert 1 not in items or slow.wait(10)
            return items

        async def walk():
            lane = Lane(work, pool, workers=2, hold_s=0.05)
            first = asyncio.ensure_future(lane.through(1))
            await until(lambda: batches)
            begun = time.monotonic()
            others = await asyncio.wait_for(asyncio.gather(*map(lane.through, (2, 3))), 10)
            held = time.monotonic() - begun
            slow.set()
            return others, held, await first

        others, held, first = asyncio.run(walk())
        assert (others, first) == ([2, 3], 1)
        assert batches == [[1], [2, 3]]
        assert held >= 0.03

    def test_whoever_is_cancelled_leaves(self, pool):
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

    def test_a_window_is_kept_open_for_others_that_are_on_their_way(self, pool):
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

    def test_a_window_closes_though_others_stay_away(self, pool):
        gate = Gate(is_open=True)

        async def walk():
            lane = Lane(gate, pool, window_s=0.02, others=lambda: 1)
            return await asyncio.wait_for(lane.through(1), 10)

        assert asyncio.run(walk()) == 10

    def test_a_full_batch_waits_for_nobody(self, pool):
        gate = Gate(is_open=True)

        async def walk():
            lane = Lane(gate, pool, window_s=30, max_batch=2, others=lambda: 5)
            together = asyncio.gather(lane.through(1), lane.through(2))
            return await asyncio.wait_for(together, 10)

        assert asyncio.run(walk()) == [10, 20]

    def test_a_lone_item_does_not_wait(self, pool):
        async def walk():
            lane = Lane(Gate(is_open=True), pool, window_s=30)
            return await asyncio.wait_for(lane.through(1), 10)

        assert asyncio.run(walk()) == 10

    def test_outcomes_are_told_to_their_own(self, pool):
        wrong = ValueError("two")

        async def walk():
            lane = Lane(lambda items: [wrong if item == 2 else item for item in items], pool)
            return await asyncio.gather(*map(lane.through, (1, 2, 3)), return_exceptions=True)

        assert asyncio.run(walk()) == [1, wrong, 3]

    def test_work_that_breaks_leaves_nobody_waiting_and_the_lane_open(self, pool):
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

    def test_a_closed_pool_is_told(self, pool):
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


def mixed_queries(photos):
    """Queries of every kind, with filters, counts and effort of their own."""
    region = Region.of("10%,10%,50%,50%")
    return [
        picture("red.png"),
        picture("blue.png", k=2),
        Query(QueryPart(picture=encoded(PIXELS["grey.png"]), region=region)),
        Query(QueryPart(picture=str(photos / "orange.png")), exclude_self=True),
        Query(QueryPart(image_id=GREY), k=3, where="colour != 'red'"),
        Query(QueryPart(image_id=RED), exclude_copies=True),
        Query(QueryPart(embedding=np.array([0, 0, 1])), min_score=0.5),
        Query(QueryPart(text="green")),
        Query([QueryPart(text="blue"), QueryPart(image_id=RED, weight=0.5)], where="width > 3"),
        Query(QueryPart(text="red", weight=-1)),
        Query([QueryPart(image_id=RED), QueryPart(image_id=BLUE)], combine="best", k=4),
        Query(QueryPart(image_id=ORANGE), diversity=0.5, k=3),
        Query(QueryPart(image_id=ORANGE), group_by="colour"),
        (Query(QueryPart(image_id=BLUE)), SearchParams(nprobe=3)),
    ]


@pytest.mark.parametrize("settings", [{}, {"window_ms": 0}, {"max_batch": 3}])
def test_together_they_are_answered_as_each_alone(reader, photos, settings):
    queries = mixed_queries(photos) * 3
    random.Random(0).shuffle(queries)
    alone = [
        reader.search(query[0], params=query[1])
        if isinstance(query, tuple)
        else reader.search(query)
        for query in queries
    ]
    answered = asked_of(reader, queries, **settings)
    assert [answer.results for answer in answered] == alone
    assert [answer.results.query for answer in answered] == [each.query for each in alone]
    assert [answer.results.asked for answer in answered] == [each.asked for each in alone]


def test_an_error_stays_its_own(reader, photos):
    missing = Query(QueryPart(picture=str(photos / "nobody.png")))
    queries = [
        picture("red.png"),
        Query(QueryPart(picture=b"no picture", name="notes.txt")),
        Query(QueryPart(image_id=77)),
        Query(QueryPart(image_id=RED), where="size = 3"),
        Query(QueryPart(image_id=RED), group_by="shape"),
        missing,
        Query([QueryPart(image_id=RED), QueryPart(image_id=RED, weight=-1)]),
        Query(QueryPart(embedding=np.ones(7))),
        Query(QueryPart(picture=encoded((0, 0, 0)))),
        Query(QueryPart(text="mauve")),
        Query(QueryPart(image_id=BLUE)),
    ]
    first, *refused, last = asked_of(reader, queries)
    assert [hit.image_id for hit in first.results][:2] == [COPY, RED]
    assert last.results[0].image_id == BLUE
    kinds = [
        ImageUnreadable, ImageNotInGallery, UsageError, UsageError, ImageUnreadable, UsageError,
        Exception, ImageUnreadable, KeyError,
    ]  # fmt: skip
    for error, kind in zip(refused, kinds, strict=True):
        assert isinstance(error, kind)
    assert "'notes.txt'" in str(refused[0])


def test_errors_are_worded_as_those_of_a_search(reader, photos):
    queries = [
        Query(QueryPart(picture=str(photos / "nobody.png"))),
        Query(QueryPart(image_id=77)),
        Query(QueryPart(image_id=RED), where="size = 3"),
        Query(QueryPart(picture=encoded((0, 0, 0)))),
    ]
    for query, error in zip(queries, asked_of(reader, queries), strict=True):
        with pytest.raises(type(error)) as alone:
            reader.search(query)
        assert str(error) == str(alone.value)


def test_a_picture_that_the_encoder_refuses_leaves_the_others_their_answers(reader, watched):
    watched.refused = 13
    refused = Query(QueryPart(picture=encoded((13, 13, 13))))
    red, error, blue = asked_of(reader, [picture("red.png"), refused, picture("blue.png")])
    assert red.results[0].image_id == COPY
    assert blue.results[0].image_id == BLUE
    assert isinstance(error, EncoderError)


def test_pictures_and_texts_that_wait_for_the_encoder_go_together(reader, watched):
    async def ask():
        batcher = QueryBatcher(reader, max_batch=16)
        watched.open.clear()
        try:
            first = asyncio.ensure_future(batcher.search(picture("red.png")))
            await until(lambda: watched.batches)
            later = [picture(name) for name in ("orange.png", "grey.png", "blue.png")]
            later += [Query(QueryPart(text=word)) for word in ("red", "blue")]
            under_way = [asyncio.ensure_future(batcher.search(query)) for query in later]
            await until(lambda: len(batcher.encoding) == 5)
            # Nobody who needs no encoder waits for it.
            at_once = await asyncio.wait_for(batcher.search(Query(QueryPart(image_id=BLUE))), 10)
            watched.open.set()
            answers = await asyncio.gather(first, *under_way)
            return [at_once, *answers]
        finally:
            watched.open.set()
            batcher.close()

    best = [answer.results[0].image_id for answer in asyncio.run(ask())]
    assert best == [BLUE, COPY, ORANGE, GREY, BLUE, COPY, BLUE]
    assert watched.batches == [1, 3]
    assert watched.texts == [["red", "blue"]]


def test_the_same_picture_is_encoded_once(reader, watched):
    async def ask():
        batcher = QueryBatcher(reader)
        try:
            same = [picture("red.png", k=count) for count in (1, 2, 3, 4, 5)]
            first = await asyncio.gather(*map(batcher.search, same))
            return [*first, await batcher.search(picture("red.png", where="colour = 'blue'"))]
        finally:
            batcher.close()

    answers = asyncio.run(ask())
    assert sum(watched.batches) == 1
    assert [len(answer.results) for answer in answers] == [1, 2, 3, 4, 5, 1]
    assert answers[-1].results[0].image_id == BLUE


def test_a_cancelled_query_is_not_encoded(reader, watched):
    async def ask():
        batcher = QueryBatcher(reader)
        watched.open.clear()
        try:
            first = asyncio.ensure_future(batcher.search(picture("red.png")))
            await until(lambda: watched.batches)
            gone = asyncio.ensure_future(batcher.search(picture("grey.png")))
            kept = asyncio.ensure_future(batcher.search(picture("blue.png")))
            await until(lambda: len(batcher.encoding) == 2)
            gone.cancel()
            await asyncio.sleep(0)
            watched.open.set()
            return await asyncio.gather(first, gone, kept, return_exceptions=True)
        finally:
            watched.open.set()
            batcher.close()

    first, gone, kept = asyncio.run(ask())
    assert isinstance(gone, asyncio.CancelledError)
    assert kept.results[0].image_id == BLUE
    assert first.results[0].image_id == COPY
    assert watched.batches == [1, 1]


def test_stages_are_timed_and_measured(reader):
    measures = Measures()
    start = time.perf_counter()
    queries = [picture("red.png"), Query(QueryPart(image_id=1))]
    answered = asked_of(reader, queries, measures=measures, name="colours")
    elapsed = time.perf_counter() - start
    for answer in answered:
        assert set(answer.seconds) == {"wait", "decode", "encode", "search", "join"}
        assert all(seconds >= 0 for seconds in answer.seconds.values())
        assert 0 < sum(answer.seconds.values()) <= elapsed
    by_picture, by_id = (answer.seconds for answer in answered)
    assert by_picture["encode"] > 0
    assert by_id["encode"] == 0
    text = measures.exposition()[0].decode()
    assert 'lookalike_search_stage_seconds_count{gallery="colours",stage="encode"} 2.0' in text
    assert 'lookalike_batch_queries_sum{gallery="colours",stage="encode"} 1.0' in text
    assert 'lookalike_batch_queries_sum{gallery="colours",stage="search"} 2.0' in text


def test_a_closed_batcher_says_so(reader):
    async def ask():
        batcher = QueryBatcher(reader)
        batcher.close()
        await batcher.search(Query(QueryPart(image_id=RED)))

    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(ask())


def test_pictures_are_added_and_removed_while_many_ask(reader, gallery, encoder, photos):
    """Every answer is that of one state of the gallery: red is always there."""
    stop = threading.Event()
    failed = []

    def write():
        try:
            for number in range(40):
                if stop.is_set():
                    return
                (photos / f"more {number % 7}.png").write_bytes(encoded((200, number, number)))
                add_images(gallery, photos, encoder)
        except Exception as error:
            failed.append(error)

    async def client(batcher, seed):
        dice = random.Random(seed)
        for _ in range(25):
            query = dice.choice(
                [
                    picture("red.png", k=3),
                    Query(QueryPart(image_id=RED), k=2),
                    Query(QueryPart(embedding=np.array([1, 0, 0])), k=2, where="colour = 'red'"),
                    Query(QueryPart(picture=encoded((200, dice.randrange(3), 0))), k=5),
                ]
            )
            answer = await batcher.search(query)
            assert answer.results[0].score == pytest.approx(1, abs=2e-2)
            assert RED in [hit.image_id for hit in answer.results] or len(answer.results) == 5
            scores = [hit.score for hit in answer.results]
            assert scores == sorted(scores, reverse=True)

    async def ask():
        batcher = QueryBatcher(reader)
        try:
            await asyncio.gather(*(client(batcher, seed) for seed in range(24)))
        finally:
            batcher.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        asyncio.run(ask())
    finally:
        stop.set()
        writer.join()
    assert not failed
