"""The embeddings of a set: made once for each encoder, kept in galleries, read as arrays."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.matrix.places import Places, short_encoder_name, write_changed
from lookalike.evaluation.writing import fingerprint, write_json
from lookalike.gallery import Gallery
from lookalike.gallery.catalog import from_stored_path
from lookalike.gallery.locations import base_folder
from lookalike.images.sources import tidy
from lookalike.ingest import Progress, add_images
from lookalike.vectors import FloatRows, gathered, unit_rows

__all__ = ["Embedded", "Listener", "embed_set", "rows_of", "with_queries"]

# Called with what is being done, how much of it is done, and how much there is.
Listener = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """A set's pictures as one encoder sees them.

    Attributes:
        rows: ``(n, dim)`` as the gallery keeps them; a row's number is the image_id.
        dead: int64, sorted: images that cannot be read, and so are never found.
        queries: float32 ``(q, dim)``, unit rows.
        names: Of the queries; those that cannot be read are not among them.
        self_ids: int64 ``(q,)``: the image_id of the query itself, -1 where it is not
            among the images.
        encoder: Name, fingerprint and cost, as results say them.
        is_of_texts: Whether the queries are texts.
    """

    rows: FloatRows
    dead: NDArray[np.int64]
    queries: NDArray[np.float32]
    names: tuple[str, ...]
    self_ids: NDArray[np.int64]
    encoder: dict[str, Any]
    is_of_texts: bool = False

    @property
    def alive(self) -> NDArray[np.int64]:
        """Images that can be found, sorted."""
        return np.setdiff1d(np.arange(len(self.rows)), self.dead)

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.rows.shape[1])

    @property
    def findable(self) -> int:
        """How many images every query can find."""
        return len(self.rows) - len(self.dead) - int((self.self_ids >= 0).any())

    @property
    def fingerprint(self) -> str:
        """Hash over all embeddings, and which images have none: reads all of them."""
        return fingerprint(self.rows, self.dead, self.queries, self.self_ids)


@dataclass(slots=True)
class Extraction:
    """What embedding took, over all runs that it was done in.

    Attributes:
        load_s: Time to load the encoder, the first time.
        pictures: Files that were read and embedded.
        extraction_s: Time for that, from the first look at the files to the last commit.
    """

    load_s: float
    pictures: int = 0
    extraction_s: float = 0.0


def embed_set(
    image_set: ImageSet,
    asked: Sequence[str],
    encoder: Encoder,
    *,
    places: Places,
    load_s: float,
    tell: Listener,
) -> Embedded:
    """Embed what is not embedded yet, and read all embeddings.

    Args:
        image_set: Whose pictures.
        asked: The queries that will be asked.
        encoder: With which.
        places: Where its galleries are.
        load_s: How long it took to load.
        tell: Told of pictures done and in all.
    """
    took = recalled(places.extraction, load_s)
    add = partial(add_pictures, encoder=encoder, places=places, took=took, tell=tell)
    rows, is_read = add(image_set, image_set.images, part="images")
    if image_set.captions is not None and encoder.card.has_text:
        return of_captions(rows, is_read, image_set, asked, encoder, facts_of(encoder, took))
    positions = {path: place for place, path in enumerate(image_set.images)}
    if all(query in positions for query in asked):
        own = np.array([positions[query] for query in asked], dtype=np.int64)
        questions, is_readable = rows[own], is_read[own]
    else:
        part = places.queries_part(len(asked), of=len(image_set.queries))
        questions, is_readable = add(image_set, asked, part=part)
    facts = facts_of(encoder, took)
    return with_queries(rows, is_read, image_set, asked, questions, is_readable, facts)


def facts_of(encoder: Encoder, took: Extraction) -> dict[str, Any]:
    """Say which encoder it was, and what it took."""
    return {
        "name": encoder.card.name,
        "fingerprint": encoder.space.fingerprint,
        "dim": encoder.space.dim,
        "parameters": encoder.card.parameters or None,
        "runs_on": encoder.runs_on,
        **asdict(took),
        "pictures_per_s": took.pictures / took.extraction_s if took.extraction_s else None,
    }


def of_captions(
    rows: FloatRows,
    is_read: NDArray[np.bool_],
    image_set: ImageSet,
    asked: Sequence[str],
    encoder: Encoder,
    facts: dict[str, Any],
) -> Embedded:
    """Search with the texts of a captioned set: no picture is left out of its own ranking."""
    captions = dict(zip(image_set.queries, image_set.captions or (), strict=True))
    texts = [captions[query] for query in asked]
    return Embedded(
        rows=rows,
        dead=np.flatnonzero(~is_read),
        queries=unit_rows(encoder.encode_texts(texts)),
        names=tuple(asked),
        self_ids=np.full(len(texts), -1, dtype=np.int64),
        encoder=facts,
        is_of_texts=True,
    )


def with_queries(
    rows: FloatRows,
    is_read: NDArray[np.bool_],
    image_set: ImageSet,
    asked: Sequence[str],
    questions: FloatRows,
    is_readable: NDArray[np.bool_],
    facts: dict[str, Any],
) -> Embedded:
    """Leave out the queries that cannot be read, and find each among the images."""
    positions = {path: place for place, path in enumerate(image_set.images)}
    names = tuple(name for name, fine in zip(asked, is_readable, strict=True) if fine)
    return Embedded(
        rows=rows,
        dead=np.flatnonzero(~is_read),
        queries=unit_rows(questions[is_readable]),
        names=names,
        self_ids=np.array([positions.get(name, -1) for name in names], dtype=np.int64),
        encoder=facts,
    )


def add_pictures(
    image_set: ImageSet,
    paths: Sequence[str],
    *,
    part: str,
    encoder: Encoder,
    places: Places,
    took: Extraction,
    tell: Listener,
) -> tuple[FloatRows, NDArray[np.bool_]]:
    """Bring the gallery of one part of a set up to date, and read it.

    Returns:
        Rows ``(n, dim)`` in the order of ``paths``, zeros where a picture cannot be
        read, and which of them could be.
    """
    files = [tidy(os.path.join(image_set.root, path)) for path in paths]
    listed = places.listed(part)
    write_list(listed, [*files, *others(listed, files)])
    before = took.pictures, took.extraction_s

    told = f"embedding with {short_encoder_name(encoder.card.name)}"

    def heard(progress: Progress) -> None:
        if progress.total:
            took.pictures = before[0] + progress.done
            took.extraction_s = before[1] + progress.elapsed_s
        tell(told, progress.done, progress.total)

    with Gallery.open_or_create(places.gallery(part), encoder.space) as gallery:
        try:
            add_images(gallery, listed, encoder, on_progress=heard)
        finally:
            # What was committed before Ctrl-C is never embedded again: nor is its time lost.
            if took.pictures != before[0] or not places.extraction.exists():
                write_json(places.extraction, asdict(took))
        return rows_of(gallery, files)


def rows_of(gallery: Gallery, files: Sequence[str]) -> tuple[FloatRows, NDArray[np.bool_]]:
    """Read the embeddings of files by their absolute paths.

    Returns:
        Rows ``(n, dim)``, zeros where the gallery has none, and which it has.
    """
    snapshot = gallery.snapshot()
    places: dict[str, int] = {}
    for source in gallery.sources():
        base = base_folder(source)
        for stored, row in gallery.rows_by_path(snapshot, source.source_id):
            places[os.path.normpath(os.path.join(base, from_stored_path(stored)))] = row
    named = [os.path.normpath(file) for file in files]
    numbers = np.array([places.get(file, -1) for file in named], dtype=np.int64)
    is_read = numbers >= 0
    rows = np.zeros((len(files), gallery.space.dim), dtype=gallery.dtype)
    if is_read.any():
        rows[is_read] = gathered(snapshot.blocks, numbers[is_read])
    return rows, is_read


def recalled(file: Path, load_s: float) -> Extraction:
    """Read what embedding has taken so far; nothing yet where that is not written down."""
    try:
        return Extraction(**json.loads(file.read_text()))
    except (OSError, ValueError, TypeError):
        return Extraction(load_s)


def others(listed: Path, files: Sequence[str]) -> list[str]:
    """Find what else a list names and is still there.

    Sets that are parts of one collection, by another label column or with fewer of each
    class, share its galleries: one must not make them forget the other's pictures.
    """
    try:
        names = listed.read_bytes().split(b"\0")
    except OSError:
        return []
    own = set(files)
    known = [os.fsdecode(name) for name in names if name]
    return [name for name in known if name not in own and os.path.exists(name)]


def write_list(file: Path, paths: Sequence[str]) -> None:
    """Write a list that names any file, those with line breaks included."""
    write_changed(file, b"".join(os.fsencode(path) + b"\0" for path in paths))
