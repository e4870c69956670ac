"""The revisited Oxford and Paris sets: their pictures, and the pickles that judge them.

Protocol: Radenović et al., *Revisiting Oxford and Paris: Large-Scale Image Retrieval
Benchmarking*, CVPR 2018: a query is cropped to its box before anything else is done with
it, and no query is searched in.
"""

from __future__ import annotations

import io
import itertools
import math
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lookalike.errors import DatasetNotFound, DatasetUnreadable, ImageError
from lookalike.evaluation.datasets.archives import is_archive, members
from lookalike.evaluation.datasets.listing import Answers, Listing, digest_of
from lookalike.evaluation.datasets.pickles import (
    MAX_PICKLE_BYTES,
    PickledArray,
    array_of,
    read_pickle,
    shown,
)
from lookalike.evaluation.datasets.preparing import FileWriter, Progress
from lookalike.images import MAX_FILE_BYTES, read_file
from lookalike.images.decoding import MAX_PIXELS
from lookalike.images.formats import open_picture
from lookalike.images.sources import is_picture_name

__all__ = ["Gnd", "gnd_files", "prepare_revisited", "read_gnd"]

IMAGES, QUERIES = "images", "query"
KINDS = ("easy", "hard", "junk")
# The published ones judge less than a hundred thousand.
MAX_JUDGED = 10_000_000
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Gnd:
    """What a ``gnd`` pickle says.

    Attributes:
        images: Names without an extension, in the pickle's order.
        queries: Names without an extension; none of them is among the images.
        answers: Of each query: positions in ``images``.
        boxes: What each query shows: left, top, right, bottom in pixels; None for all.
    """

    images: tuple[str, ...]
    queries: tuple[str, ...]
    answers: tuple[Answers, ...]
    boxes: tuple[Box | None, ...]


def gnd_files(folder: Path) -> list[Path]:
    """Find the pickles that judge, in a folder."""
    return sorted(folder.glob("gnd_r*.pkl"))


def read_gnd(file: Path) -> Gnd:
    """Read a ``gnd`` pickle.

    Raises:
        DatasetUnreadable: It is damaged, or asks for a program to be run.
    """
    if file.stat().st_size > MAX_PICKLE_BYTES:
        raise DatasetUnreadable(f"The pickle {file} is too large to be a set's judgements.")
    content = read_pickle(file.read_bytes(), str(file))
    try:
        images = tuple(plain_name(name) for name in listed_names(content["imlist"]))
        queries = tuple(plain_name(name) for name in listed_names(content["qimlist"]))
        answers = answers_in(content["gnd"], len(images), str(file))
        boxes = tuple(box_of(one, str(file)) for one in content["gnd"])
        if len(answers) != len(queries):
            raise ValueError("its lists do not fit each other")
        require_once(images + queries)
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise DatasetUnreadable(
            f"The pickle {file} is not one of the revisited Oxford and Paris, which hold imlist, "
            f"qimlist and, for each query, easy, hard, junk and bbx ({error}): fetch it again."
        ) from error
    return Gnd(images, queries, answers, boxes)


def listed_names(value: Any) -> Any:
    """Take a list, or an array as one."""
    return value.to_numpy().ravel().tolist() if isinstance(value, PickledArray) else value


def plain_name(name: object) -> str:
    """Take a name that is one, without folders."""
    if not isinstance(name, str) or not name or "/" in name or "\\" in name:
        raise ValueError(f"{shown(name)} is no name of a picture")
    return name


def answers_in(judged: Iterable[Mapping[str, Any]], images: int, file: str) -> tuple[Answers, ...]:
    """Read what answers each query."""
    found: list[Answers] = []
    count = 0
    for one in judged:
        found.append(answers_of(one, images, file))
        count += sum(len(getattr(found[-1], kind)) for kind in KINDS)
        # A pickle can name one long list a million times.
        if count > MAX_JUDGED:
            raise ValueError(f"it judges more than {MAX_JUDGED:,} pictures")
    return tuple(found)


def answers_of(lists: Mapping[str, Any], images: int, file: str) -> Answers:
    """Read what answers one query."""
    found = []
    for kind in KINDS:
        places = array_of(lists[kind], file).ravel()
        # An empty list becomes an array of no fractions.
        if places.size and (places.dtype.kind not in "iuf" or (places % 1 != 0).any()):
            raise ValueError(f"a position of {kind} is no whole number")
        if places.size > images:
            raise ValueError(f"there are more positions of {kind} than images")
        if places.size and (places.min() < 0 or places.max() >= images):
            raise ValueError(f"a position of {kind} lies beyond the {images} images")
        found.append(tuple(int(place) for place in places))
    if len({*itertools.chain(*found)}) != sum(map(len, found)):
        raise ValueError("a position is judged twice for the same query")
    return Answers(*found)


