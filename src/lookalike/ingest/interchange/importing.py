"""Importing: embeddings that another program made, or that Lookalike exported."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryError, SpaceMismatch, UsageError
from lookalike.gallery import Gallery, GalleryWriter, KnownImage, NewImage, Skipped
from lookalike.ingest.interchange.columns import foreign_image, own_image, path_in
from lookalike.ingest.interchange.formats import named_format
from lookalike.ingest.interchange.portions import Opened, Portion, Rows
from lookalike.ingest.slices import rows_at_once
from lookalike.ingest.updating import tidy
from lookalike.vectors import EmbeddingSpace, require_same_space, unit_rows

__all__ = ["IMPORTED", "ImportReport", "import_embeddings", "named_space", "open_embeddings"]

logger = logging.getLogger(__name__)

# The kind of source that has no files to update from.
IMPORTED = "import"

# Rows this close to unit length are kept bit for bit; rounding to float16 moves
# a length by less.
UNIT_SLACK = 1e-3

NOT_FINITE = "Its embedding holds NaN, infinity, or numbers beyond float32."
ALL_ZEROS = "Its embedding is all zeros, which has no direction."
SHOWN = 5


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        added: Images that were taken in.
        copies: How many of them share the embedding of an image with the same bytes.
        already: Images that were there before, as an interrupted import leaves them.
        scaled: Embeddings that were brought to unit length.
        skipped: Rows without a direction: not finite, or all zeros.
        first_skipped: The names of the first of them.
    """

    added: int = 0
    copies: int = 0
    already: int = 0
    scaled: int = 0
    skipped: int = 0
    first_skipped: tuple[str, ...] = ()


def open_embeddings(place: str, format: str) -> Opened:  # noqa: A002
    """Look at embeddings without reading them.

    Raises:
        UsageError: The format is unknown, or nothing of the kind is there.
    """
    return named_format(format).open(place)


def named_space(
    opened: Opened, *, place: str, space: EmbeddingSpace | str | None
) -> EmbeddingSpace:
    """Find out what embeddings are comparable with.

    Args:
        opened: The embeddings.
        place: Where they are, for messages.
        space: An encoder's space, or the name of one that Lookalike knows nothing
            of; None for the one that the files themselves state.

    Raises:
        UsageError: Nobody says which space it is.
        SpaceMismatch: The embeddings have another dim, or state another space.
    """
    stated = None if opened.facts is None else opened.facts.space
    if space is None:
        if stated is None:
            raise UsageError(
                f"Which encoder made the embeddings in {place} is written nowhere: name it with "
                "--encoder, or call it something with --space."
            )
        return stated
    if isinstance(space, str):
        digest = hashlib.sha256(f"a space called\0{space}".encode()).hexdigest()
        wanted = EmbeddingSpace(digest, opened.dim, encoder=space)
    else:
        wanted = space
    if wanted.dim != opened.dim:
        raise SpaceMismatch(
            f"{place} holds embeddings of dim {opened.dim}, but encoder {wanted.encoder!r} makes "
            f"dim {wanted.dim}: name the encoder that made them."
        )
    if stated is not None:
        require_same_space(wanted, stated, owner=place)
    return wanted


