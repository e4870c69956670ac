"""From a run and its judgements to every metric of every query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.metrics import (
    average_precision,
    average_precision_at_k,
    average_precision_trapezoid,
    false_positive_rate_at_k,
    hit_rate_at_k,
    ndcg_at_k,
    precision_at_k,
    precision_at_k_revisited,
    r_precision,
    recall_at_k,
    reciprocal_rank,
)
from lookalike.evaluation.judging.protocol import JUNK, UNRANKED, Judged, Qrels
from lookalike.evaluation.judging.runs import Run

__all__ = ["Scores", "score_run"]

AT_K = {
    "precision": precision_at_k,
    "fpr": false_positive_rate_at_k,
    "recall": recall_at_k,
    "hit_rate": hit_rate_at_k,
    "ndcg": ndcg_at_k,
    "map": average_precision_at_k,
}


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Every metric of every query.

    Attributes:
        queries: Their names.
        values: By metric, as in ``precision@10``: float64 ``(q,)``, NaN for a query
            with nothing to find.
        positives: int64 ``(q,)``: how many there were to be found.
        groups: The label of each query, or None where there are none.
    """

    queries: tuple[str, ...]
    values: Mapping[str, NDArray[np.float64]]
    positives: NDArray[np.int64]
    groups: tuple[str, ...] | None = None

    @property
    def left_out(self) -> int:
        """How many queries have nothing to find, and are in no mean."""
        return int(np.count_nonzero(self.positives == 0))

    def __len__(self) -> int:
        return len(self.queries)

    def mean(self, metric: str) -> float:
        """Average one metric over the queries that have something to find.

        Raises:
            UsageError: There is no such metric, or no such query.
        """
        values = self.of(metric)
        known = values[~np.isnan(values)]
        if not len(known):
            raise UsageError(
                f"There is no mean {metric}: no query has anything to find; judge by labels that "
                "two images at least share, or ask other queries."
            )
        return float(known.mean())

    def of(self, metric: str) -> NDArray[np.float64]:
        """Take the values of one metric.

        Raises:
            UsageError: There is no such metric; the message names those there are.
        """
        if metric not in self.values:
            raise UsageError(
                f"There is no metric {metric!r} among these scores: choose one of "
                f"{', '.join(self.values)}."
            )
        return self.values[metric]

    def of_queries(self, queries: Sequence[str]) -> Scores:
        """Keep some queries, in the order asked.

        Raises:
            UsageError: There is no such query.
        """
        places = {query: place for place, query in enumerate(self.queries)}
        strange = next((query for query in queries if query not in places), None)
        if strange is not None:
            raise UsageError(f"There is no query {strange!r} among these scores.")
        lines = np.array([places[query] for query in queries], dtype=np.int64)
        return Scores(
            tuple(queries),
            {name: each[lines] for name, each in self.values.items()},
            self.positives[lines],
            None if self.groups is None else tuple(self.groups[line] for line in lines),
        )

    def prefixed(self, prefix: str) -> Scores:
        """Name the metrics after their protocol, as in ``hard:map@10``."""
        values = {f"{prefix}{name}": each for name, each in self.values.items()}
        return replace(self, values=values)

    @classmethod
    def joined(cls, parts: Sequence[Scores]) -> Scores:
        """Put blocks of queries together.

        Raises:
            UsageError: There are none, or their metrics differ.
        """
        if not parts or any(list(part.values) != list(parts[0].values) for part in parts):
            raise UsageError("Scores can be joined if there are some, all of the same metrics.")
        groups: tuple[str, ...] | None = None
        if all(part.groups is not None for part in parts):
            groups = tuple(label for part in parts for label in part.groups or ())
        return cls(
            tuple(query for part in parts for query in part.queries),
            {
                name: np.concatenate([part.values[name] for part in parts])
                for name in parts[0].values
            },
            np.concatenate([part.positives for part in parts]),
            groups,
        )


def score_run(
    run: Run, qrels: Qrels, *, ks: Sequence[int], is_whole: bool, findable: int | None = None
) -> Scores:
    """Judge a run, and compute every metric of every query.

    Args:
        run: What was found.
        qrels: What answers the queries.
        ks: The cut-offs.
        is_whole: Whether every image is ranked, as far as the searcher can find it.
            Only then there are ``ap`` and ``r_precision``, and ``ap_trapezoid`` and
            ``mp@k`` if the protocol is that of the revisited Oxford and Paris.
        findable: How many images a query can find at all, where that is known: no run
            of that depth can be searched deeper, however much junk is in it.

    Returns:
        Metrics ``precision@k``, ``fpr@k``, ``recall@k``, ``hit_rate@k``, ``ndcg@k``
        and ``map@k`` (divided by ``min(R, k)``) for each k, ``mrr``, and those of
        whole rankings.

    Raises:
        UsageError: A k is below 1 or beyond the depth, junk leaves fewer than k hits,
            or a query or an image of the run is not judged.
    """
    cutoffs = sorted(set(ks))
    require_ks(run, cutoffs, is_whole)
    judged = qrels.judge(run)
    clean = judged.without_junk()
    if not is_whole and (findable is None or run.depth < findable):
        require_enough(judged, clean, cutoffs[-1])
    values = {f"{name}@{k}": metric(clean, k) for name, metric in AT_K.items() for k in cutoffs}
    values["mrr"] = reciprocal_rank(clean)
    if is_whole:
        values["ap"] = average_precision(clean)
        values["r_precision"] = r_precision(clean)
    if is_whole and qrels.is_revisited:
        values["ap_trapezoid"] = average_precision_trapezoid(clean)
        values |= {f"mp@{k}": precision_at_k_revisited(clean, k) for k in cutoffs}
    return Scores(run.queries, values, judged.positives, judged.groups)


def require_ks(run: Run, cutoffs: Sequence[int], is_whole: bool) -> None:
    """Refuse cut-offs that a run does not reach.

    Raises:
        UsageError: There are none, or one is below 1 or beyond the depth.
    """
    if not cutoffs or cutoffs[0] < 1:
        raise UsageError(f"The cut-offs k are {list(cutoffs)}: give one or more, all from 1 up.")
    if cutoffs[-1] > run.depth:
        found = "there are only" if is_whole else "the run has only the first"
        raise UsageError(
            f"k is {cutoffs[-1]}, and {found} {run.depth} images for each query: choose a "
            f"smaller k{'' if is_whole else ', or search deeper'}."
        )


def require_enough(judged: Judged, clean: Judged, k: int) -> None:
    """Refuse rankings that were full, and fall short of k hits without their junk.

    Raises:
        UsageError: There is one: what would have come up to the k-th place is unknown.
    """
    if clean is judged:
        return
    is_full = judged.grades[:, -1] != UNRANKED
    is_short = clean.grades[:, k - 1] == UNRANKED
    if (is_full & is_short).any():
        junk = int((judged.grades == JUNK).sum(axis=1).max())
        raise UsageError(
            f"k is {k}, and of the {judged.grades.shape[1]} hits of a query up to {junk} are "
            "junk, which does not count: search deeper, or choose a smaller k."
        )
