"""How soon a server shows pictures small, and hands out whole ones.

    python bench/server.py --part thumbnails
    python bench/thumbnails.py --against OTHER_CHECKOUT/src [--rounds 5]

Asks over 100,000 pictures in their natural sizes (bench/served_gallery.py), and over
photographs as large as cameras' (made once). *Cold*: nobody asked for the picture before,
so that it is read, decoded and encoded; *kept*: the server has made it already; *known*:
the asker has it, and shows its tag. One by one, and as a page asks: a screenful of 40 at
once, over six connections. Each round has servers of its own.

With ``--against``, another Lookalike serves the same in turns, and each row has the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import itertools
import random
import statistics
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from http_load import Load, load, one_by_one, request
from lookalike.encoders import load_encoder
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from photographs import PictureSet, photograph, source_files
from reporting import RESULTS, publish
from served_gallery import ready_gallery
from serving import Running, served

IMAGES = "/api/v1/galleries/served/images"
SCREEN, CONNECTIONS = 40, 6
SINGLES = 40
QUALITY = 90
# Every third photograph of a telephone lies on its side.
ON_ITS_SIDE = 6

PHOTOGRAPHS = {
    "12mp": PictureSet("JPEG of 12 megapixels", longest=4000, grain=4, count=80),
    "24mp": PictureSet("JPEG of 24 megapixels", longest=6000, grain=4, count=48),
    "24mp-png": PictureSet("PNG of 24 megapixels", longest=6000, grain=4, count=6),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What is asked for.

    Attributes:
        title: For people.
        gallery: The gallery that holds the pictures.
        image_ids: The pictures.
        place: Below an image's address.
    """

    title: str
    gallery: Path
    image_ids: list[int]
    place: str

    def requests(self, *, headers: str = "") -> list[bytes]:
        """Write the requests."""
        return [
            request("GET", f"{IMAGES}/{image_id}/{self.place}", headers=headers)
            for image_id in self.image_ids
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="the folder src of another checkout")
    given = parser.parse_args()
    gallery = ready_gallery(given.rows)
    name = "server_thumbnails_against" if given.against else "server_thumbnails"
    publish(name, thumbnails(gallery, rounds=given.rounds, against=given.against))


def thumbnails(
    gallery: Path, *, rounds: int = 5, against: Path | None = None
) -> list[dict[str, object]]:
    """Measure all kinds; medians of the rounds."""
    sources = [None] if against is None else [None, against]
    kinds = [*natural(gallery), *large(ready_photographs())]
    seen: dict[tuple[str, str], list[list[float]]] = {}
    for number in range(rounds):
        for folder, group in itertools.groupby(kinds, key=lambda kind: kind.gallery):
            with ExitStack() as stack:
                servers = [stack.enter_context(served(folder, source=each)) for each in sources]
                for kind, turn in itertools.product(list(group), range(len(servers))):
                    place = (turn + number) % len(servers)
                    for what, value in measured(servers[place], kind, number):
                        values = seen.setdefault((kind.title, what), [[] for _ in servers])
                        values[place].append(value)
    return [row(title, what, values) for (title, what), values in seen.items()]


def row(title: str, what: str, values: list[list[float]]) -> dict[str, object]:
    """Write a row: the medians, and what is measured against as a ratio of pairs."""
    found: dict[str, object] = {
        "picture": title, "what": what, "median": statistics.median(values[0]),
        "least": min(values[0]), "most": max(values[0]),
    }  # fmt: skip
    if len(values) > 1:
        pairs = [new / old for new, old in zip(*values, strict=True)]
        found |= {"other's median": statistics.median(values[1])}
        found |= {"ratio": statistics.median(pairs)}
    return found


