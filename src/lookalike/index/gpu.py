"""Copies of flat indexes and lists on a GPU, where FAISS was built for one.

The FAISS that Lookalike installs knows the processor only. Where another build of it
finds a GPU, searches without a filter run there; what a GPU cannot do runs as before.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.index.faiss_library import faiss_library

__all__ = ["GpuCopy", "belongs_on_gpu", "has_gpu"]

# FAISS's bound on k and on nprobe for searches on a GPU.
MOST_ON_GPU = 2048


def has_gpu() -> bool:
    """Tell whether this FAISS was built for GPUs and finds one."""
    faiss = faiss_library()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


def belongs_on_gpu(index: Any, device: str) -> bool:
    """Decide whether an index is searched on a GPU.

    Args:
        index: FAISS's index, or None where FAISS is not used.
        device: As in ``IndexConfig``.

    Raises:
        UsageError: A GPU was asked for, and there is none, or none that takes this index.
    """
    if device == "cpu" or (device == "auto" and not has_gpu()):
        return False
    if not has_gpu():
        raise UsageError(
            "The device 'gpu' was asked for, but this FAISS finds none: install a build of "
            "FAISS for GPUs, or choose the device 'cpu' or 'auto'."
        )
    if device == "gpu" and not can_move(index):
        raise UsageError(
            "The device 'gpu' takes the kinds 'flat' (float32) and 'ivf', without reduction and "
            "refinement: choose one of them, or the device 'cpu' or 'auto'."
        )
    return can_move(index)


def can_move(index: Any) -> bool:
    """Tell whether FAISS has this structure on GPUs, with the same answers."""
    faiss = faiss_library()
    kinds = faiss.IndexFlat | faiss.IndexIVFFlat | faiss.IndexIVFScalarQuantizer
    return index is not None and isinstance(faiss.downcast_index(index), kinds)


class GpuCopy:
    """Searches a copy of an index on the first GPU, one call at a time.

    FAISS's GPU indexes are not safe to search from several threads.

    Args:
        index: FAISS's filled index; rows added to it later are not in the copy.
    """

    def __init__(self, index: Any) -> None:
        faiss = faiss_library()
        self._resources = faiss.StandardGpuResources()
        self._index = faiss.index_cpu_to_gpu(self._resources, 0, index)
        self._turn = threading.Lock()

    def takes(self, count: int, nprobe: int) -> bool:
        """Tell whether a search stays within a GPU's bounds."""
        return max(count, nprobe) <= MOST_ON_GPU

    def search(
        self, queries: NDArray[np.float32], count: int, *, params: Any = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the best: FAISS's distances and positions, both ``(n, count)``."""
        with self._turn:
            distances, positions = self._index.search(queries, count, params=params)
        return distances, positions
