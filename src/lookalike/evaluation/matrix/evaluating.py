"""The matrix: every encoder with every index on one set, as far as it is not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.matrix.building import build
from lookalike.evaluation.matrix.embedded import Embedded, Listener, embed_set
from lookalike.evaluation.matrix.exact import Exact
from lookalike.evaluation.matrix.from_gallery import embedded_of_gallery, set_of_gallery
from lookalike.evaluation.matrix.measuring import measure
from lookalike.evaluation.matrix.names import IndexWish, parse_index
from lookalike.evaluation.matrix.places import (
    Places,
    places_of,
    short_encoder_name,
    write_set,
)
from lookalike.evaluation.matrix.readable import ReadableQrels
from lookalike.evaluation.matrix.results import kept_result, save_result
from lookalike.evaluation.matrix.wishes import USUAL_KS, EvalWish
from lookalike.gallery import Gallery

__all__ = ["evaluate"]

Say = Callable[[str], None]
Result = dict[str, Any]

# Pairs of query and image that are all ranked unless told otherwise: a minute on one core.
MOST_RANKED = 250_000_000
TOLD_K = 10


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One evaluation.

    Attributes:
        image_set: Pictures and judgements.
        asked: The queries that are asked.
        gallery: Where the set came from, if it is one.
        wish: What is measured, its ks settled.
        indexes: The indexes by name.
        folder: Where everything goes.
        load: Loads an encoder by name.
        say: Told a line when a result is there.
        tell: Told what is being done.
        on_result: Given each result.
    """

    image_set: ImageSet
    asked: tuple[str, ...]
    gallery: Gallery | None
    wish: EvalWish
    indexes: tuple[IndexWish, ...]
    folder: Path
    load: Callable[[str], Encoder]
    say: Say
    tell: Listener
    on_result: Callable[[Result], None]


