"""Thumbnails over HTTP: what they show, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from lookalike.gallery import Gallery
from served_pictures import (
    BLUE,
    FILES,
    IDS,
    RED,
    address,
    asking,
    halves,
    is_near,
    saved,
    small,
    until,
)


def test_a_thumbnail_is_upright(served: Any) -> None:
    image = small(served, "turned.jpg")

    assert image.size == (40, 60)
    assert is_near(image.getpixel((20, 10)), RED)  # left, before it was turned
    assert is_near(image.getpixel((20, 50)), BLUE)


def test_a_thumbnail_is_in_srgb_over_white(served: Any) -> None:
    assert is_near(small(served, "clear.png").getpixel((10, 10)), (255, 255, 255))
    assert is_near(small(served, "deep.png").getpixel((10, 10)), (128, 128, 128))
    assert is_near(small(served, "cmyk.jpg").getpixel((10, 10)), (255, 0, 0))
    assert is_near(small(served, "scan.tif").getpixel((5, 10)), RED)
    assert is_near(small(served, "old.ppm").getpixel((25, 10)), BLUE)


def test_a_thumbnail_has_the_next_larger_side(served: Any) -> None:
    asked = {1: 64, 64: 64, 65: 128, 200: 256, 1025: 1600, 2048: 1600}
    found = {side: max(small(served, "large.bmp", side).size) for side in asked}

    assert found == asked


@pytest.mark.parametrize(
    ("size", "form", "side", "decoded"),
    [
        ((4000, 3000), "JPEG", 1024, (1000, 750)),  # a quarter; 768 were asked for, and 745 do
        ((3000, 4000), "JPEG", 2048, (1500, 2000)),
        ((4096, 2304), "JPEG", 1024, (1024, 576)),  # a quarter, to the pixel
        ((2400, 1600), "JPEG", 1024, (1200, 800)),  # a quarter were 400, 683 are asked for
        ((1600, 1600), "JPEG", 1024, (1600, 1600)),  # half were 800
        ((4000, 3000), "JPEG", 512, (1000, 750)),  # about twice 384: an eighth would be blurred
        ((4000, 3000), "PNG", 1024, (2000, 1500)),  # averaged by two, not four
    ],
)
def test_large_photographs_are_decoded_at_the_size_that_is_shown(
    gallery: Gallery, size: tuple[int, int], form: str, side: int, decoded: tuple[int, int]
) -> None:
    from lookalike.images import decode
    from lookalike.server.pictures.thumbnails import shortest_side

    record = replace(gallery.image(1), width=size[0], height=size[1], format=form)
    found = decode(saved(halves(*size), form), shortest_side=shortest_side(record, side))

    assert found.image.size == decoded


def test_a_side_that_makes_no_sense_is_refused(served: Any) -> None:
    for side in ("0", "-5", "2049", "huge", ""):
        assert served.get(address(served, "plain.jpg", f"/thumbnail?side={side}")).status == 422


def test_a_thumbnail_is_not_sent_twice(served: Any) -> None:
    first = served.get(address(served, "plain.jpg", "/thumbnail?side=128"))
    tag = first.headers["etag"]
    known = {"If-None-Match": f'"other", W/{tag}'}
    again = served.get(address(served, "plain.jpg", "/thumbnail?side=128"), known)
    other = served.get(address(served, "plain.jpg", "/thumbnail?side=64"), known)

    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert other.status == 200
    assert first.headers["cache-control"] == "private, no-cache"


def test_a_thumbnail_keeps_for_good_where_its_address_names_the_content(
    served: Any, gallery: Gallery
) -> None:
    content = gallery.image(IDS["plain.jpg"]).content_hash
    named = served.get(address(served, "plain.jpg", f"/thumbnail?v={content}"))
    other = served.get(address(served, "plain.jpg", f"/thumbnail?v={content[:-1]}"))

    assert named.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert other.headers["cache-control"] == "private, no-cache"


def test_the_head_of_a_thumbnail_has_no_body(served: Any) -> None:
    got = served.get(address(served, "plain.jpg", "/thumbnail"))
    head = served.request("HEAD", address(served, "plain.jpg", "/thumbnail"))

    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(got.body))


class SlowDecoding:
    """Lets decoding wait until it is told to go on, and counts it."""

    def __init__(self, decode: Callable[..., Any]) -> None:
        self.begun: list[bytes] = []
        self.may_go_on = threading.Event()
        self._decode = decode

    def __call__(self, data: bytes, **options: Any) -> Any:
        self.begun.append(data)
        assert self.may_go_on.wait(90)  # longer than an answer is waited for
        return self._decode(data, **options)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowDecoding]:
    from lookalike.server.pictures import thumbnails

    decoding = SlowDecoding(thumbnails.decode)
    monkeypatch.setattr(thumbnails, "decode", decoding)
    yield decoding
    decoding.may_go_on.set()


def under_way(served: Any) -> list[int]:
    """Tell how many wait for each thumbnail that is being made."""
    pictures = getattr(served.app.state, "pictures", None)
    jobs = [] if pictures is None else list(pictures.thumbnails._under_way.values())
    return [job.waiting for job in jobs]


def test_the_same_thumbnail_is_decoded_once(served: Any, slow: SlowDecoding) -> None:
    replies: list[Any] = []
    path = address(served, "plain.jpg", "/thumbnail")
    threads = [threading.Thread(target=lambda: replies.append(served.get(path))) for _ in range(12)]
    for thread in threads:
        thread.start()
    assert until(lambda: under_way(served) == [12])
    slow.may_go_on.set()
    for thread in threads:
        thread.join()

    assert [reply.status for reply in replies] == [200] * 12
    assert len(slow.begun) == 1
    # A copy has the same content, and so the same thumbnail.
    assert served.get(address(served, "copy.jpg", "/thumbnail")).body == replies[0].body
    assert len(slow.begun) == 1


def test_thumbnails_nobody_waits_for_are_not_begun(served: Any, slow: SlowDecoding) -> None:
    two = [asking(served, address(served, name, "/thumbnail")) for name in ("plain.jpg", "old.ppm")]
    assert until(lambda: len(slow.begun) == 2)
    rest = [name for name in FILES if name not in {"plain.jpg", "copy.jpg", "old.ppm"}]
    lines = [asking(served, address(served, name, "/thumbnail")) for name in rest]
    assert until(lambda: len(under_way(served)) == 2 + len(rest))

    for line in lines:
        line.close()
    assert until(lambda: len(under_way(served)) == 2)
    slow.may_go_on.set()

    assert all(line.recv(15) == b"HTTP/1.1 200 OK" for line in two)
    assert len(slow.begun) == 2
    for line in two:
        line.close()


def test_one_who_leaves_takes_nothing_from_another(served: Any, slow: SlowDecoding) -> None:
    path = address(served, "plain.jpg", "/thumbnail")
    leaving, staying = asking(served, path), asking(served, path)
    assert until(lambda: under_way(served) == [2])

    leaving.close()
    assert until(lambda: under_way(served) == [1])
    slow.may_go_on.set()

    assert staying.recv(15) == b"HTTP/1.1 200 OK"
    staying.close()


def test_queries_do_not_wait_for_thumbnails(served: Any, slow: SlowDecoding) -> None:
    lines = [asking(served, address(served, name, "/thumbnail")) for name in FILES]
    assert until(lambda: len(slow.begun) == 2)

    found = served.get(f"{served.base}/search?image_id=1&k=3")
    original = served.get(address(served, "plain.jpg", "/original"))

    assert (found.status, original.status) == (200, 200)
    slow.may_go_on.set()
    for line in lines:
        line.close()


def test_no_more_is_kept_than_there_is_room_for(gallery: Gallery) -> None:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from lookalike.server.pictures.opening import KnownContents
    from lookalike.server.pictures.thumbnails import Thumbnails

    records = [gallery.image(IDS[name]) for name in ("plain.jpg", "scan.tif", "old.ppm")]

    async def kept(room_bytes: int) -> list[bool]:
        with ThreadPoolExecutor(1) as pool:
            thumbnails = Thumbnails(pool, KnownContents(), room_bytes=room_bytes)
            for record in records:
                made = await thumbnails.made(gallery, record, 64)
                sizes.append(len(made.jpeg))
                thumbnails.kept(gallery, records[0], 64)
            return [thumbnails.kept(gallery, record, 64) is not None for record in records]

    sizes: list[int] = []
    assert asyncio.run(kept(10**6)) == [True, True, True]
    # The first was asked for again and again: the second has to go.
    assert asyncio.run(kept(sum(sizes[:3]) - 1)) == [True, False, True]
    assert asyncio.run(kept(10)) == [False, False, False]


def test_what_one_gallery_was_shown_another_makes_anew(
    gallery: Gallery, encoder: Any, tmp_path: Any
) -> None:
    """Its catalog may call any file by another's hash; and time would tell who has a picture."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from lookalike.server.pictures.opening import KnownContents
    from lookalike.server.pictures.thumbnails import Thumbnails

    record = gallery.image(IDS["plain.jpg"])

    async def kept(*others: Gallery) -> list[bool]:
        with ThreadPoolExecutor(1) as pool:
            thumbnails = Thumbnails(pool, KnownContents())
            await thumbnails.made(gallery, record, 64)
            return [thumbnails.kept(each, record, 64) is not None for each in others]

    with Gallery.create(tmp_path / "other.gallery", encoder.space) as other:
        assert asyncio.run(kept(gallery, other)) == [True, False]


def test_a_server_that_stops_begins_no_more_thumbnails(
    gallery: Gallery, photos: Any, slow: SlowDecoding
) -> None:
    from lookalike.server.pictures.serving import DECODING_THREADS, Pictures

    pictures = Pictures()
    futures = [
        pictures.thumbnails._pool.submit(pictures.thumbnails._drawn, gallery, image, 64)
        for image in gallery.images()
    ]
    assert until(lambda: len(slow.begun) == DECODING_THREADS)
    pictures.close()
    slow.may_go_on.set()

    begun = [future for future in futures if not future.cancelled()]
    assert len(futures) == 10
    assert len(begun) == DECODING_THREADS
    assert all(future.result() is not None for future in begun)
