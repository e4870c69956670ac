"""System D: pictures in shards, one index a shard, all merged; Recall@K and latency."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.errors import GalleryError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.metrics import ann_recall_at_k
from lookalike.evaluation.matrix.embedded import write_list
from lookalike.evaluation.reproducing.means import Means, file_name, job_folder
from lookalike.evaluation.reproducing.outcome import FORMAT, Outcome, Table
from lookalike.evaluation.reproducing.shard_tables import findings, tables
from lookalike.evaluation.reproducing.standing_in import (
    found_set,
    require_pictures,
    tell_of_training,
    usable_encoders,
)
from lookalike.evaluation.reproducing.steps import Steps
from lookalike.evaluation.reproducing.strategy_plots import save_recall_over_k, save_search_plot
from lookalike.evaluation.reproducing.subsets import hold_out
from lookalike.evaluation.reproducing.systems import WantedEncoder
from lookalike.evaluation.reproducing.timing import BruteForce, FaissFlat, Searching, seconds_each
from lookalike.gallery import Gallery
from lookalike.index import FaissIndex, Index, IndexConfig, SearchParams, build_index
from lookalike.index.covered import fetched, leading
from lookalike.ingest import Shard, add_images, merge_galleries
from lookalike.search.joining import join_published
from lookalike.search.published import publish_index, published_index
from lookalike.vectors import FloatRows, gathered, unit_rows

__all__ = ["merge_shards"]

Rows = NDArray[np.float32]

# Of a timed query.
TIMED_K = 10
NPROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
NEAR_ENOUGH = 0.9995
FEWEST_IN_SHARD = 10
# Brute force takes seconds a query of a million: so many tell whether it is exact.
BRUTE_QUERIES = 50


@dataclass(slots=True)
class Job:
    """One job of extraction and merging, with its files and what it took.

    Attributes:
        folder: Where its galleries are.
        encoder: With which it is done.
        count: Into how many shards the pictures are divided.
        means: Of the run.
    """

    folder: Path
    encoder: Encoder
    count: int
    means: Means

    def listed(self, part: str) -> Path:
        """The list of pictures to embed."""
        return self.folder / f"{part}.txt"

    def place(self, number: int) -> Path:
        """The gallery of one shard."""
        return self.folder / "shards" / f"{number:02d}-of-{self.count}"

    @property
    def merged(self) -> Path:
        """The gallery that takes all shards in."""
        return self.folder / "merged"

    @property
    def steps(self) -> Steps:
        """What each step has taken."""
        return Steps(self.folder / "steps.json")


def merge_shards(means: Means) -> Outcome:
    """Embed in shards, merge them, and measure the merged index, with every encoder here."""
    found = found_set(means)
    require_pictures(means, found)
    image_set = hold_out(found, means.scale.queries, seed=means.wish.seed)
    measured = []
    for wanted, encoder in usable_encoders(means):
        tell_of_training(means, encoder, image_set)
        count = shard_count(means.scale.shards, image_set)
        facts = {
            "format": FORMAT,
            "space": encoder.space.fingerprint,
            "set": image_set.fingerprint,
            "runs_on": encoder.runs_on,
            "shards": count,
            "ks": means.system.ks,
        }
        folder = job_folder(means, encoder, facts)
        job = Job(folder, encoder, count, means)
        measure = partial(measured_encoder, wanted, job, image_set)
        measured.append(means.kept(folder / "measured.json", facts, measure, folder=folder))
    files: dict[str, Path] = {}
    for result in measured:
        name = result["file_name"]
        files |= means.written(
            f"Recall@K, {result['title']}",
            f"recall-over-k-{name}.png",
            partial(save_recall_over_k, result),
        )
        files |= means.written(
            f"Recall@{TIMED_K} against time, {result['title']}",
            f"recall-time-{name}.png",
            partial(save_search_plot, result),
        )
    made: list[Table] = [table for result in measured for table in tables(result)]
    return Outcome(
        tables=tuple(made),
        findings=tuple(line for result in measured for line in findings(result)),
        facts={"set": image_set.name, "images": len(image_set.images), "encoders": measured},
        files=files,
    )


def shard_count(most: int, image_set: ImageSet) -> int:
    """Make fewer shards of few pictures: by chance one of many could get none."""
    return min(most, max(2, len(image_set.images) // FEWEST_IN_SHARD))


def measured_encoder(wanted: WantedEncoder, job: Job, image_set: ImageSet) -> dict[str, Any]:
    """Do the whole job with one encoder, and measure what came of it."""
    paths = [str(image_set.root / path) for path in image_set.images]
    job.folder.mkdir(parents=True, exist_ok=True)
    write_list(job.listed("images"), paths)
    with ExitStack() as stack:
        shards = [
            stack.enter_context(embedded_shard(job, number)) for number in range(1, job.count + 1)
        ]
        merged = stack.enter_context(joined(job, shards))
        queries = embedded_queries(job, image_set)
        index, rows = merged_rows(merged)
        searches = measured_searches(index, rows, queries, job)
        return {
            "title": wanted.title,
            "encoder": job.encoder.card.name,
            "file_name": file_name(job.encoder),
            "dim": job.encoder.space.dim,
            "rows": len(rows),
            "pictures": len(merged),
            "queries": len(queries),
            "ks": list(ks_for(rows, job.means.system.ks)),
            "nlist": index.nlist,
            "shards": [len(shard) for shard in shards],
            "steps": job.steps.taken,
            "searches": searches,
        }


def embedded_shard(job: Job, number: int) -> Gallery:
    """Embed one shard, as far as it is not embedded yet."""
    share = Shard(number, job.count)
    gallery = Gallery.open_or_create(job.place(number), job.encoder.space)
    with gallery.writer() as writer:
        writer.keep_to_shard(str(share))
    title = f"embedding shard {share}"
    done = add_images(
        gallery,
        job.listed("images"),
        job.encoder,
        on_progress=lambda progress: job.means.tell(title, progress.done, progress.total),
    )
    if done.embedded:
        job.steps.add(f"shard {number}", done.elapsed_s, pictures=done.embedded)
        job.means.say(f"shard {share}: {len(gallery):,} pictures in {done.elapsed_s:.1f} s")
    return gallery


def joined(job: Job, shards: Sequence[Gallery]) -> Gallery:
    """Build one index a shard, merge the shards, and join their indexes; once.

    Lists are learned from all shards together: filled with the rows of one shard
    each, such indexes can be merged into the one that all rows would have given.
    """
    target = Gallery.open_or_create(job.merged, job.encoder.space)
    if published_index(target) is not None:
        return target
    blocks = [block for shard in shards for block in shard.snapshot().blocks]
    start = time.perf_counter()
    trained = inverted_file(build_index(blocks, IndexConfig("ivf"), dim=job.encoder.space.dim))
    job.steps.set("lists", time.perf_counter() - start)
    for number, shard in enumerate(shards, start=1):
        start = time.perf_counter()
        snapshot = shard.snapshot()
        index = build_index(
            snapshot.blocks,
            IndexConfig("ivf"),
            dim=job.encoder.space.dim,
            dead=snapshot.dead,
            trained=trained,
        )
        publish_index(shard, snapshot, index)
        job.steps.set(f"index {number}", time.perf_counter() - start)
        job.means.tell("building an index for each shard", number, len(shards))
    start = time.perf_counter()
    merge_galleries(shards, target, on_progress=lambda d, t: job.means.tell("merging", d, t))
    job.steps.add("merge", time.perf_counter() - start)
    start = time.perf_counter()
    if join_published(target, shards) is None:
        raise GalleryError(
            f"The indexes of the shards in {job.folder} could not be joined: delete that folder, "
            "and start again."
        )
    job.steps.set("join", time.perf_counter() - start)
    job.means.say(f"{len(shards)} shards merged into {len(target):,} pictures and one index")
    return target


def inverted_file(index: Index) -> FaissIndex:
    """Make sure that an index has lists.

    Raises:
        GalleryError: It has none.
    """
    if not isinstance(index, FaissIndex) or index.nlist is None:
        raise GalleryError("The pictures were to be searched by lists, and their index has none.")
    return index


def embedded_queries(job: Job, image_set: ImageSet) -> Rows:
    """Embed the pictures to search with; those that cannot be read are left out."""
    write_list(job.listed("queries"), [str(image_set.root / path) for path in image_set.queries])
    with Gallery.open_or_create(job.folder / "queries", job.encoder.space) as gallery:
        add_images(gallery, job.listed("queries"), job.encoder)
        return unit_rows(living_rows(gallery))


def merged_rows(gallery: Gallery) -> tuple[FaissIndex, Rows]:
    """Load the joined index, and all rows by their numbers in it."""
    published = published_index(gallery)
    index = published.indexed.index if published and published.indexed else None
    if not isinstance(index, FaissIndex):
        raise GalleryError(
            f"The gallery {gallery.path} has no usable index: delete its folder, and start again."
        )
    snapshot = gallery.snapshot()
    return index, unit_rows(gathered(snapshot.blocks, np.arange(snapshot.rows)))


def living_rows(gallery: Gallery) -> FloatRows:
    """Read the embeddings that can be found."""
    snapshot = gallery.snapshot()
    alive = np.setdiff1d(np.arange(snapshot.rows), snapshot.dead)
    return gathered(snapshot.blocks, alive)


class Merged:
    """The joined index, with as many lists looked into as a setting says.

    Of pictures with the same bytes in two shards the gallery keeps one embedding, and
    the index still has both: the one that is gone is dropped from what is found.

    Args:
        index: Its rows are numbered as the gallery's, those that are gone behind them.
        rows: How many the gallery has.
    """

    def __init__(self, index: FaissIndex, rows: int) -> None:
        self._index = index
        self._rows = rows

    def search(self, queries: Rows, k: int, setting: Mapping[str, float]) -> NDArray[np.int64]:
        """Search all queries in one call."""
        params = SearchParams(nprobe=int(setting["nprobe"]))
        want = min(self._index.size, fetched(k, self._rows / self._index.size))
        found = self._index.search(queries, want, params=params).rows
        return leading(np.where(found < self._rows, found, -1), k)


def measured_searches(
    index: FaissIndex, rows: Rows, queries: Rows, job: Job
) -> list[dict[str, Any]]:
    """Time every way to search one query at a time, and compare with exact search at each K."""
    ks = ks_for(rows, job.means.system.ks)
    truth = FaissFlat(rows, is_euclidean=True).search(queries, max(ks), {})
    measured = []
    for number, (method, way, setting) in enumerate(ways(index, rows)):
        job.means.tell("searching", number, number + 1)
        count = BRUTE_QUERIES if method == "brute" else len(queries)
        found, exact = way.search(queries[:count], max(ks), setting), truth[:count]
        taken = seconds_each(partial(asked, way, setting), queries)
        recall = {str(k): float(np.nanmean(ann_recall_at_k(found, exact, k))) for k in ks}
        measured.append(
            {
                "method": method,
                "setting": setting,
                "seconds": asdict(taken),
                "ann_recall": recall,
                "judged": len(found),
            }
        )
        if method == "ivf" and min(recall.values()) >= NEAR_ENOUGH:
            break
    return measured


def asked(way: Searching, setting: Mapping[str, float], query: Rows) -> NDArray[np.int64]:
    """Ask for the usual number of neighbors."""
    return way.search(query, TIMED_K, setting)


def ks_for(rows: Rows, ks: Sequence[int]) -> tuple[int, ...]:
    """Leave out what goes beyond the gallery."""
    return tuple(k for k in ks if k <= len(rows))


def ways(index: FaissIndex, rows: Rows) -> Iterator[tuple[str, Searching, dict[str, float]]]:
    """List the system's three ways, the last with every number of lists in turn."""
    yield "brute", BruteForce(rows, is_euclidean=True), {}
    yield "flat", FaissFlat(rows, is_euclidean=True), {}
    nlist = index.nlist or 1
    for nprobe in (*(n for n in NPROBES if n < nlist), nlist):
        yield "ivf", Merged(index, len(rows)), {"nprobe": nprobe}