def measured(server: Running, kind: Kind, number: int) -> Iterator[tuple[str, float]]:
    """Ask for pictures of a kind: cold, kept and known; pieces of the file for originals."""
    dice = random.Random(number)
    requests = kind.requests()
    dice.shuffle(requests)
    screen, singles = requests[:SCREEN], requests[SCREEN:][:SINGLES]
    if len(requests) < 2 * SCREEN:
        screen, singles = [], requests[:SINGLES]
    alone, bodies = asyncio.run(one_by_one(server.port, singles))
    complain(alone)
    if kind.place == "original":
        yield "one by one, p50, ms", alone.percentile(0.5)
        yield "MB a second", sum(map(len, bodies)) / 1e6 / alone.wall_s
        return
    yield "cold, one by one, p50, ms", alone.percentile(0.5)
    yield "cold, one by one, p95, ms", alone.percentile(0.95)
    if screen:
        yield "cold, a screen of 40, ms", 1e3 * at_once(server.port, screen).wall_s
        yield "kept, a screen of 40, ms", 1e3 * at_once(server.port, screen).wall_s
    again, _ = asyncio.run(one_by_one(server.port, singles * 5))
    complain(again)
    yield "kept, one by one, p50, ms", again.percentile(0.5)
    if len(requests) >= 1000:
        yield "cold, a second", at_once(server.port, requests[2 * SCREEN :][:1000]).rate
        yield "kept, a second", at_once(server.port, requests[2 * SCREEN :][:1000]).rate
        known = kind.requests(headers="If-None-Match: *\r\n")[:1000]
        yield "known, a second", at_once(server.port, known).rate


def at_once(port: int, requests: Sequence[bytes]) -> Load:
    """Ask over the connections of a browser."""
    done = asyncio.run(load(port, iter(requests), clients=CONNECTIONS, count=len(requests)))
    complain(done)
    return done


def complain(done: Load) -> None:
    """Stop where something went wrong: the numbers would mean nothing."""
    if done.errors:
        raise SystemExit(f"error: {done.errors[0]}")


def natural(gallery: Path) -> list[Kind]:
    """Choose pictures in their natural sizes."""
    with Gallery.open(gallery) as opened:
        chosen = [record.image_id for record in opened.sample(1200, seed=0)]
    return [Kind("of 64 to 600 pixels", gallery, chosen, "thumbnail?side=256")]


def large(gallery: Path) -> list[Kind]:
    """List the photographs of each size, small, and as large as the page looks closer."""
    with Gallery.open(gallery) as opened:
        known = {record.image_id: record.path for record in opened.images()}
    found = []
    for name, wanted in PHOTOGRAPHS.items():
        ids = [image_id for image_id, path in known.items() if path.startswith(f"{name}/")]
        found += [
            Kind(wanted.title, gallery, ids, "thumbnail?side=256"),
            Kind(f"{wanted.title}, side 1024", gallery, ids, "thumbnail?side=1024"),
        ]
        if name == "24mp":
            found.append(Kind(f"{wanted.title}, whole", gallery, ids, "original"))
    return found


def ready_photographs() -> Path:
    """Make photographs as large as cameras', and index them; what is there is kept."""
    folder = RESULTS / "served-photographs"
    files = source_files(RESULTS)
    for name, wanted in PHOTOGRAPHS.items():
        (folder / "pictures" / name).mkdir(parents=True, exist_ok=True)
        suffix = "png" if name.endswith("png") else "jpg"
        for number in range(wanted.count):
            file = folder / "pictures" / name / f"{number:03}.{suffix}"
            if not file.exists():
                picture = photograph(files[number * 37 % len(files)], wanted, number)
                partial = file.with_suffix(".part")
                partial.write_bytes(written(picture, suffix, number))
                partial.rename(file)
    encoder, gallery = load_encoder("builtin"), folder / "gallery"
    with Gallery.open_or_create(gallery, encoder.space) as opened:
        add_images(opened, folder / "pictures", encoder)
    return gallery


def written(picture: Image.Image, suffix: str, number: int) -> bytes:
    """Write a photograph as a camera does; some lie on their sides."""
    stream = io.BytesIO()
    if suffix == "png":
        picture.save(stream, "PNG", compress_level=3)
        return stream.getvalue()
    facts = Image.Exif()
    if number % 3 == 0:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        facts[0x0112] = ON_ITS_SIDE
    picture.save(stream, "JPEG", quality=QUALITY, exif=facts)
    return stream.getvalue()


if __name__ == "__main__":
    main()
