"""A server under load: how soon it answers, whether it bears many, whether it grows.

    python bench/server.py [--quick] [--part PART]... [--rows 100000]

Asks a real server, which is a process of its own, from this one, over a gallery of real
embeddings of the encoder in the box (bench/served_gallery.py makes it once; a copy is
served):

- latency: one client, kinds of queries in turn; the picture queries are all different, so
  that nothing is remembered of them. The encoder in the box knows no texts: its text tower
  is a stand-in that answers at once, so that a real tower's own time comes on top;
- adding: 64 clients for a minute, while 1,000 pictures are uploaded, ten at a time;
- memory: 50,000 requests of all kinds by 16 clients, the server's memory looked at on the way;
- batching: the answers a second of 32 clients, queries batched or each for itself (a window
  of 0), in turns on two servers, medians of the rounds;
- command: ``lookalike search`` as a whole process, as bench/command.py says;
- thumbnails: small pictures and whole ones, as bench/thumbnails.py says;
- page: until pictures are seen in a browser, as bench/page.py says; left out without one.

Goals on two cores: id, embedding and text below 10 ms and pictures below 60 ms (median);
no error; flat memory; at least 1.5 times the answers a second; the first picture of an
answer seen within a second of a cold start of the page. Each part writes its table to
bench/results/server_PART.md and .json, with the machine's load: on a machine that does
something else these numbers mean little.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import tarfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from command import command
from http_load import Asking, Load, form_request, json_request, load, one_by_one, request
from lookalike.gallery import Gallery
from page import page
from reporting import publish
from served_gallery import ready_gallery
from serving import served
from thumbnails import thumbnails
from views import SHARED

SEARCH = "/api/v1/galleries/served/search"
STAGES = ("wait", "decode", "encode", "search", "join")
GOAL_MS = {"id": 10, "embedding": 10, "text": 10, "picture": 60}
WORDS = ("red", "old", "small", "wooden", "bright", "wet", "round", "cat", "chair", "flower")
KIB = 1024


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    singles: int = 400
    stress_s: float = 60.0
    added: int = 1000
    requests: int = 50_000
    rounds: int = 7
    round_s: float = 8.0
    looks: int = 15


QUICK = Size(
    singles=60, stress_s=8.0, added=60, requests=2000, rounds=3, round_s=2.0, looks=3
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--quick", action="store_true", help="a look, not a measurement")
    parser.add_argument("--part", choices=list(PARTS), action="append")
    given = parser.parse_args()
    size = QUICK if given.quick else Size()
    gallery = ready_gallery(given.rows)
    asked = Requests(gallery)
    for name in given.part or PARTS:
        found = PARTS[name](gallery, asked, size)
        if not found:
            continue
        publish(f"server_{name}_quick" if given.quick else f"server_{name}", found)


class Requests:
    """Requests of all kinds, written before they are sent."""

    def __init__(self, gallery: Path) -> None:
        self._dice = random.Random(0)
        with Gallery.open(gallery) as opened:
            self.ids = self._dice.sample(range(1, len(opened) + 1), 2000)
            rows = opened.embeddings(self.ids)
        noise = np.random.default_rng(0).normal(0, 0.03, rows.shape)
        self._rows = (rows + noise).astype(np.float32)
        self.pictures = shared_pictures("caltech101-eval", "clothing-eval")
        self._dice.shuffle(self.pictures)

    def of(self, kind: str) -> list[bytes]:
        """List the requests of a kind; no two are the same."""
        if kind == "id":
            return [request("GET", f"{SEARCH}?image_id={image_id}&k=20") for image_id in self.ids]
        if kind == "embedding":
            parts = [{"embedding": [round(float(x), 6) for x in row]} for row in self._rows]
            return [json_request(SEARCH, {"parts": [part], "k": 20}) for part in parts]
        if kind == "text":
            texts = itertools.permutations(WORDS, 3)
            return [
                json_request(SEARCH, {"parts": [{"text": " ".join(text)}], "k": 20})
                for text in texts
            ]
        if kind == "filtered id":
            where = "year+%3E+2010+AND+label+%3D+%27food%27"
            return [
                request("GET", f"{SEARCH}?image_id={image_id}&k=20&where={where}")
                for image_id in self.ids
            ]
        if kind == "photo of 12 megapixels":
            return [as_picture(enlarged(data)) for data in self.pictures[:20]]
        return [as_picture(data) for data in self.pictures]

    def mixed(self, shares: dict[str, int]) -> Iterator[bytes]:
        """Ask kinds in these shares, without end and in no order."""
        lists = {kind: itertools.cycle(self.of(kind)) for kind in shares}
        dice = random.Random(1)
        while True:
            [kind] = dice.choices(list(shares), list(shares.values()))
            yield next(lists[kind])


def as_picture(data: bytes) -> bytes:
    """Ask by a picture's bytes."""
    return request("POST", f"{SEARCH}?k=20", data, "image/jpeg")


