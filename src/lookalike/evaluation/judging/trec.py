"""Runs and judgements as the text files of TREC, so that other evaluators can check ours.

A line of a run is ``query Q0 image rank score name``, one of judgements ``query 0 image
grade``, separated by white space; white space and ``%`` in names are percent-encoded.

Source: the README of trec_eval, https://github.com/usnistgov/trec_eval.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.judging.protocol import JUNK, Qrels
from lookalike.evaluation.judging.qrels import ListedQrels
from lookalike.evaluation.judging.runs import NO_IMAGE, Run

__all__ = ["read_trec_qrels", "read_trec_run", "write_trec_qrels", "write_trec_run"]

RUN_FIELDS = 6
QRELS_FIELDS = 4
WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
MOST_IMAGES = 2**31 - 1
MOST_SCORE = float(np.finfo(np.float32).max)
SEPARATES = re.compile(r"[\s%]")

Names = Sequence[str] | Mapping[int, str]


def write_trec_run(
    run: Run,
    file: Path,
    *,
    names: Names | None = None,
    junk_of: Qrels | None = None,
    tag: str = "lookalike",
) -> None:
    """Write a run.

    trec_eval sorts by score and orders equal ones by name, so of equal scores the
    later is written as the next smaller float32: the order stays ours.

    Args:
        run: The run.
        file: Where to.
        names: By image_id; None writes the numbers.
        junk_of: Leave out what these judgements call junk, which TREC knows nothing of.
        tag: The name of the run.
    """
    is_written = run.image_ids != NO_IMAGE
    if junk_of is not None:
        is_written &= junk_of.judge(run).grades != JUNK
    scores = strictly_falling(run.scores)
    with open(file, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for line, query in enumerate(run.queries):
            places = np.flatnonzero(is_written[line])
            hits = zip(
                run.image_ids[line, places].tolist(), scores[line, places].tolist(), strict=True
            )
            for rank, (image_id, score) in enumerate(hits, start=1):
                name = encoded(str(image_id) if names is None else names[image_id])
                lines.write(f"{encoded(query)} Q0 {name} {rank} {score:.9g} {encoded(tag)}\n")


def read_trec_run(file: Path, *, images: Sequence[str] | None = None) -> Run:
    """Read a run, whoever wrote it; scores decide the order, and the file that of equal ones.

    Args:
        file: Where it is.
        images: Their names: an image_id is a position among them. None where the file
            names images by number.

    Raises:
        UsageError: A line is not of this form, or names an image that is not there.
        OSError: The file cannot be read.
    """
    places = None if images is None else {name: place for place, name in enumerate(images)}
    found: dict[str, list[tuple[float, int]]] = {}
    for number, (query, _, image, _, score, _) in fields_of(file, RUN_FIELDS):
        hit = (score_in(score, file, number), image_at(image, places, file, number))
        found.setdefault(query, []).append(hit)
    if not found:
        raise UsageError(f"The file {file} holds no run: it has no lines.")
    depth = max(map(len, found.values()))
    image_ids = np.full((len(found), depth), NO_IMAGE, dtype=np.int64)
    scores = np.full((len(found), depth), -np.inf, dtype=np.float32)
    for line, hits in enumerate(found.values()):
        hits.sort(key=lambda hit: -hit[0])
        scores[line, : len(hits)] = [score for score, _ in hits]
        image_ids[line, : len(hits)] = [image_id for _, image_id in hits]
    return Run(tuple(found), image_ids, scores)


def write_trec_qrels(qrels: Qrels, file: Path, *, names: Names | None = None) -> None:
    """Write what answers each query.

    Junk is left out: TREC counts an image without a grade as a negative, so write the
    run with ``junk_of``.

    Args:
        qrels: The judgements.
        file: Where to.
        names: By image_id; None writes the numbers.
    """
    with open(file, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        for query in qrels.queries:
            for image_id, grade in qrels.answers_to(query).items():
                if grade != JUNK:
                    name = encoded(str(image_id) if names is None else names[image_id])
                    lines.write(f"{encoded(query)} 0 {name} {grade}\n")


def read_trec_qrels(file: Path, *, images: Sequence[str] | None = None) -> ListedQrels:
    """Read judgements, whoever wrote them; a grade below 0 counts as 0.

    Args:
        file: Where they are.
        images: As ``read_trec_run`` takes them.

    Raises:
        UsageError: A line is not of this form, names an image that is not there, or
            judges one twice.
        OSError: The file cannot be read.
    """
    places = None if images is None else {name: place for place, name in enumerate(images)}
    found: dict[str, dict[int, int]] = {}
    for number, (query, _, image, grade) in fields_of(file, QRELS_FIELDS):
        grades, image_id = found.setdefault(query, {}), image_at(image, places, file, number)
        if image_id in grades:
            raise UsageError(f"Line {number} of {file} judges {image!r} for {query!r} again.")
        grades[image_id] = max(0, whole_number_in(grade, file, number))
    return ListedQrels(tuple(found), list(found.values()))


def strictly_falling(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lower scores that are not below the one before them, by the least there is.

    Of float32 numbers in order, each is numbered: the k-th after a score is its number
    less k, and that is the most which the k-th hit after it may have.
    """
    bits = np.ascontiguousarray(scores, dtype=np.float32).view(np.int32).astype(np.int64)
    numbers = np.where(bits < 0, np.int64(-(2**31)) - bits, bits)
    steps = np.arange(scores.shape[1])
    numbers = np.minimum.accumulate(numbers + steps, axis=1) - steps
    back = np.where(numbers < 0, np.int64(-(2**31)) - numbers, numbers)
    return back.astype(np.int32).view(np.float32)


