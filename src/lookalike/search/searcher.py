"""Asking a gallery for what looks alike."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import GalleryError, ImageNotInGallery, ImageUnreadable, UsageError
from lookalike.gallery import Gallery, ImageRecord, Snapshot, StaleSnapshot
from lookalike.index import Index, IndexConfig, build_index
from lookalike.search.query import Prepared, Query, prepare_query
from lookalike.search.results import Hit, Results
from lookalike.vectors import require_same_space

__all__ = ["Searcher"]

# A compaction during a search makes it start again, a second one is rare.
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Indexed:
    """An index together with the state of the gallery that it covers."""

    snapshot: Snapshot
    index: Index


class Searcher:
    """Answers queries from a gallery, always from its newest state.

    Safe to share between threads.

    Args:
        gallery: Where to search.
        encoder: For queries that are pictures; found through the gallery's
            space, when first needed, if None.
        index: Which index to build.

    Raises:
        SpaceMismatch: The encoder is not the one that made the gallery.
    """

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder | None = None,
        *,
        index: IndexConfig | None = None,
    ) -> None:
        if encoder is not None:
            require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
        self.gallery = gallery
        self._encoder = encoder
        self._config = index or IndexConfig()
        self._indexed: Indexed | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, index: IndexConfig | None = None) -> Searcher:
        """Open a gallery for searching; its encoder is found when first needed."""
        return cls(Gallery.open(path), index=index)

    @property
    def encoder(self) -> Encoder:
        """The encoder of the gallery's space."""
        with self._lock:
            if self._encoder is None:
                encoder = load_encoder(self.gallery.space.encoder)
                require_same_space(
                    encoder.space, self.gallery.space, owner=f"The gallery {self.gallery.path}"
                )
                self._encoder = encoder
            return self._encoder

    def search(
        self,
        query: Query,
        k: int = 10,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
    ) -> Results:
        """Find the k images that look most like the query.

        Args:
            query: A path, encoded bytes, a PIL image, an array ``(h, w[, 3 or 4])``,
                an image_id, or an embedding ``(dim,)``.
            k: How many at most.
            exclude_self: Leave out the image that is the query: the one with its
                image_id or path, else those with its very bytes.
            min_score: Leave out images of a lower score.

        Returns:
            Best first; equal scores by image_id.

        Raises:
            ImageError: The query cannot be read.
            ImageNotInGallery: No image has this id.
            UsageError: It is nothing one can search with, or k is below 1.
            GalleryError: The gallery is compacted all the time.
        """
        return self.search_many([query], k, exclude_self=exclude_self, min_score=min_score)[0]

    def search_many(
        self,
        queries: Sequence[Query],
        k: int = 10,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
    ) -> list[Results]:
        """Answer several queries, each as ``search`` answers one."""
        if k < 1:
            raise UsageError(f"k is {k}: ask for at least one hit.")
        prepared = [prepare_query(query, self.gallery, lambda: self.encoder) for query in queries]
        if not prepared:
            return []
        embeddings = self._embeddings(prepared)
        for _ in range(ATTEMPTS):
            try:
                return self._answer(
                    prepared, embeddings, k, exclude_self=exclude_self, min_score=min_score
                )
            except (StaleSnapshot, ImageNotInGallery):
                continue  # it was compacted, or a source removed: ask the newer state
        raise GalleryError(
            f"The gallery {self.gallery.path} was compacted {ATTEMPTS} times while it was "
            "searched: try again when its writer is done."
        )

    def _embeddings(self, prepared: Sequence[Prepared]) -> NDArray[np.float32]:
        """Encode in one go what is not an embedding yet: ``(n, dim)``."""
        rows = np.zeros((len(prepared), self.gallery.space.dim), dtype=np.float32)
        fresh = [line for line, query in enumerate(prepared) if query.embedding is None]
        for line, query in enumerate(prepared):
            if query.embedding is not None:
                rows[line] = query.embedding
        if fresh:
            crops = [prepared[line].pixels for line in fresh]
            rows[fresh] = self.encoder.encode(
                np.stack([crop for crop in crops if crop is not None])
            )
        for query, row in zip(prepared, rows, strict=True):
            if not row.any():
                raise ImageUnreadable(
                    f"The encoder finds nothing in {query.label} (its embedding is all zeros): "
                    "search with another picture."
                )
        return rows

    def _answer(
        self,
        prepared: Sequence[Prepared],
        embeddings: NDArray[np.float32],
        k: int,
        *,
        exclude_self: bool,
        min_score: float | None,
    ) -> list[Results]:
        current = self._current()
        own = max(len(query.own_ids) for query in prepared) if exclude_self else 0
        ranked = ranked_with_ties(current.index, embeddings, k + own, min_score)
        rows = [row for _, found in ranked for row in found]
        images = iter(self.gallery.images_at(current.snapshot, rows))
        answers = []
        for query, (scores, found) in zip(prepared, ranked, strict=True):
            left_out = query.own_ids if exclude_self else frozenset()
            pairs = [
                (score, record)
                for score, records in zip(scores, islice(images, len(found)), strict=True)
                for record in records
                if record.image_id not in left_out
            ]
            answers.append(Results(self._hits(pairs, k), query=query.label))
        return answers

    def _hits(self, pairs: list[tuple[float, ImageRecord]], k: int) -> list[Hit]:
        pairs.sort(key=lambda pair: (-pair[0], pair[1].image_id))
        return [
            Hit(rank, score, record.image_id, self.gallery.absolute_path(record), record)
            for rank, (score, record) in enumerate(pairs[:k], start=1)
        ]

    def _current(self) -> Indexed:
        """Return an index over the gallery's newest state, built anew if it has changed."""
        with self._lock:
            if (
                self._indexed is None
                or self._indexed.snapshot.generation != self.gallery.generation
            ):
                snapshot = self.gallery.snapshot()
                index = build_index(
                    snapshot.blocks, self._config, dim=self.gallery.space.dim, dead=snapshot.dead
                )
                self._indexed = Indexed(snapshot, index)
            return self._indexed


def ranked_with_ties(
    index: Index, embeddings: NDArray[np.float32], count: int, min_score: float | None
) -> list[tuple[list[float], list[int]]]:
    """Find the best rows for each query, and all that score as the last of them does.

    Which of the ties come first is for the caller to say: a row's number says
    nothing about the image.

    Returns:
        For each query scores and rows, ``count`` or, with ties, more of them.
    """
    count = max(1, min(count, index.size))
    beyond = 1
    while True:
        found = index.search(embeddings, count + beyond)
        kth = found.scores[:, count - 1]
        if not ((found.scores[:, -1] == kth) & (found.rows[:, -1] >= 0)).any():
            break
        beyond *= 16
    lowest = kth if min_score is None else np.maximum(kth, min_score)
    wanted = (found.rows >= 0) & (found.scores >= lowest[:, None])
    return [
        (scores[kept].tolist(), rows[kept].tolist())
        for scores, rows, kept in zip(found.scores, found.rows, wanted, strict=True)
    ]
