"""Queries answered together: as each alone, errors apart, nobody waits in vain."""

from __future__ import annotations

import asyncio
import random
import threading
import time

import numpy as np
import pytest

from lookalike.errors import EncoderError, ImageNotInGallery, ImageUnreadable, UsageError
from lookalike.index import SearchParams
from lookalike.ingest import add_images
from lookalike.search import Query, QueryPart, Region, Searcher
from lookalike.server.hosting import QueryBatcher
from lookalike.server.measuring import Measures
from reading_encoder import ReadingEncoder
from squares import encoded

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5
PIXELS = {
    "red.png": (200, 0, 0), "orange.png": (100, 50, 0), "grey.png": (204, 102, 51),
    "blue.png": (0, 0, 200),
}  # fmt: skip


class Watched(ReadingEncoder):
    """Can be held up, and refuses a batch with a certain picture in it."""

    def __init__(self, encoder):
        super().__init__(encoder)
        self.open = threading.Event()
        self.open.set()
        self.refused = None

    def encode(self, pixels):
        rows = super().encode(pixels)
        assert self.open.wait(60)
        if self.refused is not None and (pixels == self.refused).all(axis=(1, 2, 3)).any():
            raise EncoderError("The encoder refuses the batch: it has 13 in it.")
        return rows


@pytest.fixture
def watched(encoder):
    return Watched(encoder)


@pytest.fixture
def reader(gallery, watched):
    return Searcher(gallery, watched)


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


def picture(name, **options):
    return Query(QueryPart(picture=encoded(PIXELS[name])), **options)


async def until(is_so):
    for _ in range(12_000):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come to that")


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
    text = measures.exposition({})[0].decode()
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