def evaluate(
    searched: ImageSet | Gallery,
    wish: EvalWish,
    *,
    folder: Path,
    load: Callable[[str], Encoder] = load_encoder,
    say: Say = lambda text: None,
    on_progress: Listener | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Measure every encoder with every index on one set of pictures.

    What ``folder`` holds already is not measured again: an interrupted evaluation
    goes on where it was, down to the picture. A result of other parameters, or of
    pictures that have changed since, is measured anew, which is said.

    Args:
        searched: A set, or a gallery, whose own embeddings are measured unless
            encoders are named.
        wish: What to measure.
        folder: Where galleries and results go.
        load: Loads an encoder by name.
        say: Called with a line for each result that is there, and for each that had
            to be measured again.
        on_progress: Called with what is being done, how much of it is done, and how
            much there is (0: not known).
        on_result: Called with each result as soon as it is safe on disk.

    Returns:
        The results, encoder by encoder, as their JSON files hold them.

    Raises:
        UsageError: k is larger than the set, or no index can be built over it; one of
            several that cannot is left out, which is said.
        EncoderError: An encoder cannot be used.
        NoImagesFound: Not one picture of the set can be read.
        GalleryLocked: The same evaluation is running elsewhere.
        StorageFull: There is no room left; what was finished is kept.
    """
    gallery = searched if isinstance(searched, Gallery) else None
    image_set = set_of_gallery(searched, wish.labels) if isinstance(searched, Gallery) else searched
    task = Task(
        image_set,
        drawn_queries(image_set, wish),
        gallery,
        replace(wish, ks=settled_ks(image_set, wish.ks)),
        tuple(parse_index(name) for name in wish.indexes),
        folder,
        load,
        say,
        on_progress or (lambda what, done, total: None),
        on_result,
    )
    write_set(folder, image_set)
    results: list[Result] = []
    refusals: list[UsageError] = []
    for name in wish.encoders or (("",) if gallery is not None else ("builtin",)):
        results += results_of(task, name, refusals)
    if refusals and not results:
        raise refusals[0]
    return results


def drawn_queries(image_set: ImageSet, wish: EvalWish) -> tuple[str, ...]:
    """Draw the queries to ask, in the set's order."""
    count = len(image_set.queries)
    if wish.queries is None or wish.queries >= count:
        return image_set.queries
    drawn = np.random.default_rng(wish.seed).choice(count, wish.queries, replace=False)
    return tuple(image_set.queries[place] for place in np.sort(drawn))


def settled_ks(image_set: ImageSet, ks: tuple[int, ...]) -> tuple[int, ...]:
    """Take the ks that were asked for, or the usual ones that the set has images for.

    Raises:
        UsageError: One is larger than what a query can find.
    """
    is_own = bool(set(image_set.queries) & set(image_set.images)) and not image_set.captions
    most = len(image_set.images) - is_own
    if ks and max(ks) > most:
        besides = " besides itself" if is_own else ""
        raise UsageError(
            f"k is {max(ks)}, but in the set {image_set.name} a query can find {most} pictures"
            f"{besides}: choose a smaller k."
        )
    return tuple(sorted(set(ks))) or tuple(k for k in USUAL_KS if k <= most) or (1,)


def results_of(task: Task, name: str, refusals: list[UsageError]) -> list[Result]:
    """Measure one encoder with every index that can be built; collect why others cannot."""
    embedded, places = embeddings_of(task, name)
    if len(embedded.dead):
        task.say(unreadable(task.image_set, embedded))
    if max(task.wish.ks) > embedded.findable:
        raise UsageError(
            f"k is {max(task.wish.ks)}, but only {embedded.findable} pictures that a query can "
            f"find could be read of the set {task.image_set.name}: choose a smaller k."
        )
    exact = Exact(
        embedded, judgements_of(task, embedded), task.wish.ks, is_whole(task, embedded), task.tell
    )
    results = []
    for index in task.indexes:
        found = result_of(task, exact, index, places)
        if isinstance(found, UsageError):
            task.say(f"{index.name} is left out: {found}")
            refusals.append(found)
        else:
            results.append(found)
    return results


def unreadable(image_set: ImageSet, embedded: Embedded) -> str:
    """Say how many pictures are left out."""
    count, first = len(embedded.dead), image_set.images[embedded.dead[0]]
    if count == 1:
        return f"1 picture cannot be read, and is left out: {first}."
    return f"{count:,} pictures cannot be read, and are left out; the first is {first}."


def embeddings_of(task: Task, name: str) -> tuple[Embedded, Places]:
    """Embed the set with an encoder; a gallery's own embeddings are there already."""
    image_set, folder, seed = task.image_set, task.folder, task.wish.seed
    if not name and task.gallery is not None:
        space = task.gallery.space
        places = places_of(folder, image_set, space.encoder, space.fingerprint, seed=seed)
        return embedded_of_gallery(task.gallery, image_set, task.asked), places
    task.tell(f"loading {name}", 0, 0)
    start = time.perf_counter()
    encoder = task.load(name)
    load_s = time.perf_counter() - start
    places = places_of(folder, image_set, encoder.card.name, encoder.space.fingerprint, seed=seed)
    embedded = embed_set(
        image_set, task.asked, encoder, places=places, load_s=load_s, tell=task.tell
    )
    if not embedded.names:
        raise UsageError(f"None of the queries of the set {image_set.name} can be read.")
    return embedded, places


def judgements_of(task: Task, embedded: Embedded) -> Mapping[str, Qrels]:
    """Take the set's judgements, unless they are of texts that the encoder cannot read."""
    if task.image_set.captions is None or embedded.is_of_texts:
        return {
            name: ReadableQrels(qrels, embedded.dead)
            for name, qrels in task.image_set.judgements.items()
        }
    name = short_encoder_name(embedded.encoder["name"])
    task.say(f"{name} reads no texts: only its ann_recall is measured, with pictures as queries.")
    return {}


def is_whole(task: Task, embedded: Embedded) -> bool:
    """Decide whether all images are ranked for each query."""
    if task.wish.ranking == "auto":
        return len(embedded.rows) * len(embedded.names) <= MOST_RANKED
    return task.wish.ranking == "whole"


def result_of(task: Task, exact: Exact, index: IndexWish, places: Places) -> Result | UsageError:
    """Take a result that is there, or measure it.

    Returns:
        The result, or why the index cannot be built over these embeddings.
    """
    file = places.result(index.name)
    asked = parameters_of(task, exact, index)
    found, reason = kept_result(file, asked)
    if found is None:
        if reason:
            task.say(f"{reason}: it is measured again.")
        try:
            built = build(index, exact.embedded, task.tell)
        except UsageError as error:
            return error
        measured = measure(task.image_set, exact, built, task.wish, tell=task.tell)
        found = save_result(file, {**measured.facts, "asked": asked}, measured.run, measured.scores)
    task.on_result(found)
    task.say(f"{short_encoder_name(found['encoder']['name'])}, {headline(found)}")
    return found


def parameters_of(task: Task, exact: Exact, index: IndexWish) -> dict[str, Any]:
    """Collect all that a result depends on."""
    wish = task.wish
    return {
        "set": task.image_set.fingerprint,
        "encoder": exact.embedded.encoder["fingerprint"],
        "embeddings": exact.embedded.fingerprint,
        "index": index.name,
        "k": wish.ks,
        "ranking": "whole" if exact.is_whole else "top",
        "resamples": wish.resamples,
        "level": wish.level,
        "seed": wish.seed,
        "queries": None if len(task.asked) == len(task.image_set.queries) else len(task.asked),
    }


def headline(result: Result) -> str:
    """Write what was measured with, and the first few numbers, on one line."""
    index, metrics = result["index"], result["metrics"]
    parts = [
        f"{name} {each['mean']:.4f} [{each['low']:.4f}, {each['high']:.4f}]"
        for name in told(metrics, result["parameters"]["ks"])
        for each in [metrics[name]]
    ]
    recalls = index["ann_recall"]
    k = "10" if "10" in recalls else next(iter(recalls))
    parts.append(f"ann_recall@{k} {recalls[k]:.4f}")
    parts.append(f"p50 {index['latency_ms']['p50']:.3g} ms")
    chosen = f" ({index['config']['kind']})" if index["tuning_s"] is not None else ""
    return f"{index['name']}{chosen}: {', '.join(parts)}"


def told(metrics: Mapping[str, Any], ks: Sequence[int]) -> list[str]:
    """Choose for each protocol precision near 10, and an average precision."""
    k = min(ks, key=lambda each: abs(each - TOLD_K))
    prefixes = dict.fromkeys(name[: name.rfind(":") + 1] for name in metrics)
    chosen = []
    for prefix in prefixes:
        averages = [f"{prefix}{name}" for name in ("ap_trapezoid", "ap", f"map@{k}")]
        chosen += [f"{prefix}precision@{k}", next(name for name in averages if name in metrics)]
    return chosen