def import_embeddings(
    gallery: Gallery,
    place: str,
    *,
    format: str,  # noqa: A002 - the field's word, and the option's
    space: EmbeddingSpace | str | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Take embeddings into a gallery without seeing the pictures.

    They become a source of kind ``import`` that updates leave alone. Embeddings
    are brought to unit length; those without a direction are skipped. Every
    commit is safe on disk, and an interrupted import goes on where it was.

    Args:
        gallery: Where to.
        place: The folder or file; for FiftyOne the name of the data set.
        format: One of ``FORMATS``.
        space: As in ``named_space``.
        on_progress: Called with the rows dealt with and their number.

    Raises:
        SpaceMismatch: The gallery, or an encoder, is of another space; nothing was written.
        UsageError: The files are missing, damaged, or do not fit together.
        GalleryError: A picture is there already with another embedding.
    """
    opened = open_embeddings(place, format)
    found = named_space(opened, place=place, space=space)
    require_same_space(found, gallery.space, owner=f"The gallery {gallery.path}")
    with gallery.writer() as writer:
        source = writer.add_source(IMPORTED, opened.location)
        taking = Import(writer, source.source_id, place, is_own=opened.facts is not None)
        for portion in opened.portions(rows_at_once(opened.dim)):
            taking.take(portion)
            if on_progress is not None:
                on_progress(taking.seen, opened.count)
        tidy(writer)
        return taking.report


class Import:
    """An import on its way, with what it did so far."""

    def __init__(self, writer: GalleryWriter, source_id: int, place: str, *, is_own: bool) -> None:
        self._writer = writer
        self._source_id = source_id
        self._place = place
        self._is_own = is_own
        self.seen = 0
        self.report = ImportReport()

    def take(self, portion: Portion) -> None:
        """Commit one portion."""
        rows, scaled = unit_length(portion.embeddings)
        lengths = np.linalg.norm(rows, axis=1)
        paths = [
            path_in(line, self.seen + number, place=self._place)
            for number, line in enumerate(portion.lines)
        ]
        usable = np.flatnonzero(lengths > 0).tolist()
        images = [self._image(portion.lines[row], paths[row], rows[row]) for row in usable]
        missing = self._missing(images, usable)
        placed, kept = self._placed(missing)
        failures = self._failures(portion.embeddings, paths, np.flatnonzero(~(lengths > 0)), images)
        self._writer.commit(images=placed, embeddings=rows[kept], skipped=failures)
        self.seen += len(paths)
        done = self.report
        self.report = ImportReport(
            added=done.added + len(placed),
            copies=done.copies + len(placed) - len(kept),
            already=done.already + len(images) - len(placed),
            scaled=done.scaled + scaled,
            skipped=done.skipped + len(failures),
            first_skipped=(*done.first_skipped, *(item.path for item in failures))[:SHOWN],
        )

    def _image(self, line: Mapping[str, Any], path: str, row: NDArray[np.float32]) -> NewImage:
        if not self._is_own:
            return foreign_image(line, path, self._source_id, row)
        try:
            return own_image(line, path, self._source_id)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"The line of {path!r} in {self._place} was changed since it was exported "
                f"({error!r}): export again, or remove space.json and name the space."
            ) from error

    def _missing(
        self, images: Sequence[NewImage], rows: Sequence[int]
    ) -> list[tuple[NewImage, int]]:
        """Leave out what is there already; refuse two embeddings of one picture.

        Raises:
            GalleryError: The picture is there with another content.
        """
        known = self._writer.known(self._source_id, [image.path for image in images])
        contents = {path: image.content_hash for path, image in known.items()}
        missing = []
        for image, row in zip(images, rows, strict=True):
            content = contents.setdefault(image.path, image.content_hash)
            if content != image.content_hash:
                raise GalleryError(
                    f"{image.path!r} in {self._place} is there already with another embedding: "
                    "name each picture once; if it was embedded anew, forget the earlier import "
                    "first (lookalike info lists it, lookalike remove --source forgets it)."
                )
            if image.path not in known:
                missing.append((image, row))
                known[image.path] = KnownImage(0, 0, 0, content)
        return missing

    def _placed(self, missing: Sequence[tuple[NewImage, int]]) -> tuple[list[NewImage], list[int]]:
        """Give each content one row: of this commit, unless the gallery has it."""
        placed, kept, owned = [], list[int](), set[str]()
        for image, row in missing:
            content = image.content_hash
            # Contents of foreign embeddings are like no other.
            if content in owned or (self._is_own and self._writer.has_content(content)):
                placed.append(image)
                continue
            owned.add(content)
            placed.append(replace(image, embedding_row=len(kept)))
            kept.append(row)
        return placed, kept

    def _failures(
        self,
        embeddings: Rows,
        paths: Sequence[str],
        wrong: NDArray[np.int64],
        images: Sequence[NewImage],
    ) -> list[Skipped]:
        """Note the rows without a direction, once each; a picture with a good row is one."""
        known = {image.path for image in images}
        known |= set(self._writer.known(self._source_id, [paths[row] for row in wrong]))
        found = {}
        for row in wrong.tolist():
            reason = NOT_FINITE if embeddings[row].any() else ALL_ZEROS
            logger.info("skipped %r: %s", paths[row], reason)
            if paths[row] not in known:
                found[paths[row]] = Skipped(self._source_id, paths[row], 0, 0, reason)
        return list(found.values())


def unit_length(embeddings: Rows) -> tuple[NDArray[np.float32], int]:
    """Bring rows to unit length; those that have no direction become zeros.

    Returns:
        float32 ``(n, dim)``, and how many rows had to be scaled.
    """
    with np.errstate(over="ignore"):  # what float32 cannot hold is not finite
        rows = np.array(embeddings, dtype=np.float32)
    # Squares of large float32 numbers do not fit into float32.
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows, dtype=np.float64))
    rows[~np.isfinite(lengths)] = 0
    off = np.isfinite(lengths) & (lengths > 0) & (np.abs(lengths - 1) > UNIT_SLACK)
    if off.any():
        rows[off] = unit_rows(embeddings[off])
    return rows, int(off.sum())
