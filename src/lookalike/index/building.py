"""Building an index over blocks of embeddings, a slice at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.collapsing import find_copies
from lookalike.index.config import IndexConfig, training_rows_needed
from lookalike.index.exact import ExactIndex, live_mask, require_shape
from lookalike.index.faiss_index import NO_COPIES, FaissIndex, RowNumbers, layers
from lookalike.index.faiss_library import faiss_library, reason
from lookalike.index.flat import ADDED_ROWS, FlatIndex
from lookalike.index.gpu import belongs_on_gpu
from lookalike.index.metrics import scaled
from lookalike.index.protocol import Index
from lookalike.vectors import FloatRows, gathered

__all__ = ["Listener", "build_index"]

# Called with rows added so far and rows in all; what it raises ends the building.
Listener = Callable[[int, int], None]

# Lists are trained on this many rows each, as many as FAISS looks at: with 64 instead, a
# query of a million rows took 20 % longer at recall 0.99.
TRAINED_ROWS_PER_LIST = 256
LEAST_TRAINED_ROWS = 20_000


def build_index(
    blocks: Sequence[FloatRows],
    config: IndexConfig,
    *,
    dim: int,
    dead: NDArray[np.int64] | None = None,
    trained: FaissIndex | None = None,
    on_progress: Listener | None = None,
) -> Index:
    """Build an index over blocks of embeddings without the dead ones.

    Args:
        blocks: Arrays ``(rows, dim)``, float16 or float32, mapped or not; a row's
            number is its position over all blocks.
        config: What to build.
        dim: Length of an embedding.
        dead: Sorted rows that must not be found.
        trained: Takes what this index of the same config has learned (lists,
            codes) instead of training: such indexes can be merged.
        on_progress: Called with rows done and rows in all.

    Raises:
        UsageError: There are too few rows to train it, FAISS refuses the
            factory string, or there is no GPU for the device ``gpu``.
    """
    gone = np.asarray([] if dead is None else dead, dtype=np.int64)
    if config.kind == "exact":
        belongs_on_gpu(None, config.device)
        return ExactIndex(blocks, dim=dim, dead=gone, metric=config.metric)
    if config.kind == "flat" and config.codes == "float32" and config.front(dim)[0] == "":
        return FlatIndex(blocks, dim=dim, dead=gone, metric=config.metric, device=config.device)
    for block in blocks:
        require_shape(block, dim)
    total = sum(len(block) for block in blocks)
    living = np.flatnonzero(live_mask(gone, 0, total))
    if trained is None:
        base, refine = empty_structure(config, len(living), dim), empty_refinement(config, dim)
    else:
        base, refine = emptied(trained)
    copies = find_copies(blocks, gone) if is_graph(base) else NO_COPIES
    rows = np.setdiff1d(living, copies.copy, assume_unique=True) if len(copies.copy) else living
    if trained is None:
        train(base, refine, blocks, rows, config)
    index = FaissIndex(base, refine, config, RowNumbers(rows, copies))
    fill(index, blocks, rows, on_progress)
    return index


def empty_structure(config: IndexConfig, rows: int, dim: int) -> Any:
    """Make FAISS's untrained index."""
    faiss = faiss_library()
    factory = config.to_factory(rows, dim)
    needed = training_rows_needed(config, rows)
    if rows < needed:
        raise UsageError(
            f"The index {factory} needs at least {needed} rows to be trained; there are {rows}: "
            "use the kind 'exact', or a smaller nlist."
        )
    metric = faiss.METRIC_L2 if config.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    try:
        index = faiss.index_factory(dim, factory, metric)
    except RuntimeError as error:
        raise UsageError(
            f"FAISS refuses the factory string {factory!r} for dim {dim} and the metric "
            f"{config.metric!r}: {reason(error)}."
        ) from error
    require_usable(index, factory, metric)
    bare = layers(index)[-1]
    if hasattr(bare, "do_polysemous_training"):
        bare.do_polysemous_training = False  # minutes, for a search mode that is not used
    if isinstance(bare, faiss.IndexIVF):
        bare.cp.min_points_per_centroid = 1  # else FAISS writes a warning past all logs
    if isinstance(bare, faiss.IndexHNSW):
        bare.hnsw.efConstruction = config.ef_construction
    return index


