"""Asking a gallery for what looks alike."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import GalleryError, ImageNotInGallery, ImageUnreadable, UsageError
from lookalike.gallery import (
    Condition,
    Gallery,
    ImageRecord,
    Selection,
    StaleSnapshot,
    parse_where,
)
from lookalike.index import Index, IndexConfig, SearchParams
from lookalike.index.live import LiveIndex
from lookalike.index.plans import Plan
from lookalike.search.indexing import CurrentIndex, Indexed
from lookalike.search.query import Prepared, Query, prepare_query
from lookalike.search.results import Hit, Results
from lookalike.vectors import Neighbors, require_same_space

__all__ = ["Searcher"]

# A compaction during a search makes it start again, a second one is rare.
ATTEMPTS = 10


# Where an index is asked, more ties than that are left to chance: each costs time.
MOST_WITH_TIES = 4096

# For each query scores and rows.
Ranked = list[tuple[list[float], list[int]]]


class Searcher:
    """Answers queries from a gallery, always from its newest state.

    Safe to share between threads. As a context manager, or by ``close``, it stops
    what it builds in the background.

    Args:
        gallery: Where to search.
        encoder: For queries that are pictures; found through the gallery's
            space, when first needed, if None.
        index: Which index to build in memory. None takes the gallery's published
            index, where there is one, and compares every row otherwise.
        is_rebuilding: Whether to build an index that has aged again, in a thread;
            the queries of that time are answered by the old one, and are right.

    Raises:
        SpaceMismatch: The encoder is not the one that made the gallery.
    """

    def __init__(
        self,
        gallery: Gallery,
        encoder: Encoder | None = None,
        *,
        index: IndexConfig | None = None,
        is_rebuilding: bool = True,
    ) -> None:
        if encoder is not None:
            require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
        self.gallery = gallery
        self._encoder = encoder
        self._index = CurrentIndex(gallery, index, is_rebuilding=is_rebuilding)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, index: IndexConfig | None = None) -> Searcher:
        """Open a gallery for searching; its encoder is found when first needed."""
        return cls(Gallery.open(path), index=index)

    def close(self) -> None:
        """Stop what is built in the background; searching stays possible."""
        self._index.close()

    def __enter__(self) -> Searcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

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
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> Results:
        """Find the k images that look most like the query.

        Args:
            query: A path, encoded bytes, a PIL image, an array ``(h, w[, 3 or 4])``,
                an image_id, or an embedding ``(dim,)``.
            k: How many at most.
            exclude_self: Leave out the image that is the query: the one with its
                image_id or path, else those with its very bytes.
            min_score: Leave out images of a lower score.
            where: Search only among the images that a filter lets through, as in
                ``"label = 'cat' AND width > 800"``.
            params: How hard the index looks; None as it was tuned.

        Returns:
            Best first; equal scores by image_id. Its ``plan`` says how they were found.

        Raises:
            ImageError: The query cannot be read.
            ImageNotInGallery: No image has this id.
            UsageError: It is nothing one can search with, k is below 1, or the
                filter cannot be read or names an unknown column.
            GalleryError: The gallery is compacted all the time.
        """
        return self.search_many(
            [query],
            k,
            exclude_self=exclude_self,
            min_score=min_score,
            where=where,
            params=params,
        )[0]

    def explain(
        self,
        query: Query,
        k: int = 10,
        *,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> Plan:
        """Search, and say how that was done."""
        plan = self.search(query, k, where=where, params=params).plan
        return Plan("exact", 0) if plan is None else plan

    def search_many(
        self,
        queries: Sequence[Query],
        k: int = 10,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> list[Results]:
        """Answer several queries, each as ``search`` answers one."""
        if k < 1:
            raise UsageError(f"k is {k}: ask for at least one hit.")
        condition = parse_where(where) if isinstance(where, str) else where
        prepared = [prepare_query(query, self.gallery, lambda: self.encoder) for query in queries]
        if not prepared:
            return []
        embeddings = self._embeddings(prepared)
        own = max(len(query.own_ids) for query in prepared) if exclude_self else 0
        for _ in range(ATTEMPTS):
            try:
                current = self._index.current()
                chosen = (
                    None if condition is None else self.gallery.select(current.snapshot, condition)
                )
                ranked, plan = ranked_with_ties(
                    current, embeddings, k + own, min_score, chosen=chosen, params=params
                )
                answers = self._joined(current, ranked, chosen)
                return self._results(prepared, answers, k, exclude_self, plan)
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

    def _joined(
        self, current: Indexed, ranked: Ranked, chosen: Selection | None
    ) -> list[list[tuple[float, ImageRecord]]]:
        """Read the images behind the rows found; copies share one, and a filter may part them."""
        rows = [row for _, found in ranked for row in found]
        images = iter(self.gallery.images_at(current.snapshot, rows))
        wanted = None if chosen is None else set(chosen.image_ids.tolist())
        return [
            [
                (score, record)
                for score, records in zip(scores, islice(images, len(found)), strict=True)
                for record in records
                if wanted is None or record.image_id in wanted
            ]
            for scores, found in ranked
        ]

    def _results(
        self,
        prepared: Sequence[Prepared],
        answers: list[list[tuple[float, ImageRecord]]],
        k: int,
        exclude_self: bool,
        plan: Plan,
    ) -> list[Results]:
        """Leave out the queries themselves, where that was asked for."""
        results = []
        for query, pairs in zip(prepared, answers, strict=True):
            left_out = query.own_ids if exclude_self else frozenset()
            kept = [pair for pair in pairs if pair[1].image_id not in left_out]
            results.append(Results(self._hits(kept, k), query=query.label, plan=plan))
        return results

    def _hits(self, pairs: list[tuple[float, ImageRecord]], k: int) -> list[Hit]:
        pairs.sort(key=lambda pair: (-pair[0], pair[1].image_id))
        return [
            Hit(rank, score, record.image_id, self.gallery.absolute_path(record), record)
            for rank, (score, record) in enumerate(pairs[:k], start=1)
        ]


def ranked_with_ties(
    current: Indexed,
    embeddings: NDArray[np.float32],
    count: int,
    min_score: float | None,
    *,
    chosen: Selection | None = None,
    params: SearchParams | None = None,
) -> tuple[Ranked, Plan]:
    """Find the best rows for each query, and all that score as the last of them does.

    Which of the ties come first is for the caller to say: a row's number says
    nothing about the image.

    Returns:
        For each query scores and rows, ``count`` or, with ties, more of them; and
        how they were found.
    """
    allowed = None
    available = current.index.size
    if chosen is not None:
        allowed = np.zeros(current.snapshot.rows, dtype=np.bool_)
        allowed[chosen.rows] = True
        available = min(available, len(chosen.rows))
    count = max(1, min(count, available))
    beyond = 1
    while True:
        found, plan = asked(current.index, embeddings, count + beyond, params, allowed)
        kth = found.scores[:, count - 1]
        if not ((found.scores[:, -1] == kth) & (found.rows[:, -1] >= 0)).any():
            break
        beyond *= 16
        if not plan.is_exact and count + beyond > MOST_WITH_TIES:
            break
    lowest = kth if min_score is None else np.maximum(kth, min_score)
    wanted = (found.rows >= 0) & (found.scores >= lowest[:, None])
    ranked = [
        (scores[kept].tolist(), rows[kept].tolist())
        for scores, rows, kept in zip(found.scores, found.rows, wanted, strict=True)
    ]
    generations = (current.index_generation, current.snapshot.generation)
    return ranked, replace(plan, index_generation=generations[0], generation=generations[1])


def asked(
    index: Index,
    embeddings: NDArray[np.float32],
    count: int,
    params: SearchParams | None,
    allowed: NDArray[np.bool_] | None,
) -> tuple[Neighbors, Plan]:
    """Ask an index, and say how it was asked."""
    if isinstance(index, LiveIndex):
        return index.explained(embeddings, count, params=params, allowed=allowed)
    found = index.search(embeddings, count, params=params, allowed=allowed)
    among = None if allowed is None else int(np.count_nonzero(allowed))
    return found, Plan("exact", index.size, among)
