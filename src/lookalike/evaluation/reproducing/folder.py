"""System C: index a folder, add new pictures to it, search."""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.metrics import ann_recall_at_k
from lookalike.evaluation.reproducing.folder_tables import findings, tables
from lookalike.evaluation.reproducing.means import Means, file_name, job_folder
from lookalike.evaluation.reproducing.outcome import FORMAT, Outcome
from lookalike.evaluation.reproducing.standing_in import (
    found_set,
    tell_of_training,
    usable_encoders,
)
from lookalike.evaluation.reproducing.steps import Steps
from lookalike.evaluation.reproducing.systems import WantedEncoder
from lookalike.evaluation.reproducing.timing import seconds_each
from lookalike.evaluation.writing import cannot_write
from lookalike.gallery import Gallery, Snapshot
from lookalike.index import (
    ExactIndex,
    FaissIndex,
    Index,
    IndexConfig,
    SearchParams,
    build_index,
)
from lookalike.index.config import training_rows_needed
from lookalike.ingest import add_images
from lookalike.search import Results, Searcher, contact_sheet, save_sheet
from lookalike.search.published import publish_index, published_index
from lookalike.vectors import gathered, unit_rows

__all__ = ["Regions", "index_folder", "regions_for"]

K = 5
# One picture in so many is new: it comes when the index is there.
NEW = 10
SHOWN_QUERIES = 3
SHEET = "sheet.jpg"
MOST_QUERIES = 50
RECALL_QUERIES = 200


@dataclass(frozen=True, slots=True)
class Regions:
    """How an inverted file is laid out.

    Attributes:
        wanted: Lists by the system's rule.
        nlist: Lists that are made: each is learned from as many rows as FAISS asks for. 0
            where there are too few for one.
        nprobe: Of them, so many are looked into.
    """

    wanted: int
    nlist: int
    nprobe: int