def require_usable(index: Any, factory: str, metric: int) -> None:
    """Refuse what FAISS makes of some factory strings and cannot use as it is meant."""
    faiss = faiss_library()
    if any(isinstance(layer, faiss.IndexIDMap | faiss.IndexIDMap2) for layer in layers(index)):
        raise UsageError(
            f"The factory string {factory!r} numbers rows by IDMap, as Lookalike does for every "
            "index: leave IDMap out."
        )
    if index.metric_type != metric:
        raise UsageError(
            f"FAISS builds {factory!r} for the metric 'l2' only: choose that metric, which ranks "
            "unit rows as 'cosine' does, or another factory string."
        )


def is_graph(index: Any) -> bool:
    """Tell whether equal rows have to be collapsed."""
    faiss = faiss_library()
    return isinstance(layers(index)[-1], faiss.IndexHNSW | faiss.IndexNSG | faiss.IndexNNDescent)


def empty_refinement(config: IndexConfig, dim: int) -> Any | None:
    """Make the flat index that scores candidates again, if there is to be one."""
    faiss = faiss_library()
    metric = faiss.METRIC_L2 if config.metric == "l2" else faiss.METRIC_INNER_PRODUCT
    quantizer = faiss.ScalarQuantizer
    kinds = {"float16": quantizer.QT_fp16, "int8": quantizer.QT_8bit}
    if config.refine_codes == "none":
        return None
    if config.refine_codes == "float32":
        return faiss.IndexFlat(dim, metric)
    return faiss.IndexScalarQuantizer(dim, kinds[config.refine_codes], metric)


def train(
    base: Any,
    refine: Any | None,
    blocks: Sequence[FloatRows],
    rows: NDArray[np.int64],
    config: IndexConfig,
) -> None:
    """Train on a random sample of the rows."""
    faiss = faiss_library()
    untrained = [part for part in (base, refine) if part is not None and not part.is_trained]
    if not untrained:
        return
    bare = layers(base)[-1]
    lists = int(bare.nlist) if isinstance(bare, faiss.IndexIVF) else 1
    count = min(len(rows), max(LEAST_TRAINED_ROWS, TRAINED_ROWS_PER_LIST * lists))
    dice = np.random.default_rng(len(rows))
    chosen = np.sort(dice.choice(rows, count, replace=False)) if count else rows
    sample = scaled(gathered(blocks, chosen), config.metric) if count else None
    for part in untrained:
        try:
            if sample is None:
                raise RuntimeError("it has to be trained, and there are no rows")
            if config.metric != "l2":
                train_uncentred(part, sample)
            part.train(sample)
        except RuntimeError as error:
            raise UsageError(
                f"The index {config.to_factory(len(rows), base.d)} cannot be trained on "
                f"{count} rows: {reason(error)}."
            ) from error


def train_uncentred(index: Any, sample: NDArray[np.float32]) -> None:
    """Train principal components about zero, not about the mean.

    FAISS's own subtract the mean from queries and rows alike. That changes no
    distance, but from each inner product it takes the row's own product with the
    mean; and the direction of the mean, along which unit rows hardly vary, would
    not be kept. Either gives another ranking, wherever the embeddings do not lie
    around zero. With each row's negative beside it, the mean is zero.
    """
    faiss = faiss_library()
    if not isinstance(faiss.downcast_index(index), faiss.IndexPreTransform):
        return
    first = faiss.downcast_VectorTransform(index.chain.at(0))
    if isinstance(first, faiss.PCAMatrix) and not first.is_trained:
        first.train(np.concatenate([sample, -sample]))


def emptied(index: FaissIndex) -> tuple[Any, Any | None]:
    """Copy what an index has learned, without its rows."""
    faiss = faiss_library()
    parts: list[Any] = []
    for part in (index.base, index.refine):
        if part is None:
            parts.append(None)
            continue
        # A clone of what is mapped stays mapped, and emptying that ends the process.
        copy = faiss.deserialize_index(faiss.serialize_index(part))
        copy.reset()
        parts.append(copy)
    return parts[0], parts[1]


def slices(rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Cut row numbers into pieces that fit the memory."""
    for start in range(0, len(rows), ADDED_ROWS):
        yield rows[start : start + ADDED_ROWS]


def fill(
    index: FaissIndex,
    blocks: Sequence[FloatRows],
    rows: NDArray[np.int64],
    on_progress: Listener | None,
) -> None:
    """Add all rows to both parts, a slice at a time."""
    done = 0
    for part in slices(rows):
        index.put(gathered(blocks, part))
        done += len(part)
        if on_progress is not None:
            on_progress(done, len(rows))
