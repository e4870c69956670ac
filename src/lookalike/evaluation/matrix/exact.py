"""What exact search finds: the bar for every index, and the ranking that metrics are of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.scoring import Scores, score_run
from lookalike.evaluation.matrix.embedded import Embedded, Listener
from lookalike.evaluation.matrix.ranking import answered, exact_runs, joined_runs, spread
from lookalike.index import ExactIndex, Index
from lookalike.index.flat import FlatIndex

__all__ = ["ANN_DEPTHS", "Exact", "depth_of", "sampled", "scored"]

ANN_DEPTHS = (1, *range(10, 101, 10))
# Rows as float32 in memory, beyond which they are read where they lie.
FLAT_BYTES = 4 << 30
# Pairs of query and image that are compared to judge an index: beyond, with some of the
# queries, whose answers take seconds where those of all would take most of the evaluation.
MOST_COMPARED = 250_000_000
SAMPLED_QUERIES = 1000


@dataclass(slots=True, eq=False)
class Exact:
    """The exact rankings of all queries, computed when they are first needed.

    Attributes:
        embedded: Images and queries.
        judgements: By the name of their protocol.
        ks: Where rankings are cut.
        is_whole: Whether metrics are of rankings of all images.
        tell: Told of queries done and in all.
    """

    embedded: Embedded
    judgements: Mapping[str, Qrels]
    ks: tuple[int, ...]
    is_whole: bool
    tell: Listener
    _fingerprint: str = field(default="", init=False)
    _flat: Index | None = field(default=None, init=False)
    _top: Run | None = field(default=None, init=False)
    _sampled: Run | None = field(default=None, init=False)
    _scores: dict[str, Scores] | None = field(default=None, init=False)

    @property
    def depth(self) -> int:
        """How deep every kept ranking is."""
        return depth_of(self.judgements, self.ks, self.embedded.findable)

    @property
    def fingerprint(self) -> str:
        """Hash over all embeddings, read once."""
        if not self._fingerprint:
            self._fingerprint = self.embedded.fingerprint
        return self._fingerprint

    def lend(self, index: Index) -> None:
        """Let exact search use a flat index that was built anyway."""
        if isinstance(index, FlatIndex):
            self._flat = index

    def search(self) -> Run:
        """Find the first few of each ranking: as many as any metric at k, or ann_recall, needs."""
        if self._top is None:
            self.tell("searching exactly", 0, 0)
            self._top = answered(self._flat or self._built(), self.embedded, self._kept)
            self._flat = None
        return self._top

    @property
    def compared(self) -> NDArray[np.int64]:
        """The queries that indexes are compared with exact search by: all, if that is cheap."""
        count = len(self.embedded.names)
        is_cheap = count * len(self.embedded.rows) <= MOST_COMPARED
        return np.arange(count) if is_cheap else sampled(count)

    def nearest(self, lines: NDArray[np.int64]) -> Run:
        """Find what is truly nearest to some queries: all of them, or those of ``sampled``.

        Each is searched for once, however many indexes are compared with it.
        """
        count = len(self.embedded.names)
        if self._top is not None or len(lines) == count:
            return lines_of(self.search(), lines)
        if self._sampled is None:
            self.tell("searching exactly", 0, 0)
            depth = min(ANN_DEPTHS[-1], self.embedded.findable)
            self._sampled = answered(
                self._flat or self._built(), self.embedded, depth, lines=sampled(count)
            )
        places = np.searchsorted(sampled(count), lines)
        return lines_of(self._sampled, places)

    @property
    def scores(self) -> dict[str, Scores]:
        """All metrics of exact search, by protocol."""
        if self._scores is None:
            self._scores = (
                self._of_whole_rankings()
                if self.is_whole
                else scored(
                    self.run,
                    self.judgements,
                    self.ks,
                    is_whole=False,
                    findable=self.embedded.findable,
                )
            )
        return self._scores

    @property
    def run(self) -> Run:
        """The ranking as deep as the metrics at k need."""
        return joined_runs([self.search()], self.depth)

    def _built(self) -> Index:
        """Build what answers many queries fastest, if the memory takes it; both answer alike."""
        rows, dim, dead = self.embedded.rows, self.embedded.dim, self.embedded.dead
        if 4 * rows.size > FLAT_BYTES:
            return ExactIndex([rows], dim=dim, dead=dead)
        return FlatIndex([rows], dim=dim, dead=dead)

    @property
    def _kept(self) -> int:
        kept: int = min(max(self.depth, ANN_DEPTHS[-1]), self.embedded.findable)
        return kept

    def _of_whole_rankings(self) -> dict[str, Scores]:
        """Rank all images and judge, block by block; keep the first few of each ranking."""
        runs: list[Run] = []
        blocks: list[dict[str, Scores]] = []
        done, total = 0, len(self.embedded.names)
        for run in exact_runs(self.embedded):
            blocks.append(scored(run, self.judgements, self.ks, is_whole=True))
            runs.append(joined_runs([run], self._kept))
            done += len(run)
            self.tell("ranking all pictures", done, total)
        self._top = joined_runs(runs, self._kept)
        return {name: Scores.joined([block[name] for block in blocks]) for name in self.judgements}


def sampled(count: int) -> NDArray[np.int64]:
    """Choose the queries that stand for all where asking all would take too long."""
    return spread(count, SAMPLED_QUERIES)


def lines_of(run: Run, lines: NDArray[np.int64]) -> Run:
    """Take some queries of a run; all are taken as they are."""
    if len(lines) == len(run):
        return run
    names = tuple(run.queries[line] for line in lines.tolist())
    return Run(names, run.image_ids[lines], run.scores[lines])


def scored(
    run: Run,
    judgements: Mapping[str, Qrels],
    ks: tuple[int, ...],
    *,
    is_whole: bool,
    findable: int | None = None,
) -> dict[str, Scores]:
    """Judge a run by every protocol; ``findable`` is how many images a query can find."""
    return {
        name: score_run(run, qrels, ks=ks, is_whole=is_whole, findable=findable)
        for name, qrels in judgements.items()
    }


def depth_of(judgements: Mapping[str, Qrels], ks: tuple[int, ...], findable: int) -> int:
    """Say how deep a run must be: what is junk takes no place among the first k."""
    junk = max((qrels.most_junk for qrels in judgements.values()), default=0)
    return min(max(ks) + junk, findable)
