"""Tables of pairs: a query, a picture that answers it, and perhaps how well."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.listing import Listing, Pairs, digest_of, pictures
from lookalike.evaluation.judging.labels import label_of
from lookalike.ingest.metadata import plain

__all__ = ["pairs_listing", "path_in", "size_of"]

GRADES = ("grade", "relevance")
HIGHEST = 127


def pairs_listing(
    rows: Sequence[Mapping[str, Any]], file: Path, query_column: str, image_column: str
) -> Listing:
    """List the pictures of a table of pairs.

    Searched in are the pictures that the table names as answers, searched with those that
    it names as queries. A row without a query adds a picture that answers none. A column
    ``grade`` (or ``relevance``) says how well an image answers, from 0, not at all, to 127;
    without one, or where it is empty, the grade is 1. Other columns are not looked at.

    Raises:
        UsageError: A row has no image, or a grade that is none; a pair is there twice;
            or no pair has both its pictures here, or a grade above 0.
    """
    graded, alone = pairs_of(rows, file, query_column, image_column)
    named = alone.union(*graded)
    sizes = {path: size for path in named if (size := size_of(file.parent, path)) is not None}
    kept = {pair: grade for pair, grade in graded.items() if all(path in sizes for path in pair)}
    if not kept:
        raise UsageError(
            f"No pair of the table {file} has both its pictures: its paths are relative to "
            f"{file.parent}."
        )
    if not any(kept.values()):
        raise UsageError(
            f"No pair of the table {file} has a grade above 0, so that no query has anything to "
            "find: give pictures that answer a grade from 1 up."
        )
    paths = sorted(sizes)
    at = {path: place for place, path in enumerate(paths)}
    answering = alone.union(image for _, image in graded)
    return Listing(
        tuple(paths),
        pairs=Pairs(
            tuple(sorted(at[path] for path in answering & at.keys())),
            tuple(sorted({at[query] for query, _ in kept})),
            tuple((at[query], at[image], grade) for (query, image), grade in kept.items()),
        ),
        content=digest_of(sizes[path] for path in paths),
        remarks=remarks_on(len(named) - len(sizes), len(graded) - len(kept)),
    )


def pairs_of(
    rows: Sequence[Mapping[str, Any]], file: Path, query_column: str, image_column: str
) -> tuple[dict[tuple[str, str], int], set[str]]:
    """Read the grade of each pair, and the pictures that stand without a query.

    Raises:
        UsageError: A row has no image, or a grade that is none, or a pair is there twice.
    """
    names = dict.fromkeys(name for row in rows for name in row)
    grade_column = next((name for name in names if str(name).lower() in GRADES), "")
    graded: dict[tuple[str, str], int] = {}
    alone: set[str] = set()
    for number, row in enumerate(rows, start=1):
        pair = query, image = path_in(row, query_column), path_in(row, image_column)
        if not image:
            raise UsageError(
                f"Row {number} of the table {file} has no {image_column}: name the picture that "
                "answers the query."
            )
        if pair in graded:
            raise UsageError(
                f"The table {file} names the pair of {query!r} and {image!r} twice: give each "
                "pair one line."
            )
        if query:
            graded[pair] = grade_of(row.get(grade_column), number, file)
        else:
            alone.add(image)
    return graded, alone


def remarks_on(missing: int, lost: int) -> tuple[str, ...]:
    """Say what is left out."""
    if not missing:
        return ()
    of_pairs = f", and {lost:,} pair{'' if lost == 1 else 's'} with them" if lost else ""
    return (f"Left out, not being there: {pictures(missing)} of the table{of_pairs}.",)


def path_in(row: Mapping[str, Any], column: str) -> str:
    """Read the path of a picture; empty where there is none."""
    value = plain(row.get(column))
    return "" if value is None else str(value).replace("\\", "/").removeprefix("./")


def size_of(folder: Path, path: str) -> int | None:
    """Return a file's size; None where there is none."""
    try:
        return os.stat(folder / path).st_size
    except (OSError, ValueError):
        return None


def grade_of(value: object, number: int, file: Path) -> int:
    """Read a grade.

    Raises:
        UsageError: It is no whole number from 0 to 127.
    """
    text = label_of(value)
    if text is None:
        return 1
    if not text.isdecimal() or int(text) > HIGHEST:
        raise UsageError(
            f"Row {number} of the table {file} has the grade {text!r}: give a whole number from "
            f"0, no answer, to {HIGHEST}."
        )
    return int(text)
