"""Two forms of judgements: labels, and lists of what answers each query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.protocol import JUNK, UNRANKED, Judged
from lookalike.evaluation.judging.runs import NO_IMAGE, Run, require_unique

__all__ = ["LabelQrels", "ListedQrels"]

# Class numbers of images that are of no class.
UNLABELLED = -1
UNKNOWN = -2
END = -3
# Class number of queries that nothing answers.
NOTHING = -4

# Cells of the table in which some queries' judgements are looked up at a time: 16 MB.
CELLS = 16_000_000

Ids = NDArray[np.int64]


class LabelQrels:
    """Judgements by label: an image answers a query if it has the query's label.

    The query itself is junk, by its image_id, and so is an image without a label:
    nobody said whether it answers.

    Args:
        queries: Their names, unique.
        query_labels: One each; None for a query without a label, which nothing answers.
        image_labels: Of the images that are searched in.
        image_ids: Theirs; None where an image_id is the position in ``image_labels``.
        self_ids: The image_id that each query has itself, -1 for one that is none of
            the images; None where all are.

    Raises:
        UsageError: There are no labels, all images are of one class, no query has
            anything to find, or the lengths do not fit.
    """

    def __init__(
        self,
        queries: Sequence[str],
        query_labels: Sequence[str | None],
        image_labels: Sequence[str | None],
        *,
        image_ids: Sequence[int] | None = None,
        self_ids: Sequence[int] | None = None,
    ) -> None:
        self._queries = tuple(queries)
        require_lengths(len(self._queries), labels=query_labels, self_ids=self_ids)
        require_unique(self._queries)
        require_classes(image_labels)
        names = sorted({label for label in image_labels if label is not None})
        numbers = {name: number for number, name in enumerate(names)}
        self._images = class_table(image_labels, image_ids, numbers)
        self._wanted = np.array(
            [NOTHING if label is None else numbers.get(label, NOTHING) for label in query_labels],
            dtype=np.int32,
        )
        self._own = None if self_ids is None else np.array(self_ids, dtype=np.int64)
        self._groups = tuple("" if label is None else label for label in query_labels)
        self._positives = self._counted(len(names))
        self._most_junk = sum(label is None for label in image_labels)
        self._lines = {query: line for line, query in enumerate(self._queries)}
        require_answers(self._positives)

    @property
    def queries(self) -> tuple[str, ...]:
        """Names of the queries."""
        return self._queries

    @property
    def groups(self) -> tuple[str, ...]:
        """The label of each query; empty where it has none."""
        return self._groups

    @property
    def self_ids(self) -> tuple[int, ...] | None:
        """The image_id of each query, where queries are images."""
        return None if self._own is None else tuple(self._own.tolist())

    @property
    def positives(self) -> Ids:
        """How many images answer each query ``(q,)``, itself left out."""
        return self._positives

    @property
    def is_revisited(self) -> bool:
        """Never."""
        return False

    @property
    def most_junk(self) -> int:
        """How many images have no label."""
        return self._most_junk

    def judge(self, run: Run) -> Judged:
        """Grade every hit of a run: 1 where it has the query's label.

        Raises:
            UsageError: The run has a query that is not judged, or an image that the
                judgements do not know.
        """
        lines = lines_of(run, self._queries, self._lines)
        require_ids(run, len(self._images) - 1)
        # NO_IMAGE, the last place of an array, finds END there.
        classes = self._images[run.image_ids]
        if (classes == UNKNOWN).any():
            raise unknown_image(run, int(run.image_ids[classes == UNKNOWN][0]))
        grades = (classes == self._wanted[lines, None]).astype(np.int8)
        if self._most_junk:
            grades[classes == UNLABELLED] = JUNK
        if self._own is not None:
            grades[run.image_ids == self._own[lines, None]] = JUNK
        grades[run.image_ids == NO_IMAGE] = UNRANKED
        return Judged(
            grades, self._positives[lines], groups=tuple(self._groups[line] for line in lines)
        )

    def answers_to(self, query: str) -> dict[int, int]:
        """List the images that answer a query, each with grade 1, and ``JUNK``."""
        line = line_of(query, self._lines)
        wanted = self._wanted[line]
        found = dict.fromkeys(np.flatnonzero(self._images == UNLABELLED).tolist(), JUNK)
        found |= dict.fromkeys(np.flatnonzero(self._images == wanted).tolist(), 1)
        if self._own is not None and self._own[line] >= 0:
            found[int(self._own[line])] = JUNK
        return found

    def _counted(self, classes: int) -> Ids:
        """Count what answers each query."""
        sizes = np.bincount(self._images[self._images >= 0], minlength=classes)
        is_asking = self._wanted >= 0
        counts = np.where(is_asking, sizes[self._wanted * is_asking], 0).astype(np.int64)
        if self._own is not None:
            known = (self._own >= 0) & (self._own < len(self._images) - 1)
            own = self._images[np.where(known, self._own, NO_IMAGE)]
            counts -= is_asking & (own == self._wanted)
        return counts


class ListedQrels:
    """Judgements by list: each query has its own positives.

    Args:
        queries: Their names, unique.
        positives: The image_ids that answer each query, or a mapping from them to
            grades from 1 to 127, more is better. An image of grade 0 is no positive.
        junk: image_ids that are taken out of the ranking of each query.
        self_ids: The image_id of each query itself, which is junk; -1 for a query
            that is none of the images.
        groups: A label for each query, for tables by class.
        is_revisited: Whether they are judgements of the Oxford and Paris sets, whose
            average precision is another one.

    Raises:
        UsageError: No query has anything to find, an image is listed twice for a
            query, a grade is out of range, or the lengths do not fit.
    """

    def __init__(
        self,
        queries: Sequence[str],
        positives: Sequence[Collection[int] | Mapping[int, int]],
        *,
        junk: Sequence[Collection[int]] | None = None,
        self_ids: Sequence[int] | None = None,
        groups: Sequence[str] | None = None,
        is_revisited: bool = False,
    ) -> None:
        self._queries = tuple(queries)
        count = len(self._queries)
        require_lengths(count, positives=positives, junk=junk, self_ids=self_ids, groups=groups)
        require_unique(self._queries)
        self._groups = None if groups is None else tuple(groups)
        self._is_revisited = is_revisited
        self._lines = {query: line for line, query in enumerate(self._queries)}
        listed = [
            listed_grades(
                query,
                positives[line],
                () if junk is None else junk[line],
                None if self_ids is None else self_ids[line],
            )
            for line, query in enumerate(self._queries)
        ]
        self._ends = np.cumsum([0, *(len(each) for each in listed)])
        self._ids = np.array([*chain.from_iterable(listed)], dtype=np.int64)
        self._grades = np.array(
            [*chain.from_iterable(each.values() for each in listed)], dtype=np.int8
        )
        own = np.repeat(np.arange(count), np.diff(self._ends))
        self._positives = np.bincount(own[self._grades > 0], minlength=count).astype(np.int64)
        # The query itself is left out of a run already.
        self._most_junk = max((len(each) for each in junk or ()), default=0)
        require_answers(self._positives)

    @property
    def queries(self) -> tuple[str, ...]:
        """Names of the queries."""
        return self._queries

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The label of each query, or None."""
        return self._groups

    @property
    def positives(self) -> Ids:
        """How many images answer each query ``(q,)``."""
        return self._positives

    @property
    def is_revisited(self) -> bool:
        """Whether the protocol is that of the Oxford and Paris sets."""
        return self._is_revisited

    @property
    def most_junk(self) -> int:
        """How many junk images the query with the most has."""
        return self._most_junk

    @property
    def is_graded(self) -> bool:
        """Whether some positives are better than others."""
        return bool((self._grades > 1).any())

    def judge(self, run: Run) -> Judged:
        """Grade every hit of a run; an image that is not listed is a negative.

        Raises:
            UsageError: The run has a query that is not judged.
        """
        lines = lines_of(run, self._queries, self._lines)
        highest = int(max(run.image_ids.max(initial=0), self._ids.max(initial=0)))
        require_ids(run, highest + 1)
        grades = np.zeros(run.image_ids.shape, dtype=np.int8)
        width = highest + 1
        size = max(1, min(CELLS // width, len(lines)))
        table = np.zeros(size * width, dtype=np.int8)
        for start in range(0, len(lines), size):
            self._judge_block(
                lines[start : start + size],
                run.image_ids[start : start + size],
                table.reshape(size, width),
                grades[start : start + size],
            )
        # It was read off the last place of the table.
        grades[run.image_ids == NO_IMAGE] = UNRANKED
        ideal = self._ideal(lines, run.depth) if self.is_graded else None
        groups = self._groups and tuple(self._groups[line] for line in lines)
        return Judged(grades, self._positives[lines], ideal, groups)

    def answers_to(self, query: str) -> dict[int, int]:
        """List what is listed for a query: image_ids with grades, and ``JUNK``."""
        line = line_of(query, self._lines)
        listed = slice(self._ends[line], self._ends[line + 1])
        return dict(zip(self._ids[listed].tolist(), self._grades[listed].tolist(), strict=True))

    def _judge_block(
        self, lines: Ids, image_ids: Ids, table: NDArray[np.int8], grades: NDArray[np.int8]
    ) -> None:
        """Write some queries' lists into the empty table, read the hits off it, empty it."""
        places, owners = self._listed(lines)
        table[owners, self._ids[places]] = self._grades[places]
        np.copyto(grades, np.take_along_axis(table[: len(lines)], image_ids, axis=1))
        table[owners, self._ids[places]] = 0

    def _listed(self, lines: Ids) -> tuple[Ids, Ids]:
        """Find what is listed for some queries: the places, and which query each is of."""
        starts, counts = self._ends[lines], self._ends[lines + 1] - self._ends[lines]
        owners = np.repeat(np.arange(len(lines)), counts)
        first = np.cumsum(counts) - counts
        return (starts - first)[owners] + np.arange(len(owners)), owners

    def _ideal(self, lines: Ids, depth: int) -> NDArray[np.int8]:
        """Put the grades of the positives in falling order, cut off at the depth."""
        places, owners = self._listed(lines)
        order = np.lexsort((-self._grades[places].astype(np.int16), owners))
        counts = np.bincount(owners, minlength=len(lines))
        rank = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts, counts)
        is_kept = (rank < depth) & (self._grades[places][order] > 0)
        ideal = np.zeros((len(lines), depth), dtype=np.int8)
        ideal[owners[is_kept], rank[is_kept]] = self._grades[places][order][is_kept]
        return ideal


def class_table(
    labels: Sequence[str | None], image_ids: Sequence[int] | None, numbers: Mapping[str, int]
) -> NDArray[np.int32]:
    """Give every image_id its class number, and the place after the last one ``END``."""
    classes = [UNLABELLED if label is None else numbers[label] for label in labels]
    if image_ids is None:
        return np.array([*classes, END], dtype=np.int32)
    require_lengths(len(labels), image_ids=image_ids)
    ids = np.asarray(image_ids, dtype=np.int64)
    if ids.min() < 0 or len(np.unique(ids)) < len(ids):
        raise UsageError("image_ids must be unique and not below 0.")
    table = np.full(int(ids.max()) + 2, UNKNOWN, dtype=np.int32)
    table[ids] = classes
    table[-1] = END
    return table


def listed_grades(
    query: str,
    positives: Collection[int] | Mapping[int, int],
    junk: Collection[int],
    own: int | None,
) -> dict[int, int]:
    """Collect what is listed for one query.

    Raises:
        UsageError: An image is listed twice, or a grade is out of range.
    """
    grades = (
        {int(key): int(grade) for key, grade in positives.items()}
        if isinstance(positives, Mapping)
        else {int(image_id): 1 for image_id in positives}
    )
    listed = grades | {int(image_id): JUNK for image_id in junk}
    if len(listed) < len(positives) + len(junk):
        raise UsageError(f"An image is listed twice for the query {query!r}: list it once.")
    if any(not 0 <= grade <= 127 for grade in grades.values()) or min(listed, default=0) < 0:
        raise UsageError(
            f"The query {query!r} has a grade that is not from 0 to 127, or an image_id below 0."
        )
    return listed if own is None or own < 0 else listed | {int(own): JUNK}


def lines_of(run: Run, queries: tuple[str, ...], lines: Mapping[str, int]) -> Ids:
    """Find the judgements of each query of a run.

    Raises:
        UsageError: There are none for one of them.
    """
    if run.queries == queries:
        return np.arange(len(queries))
    try:
        return np.array([lines[query] for query in run.queries], dtype=np.int64)
    except KeyError as error:
        raise UsageError(
            f"The run answers the query {error.args[0]!r}, which is not judged: judge runs by "
            "the judgements of their own set."
        ) from None


def line_of(query: str, lines: Mapping[str, int]) -> int:
    """Find the judgements of one query.

    Raises:
        UsageError: There are none.
    """
    if query not in lines:
        raise UsageError(f"The query {query!r} is not judged.")
    return lines[query]


def require_ids(run: Run, count: int) -> None:
    """Refuse a run with an image_id beyond those that are judged.

    Raises:
        UsageError: There is one.
    """
    highest = int(run.image_ids.max(initial=NO_IMAGE))
    if highest >= count:
        raise unknown_image(run, highest)


def unknown_image(run: Run, image_id: int) -> UsageError:
    """Say that a hit is none of the judged images."""
    line = int((run.image_ids == image_id).any(axis=1).argmax())
    return UsageError(
        f"The run answers the query {run.queries[line]!r} with the image {image_id}, which the "
        "judgements do not know: judge runs by the judgements of their own set."
    )


def require_lengths(count: int, **parts: Sequence[object] | None) -> None:
    """Refuse parts of another length.

    Raises:
        UsageError: There is one; None is a part that was not given.
    """
    for name, part in parts.items():
        if part is not None and len(part) != count:
            raise UsageError(f"There must be {count} {name}, not {len(part)}.")


def require_classes(labels: Sequence[str | None]) -> None:
    """Refuse labels by which nothing can be told apart.

    Raises:
        UsageError: There are none, or all are the same.
    """
    classes = set(labels) - {None}
    if not classes:
        raise UsageError(
            f"None of the {len(labels)} images has a label: put them into folders named by "
            "label, or name a column that holds labels."
        )
    if len(classes) == 1:
        raise UsageError(
            f"All images have the same label, {classes.pop()!r}: every answer would be right. "
            "Evaluate on at least two classes."
        )


def require_answers(positives: Ids) -> None:
    """Refuse judgements by which no query has anything to find.

    Raises:
        UsageError: They are such.
    """
    if not positives.any():
        raise UsageError(
            f"None of the {len(positives)} queries has anything to find: a class needs at least "
            "two images, of which one is the query, and a list an image that is not the query."
        )