def fields_of(file: Path, count: int) -> Iterator[tuple[int, list[str]]]:
    """Split the lines of a file, each with its number.

    Raises:
        UsageError: A line has another number of fields.
    """
    with open(file, encoding="utf-8", errors="surrogateescape") as lines:
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            if fields and len(fields) != count:
                raise UsageError(
                    f"Line {number} of {file} has {len(fields)} fields, and TREC's form {count}."
                )
            if fields:
                yield number, [unquote(field, errors="surrogateescape") for field in fields]


def image_at(name: str, places: Mapping[str, int] | None, file: Path, number: int) -> int:
    """Find an image_id.

    Raises:
        UsageError: There is no such image.
    """
    if places is None:
        image_id = whole_number_in(name, file, number)
        if not 0 <= image_id <= MOST_IMAGES:
            raise UsageError(
                f"Line {number} of {file} names the image {name!r}: without names, images are "
                f"numbered from 0 to {MOST_IMAGES}."
            )
        return image_id
    if name not in places:
        raise UsageError(
            f"Line {number} of {file} names {name!r}, which is none of the {len(places)} images."
        )
    return places[name]


def whole_number_in(text: str, file: Path, number: int) -> int:
    """Read an integer, of any size.

    Raises:
        UsageError: It is none.
    """
    if not WHOLE.fullmatch(text):
        raise UsageError(
            f"Line {number} of {file} has {text!r} where TREC's form has a whole number."
        )
    return int(text)


def score_in(text: str, file: Path, number: int) -> float:
    """Read a score.

    Raises:
        UsageError: It is no number, or none that a ranking can be put in order by.
    """
    try:
        score = float(text)
    except ValueError:
        score = math.nan
    # NaN is within no bounds.
    if not -MOST_SCORE <= score <= MOST_SCORE:
        raise UsageError(
            f"Line {number} of {file} has {text!r} for a score: write a number of the range of "
            "float32."
        )
    return score


def encoded(name: str) -> str:
    """Write a name without what separates fields."""
    return SEPARATES.sub(
        lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), name
    )