def require_once(names: Sequence[str]) -> None:
    """Refuse a name that comes twice: a query among the images would find itself."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"it names {shown(name)} twice")
        seen.add(name)


def box_of(lists: Mapping[str, Any], file: str) -> Box | None:
    """Read which part of a query's picture is meant."""
    if lists.get("bbx") is None:
        return None
    numbers = [float(number) for number in array_of(lists["bbx"], file).ravel()]
    if len(numbers) != 4 or not all(math.isfinite(number) for number in numbers):
        raise ValueError("a box has four numbers")
    left, top, right, bottom = numbers
    return left, top, right, bottom


def prepare_revisited(
    gnd_file: Path,
    sources: Sequence[Path],
    writer: FileWriter,
    on_progress: Progress | None = None,
) -> Listing:
    """Write the images as they are and the queries cropped to their boxes.

    Args:
        gnd_file: The pickle that judges.
        sources: The archives, or the folders, that hold the pictures.
        writer: Writes them.
        on_progress: Told how many pictures of how many are written.

    Raises:
        DatasetNotFound: Pictures that the pickle names are missing.
        DatasetUnreadable: An archive or the pickle is damaged.
    """
    gnd = read_gnd(gnd_file)
    boxes = dict(zip(gnd.queries, gnd.boxes, strict=True))
    images = set(gnd.images)
    written: dict[str, str] = {}
    for name, chunks in pictures_of(sources):
        stem, extension = posixpath.splitext(posixpath.basename(name))
        if stem in written or (stem not in images and stem not in boxes):
            continue
        if stem in images:
            written[stem] = f"{IMAGES}/{stem}{extension}"
            writer.write(written[stem], chunks)
        else:
            written[stem] = f"{QUERIES}/{stem}.png"
            data = cropped(b"".join(chunks), boxes[stem], name)
            writer.write(written[stem], iter([data]))
        if on_progress:
            on_progress(len(written), len(images) + len(boxes))
    require_all(gnd, written, gnd_file)
    return listed(gnd, written)


def pictures_of(sources: Iterable[Path]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Go through the pictures of archives and folders."""
    for source in sources:
        if is_archive(source):
            for member in members(source):
                if is_picture_name(member.name) and member.size <= MAX_FILE_BYTES:
                    yield member.name, member.chunks()
        else:
            for file in sorted(source.rglob("*")):
                if is_picture_name(file.name) and file.is_file():
                    yield file.relative_to(source).as_posix(), iter([read_file(str(file))])


def cropped(data: bytes, box: Box | None, name: str) -> bytes:
    """Cut a query out of its picture, as a PNG.

    The box counts pixels as they are stored: EXIF turns nothing here.

    Raises:
        DatasetUnreadable: It is no picture, or the box lies outside of it.
    """
    try:
        picture = open_picture(data)
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise ValueError(f"it announces {width} x {height} pixels")
        left, top, right, bottom = box or (0, 0, width, height)
        # Rounded as Pillow's own crop rounds, which the published numbers were made with.
        corners = (max(0, round(left)), max(0, round(top)),
                   min(width, round(right)), min(height, round(bottom)))  # fmt: skip
        if corners[0] >= corners[2] or corners[1] >= corners[3]:
            raise ValueError(f"its box {box} lies outside of {width} x {height} pixels")
        file = io.BytesIO()
        picture.convert("RGB").crop(corners).save(file, format="PNG")
    except (ImageError, OSError, SyntaxError, ValueError) as error:
        raise DatasetUnreadable(
            f"The query {name} cannot be cropped ({error}): fetch the archive again."
        ) from error
    return file.getvalue()


def require_all(gnd: Gnd, written: Mapping[str, str], gnd_file: Path) -> None:
    """Refuse a set with holes: its numbers could not be compared with anybody's."""
    missing = [name for name in (*gnd.images, *gnd.queries) if name not in written]
    if missing:
        raise DatasetNotFound(
            f"{len(missing):,} of the {len(gnd.images) + len(gnd.queries):,} pictures that "
            f"{gnd_file.name} names are missing, {missing[0]} the first: put the set's archive or "
            "its folder jpg beside that file."
        )


def listed(gnd: Gnd, written: Mapping[str, str]) -> Listing:
    """List what was written, sorted, with the answers' positions following the pictures."""
    images = [written[name] for name in gnd.images]
    order = sorted(range(len(images)), key=images.__getitem__)
    new_place = {old: new for new, old in enumerate(order)}
    queries = sorted(zip((written[name] for name in gnd.queries), gnd.answers, strict=True),
                     key=lambda one: one[0])  # fmt: skip
    paths = [*(images[place] for place in order), *(path for path, _ in queries)]
    return Listing(
        paths=tuple(paths),
        splits=(IMAGES,) * len(images) + (QUERIES,) * len(queries),
        answers=tuple(moved(answers, new_place) for _, answers in queries),
        content=digest_of(paths, map(str, gnd.boxes)),
    )


def moved(answers: Answers, new_place: Mapping[int, int]) -> Answers:
    """Rename positions."""
    return Answers(
        *(tuple(sorted(new_place[old] for old in getattr(answers, kind))) for kind in KINDS)
    )