def shared_pictures(*names: str) -> list[bytes]:
    """Read photographs of the shared data."""
    found = []
    for name in names:
        with tarfile.open(SHARED / "data" / f"{name}.tar") as tar:
            for member in tar.getmembers():
                opened = tar.extractfile(member) if member.isfile() else None
                if opened is not None and member.name.lower().endswith((".jpg", ".jpeg")):
                    found.append(opened.read())
    return found


def enlarged(data: bytes) -> bytes:
    """Make a picture as large as a telephone's."""
    stream = BytesIO()
    with Image.open(BytesIO(data)) as opened:
        opened.convert("RGB").resize((4000, 3000)).save(stream, "JPEG", quality=85)
    return stream.getvalue()


def unlike(data: bytes, number: int) -> bytes:
    """Make a new file of a picture: another crop, so that it is no copy."""
    stream = BytesIO()
    with Image.open(BytesIO(data)) as opened:
        picture = opened.convert("RGB")
    left, top = number % 7, number // 7 % 7
    picture.crop((left, top, picture.width - 1, picture.height - 1)).save(stream, "JPEG")
    return stream.getvalue()


def latency(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Ask each kind of query with one client."""
    rows: list[dict[str, object]] = []
    with served(gallery) as running:
        for kind in ("id", "embedding", "text", "picture", "filtered id", "photo of 12 megapixels"):
            requests = asked.of(kind)[: size.singles]
            warm = requests[:5]
            done, bodies = asyncio.run(one_by_one(running.port, [*warm, *requests[5:]]))
            done = replace(done, seconds=done.seconds[5:])
            stages = [json.loads(body)["seconds"] for body in bodies[5:] if not done.errors]
            goal = GOAL_MS.get(kind)
            rows.append(
                {
                    "what": kind, "queries": len(done.seconds), "p50, ms": done.percentile(0.5),
                    "p95, ms": done.percentile(0.95),
                    **{
                        f"{stage}, ms": 1e3 * statistics.median(each[stage] for each in stages)
                        for stage in STAGES if stages
                    },
                    "goal, ms": goal or "", "errors": len(done.errors),
                }
            )  # fmt: skip
            complain(done)
    return rows


def adding(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Ask with 64 clients while pictures are added."""
    files = [unlike(data, 1) for data in asked.pictures[: size.added]]
    shares = {"id": 4, "embedding": 3, "text": 2, "filtered id": 1, "picture": 2}
    with served(gallery) as running:
        asyncio.run(load(running.port, asked.mixed(shares), clients=4, count=50))

        async def both() -> tuple[Load, Load]:
            queries = load(running.port, asked.mixed(shares), clients=64, seconds=size.stress_s)
            return await asyncio.gather(queries, uploaded(running.port, files, size.stress_s))

        queries, uploads = asyncio.run(both())
        images = asyncio.run(count_of(running.port))
    complain(queries)
    complain(uploads)
    with Gallery.open(gallery) as before:
        new = images - len(before)
    return [
        {
            "what": "64 clients while pictures are added", "seconds": queries.wall_s,
            "queries": len(queries.seconds), "queries a second": queries.rate,
            "p50, ms": queries.percentile(0.5), "p95, ms": queries.percentile(0.95),
            "errors": len(queries.errors) + len(uploads.errors), "added": new,
            "adding took, s": uploads.wall_s,
        }
    ]  # fmt: skip


async def uploaded(port: int, files: Sequence[bytes], seconds: float) -> Load:
    """Upload pictures, ten at a time, spread over most of the time; wait until they are in."""
    done, start = Load(), time.perf_counter()
    connection = await Asking.opened(port)
    pause = 0.7 * seconds / max(1, len(files) // 10)
    for first in range(0, len(files), 10):
        named = [
            (f"added {first + n}.jpg", data) for n, data in enumerate(files[first : first + 10])
        ]
        sent = form_request("/api/v1/galleries/served/images?wait=60", named)
        begun = time.perf_counter()
        status, body = await connection.ask(sent)
        done.seconds.append(time.perf_counter() - begun)
        if status not in {200, 201}:
            done.errors.append(f"{status} {body[:200]!r}")
        await asyncio.sleep(max(0.0, pause - (time.perf_counter() - begun)))
    connection.close()
    done.wall_s = time.perf_counter() - start
    return done


async def count_of(port: int) -> int:
    """Ask how many images there are."""
    connection = await Asking.opened(port)
    _, body = await connection.ask(request("GET", "/api/v1/galleries/served"))
    connection.close()
    return int(json.loads(body)["images"])


def memory(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Ask often; look at the server's memory."""
    shares = {"id": 10, "embedding": 6, "text": 3, "filtered id": 1, "picture": 1}
    step = max(1, size.requests // 50)
    seen: list[tuple[int, float]] = []
    with served(gallery) as running:
        warm_up = size.requests // 10
        asyncio.run(load(running.port, asked.mixed(shares), clients=16, count=warm_up))
        before = running.memory_mib

        def look(done: int) -> None:
            if done % step == 0:
                seen.append((done, running.memory_mib))

        done = asyncio.run(
            load(
                running.port, asked.mixed(shares), clients=16, count=size.requests, on_count=look
            )
        )  # fmt: skip
        after = running.memory_mib
    complain(done)
    counts, sizes = zip(*seen, strict=True)
    slope = float(np.polyfit(counts, sizes, 1)[0]) * 10_000
    half = len(sizes) // 2
    late = float(np.polyfit(counts[half:], sizes[half:], 1)[0]) * 10_000
    return [
        {
            "what": "memory of its own", "requests": len(done.seconds), "before, MiB": before,
            "after, MiB": after, "most, MiB": max(sizes), "MiB in 10,000 requests": slope,
            "second half": late, "requests a second": done.rate, "errors": len(done.errors),
        }
    ]  # fmt: skip


def batching(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Ask two servers in turns: one batches, one answers each query for itself."""
    mixes = {
        "picture": {"picture": 1},
        "embedding": {"embedding": 1},
        "pictures and embeddings": {"picture": 1, "embedding": 1},
    }
    rows: list[dict[str, object]] = []
    with served(gallery, window_ms=3) as together, served(gallery, window_ms=0) as alone:
        for name, shares in mixes.items():
            rates: dict[str, list[float]] = {"batched": [], "one by one": []}
            errors = 0
            ways = {"batched": together, "one by one": alone}
            requests = {way: asked.mixed(shares) for way in ways}
            for number in range(size.rounds):
                order = list(ways) if number % 2 else list(ways)[::-1]
                for way in order:
                    done = asyncio.run(
                        load(ways[way].port, requests[way], clients=32, seconds=size.round_s)
                    )
                    rates[way].append(done.rate)
                    errors += len(done.errors)
                    complain(done)
            pairs = [a / b for a, b in zip(*rates.values(), strict=True)]
            rows.append(
                {
                    "what": f"32 clients, {name}",
                    "batched, a second": statistics.median(rates["batched"]),
                    "one by one": statistics.median(rates["one by one"]),
                    "ratio": statistics.median(pairs), "least": min(pairs), "most": max(pairs),
                    "errors": errors,
                }
            )  # fmt: skip
    return rows


def small_pictures(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Ask for thumbnails and originals."""
    return thumbnails(gallery, rounds=size.rounds)


def command_line(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Type searches."""
    return command(gallery, runs=size.looks)


def seen_page(gallery: Path, asked: Requests, size: Size) -> list[dict[str, object]]:
    """Look at the page."""
    return page(gallery, looks=size.looks)


def complain(done: Load) -> None:
    """Show what went wrong."""
    for error in done.errors[:5]:
        sys.stderr.write(f"error: {error}\n")


PARTS = {
    "latency": latency, "adding": adding, "memory": memory, "batching": batching,
    "command": command_line, "thumbnails": small_pictures, "page": seen_page,
}  # fmt: skip

if __name__ == "__main__":
    main()
