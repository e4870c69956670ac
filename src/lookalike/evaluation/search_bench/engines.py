"""Engines to compare: NumPy, FAISS as it is usually used, Lookalike, and which peers exist."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import MissingExtra, UsageError
from lookalike.evaluation.search_bench import peers
from lookalike.index import FaissIndex, Index, IndexConfig, SearchParams, build_index
from lookalike.index.faiss_index import written_bytes
from lookalike.index.tuning import TuneWish, tune
from lookalike.index.tuning.wishes import Traffic
from lookalike.vectors import Neighbors

__all__ = ["ENGINES", "Engine", "Setting", "available_engines", "make_engine"]

Rows = NDArray[np.float32]
Found = NDArray[np.int64]
# What a query may choose, by name: {"nprobe": 8}.
Setting = Mapping[str, float]

NPROBES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384)
# Brute force compares this many queries at a time: more would not fit the memory.
BRUTE_BATCH = 256


class Engine(Protocol):
    """One way to search unit rows by inner product.

    Attributes:
        settings: From fast and careless to slow and thorough; one empty setting
            where there is nothing to choose.
    """

    settings: Sequence[Setting]

    def build(self, rows: Rows) -> None:
        """Take the rows ``(n, dim)`` in."""
        ...

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Return the row numbers ``(n, k)`` of the best."""
        ...

    def size_bytes(self) -> int:
        """Memory of the whole structure."""
        ...


class BruteForce:
    """NumPy: one matrix product, then the best of each line."""

    settings: Sequence[Setting] = ({},)

    def build(self, rows: Rows) -> None:
        """Keep the rows."""
        self._rows = rows

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Score everything, pick k, sort them."""
        found = []
        for start in range(0, len(queries), BRUTE_BATCH):
            scores = queries[start : start + BRUTE_BATCH] @ self._rows.T
            best = np.argpartition(scores, -k, axis=1)[:, -k:]
            order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
            found.append(np.take_along_axis(best, order, axis=1))
        return np.concatenate(found)

    def size_bytes(self) -> int:
        """The rows."""
        return int(self._rows.nbytes)


class PlainFaiss:
    """A FAISS factory index as its tutorials use it.

    Args:
        factory: Makes the factory string from the number of rows.
        settings: Values of ``nprobe``, or nothing to choose.
    """

    def __init__(self, factory: Callable[[int], str], settings: Sequence[Setting] = ({},)) -> None:
        self.settings = settings
        self._factory = factory

    def build(self, rows: Rows) -> None:
        """Train and add."""
        import faiss

        made: Any = faiss.index_factory(
            rows.shape[1], self._factory(len(rows)), faiss.METRIC_INNER_PRODUCT
        )
        made.train(rows)
        made.add(rows)
        self._index = made

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search with that many probed lists."""
        if "nprobe" in setting:
            self._index.nprobe = int(setting["nprobe"])
        found: Found = self._index.search(queries, k)[1]
        return found

    def size_bytes(self) -> int:
        """What FAISS would write."""
        return written_bytes(self._index)


class Lookalike:
    """One of our own index kinds, every setting of a ladder."""

    def __init__(self, config: IndexConfig, settings: Sequence[Setting] = ({},)) -> None:
        self.settings = settings
        self._config = config

    def build(self, rows: Rows) -> None:
        """Build it from float32 rows."""
        self._index: Index = build_index([rows], self._config, dim=rows.shape[1])

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search through the library's own interface."""
        return answered(self._index, queries, k, setting).rows

    def size_bytes(self) -> int:
        """What the index says."""
        return self._index.size_bytes


