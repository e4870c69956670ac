"""Joining indexes that were trained as one and filled apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.collapsing import Copies
from lookalike.index.faiss_index import FaissIndex, RowNumbers, layers
from lookalike.index.faiss_library import faiss_library, reason

__all__ = ["merge_indexes", "renumber"]


def merge_indexes(indexes: Sequence[FaissIndex], row_offsets: Sequence[int]) -> FaissIndex:
    """Join indexes into the one that would have been built over all their rows.

    Args:
        indexes: Built with the same lists and codes: all but the first with
            ``build_index(..., trained=first)``. They stay as they are.
        row_offsets: What to add to each one's row numbers, ascending.

    Raises:
        UsageError: There are none, they are graphs, or they were not trained as one.
    """
    if not indexes or len(indexes) != len(row_offsets):
        raise UsageError(
            f"{len(indexes)} indexes with {len(row_offsets)} row offsets cannot be merged: "
            "give at least one index, and an offset for each."
        )
    first = indexes[0]
    if any(index.has_graph for index in indexes):
        raise UsageError(
            "Graphs (index kind 'hnsw') cannot be merged: build one over all rows, or use one "
            "of the 'ivf' kinds."
        )
    base, refine = copied(first.base), copied(first.refine)
    learned = [learning(part) for part in (first.base, first.refine)]
    for number, index in enumerate(indexes[1:], start=1):
        if [learning(part) for part in (index.base, index.refine)] != learned:
            raise UsageError(
                f"Index {number} was trained apart from the first, so that its lists and codes "
                "mean something else: build it with trained= the first one."
            )
        append(base, copied(index.base))
        if refine is not None:
            append(refine, copied(index.refine))
    return FaissIndex(base, refine, first.config, joined(indexes, row_offsets), params=first.params)


def renumber(index: FaissIndex, numbers: NDArray[np.int64], *, rows: int) -> int:
    """Number the rows of an index anew, as a gallery numbers them that took them in.

    Args:
        index: Lists or codes, of which no row stands for others.
        numbers: int64 ``(old numbers,)``, the new number of each old one; -1 for what
            the gallery has not got. Where several became one row, the first stands for it.
        rows: How many rows the gallery has.

    Returns:
        How many rows of the gallery are in the index. What is left over stays in
        the structure, numbered behind them, as rows that have gone.
    """
    found = numbers[index.numbers.rows]
    is_named = np.zeros(len(found), dtype=np.bool_)
    is_named[np.unique(found, return_index=True)[1]] = True
    is_named &= found >= 0
    left = len(found) - int(is_named.sum())
    found[~is_named] = np.arange(rows, rows + left)
    index.numbers = RowNumbers(found)
    return len(found) - left


def joined(indexes: Sequence[FaissIndex], row_offsets: Sequence[int]) -> RowNumbers:
    """Number the rows of all indexes in one row."""
    numbers = [index.numbers for index in indexes]

    def moved(parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        return np.concatenate(
            [part + offset for part, offset in zip(parts, row_offsets, strict=True)]
        )

    copies = Copies(
        moved([each.copies.first for each in numbers]),
        moved([each.copies.copy for each in numbers]),
    )
    return RowNumbers(moved([each.rows for each in numbers]), copies)


def copied(structure: Any | None) -> Any | None:
    """Copy FAISS's part into memory, mapped or not: merging empties what it takes from."""
    faiss = faiss_library()
    return None if structure is None else faiss.deserialize_index(faiss.serialize_index(structure))


def learning(structure: Any | None) -> bytes:
    """Write down all that a structure learned, without its rows."""
    if structure is None:
        return b""
    faiss = faiss_library()
    empty: Any = copied(structure)
    empty.reset()
    return bytes(faiss.serialize_index(empty))


def append(target: Any, source: Any) -> None:
    """Move the rows of one structure behind those of another."""
    bare = layers(target)[-1]
    has_lists = isinstance(bare, faiss_library().IndexIVF)
    try:
        if has_lists:
            move_whole_blocks(bare, layers(source)[-1], target.ntotal)
        # Only lists keep positions beside their codes, which have to be moved on.
        target.merge_from(source, target.ntotal if has_lists else 0)
    except RuntimeError as error:
        raise UsageError(
            f"Indexes of this kind cannot be merged ({reason(error)}): build one over all rows."
        ) from error


def move_whole_blocks(target: Any, source: Any, add_id: int) -> None:
    """Move the lists that FAISS would write past their end.

    Where a list of 4-bit codes holds as many rows as its blocks have bytes, FAISS
    (BlockInvertedLists::add_entries, seen in 1.15.1) copies as many bytes behind
    it as the whole list will have. What is left empty here it passes over.
    """
    faiss = faiss_library()
    lists, others = (faiss.downcast_InvertedLists(each.invlists) for each in (target, source))
    if not isinstance(lists, faiss.BlockInvertedLists):
        return
    for number in range(lists.nlist):
        old, more = lists.list_size(number), others.list_size(number)
        if not old or not more or old % lists.block_size:
            continue
        lists.resize(number, old + more)
        start, length = (rows_bytes(lists, rows) for rows in (old, more))
        ids = faiss.rev_swig_ptr(lists.get_ids(number), old + more)
        ids[old:] = faiss.rev_swig_ptr(others.get_ids(number), more) + add_id
        codes = faiss.rev_swig_ptr(lists.get_codes(number), start + length)
        codes[start:] = faiss.rev_swig_ptr(others.get_codes(number), length)
        others.resize(number, 0)


def rows_bytes(lists: Any, rows: int) -> int:
    """Say how many bytes the blocks of so many rows take."""
    return int(-(-rows // lists.n_per_block) * lists.block_size)
