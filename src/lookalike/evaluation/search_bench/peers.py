"""Other libraries behind the same three calls; each is imported when it is built."""

from __future__ import annotations

import logging
import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.index.faiss_index import written_bytes

__all__ = ["Autofaiss", "Hnswlib", "Scann", "Usearch"]

Rows = NDArray[np.float32]
Found = NDArray[np.int64]
Setting = Mapping[str, float]

GRAPH_M = 16
EF_CONSTRUCTION = 64
EFS = (10, 16, 24, 32, 48, 64, 80, 96, 128, 160, 192, 224, 256, 288, 320, 384, 512)


def folder_bytes(folder: str) -> int:
    """Add up the files of a folder."""
    return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())


class Hnswlib:
    """The graph that most vector stores are built on."""

    settings: Sequence[Setting] = tuple({"ef": ef} for ef in EFS)

    def build(self, rows: Rows) -> None:
        """Insert all rows, on all cores."""
        import hnswlib

        self._index: Any = hnswlib.Index(space="ip", dim=rows.shape[1])
        self._index.init_index(len(rows), M=GRAPH_M, ef_construction=EF_CONSTRUCTION)
        self._index.add_items(rows)
        self._index.set_num_threads(1)

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Walk the graph with one thread."""
        self._index.set_ef(max(k, int(setting["ef"])))
        found: Found = self._index.knn_query(queries, k, num_threads=1)[0].astype(np.int64)
        return found

    def size_bytes(self) -> int:
        """What it writes."""
        with tempfile.TemporaryDirectory() as folder:
            self._index.save_index(f"{folder}/index")
            return folder_bytes(folder)


class Usearch:
    """A graph over half-precision rows."""

    settings: Sequence[Setting] = tuple({"ef": ef} for ef in EFS)

    def build(self, rows: Rows) -> None:
        """Insert all rows, on all cores."""
        from usearch.index import Index

        self._index: Any = Index(
            ndim=rows.shape[1],
            metric="ip",
            dtype="f16",
            connectivity=GRAPH_M,
            expansion_add=EF_CONSTRUCTION,
        )
        self._index.add(np.arange(len(rows)), rows)

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Walk the graph with one thread."""
        self._index.expansion_search = max(k, int(setting["ef"]))
        found = self._index.search(queries, k, threads=1).keys
        return np.asarray(found, dtype=np.int64).reshape(len(queries), -1)

    def size_bytes(self) -> int:
        """What it says it takes."""
        return int(self._index.memory_usage)


class Scann:
    """Google's partitioned, anisotropically hashed search with reordering."""

    settings: Sequence[Setting] = tuple(
        {"leaves": leaves, "reorder": reorder}
        for leaves, reorder in [
            (4, 20), (8, 30), (12, 30), (16, 40), (24, 40), (24, 100), (32, 60), (32, 100),
            (48, 100), (64, 100), (64, 200), (96, 200), (128, 200), (192, 300),
        ]
    )  # fmt: skip

    def build(self, rows: Rows) -> None:
        """Partition and hash, with the settings that its guide recommends."""
        import scann

        leaves = round(math.sqrt(len(rows)))
        self._index: Any = (
            scann.scann_ops_pybind.builder(rows, 10, "dot_product")
            .tree(leaves, num_leaves_to_search=16, training_sample_size=min(len(rows), 250_000))
            .score_ah(2, anisotropic_quantization_threshold=0.2)
            .reorder(100)
            .build()
        )

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search with one thread: its call for a single query, or for a batch."""
        chosen = {
            "pre_reorder_num_neighbors": max(k, int(setting["reorder"])),
            "leaves_to_search": int(setting["leaves"]),
        }
        if len(queries) == 1:
            found = self._index.search(queries[0], final_num_neighbors=k, **chosen)[0][None]
        else:
            found = self._index.search_batched(queries, final_num_neighbors=k, **chosen)[0]
        return np.asarray(found, dtype=np.int64)

    def size_bytes(self) -> int:
        """What it writes."""
        with tempfile.TemporaryDirectory() as folder:
            self._index.serialize(folder)
            return folder_bytes(folder)


class Autofaiss:
    """autofaiss chooses a FAISS index for 4 GB of memory and its usual 10 ms a query."""

    settings: Sequence[Setting] = ({},)

    def build(self, rows: Rows) -> None:
        """Let it choose and build; with 10 ms a query it maximises recall."""
        import autofaiss

        self._index, self.facts = autofaiss.build_index(
            rows,
            save_on_disk=False,
            metric_type="ip",
            max_index_memory_usage="4GB",
            current_memory_available="16GB",
            verbose=logging.ERROR,
        )

    def search(self, queries: Rows, k: int, setting: Setting) -> Found:
        """Search as it tuned the index."""
        found: Found = self._index.search(queries, k)[1]
        return found

    def size_bytes(self) -> int:
        """What FAISS would write."""
        return written_bytes(self._index)
