"""An index over a set's embeddings, built or tuned, with what that took."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial

from lookalike.evaluation.matrix.embedded import Embedded, Listener
from lookalike.evaluation.matrix.names import IndexWish
from lookalike.index import FaissIndex, Index, IndexConfig, SearchParams, build_index
from lookalike.index.faiss_library import faiss_library
from lookalike.index.tuning import TuneWish, tune

__all__ = ["Built", "build", "one_thread"]


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """An index that is ready to be measured.

    Attributes:
        name: As it was asked for.
        index: Searches.
        config: What it was built as.
        params: What it is searched with; only what has a meaning for it is set.
        build_s: How long the build took, with all cores.
        tuning_s: How long the tuner took to choose it, where it did.
        memory_bytes: The index, or the rows that it reads where they lie.
        remarks: What the tuner said of its choice, a sentence each.
    """

    name: str
    index: Index
    config: IndexConfig
    params: SearchParams
    build_s: float
    tuning_s: float | None
    memory_bytes: int
    remarks: tuple[str, ...] = ()


def build(wish: IndexWish, embedded: Embedded, tell: Listener) -> Built:
    """Build an index, or let the tuner choose and build one.

    Raises:
        UsageError: It cannot be trained on so few rows, or FAISS refuses it.
    """
    if wish.config is None:
        return tuned(wish, embedded, tell)
    start = time.perf_counter()
    index = build_index(
        [embedded.rows],
        wish.config,
        dim=embedded.dim,
        dead=embedded.dead,
        on_progress=partial(tell, f"building {wish.name}"),
    )
    build_s = time.perf_counter() - start
    params = meaningful(index, wish.params)
    return Built(wish.name, index, wish.config, params, build_s, None, taken_bytes(index, embedded))


def tuned(wish: IndexWish, embedded: Embedded, tell: Listener) -> Built:
    """Let the tuner choose: with one thread, as what it chooses will be measured."""

    def heard(what: str, done: int, total: int) -> None:
        tell(f"tuning: {what}", done, total)

    wanted = wish.tuning or TuneWish()
    wanted = replace(wanted, k=min(wanted.k, embedded.findable))
    with one_thread():
        choice = tune(
            [embedded.rows],
            wanted,
            dim=embedded.dim,
            dead=embedded.dead,
            on_progress=heard,
        )
    index = choice.index
    return Built(
        wish.name,
        index,
        choice.config,
        meaningful(index, choice.params),
        choice.build_s,
        choice.explore_s,
        taken_bytes(index, embedded),
        (*choice.remarks, *choice.missed),
    )


def meaningful(index: Index, params: SearchParams) -> SearchParams:
    """Fill in what the index is searched with, and leave out what changes nothing."""
    if not isinstance(index, FaissIndex):
        return SearchParams()
    full = params.over(index.params)
    nprobe = min(full.nprobe or 1, index.nlist or 1)
    return replace(
        full,
        nprobe=nprobe if index.has_lists else None,
        ef_search=full.ef_search if index.has_graph else None,
        k_factor=full.k_factor if index.is_refined else None,
    )


def taken_bytes(index: Index, embedded: Embedded) -> int:
    """Count the memory that searching needs: an exact index reads the rows themselves."""
    return index.size_bytes or int(embedded.rows.nbytes)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let FAISS search with one thread, as in a server that answers many at a time."""
    faiss = faiss_library()
    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)