def regions_for(rows: int) -> Regions:
    """Choose lists by the system's rule, as far as there are rows to learn them from.

    Below 100 rows a tenth as many lists; below 1,000 the square root of the rows;
    above, four times the square root, and no more than a tenth of the rows. A quarter
    of the lists is looked into, 20 at most.
    """
    if rows < 100:
        wanted = rows // 10
    elif rows < 1000:
        wanted = math.isqrt(rows)
    else:
        wanted = min(int(4 * math.sqrt(rows)), rows // 10)
    wanted = max(1, min(wanted, rows - 1))
    needed = training_rows_needed(IndexConfig("ivf", nlist=1), rows)
    nlist = min(wanted, rows // needed)
    return Regions(wanted, nlist, min(nlist, max(1, min(nlist // 4, 20))))


def index_folder(means: Means) -> Outcome:
    """Index a folder, add to it, and search, with every encoder that is here."""
    image_set = found_set(means)
    measured, files = [], {}
    for wanted, encoder in usable_encoders(means):
        tell_of_training(means, encoder, image_set)
        facts = {
            "format": FORMAT,
            "space": encoder.space.fingerprint,
            "set": image_set.fingerprint,
            "runs_on": encoder.runs_on,
            "seed": means.wish.seed,
            "k": K,
        }
        folder = job_folder(means, encoder, facts)
        measure = partial(measured_encoder, wanted, encoder, image_set, folder, means)
        measured.append(means.kept(folder / "measured.json", facts, measure, folder=folder))
        files[f"three queries and what looks most like them, {wanted.title}"] = folder / SHEET
    return Outcome(
        tables=tuple(table for result in measured for table in tables(result)),
        findings=tuple(line for result in measured for line in findings(result)),
        facts={"set": image_set.name, "encoders": measured},
        files=files,
    )


def measured_encoder(
    wanted: WantedEncoder, encoder: Encoder, image_set: ImageSet, folder: Path, means: Means
) -> dict[str, Any]:
    """Run the whole life of a folder."""
    order = np.random.default_rng(means.wish.seed).permutation(len(image_set.images))
    paths = [image_set.images[place] for place in order]
    new, first = paths[: max(1, len(paths) // NEW)], paths[max(1, len(paths) // NEW) :]
    pictures, steps = folder / "pictures", Steps(folder / "steps.json")
    copy_pictures(first, image_set.root, pictures, means)
    with Gallery.open_or_create(folder / "gallery", encoder.space) as gallery:
        update = partial(updated, gallery, pictures, encoder, means, steps)
        if published_index(gallery) is None:
            update("indexing the folder")
        built = build_regions(gallery, means)
        # The searcher is open before the new pictures come: it has to find them as it is.
        with Searcher(gallery, encoder, is_rebuilding=False) as searcher:
            copy_pictures(new, image_set.root, pictures, means)
            update("adding new pictures")
            asked = [os.path.join(pictures, path) for path in new[:MOST_QUERIES]]
            answers = [searcher.search(query, K) for query in asked]
            save_answers(asked, answers, folder / SHEET)
            latency = seconds_each(
                lambda rows: searcher.search(rows[0], K), query_rows(gallery), most=200
            )
        return {
            "title": wanted.title,
            "encoder": encoder.card.name,
            "file_name": file_name(encoder),
            "dim": encoder.space.dim,
            "runs_on": encoder.runs_on,
            "set": image_set.name,
            "pictures": len(gallery),
            "steps": steps.taken,
            "index": built,
            "k": K,
            "search_s": asdict(latency),
            "queries": len(asked),
            "found_themselves": sum(map(is_found, answers)),
            "plan": str(answers[0].plan),
            "answers": [answer_facts(each, pictures) for each in answers[:SHOWN_QUERIES]],
        }


def updated(
    gallery: Gallery, pictures: Path, encoder: Encoder, means: Means, steps: Steps, title: str
) -> None:
    """Bring the gallery up to date with the folder."""
    done = add_images(
        gallery,
        pictures,
        encoder,
        on_progress=lambda progress: means.tell(title, progress.done, progress.total),
    )
    if done.added:
        steps.add(title, done.elapsed_s, pictures=done.added)
        means.say(f"{title}: {done.added:,} added in {done.elapsed_s:.1f} s")


def copy_pictures(paths: Sequence[str], root: Path, target: Path, means: Means) -> None:
    """Put pictures into the folder that is indexed; those that lie there stay.

    Raises:
        StorageFull, UsageError: The folder cannot be written.
    """
    for number, path in enumerate(paths, start=1):
        place = target / path
        if place.exists():
            continue
        part = place.with_name(f".{place.name}.part")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / path, part)
            part.replace(place)
        except OSError as error:
            raise cannot_write(target, error) from error
        means.tell("copying pictures", number, len(paths))


def build_regions(gallery: Gallery, means: Means) -> dict[str, Any]:
    """Build and publish the inverted file, unless it is there from a run before."""
    snapshot = gallery.snapshot()
    regions = regions_for(snapshot.rows)
    known = published_index(gallery)
    if known is not None and "build_s" in known.evidence:
        return {**asdict(regions), **known.evidence}
    start = time.perf_counter()
    index = build_index(
        snapshot.blocks,
        IndexConfig("ivf", nlist=regions.nlist) if regions.nlist else IndexConfig("exact"),
        dim=gallery.space.dim,
        dead=snapshot.dead,
    )
    if isinstance(index, FaissIndex):
        index.params = SearchParams(nprobe=regions.nprobe)
    build_s = time.perf_counter() - start
    recall = measured_recall(index, snapshot, query_rows(gallery))
    evidence = {**asdict(regions), "rows": snapshot.rows, "build_s": build_s, "ann_recall": recall}
    publish_index(gallery, snapshot, index, evidence)
    means.say(f"index of {regions.nlist} lists over {snapshot.rows:,} pictures")
    return evidence


def query_rows(gallery: Gallery) -> NDArray[np.float32]:
    """Draw embeddings of the gallery to ask with: unit rows ``(q, dim)``."""
    snapshot = gallery.snapshot()
    alive = np.setdiff1d(np.arange(snapshot.rows), snapshot.dead)
    dice = np.random.default_rng(0)
    chosen = np.sort(dice.permutation(alive)[:RECALL_QUERIES])
    return unit_rows(gathered(snapshot.blocks, chosen))


def measured_recall(index: Index, snapshot: Snapshot, queries: NDArray[np.float32]) -> float:
    """Compare the inverted file with exact search over the rows that it has.

    Returns:
        ann_recall@k, the mean over the queries.
    """
    dim = queries.shape[1]
    exact = ExactIndex(snapshot.blocks, dim=dim, dead=snapshot.dead).search(queries, K).rows
    found = index.search(queries, K).rows
    return float(np.nanmean(ann_recall_at_k(found, exact, K)))


def save_answers(asked: Sequence[str], answers: Sequence[Results], file: Path) -> None:
    """Draw the first queries and what looks most like them."""
    shown = list(zip(asked[:SHOWN_QUERIES], answers, strict=False))
    save_sheet(contact_sheet(shown), file)


def is_found(answer: Results) -> bool:
    """Tell whether a picture of the folder found itself first, or a copy of itself."""
    return bool(answer) and answer[0].score >= 0.999


def answer_facts(answer: Results, pictures: Path) -> dict[str, Any]:
    """Write an answer as the system prints it: name, path, score and when it was indexed."""
    return {
        "query": os.path.relpath(answer.query, pictures),
        "hits": [
            {
                "name": os.path.basename(hit.path),
                "path": os.path.relpath(hit.path, pictures),
                "score": hit.score,
                "indexed_at": str(hit.record.indexed_at),
            }
            for hit in answer
        ],
    }
