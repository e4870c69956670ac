"""What a layout takes, how many neighbors it starts from, and how many the map keeps.

    python bench/map_layout.py [--rows 3000 10000] [--layouts tsne pca] [--peer]
                               [--gallery DIR]

Lays out pictures of tiny-ImageNet from the shared data, embedded by the encoder in the box
(which is done once), or a sample of another gallery. Wall time counts only on a machine that
has nothing else to do: the load is said beside it, and CPU seconds. --peer adds t-SNE of
scikit-learn with its own neighbors.
"""

from __future__ import annotations

import argparse
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import load_encoder
from lookalike.evaluation.maps.layouts import lay_out
from lookalike.evaluation.maps.neighboring import nearest_neighbors
from lookalike.gallery import Gallery
from lookalike.index.faiss_library import faiss_library
from lookalike.ingest import add_images
from lookalike.vectors import unit_rows
from reporting import RESULTS, publish

SHARED = Path(os.environ.get("LOOKALIKE_SHARED", Path(__file__).resolve().parents[2] / "shared"))
NEIGHBORS = 10


def usual_gallery() -> Path:
    """Embed tiny-ImageNet, unless that was done before."""
    place = RESULTS / "tiny-imagenet.gallery"
    pictures = RESULTS / "tiny-imagenet"
    if not pictures.is_dir():
        with tarfile.open(SHARED / "data" / "tiny-imagenet-200.tar") as tar:
            tar.extractall(pictures, filter="data")
    encoder = load_encoder("builtin")
    with Gallery.open_or_create(place, encoder.space) as gallery:
        add_images(gallery, pictures, encoder)
    return place


def sampled(place: Path, count: int) -> NDArray[np.float32]:
    """Read so many embeddings, drawn without regard to anything."""
    with Gallery.open(place) as gallery:
        ids = [image.image_id for image in gallery.images()]
        chosen = np.random.default_rng(0).choice(ids, min(count, len(ids)), replace=False)
        return gallery.embeddings(sorted(chosen.tolist()))


def asked_rows(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Draw the rows whose neighbors are looked at."""
    return np.random.default_rng(1).choice(len(rows), min(2000, len(rows)), replace=False)


def shared(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    """Compute the mean share of the true neighbors among those found."""
    shares = [
        len(set(near.tolist()) & set(own.tolist())) / len(own)
        for near, own in zip(found, truth, strict=True)
    ]
    return float(np.mean(shares))


def true_neighbors(rows: NDArray[np.float32], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Compare some rows with all others, themselves left out."""
    units = unit_rows(rows)
    index = faiss_library().IndexFlatIP(units.shape[1])
    index.add(units)
    return others(index.search(units[asked], NEIGHBORS + 1)[1], asked)


def others(found: NDArray[np.int64], asked: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave each row out of its own line."""
    lines = [
        [near for near in line if near != own][:NEIGHBORS]
        for line, own in zip(found.tolist(), asked.tolist(), strict=True)
    ]
    return np.array(lines, dtype=np.int64)


def kept_neighbors(
    points: NDArray[np.float32], asked: NDArray[np.int64], truth: NDArray[np.int64]
) -> float:
    """Compute the share of the 10 nearest embeddings that are among the 10 nearest points."""
    index = faiss_library().IndexFlatL2(2)
    index.add(np.ascontiguousarray(points))
    _, found = index.search(np.ascontiguousarray(points[asked]), NEIGHBORS + 1)
    return shared(others(found, asked), truth)


def measured(
    rows: NDArray[np.float32], name: str, place: Callable[[], NDArray[np.float32]]
) -> dict[str, object]:
    """Time a layout, the second time it runs: the first one loads libraries."""
    load = os.getloadavg()[0]
    began, cpu = time.perf_counter(), time.process_time()
    points = place()
    wall, worked = time.perf_counter() - began, time.process_time() - cpu
    asked = asked_rows(rows)
    truth = true_neighbors(rows, asked)
    found = nearest_neighbors(unit_rows(rows), NEIGHBORS).rows[asked]
    return {
        "rows": len(rows),
        "layout": name,
        "threads": faiss_library().omp_get_max_threads(),
        "wall, s": wall,
        "CPU, s": worked,
        "load before": load,
        "neighbors found": shared(found, truth),
        "neighbors kept": kept_neighbors(points, asked, truth),
    }


def peer(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lay out by scikit-learn."""
    from sklearn.manifold import TSNE

    threads = faiss_library().omp_get_max_threads()
    found = TSNE(init="pca", random_state=0, n_jobs=threads).fit_transform(unit_rows(rows))
    return np.asarray(found, dtype=np.float32)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[3_000, 10_000])
    parser.add_argument("--layouts", nargs="+", default=["tsne", "pca"])
    parser.add_argument("--gallery", type=Path)
    parser.add_argument("--peer", action="store_true")
    given = parser.parse_args()
    place = given.gallery or usual_gallery()
    results = []
    for count in given.rows:
        rows = sampled(place, count)
        for layout in given.layouts:
            lay_out(rows[:200], layout)
            results.append(measured(rows, layout, lambda: lay_out(rows, layout)))  # noqa: B023
        if given.peer:
            results.append(measured(rows, "tsne, scikit-learn", lambda: peer(rows)))  # noqa: B023
    publish("map_layout", results)


if __name__ == "__main__":
    main()
