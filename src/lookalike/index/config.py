"""What an index is built as, and what each query may choose."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from lookalike.errors import UsageError

__all__ = ["IndexConfig", "SearchParams", "training_rows_needed"]

Kind = Literal["exact", "flat", "ivf", "ivf-pq", "ivf-rabitq", "hnsw", "factory"]
Codes = Literal["float32", "float16", "int8"]
Reduction = Literal["none", "pca", "opq", "rotate"]
Refinement = Literal["none", "float32", "float16", "int8"]
Metric = Literal["cosine", "inner_product", "l2"]
Device = Literal["auto", "cpu", "gpu"]

# FAISS's own bound: k-means warns with fewer points per centroid.
ROWS_PER_LIST = 39
# Vectors of that many numbers lose little when only their first principal
# components are scanned and the candidates are scored again in full.
REDUCED_DIM = 160
SCALAR_QUANTIZERS = {"float32": "Flat", "float16": "SQfp16", "int8": "SQ8"}


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """Which neighbor structure to build over rows, fixed when it is built.

    Attributes:
        kind: ``exact`` compares with every row where it lies (ready at once, no
            memory of its own): right while that takes a few milliseconds.
            ``flat`` does so from memory; ``ivf`` looks into the nearest of
            ``nlist`` lists; ``ivf-pq`` does, with 4-bit codes that the processor
            scans 32 at a time, and scores the best again (the fastest for
            batches, and the smallest); ``ivf-rabitq`` likewise with one bit and
            more a number; ``hnsw`` walks a graph (the fastest for single
            queries, slow to build); ``factory`` is any FAISS factory string.
        codes: How ``flat``, ``ivf`` and ``hnsw`` keep rows. Default float32, exact.
            float16 halves memory and, at single queries, time, and moves scores
            by 0.0005; int8 quarters memory and loses one or two neighbors in 100.
        nlist: Lists of the ``ivf`` kinds. None: the square root of the number of
            rows. Too few: each probed list is long. Too many: choosing lists
            takes the time, and training needs 39 rows each.
        pq_m: Codes of 4 bits a row in ``ivf-pq``; has to divide the reduced dim.
            None: one a number after the reduction. Too few: many candidates
            have to be scored again. More cost memory and scan time.
        rabitq_bits: Bits a number in ``ivf-rabitq``, 1 to 9. Default 1, the
            fastest and coarsest.
        hnsw_m: Links of each graph node. Default 32. Too few: recall stops short
            of 1. Too many: memory (8 bytes a link) and build time.
        ef_construction: Candidates looked at for each link. Default 64. Too few:
            a worse graph, for good. Too many: build time only.
        reduction: A linear map in front: ``pca`` keeps the ``reduced_dim``
            directions of most variance, ``opq`` also spreads it over the codes
            (slow to train), ``rotate`` turns at random, which RaBitQ needs.
            ``ivf-pq`` reduces by ``pca``, ``ivf-rabitq`` rotates, unless told.
        reduced_dim: Numbers kept. None: 160 for ``pca`` where there are more.
            Too few: the right row is not among the candidates. Too many: no gain.
        refine: How rows are kept beside the codes, to score the best candidates
            again. Default float16 where codes are coarse, none elsewhere. int8
            halves its memory and ends near 0.98 recall; none keeps codes only.
        metric: ``cosine`` scales rows to unit length; ``inner_product`` takes them
            as they are; ``l2`` scores by minus the squared distance. On unit rows
            all three rank alike; ``l2`` scans 4-bit codes several times slower.
        factory: For ``kind="factory"``: FAISS's string, ``IVF1024,SQ8`` for example.
        device: ``auto`` searches ``flat`` (float32) and ``ivf`` on a GPU where a FAISS
            built for GPUs finds one, filtered searches apart; ``cpu`` never; ``gpu``
            refuses to go without.
    """

    kind: Kind = "exact"
    codes: Codes = "float32"
    nlist: int | None = None
    pq_m: int | None = None
    rabitq_bits: int = 1
    hnsw_m: int = 32
    ef_construction: int = 64
    reduction: Reduction | None = None
    reduced_dim: int | None = None
    refine: Refinement | None = None
    metric: Metric = "cosine"
    factory: str = ""
    device: Device = "auto"

    def __post_init__(self) -> None:
        require_choice("Index kind", self.kind, get_args(Kind))
        require_choice("Codes", self.codes, get_args(Codes))
        require_choice("Metric", self.metric, get_args(Metric))
        require_choice("Device", self.device, get_args(Device))
        require_choice("Reduction", self.reduction, (None, *get_args(Reduction)))
        require_choice("Refine", self.refine, (None, *get_args(Refinement)))
        for name in ("nlist", "pq_m", "hnsw_m", "ef_construction", "reduced_dim"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"{name} is {value}: give a number of at least 1.")
        if self.hnsw_m < 2:
            raise UsageError(f"hnsw_m is {self.hnsw_m}: a graph needs at least 2 links a node.")
        if not 1 <= self.rabitq_bits <= 9:
            raise UsageError(f"rabitq_bits is {self.rabitq_bits}: give 1 to 9.")
        if (self.kind == "factory") != bool(self.factory):
            raise UsageError(
                "A factory string goes with the index kind 'factory' and with no other: "
                f"this has kind {self.kind!r} and factory {self.factory!r}."
            )

    @property
    def is_exact(self) -> bool:
        """Whether every row is compared in full, so that the recall is 1."""
        is_plain = self.codes == "float32" and self.reduction in {None, "none"}
        return self.kind == "exact" or (self.kind == "flat" and is_plain)

    @property
    def refine_codes(self) -> str:
        """How rows are kept for scoring candidates again, or ``none``."""
        if self.refine is not None:
            return self.refine
        coarse = self.kind in {"ivf-pq", "ivf-rabitq"} or self.reduction in {"pca", "opq"}
        return "float16" if coarse else "none"

    def front(self, dim: int) -> tuple[str, int]:
        """Write the reduction as FAISS does, with the dim that is left."""
        usual = {"ivf-pq": "pca", "ivf-rabitq": "rotate"}.get(self.kind, "none")
        reduction = self.reduction or usual
        if reduction == "none" or self.kind in {"exact", "factory"}:
            return "", dim
        if reduction == "rotate":
            return f"RR{dim},", dim
        left = min(self.reduced_dim or REDUCED_DIM, dim)
        if left == dim and reduction == "pca" and self.reduced_dim is None:
            return "", dim
        return (f"OPQ{self.pq_codes(left)}_{left},", left) if reduction == "opq" else (
            f"PCA{left},", left
        )  # fmt: skip

    def pq_codes(self, dim: int) -> int:
        """Say how many 4-bit codes a row of this dim gets.

        Raises:
            UsageError: ``pq_m`` does not divide it.
        """
        codes = self.pq_m or dim
        if dim % codes:
            raise UsageError(f"pq_m is {codes}, which does not divide the dim {dim}.")
        return codes

    def lists(self, rows: int) -> int:
        """Say how many lists that many rows get."""
        if self.nlist is not None:
            return self.nlist
        return max(1, min(round(math.sqrt(rows)), rows // ROWS_PER_LIST))

    def to_factory(self, rows: int, dim: int) -> str:
        """Write the structure without its refinement as FAISS's factory does."""
        front, left = self.front(dim)
        lists = self.lists(rows)
        codes = SCALAR_QUANTIZERS[self.codes]
        bits = "" if self.rabitq_bits == 1 else str(self.rabitq_bits)
        shapes = {
            "flat": codes,
            "ivf": f"IVF{lists},{codes}",
            "ivf-pq": f"IVF{lists},PQ{self.pq_codes(left) if self.kind == 'ivf-pq' else 0}x4fsr",
            "ivf-rabitq": f"IVF{lists},RaBitQfs{bits}",
            "hnsw": f"HNSW{self.hnsw_m},{codes}",
            "factory": self.factory,
        }
        return front + shapes[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> IndexConfig:
        """Undo ``to_dict``; fields of a newer Lookalike are refused."""
        return cls(**known_fields(cls, stored))


@dataclass(frozen=True, slots=True)
class SearchParams:
    """What a query may choose; None takes what the index was tuned to.

    Attributes:
        nprobe: Lists looked into (``ivf`` kinds). More find more, at the cost of
            time in proportion; ``nlist`` is exact but for coarse codes.
        ef_search: Candidates kept while walking a graph (``hnsw``), at least k.
        k_factor: Candidates scored again, as a multiple of k, or of 10 where k is
            smaller (kinds with refinement). Below what the codes blur, recall stays low whatever
            nprobe is.
    """

    nprobe: int | None = None
    ef_search: int | None = None
    k_factor: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 1 <= value < math.inf:
                raise UsageError(f"{field.name} is {value}: give a number of at least 1.")

    def over(self, usual: SearchParams) -> SearchParams:
        """Fill what is None from other params."""
        return SearchParams(
            **{
                field.name: getattr(usual if value is None else self, field.name)
                for field in fields(self)
                for value in [getattr(self, field.name)]
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold: what is set."""
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in told.items() if value is not None}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> SearchParams:
        """Undo ``to_dict``."""
        return cls(**known_fields(cls, stored))


def known_fields(cls: type[Any], stored: dict[str, Any]) -> dict[str, Any]:
    """Refuse what a class does not have."""
    unknown = sorted(set(stored) - {field.name for field in fields(cls)})
    if unknown:
        raise UsageError(f"{cls.__name__} has no field {unknown[0]!r}: it has no meaning here.")
    return stored


def training_rows_needed(config: IndexConfig, rows: int) -> int:
    """Say how many rows a configuration needs before it can be trained on ``rows`` of them."""
    needed = 0
    if config.kind.startswith("ivf"):
        needed = ROWS_PER_LIST * config.lists(rows)
    if config.kind == "ivf-pq":
        needed = max(needed, ROWS_PER_LIST * 16)
    return needed


def require_choice(what: str, value: str | None, choices: tuple[Any, ...]) -> None:
    """Refuse a word that is none of these."""
    if value not in choices:
        listed = ", ".join(str(choice) for choice in choices if choice is not None)
        raise UsageError(f"{what} {value!r} is unknown: use one of {listed}.")
