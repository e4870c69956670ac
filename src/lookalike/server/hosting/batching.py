"""Queries that come at the same time, answered together."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.index import SearchParams
from lookalike.search import Query, Results, Searcher
from lookalike.search.preparing import Draft, Prepared
from lookalike.server.hosting.answered import Answered
from lookalike.server.hosting.lane import AnswerOrError, Lane, each_alone, then
from lookalike.server.measuring import Measures
from lookalike.vectors import unit_rows

__all__ = ["QueryBatcher"]

CORES = os.cpu_count() or 1

# Queries that gather are cheaper than queries side by side, but none of them should wait
# long for one that orders a thousand hits by diversity.
HOLD_S = 0.03

STAGES = ("wait", "decode", "encode", "search", "join")


@dataclass(slots=True, eq=False)
class StagedQuery:
    """A query on its way through the stages.

    Attributes:
        query: What was asked.
        params: How hard the index looks.
        draft: The query, read; None where that is still to be done.
        seconds: How long the stages took.
    """

    query: Query
    params: SearchParams | None
    draft: Draft | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def has_pixels(self) -> bool:
        """Whether a picture is to be encoded: not where it was just now."""
        pieces = () if self.draft is None else self.draft.pieces
        return any(piece.pixels is not None for piece in pieces)

    @property
    def embeddings(self) -> tuple[NDArray[np.float32], ...]:
        """What was searched with: a unit row of each part, once all are known."""
        pieces = () if self.draft is None else self.draft.pieces
        return tuple(unit_rows(piece.row[None])[0] for piece in pieces if piece.row is not None)


class QueryBatcher:
    """Answers queries, those that come at the same time together. Belongs to one event loop.

    Pictures are decoded as they come. Then pictures and texts are encoded in one
    lane and the index is asked in another, so that a query by image_id does not
    wait for an encoder. A query's error is its own.

    Args:
        searcher: Who answers.
        window_ms: How long a query waits for others that are on their way to the
            encoder; 0 answers each for itself.
        max_batch: So many are answered together at most.
        measures: Where times and sizes are noted.
        name: Of the gallery, as they are noted by.
    """

    def __init__(
        self,
        searcher: Searcher,
        *,
        window_ms: float = 3.0,
        max_batch: int = 32,
        measures: Measures | None = None,
        name: str = "",
    ) -> None:
        self._searcher = searcher
        self._name = name
        self._measures = measures
        self._decoding = 0
        is_batching = self._is_batching = window_ms > 0
        most = max_batch if is_batching else 1
        self._readers = ThreadPoolExecutor(CORES, "lookalike-read")
        self._workers = ThreadPoolExecutor(2 * CORES, "lookalike-answer")
        self.encoding: Lane[StagedQuery, StagedQuery] = Lane(
            self._encoded,
            self._workers,
            workers=1 if is_batching else CORES,
            max_batch=most,
            window_s=window_ms / 1000,
            others=lambda: self._decoding,
        )
        self.finding: Lane[StagedQuery, Results] = Lane(
            self._found,
            self._workers,
            workers=CORES,
            max_batch=most,
            hold_s=HOLD_S if is_batching else 0.0,
        )

    def suit(self, encoder: Encoder) -> None:
        """Share batches out as the encoder likes it, once it is loaded.

        On the CPU a call has one thread, and several calls are best under way.
        """
        if self._is_batching and encoder.shares_cores:
            self.encoding.workers = max(1, min(encoder.workers, CORES))

    def close(self) -> None:
        """Wait for what is under way; what has not begun is not answered any more."""
        for pool in (self._readers, self._workers):
            pool.shutdown(cancel_futures=True)

    async def search(self, query: Query, params: SearchParams | None = None) -> Answered:
        """Answer a query.

        Raises:
            LookalikeError: As ``Searcher.search``.
        """
        start = time.perf_counter()
        staged = StagedQuery(query, params)
        kinds = {part.kind for part in query.items}
        if "picture" in kinds:
            await self._read(staged)
        if "text" in kinds or staged.has_pixels:
            await self.encoding.through(staged)
        results = await self.finding.through(staged)
        taken = staged.seconds
        wait = time.perf_counter() - start - sum(taken.values())
        seconds = {stage: taken.get(stage, 0.0) for stage in STAGES} | {"wait": max(0.0, wait)}
        if self._measures is not None:
            self._measures.stages(self._name, seconds)
        return Answered(results, seconds, staged.embeddings)

    async def _read(self, staged: StagedQuery) -> None:
        """Read and decode pictures in a thread."""
        self._decoding += 1
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._readers, self._draft, staged)
        finally:
            self._decoding -= 1
            if not self._decoding:
                # When the query that is done now has come to the lane, or has failed.
                asyncio.get_running_loop().call_soon(self.encoding.pump)

    def _draft(self, staged: StagedQuery) -> Draft:
        """Check a query, look its parts up, and decode them, unless that is done."""
        if staged.draft is None:
            start = time.perf_counter()
            preparing = self._searcher.preparing
            [draft] = preparing.draft([staged.query])
            preparing.read([draft])
            staged.draft = draft
            staged.seconds["decode"] = time.perf_counter() - start
        return staged.draft

    def _encoded(self, batch: Sequence[StagedQuery]) -> list[AnswerOrError[StagedQuery]]:
        """Encode the pictures and texts of several queries."""
        self._note_batch("encode", batch)
        return then(each_alone(self._read_all, batch), self._embedded)

    def _read_all(self, batch: Sequence[StagedQuery]) -> Sequence[StagedQuery]:
        for staged in batch:
            self._draft(staged)
        return batch

    def _embedded(self, batch: Sequence[StagedQuery]) -> Sequence[StagedQuery]:
        start = time.perf_counter()
        drafts = [self._draft(staged) for staged in batch]
        self._searcher.preparing.embed_texts(drafts)
        self._searcher.preparing.embed_pictures(drafts)
        for staged in batch:
            staged.seconds["encode"] = time.perf_counter() - start
        return batch

    def _found(self, batch: Sequence[StagedQuery]) -> list[AnswerOrError[Results]]:
        """Ask the index for several queries."""
        self._note_batch("search", batch)
        return then(each_alone(self._combined, batch), self._joined)

    def _combined(self, batch: Sequence[StagedQuery]) -> list[tuple[StagedQuery, Prepared]]:
        drafts = [self._draft(staged) for staged in batch]
        return list(zip(batch, self._searcher.preparing.combine(drafts), strict=True))

    def _joined(self, ready: Sequence[tuple[StagedQuery, Prepared]]) -> list[Results]:
        """Ask once for all queries of equal params."""
        together: dict[SearchParams | None, list[int]] = {}
        for line, (staged, _) in enumerate(ready):
            together.setdefault(staged.params, []).append(line)
        results: dict[int, Results] = {}
        for params, lines in together.items():
            joined = self._searcher.answered([ready[line][1] for line in lines], params)
            results.update(zip(lines, joined.results, strict=True))
            for line in lines:
                ready[line][0].seconds |= {"search": joined.search_s, "join": joined.join_s}
        return [results[line] for line in range(len(ready))]

    def _note_batch(self, stage: str, batch: Sequence[StagedQuery]) -> None:
        if self._measures is not None:
            self._measures.batch(self._name, stage, len(batch))