class Tuned:
    """What the tuner chooses for a recall, from queries that are not measured with.

    Args:
        recall: The promise.
        traffic: ``batch`` or ``single``: which speed decides.
        k: How many neighbors the promise is about.
        queries: ``(n, dim)``, to tune with.
    """

    settings: Sequence[Setting] = ({},)

    def __init__(self, recall: float, traffic: Traffic, *, k: int, queries: Rows) -> None:
        self._wish = TuneWish(recall=recall, k=k, traffic=traffic)
        self._queries = queries
        self.evidence: dict[str, Any] = {}

    def build(self, rows: Rows) -> None:
        """Tune, which builds."""
        tuned = tune([rows], self._wish, dim=rows.shape[1], queries=self._queries)
        self._index = tuned.index
        self.evidence = tuned.to_dict()

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search as tuned."""
        return answered(self._index, queries, k, setting).rows

    def size_bytes(self) -> int:
        """What the index says; an exact one needs the rows it reads."""
        if isinstance(self._index, FaissIndex):
            return self._index.size_bytes
        return self._index.size_bytes or 4 * self._index.dim * self._index.size


def answered(index: Index, queries: Rows, k: int, setting: Setting) -> Neighbors:
    """Search one of our indexes with a setting."""
    if not setting:
        return index.search(queries, k)
    whole = {name: int(setting[name]) for name in ("nprobe", "ef_search") if name in setting}
    params = SearchParams(**whole, k_factor=setting.get("k_factor"))
    return index.search(queries, k, params=params)


def square_root_lists(rows: int) -> str:
    """Write the inverted file that most systems start with."""
    return f"IVF{round(math.sqrt(rows))},Flat"


def nprobes() -> list[Setting]:
    """The ladder of the plain inverted file."""
    return [{"nprobe": count} for count in NPROBES]


# Both knobs of the quantized kind turned together, roughly along its front.
PQ_LADDER: tuple[Setting, ...] = tuple(
    {"nprobe": nprobe, "k_factor": k_factor}
    for nprobe, k_factor in [
        (4, 2), (8, 3), (16, 4), (20, 5), (24, 5), (28, 6), (32, 8), (48, 8), (64, 10),
        (80, 12), (96, 16), (128, 20), (192, 32), (256, 48),
    ]
)  # fmt: skip
GRAPH_LADDER: tuple[Setting, ...] = tuple(
    {"ef_search": ef} for ef in (10, 16, 24, 32, 48, 64, 96, 128, 192, 256)
)

# name -> what it is, for people.
ENGINES: dict[str, str] = {
    "numpy": "brute force: one matrix product with NumPy",
    "faiss-flat": "FAISS's flat index",
    "faiss-ivf": "FAISS's inverted file of sqrt(N) lists, rows in full",
    "ivf-pq": "Lookalike's 4-bit codes with re-ranking, a ladder of settings",
    "hnsw-int8": "Lookalike's graph over 8-bit rows, a ladder of settings",
    "tuned-batch-95": "what the tuner chooses for recall 0.95, batches of queries",
    "tuned-batch-99": "what the tuner chooses for recall 0.99, batches of queries",
    "tuned-single-95": "what the tuner chooses for recall 0.95, one query at a time",
    "tuned-single-99": "what the tuner chooses for recall 0.99, one query at a time",
    "hnswlib": "hnswlib, M 16, ef_construction 64",
    "usearch": "usearch, float16, connectivity 16",
    "scann": "ScaNN, tree of sqrt(N) leaves, anisotropic hashing, reordering",
    "autofaiss": "autofaiss's own choice for 4 GB and 10 ms",
}
PEERS = {"hnswlib": "hnswlib", "usearch": "usearch", "scann": "scann", "autofaiss": "autofaiss"}


def available_engines() -> list[str]:
    """List the engines whose libraries are installed."""
    return [name for name in ENGINES if name not in PEERS or find_spec(PEERS[name]) is not None]


def make_engine(name: str, *, k: int, tuning_queries: Rows) -> Engine:
    """Make an engine by name.

    Raises:
        UsageError: There is none of that name.
        MissingExtra: Its library is not installed.
    """
    if name not in ENGINES:
        raise UsageError(f"There is no engine {name!r}: use {', '.join(ENGINES)}.")
    if name in PEERS and find_spec(PEERS[name]) is None:
        raise MissingExtra("bench", f"Comparing with {name}")
    if name.startswith("tuned-"):
        _, traffic, percent = name.split("-")
        decides: Traffic = "batch" if traffic == "batch" else "single"
        return Tuned(int(percent) / 100, decides, k=k, queries=tuning_queries)
    makers: dict[str, Callable[[], Engine]] = {
        "numpy": BruteForce,
        "faiss-flat": lambda: PlainFaiss(lambda rows: "Flat"),
        "faiss-ivf": lambda: PlainFaiss(square_root_lists, nprobes()),
        "ivf-pq": lambda: Lookalike(IndexConfig(kind="ivf-pq"), PQ_LADDER),
        "hnsw-int8": lambda: Lookalike(IndexConfig(kind="hnsw", codes="int8"), GRAPH_LADDER),
        "hnswlib": peers.Hnswlib,
        "usearch": peers.Usearch,
        "scann": peers.Scann,
        "autofaiss": peers.Autofaiss,
    }
    return makers[name]()
