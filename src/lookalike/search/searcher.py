"""Asking a gallery for what looks alike."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import GalleryError, ImageNotInGallery
from lookalike.gallery import Condition, Gallery, StaleSnapshot
from lookalike.index import IndexConfig, SearchParams
from lookalike.index.plans import Plan
from lookalike.search.asking import Answer, Asking
from lookalike.search.grouping import Grouping, GroupTables
from lookalike.search.indexing import CurrentIndex
from lookalike.search.meanings import meaning_of, score_kind_of
from lookalike.search.preparing import Prepared, Preparing
from lookalike.search.query import QueryInput
from lookalike.search.results import Hit, Results
from lookalike.search.selections import Selections
from lookalike.search.wanted import wanted_queries
from lookalike.vectors import require_same_space

__all__ = ["Joined", "Searcher"]

# A compaction during a search makes it start again, a second one is rare.
ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class Joined:
    """What several queries found, asked together.

    Attributes:
        results: Of each query.
        search_s: Seconds that the index took.
        join_s: Seconds that reading the catalog took.
    """

    results: list[Results]
    search_s: float
    join_s: float


class Searcher:
    """Answers queries from a gallery, always from its newest state.

    Safe to share between threads. As a context manager, or by ``close``, it stops
    what it builds in the background.

    Args:
        gallery: Where to search.
        encoder: For queries with pictures or texts; found through the gallery's
            space, when first needed, if None.
        index: Which index to build in memory. None takes the gallery's published
            index, where there is one, and compares every row otherwise.
        is_rebuilding: Whether to build an index that has aged again, in a thread;
            the queries of that time are answered by the old one, and are right.
        load: Finds the encoder by the name that the gallery's space has.

    Attributes:
        preparing: The stages of a query before ``answered``, for who takes them apart.

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
        load: Callable[[str], Encoder] = load_encoder,
    ) -> None:
        if encoder is not None:
            require_same_space(encoder.space, gallery.space, owner=f"The gallery {gallery.path}")
        self.gallery = gallery
        self.preparing = Preparing(gallery, lambda: self.encoder)
        self._encoder = encoder
        self._load = load
        self._index = CurrentIndex(gallery, index, is_rebuilding=is_rebuilding)
        self._selections = Selections(gallery)
        self._tables = GroupTables(gallery)
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: str | os.PathLike[str], *, index: IndexConfig | None = None) -> Searcher:
        """Open a gallery for searching; its encoder is found when first needed."""
        return cls(Gallery.open(path), index=index)

    def close(self) -> None:
        """Stop what is built in the background; searching stays possible."""
        self._index.close()

    def __repr__(self) -> str:
        return f"Searcher({self.gallery!r})"

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
                encoder = self._load(self.gallery.space.encoder)
                require_same_space(
                    encoder.space, self.gallery.space, owner=f"The gallery {self.gallery.path}"
                )
                self._encoder = encoder
            return self._encoder

    def search(
        self,
        query: QueryInput,
        k: int | None = None,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> Results:
        """Find the k images that look most like the query.

        Args:
            query: A path, encoded bytes, a PIL image, an array ``(h, w[, 3 or 4])``,
                an image_id, or an embedding ``(dim,)``; or a ``Query``, which says
                itself what the options down to ``where`` would say.
            k: How many at most; 10 unless said.
            exclude_self: Leave out the image that is the query: the one with its
                image_id or path, else those with its very bytes.
            min_score: Leave out images of a lower score.
            where: Search only among the images that a filter lets through, as in
                ``"label = 'cat' AND width > 800"``.
            params: How hard the index looks; None as it was tuned.

        Returns:
            Best first; equal scores by image_id. Its ``plan`` says how they were found,
            its ``meaning`` what the scores say.

        Raises:
            ImageError: The query cannot be read.
            ImageNotInGallery: No image has this id.
            UsageError: It is nothing one can search with, an option makes no sense
                or is given twice, the filter cannot be read or names an unknown
                column, or a text is asked of an encoder without a text tower.
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
        query: QueryInput,
        k: int | None = None,
        *,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> Plan:
        """Search, and say how that was done."""
        plan = self.search(query, k, where=where, params=params).plan
        return Plan("exact", 0) if plan is None else plan

    def search_many(
        self,
        queries: Sequence[QueryInput],
        k: int | None = None,
        *,
        exclude_self: bool = False,
        min_score: float | None = None,
        where: str | Condition | None = None,
        params: SearchParams | None = None,
    ) -> list[Results]:
        """Answer several queries, each as ``search`` answers one."""
        asked = wanted_queries(
            queries, k, exclude_self=exclude_self, min_score=min_score, where=where
        )
        if not asked:
            return []
        return self.answered(self.preparing.prepare(asked), params).results

    def answered(self, prepared: Sequence[Prepared], params: SearchParams | None = None) -> Joined:
        """Answer queries that are prepared, all from one state of the gallery.

        Raises:
            UsageError: A filter cannot be asked.
            GalleryError: The gallery is compacted all the time.
        """
        for _ in range(ATTEMPTS):
            try:
                return self._joined(prepared, params)
            except (StaleSnapshot, ImageNotInGallery):
                continue  # it was compacted, or a source removed: ask the newer state
        raise GalleryError(
            f"The gallery {self.gallery.path} was compacted {ATTEMPTS} times while it was "
            "searched: try again when its writer is done."
        )

    def _joined(self, prepared: Sequence[Prepared], params: SearchParams | None) -> Joined:
        """Ask the gallery as it is now, and join what was found with what it knows."""
        start = time.perf_counter()
        current = self._index.current()
        asking = Asking(
            self.gallery,
            current,
            lambda condition: self._selections.chosen(current.snapshot, condition),
            lambda grouping: self._tables.groups(current.snapshot, grouping),
            params,
        )
        answers = asking.answers(prepared)
        found = time.perf_counter()
        results = self._results(prepared, answers)
        join_s = asking.reading_s + time.perf_counter() - found
        return Joined(results, found - start - asking.reading_s, join_s)

    def _results(self, prepared: Sequence[Prepared], answers: Sequence[Answer]) -> list[Results]:
        """Join what was found with what the gallery knows."""
        return [
            Results(
                self._hits(answer, ready.grouping),
                query=ready.query.label,
                plan=answer.plan,
                score_kind=score_kind_of(ready.query),
                meaning=meaning_of(ready.query),
                asked=ready.query,
            )
            for ready, answer in zip(prepared, answers, strict=True)
        ]

    def _hits(self, answer: Answer, grouping: Grouping | None) -> list[Hit]:
        paths = self.gallery.absolute_paths([candidate.record for candidate in answer.found])
        return [
            Hit(
                rank,
                candidate.score,
                candidate.record.image_id,
                path,
                candidate.record,
                None if grouping is None else grouping.value(candidate.record),
            )
            for rank, (candidate, path) in enumerate(zip(answer.found, paths, strict=True), start=1)
        ]
