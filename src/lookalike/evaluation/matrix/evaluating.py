"""The matrix: every encoder with every index on one set, as far as it is not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import EncoderError, LookalikeError, MissingExtra, UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.protocol import Qrels
from lookalike.evaluation.matrix.building import build
from lookalike.evaluation.matrix.embedded import Embedded, Listener, embed_set
from lookalike.evaluation.matrix.exact import Exact
from lookalike.evaluation.matrix.from_gallery import embedded_of_gallery, set_of_gallery
from lookalike.evaluation.matrix.locking import locked
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
from lookalike.evaluation.matrix.settling import (
    drawn_queries,
    require_fitting,
    settled_ks,
    with_answers,
)
from lookalike.evaluation.matrix.telling import Tally, headline, unreadable
from lookalike.evaluation.matrix.wishes import EvalWish
from lookalike.gallery import Gallery

__all__ = ["evaluate"]

Say = Callable[[str], None]
Result = dict[str, Any]

# Pairs of query and image that are all ranked unless told otherwise: a minute on one core.
MOST_RANKED = 250_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """One evaluation.

    Attributes:
        image_set: Pictures and judgements.
        asked: The queries that are asked.
        gallery: Where the set came from, if it is one.
        wish: What is measured.
        indexes: The indexes by name.
        folder: Where everything goes.
        load: Loads an encoder by name.
        say: Told a line when a result is there.
        tell: Told what is being done.
        on_result: Given each result.
        tally: Counts them.
        is_fresh: Whether results of before do not count.
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
    tally: Tally
    is_fresh: bool


@dataclass(frozen=True, slots=True, eq=False)
class Refusals:
    """What could not be measured.

    Attributes:
        say: Told of each.
        is_alone: Whether only one thing is measured: what cannot be is then no more
            than the error that ends it.
        all: Why.
    """

    say: Say
    is_alone: bool
    all: list[LookalikeError] = field(default_factory=list)

    def add(self, name: str, error: LookalikeError) -> None:
        """Remember why something is left out, and say it."""
        if not self.is_alone:
            self.say(f"{name} is left out: {error}")
        self.all.append(error)


def evaluate(
    searched: ImageSet | Gallery,
    wish: EvalWish,
    *,
    folder: Path,
    load: Callable[[str], Encoder] = load_encoder,
    say: Say = lambda text: None,
    on_progress: Listener | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
    tally: Tally | None = None,
    is_fresh: bool = False,
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
        tally: Counts which results were there already.
        is_fresh: Whether to measure again what is there; pictures are not embedded again.

    Returns:
        The results, encoder by encoder, as their JSON files hold them.

    Raises:
        UsageError: k is larger than the set, no query has anything to find, or no index
            can be built over it; one of several that cannot is left out, which is said.
        EncoderError, MissingExtra: No encoder can be used; one of several that cannot
            is left out, which is said.
        NoImagesFound: Not one picture of the set can be read.
        GalleryLocked: Another evaluation is writing to the folder.
        StorageFull: There is no room left; what was finished is kept.
    """
    gallery = searched if isinstance(searched, Gallery) else None
    image_set = set_of_gallery(searched, wish.labels) if isinstance(searched, Gallery) else searched
    require_fitting(image_set, wish.ks)
    asked = drawn_queries(image_set, wish)
    # Also before the long work, though pictures that cannot be read may change it.
    with_answers(image_set.judgements, asked, image_set.name)
    task = Task(
        image_set,
        asked,
        gallery,
        wish,
        tuple(parse_index(name) for name in wish.indexes),
        folder,
        load,
        say,
        on_progress or (lambda what, done, total: None),
        on_result,
        tally or Tally(),
        is_fresh,
    )
    with locked(folder):
        write_set(folder, image_set)
        return results_of_all(task, wish.encoders or ("builtin" if gallery is None else "",))


def results_of_all(task: Task, names: Sequence[str]) -> list[Result]:
    """Measure what can be measured, and say what cannot; raise that if it is all there is."""
    results: list[Result] = []
    refusals = Refusals(task.say, is_alone=len(names) * len(task.indexes) == 1)
    for name in names:
        try:
            results += results_of(task, name, refusals)
        except (EncoderError, MissingExtra, UsageError) as error:
            refusals.add(name or "The gallery's own encoder", error)
    if refusals.all and not results:
        raise refusals.all[0]
    return results


def results_of(task: Task, name: str, refusals: Refusals) -> list[Result]:
    """Measure one encoder with every index that can be built; collect why others cannot.

    Raises:
        EncoderError, MissingExtra, UsageError: The encoder cannot be measured at all.
    """
    embedded, places = embeddings_of(task, name)
    if len(embedded.dead):
        task.say(unreadable(task.image_set, embedded))
    ks = settled_ks(task.image_set, task.wish.ks, embedded.findable)
    exact = Exact(embedded, judgements_of(task, embedded), ks, is_whole(task, embedded), task.tell)
    results = []
    for index in task.indexes:
        try:
            results.append(result_of(task, exact, index, places))
        except UsageError as error:
            refusals.add(index.name, error)
    return results


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
    """Take the set's judgements, unless they are of texts that the encoder cannot read.

    Raises:
        UsageError: By none of them a query has anything to find.
    """
    if task.image_set.captions is None or embedded.is_of_texts:
        readable = {
            name: ReadableQrels(qrels, embedded.dead)
            for name, qrels in task.image_set.judgements.items()
        }
        left, skipped = with_answers(readable, embedded.names, task.image_set.name)
        for protocol in skipped:
            task.say(f"By the judgements {protocol} no query has anything to find: left out.")
        return left
    name = short_encoder_name(embedded.encoder["name"])
    task.say(f"{name} reads no texts: only its ann_recall is measured, with pictures as queries.")
    return {}


def is_whole(task: Task, embedded: Embedded) -> bool:
    """Decide whether all images are ranked for each query."""
    if task.wish.ranking == "auto":
        return len(embedded.rows) * len(embedded.names) <= MOST_RANKED
    return task.wish.ranking == "whole"


def result_of(task: Task, exact: Exact, index: IndexWish, places: Places) -> Result:
    """Take a result that is there, or measure it.

    Raises:
        UsageError: The index cannot be built over these embeddings, or not be measured.
    """
    file = places.result(index.name)
    asked = parameters_of(task, exact, index)
    found, reason = (None, "") if task.is_fresh else kept_result(file, asked)
    is_kept = found is not None
    if found is None:
        if reason:
            task.say(f"{reason}: it is measured again.")
        built = build(index, exact.embedded, task.tell)
        measured = measure(task.image_set, exact, built, task.wish, tell=task.tell)
        found = save_result(
            file,
            {**measured.facts, "asked": asked},
            measured.run,
            measured.scores,
            measured.positives,
        )
    task.tally.add(is_kept=is_kept)
    task.on_result(found)
    task.say(f"{short_encoder_name(found['encoder']['name'])}, {headline(found)}")
    return found


def parameters_of(task: Task, exact: Exact, index: IndexWish) -> dict[str, Any]:
    """Collect all that a result depends on."""
    wish = task.wish
    return {
        "set": task.image_set.fingerprint,
        "encoder": exact.embedded.encoder["fingerprint"],
        "embeddings": exact.fingerprint,
        "index": index.name,
        "k": exact.ks,
        "ranking": "whole" if exact.is_whole else "top",
        "resamples": wish.resamples,
        "level": wish.level,
        "seed": wish.seed,
        "queries": None if len(task.asked) == len(task.image_set.queries) else len(task.asked),
    }
