"""Some images of a gallery, page by page or drawn at random, without reading the rest."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

import numpy as np

from lookalike.errors import UsageError
from lookalike.gallery.catalog import (
    IMAGE_COLUMNS,
    LARGEST_INTEGER,
    fitting_integer,
    to_image,
)
from lookalike.gallery.records import ImageRecord
from lookalike.gallery.where import Compiled
from lookalike.gallery.where.selecting import matching

__all__ = ["draw_images", "read_images", "read_page"]

EVERY = Compiled("1", {})

# Drawing image_ids from the range of all finds enough while most of them are in use.
SPARE = 2
ROUNDS = 8


def read_page(
    connection: sqlite3.Connection,
    limit: int,
    *,
    after: int | None = None,
    newest_first: bool = False,
    where: Compiled | None = None,
) -> list[ImageRecord]:
    """Read the next images in the order of their image_ids, or against it.

    Raises:
        UsageError: The limit is below 1.
    """
    if limit < 1:
        raise UsageError(f"A page of {limit} images was asked for: ask for 1 or more.")
    order, beyond = ("DESC", "<") if newest_first else ("ASC", ">")
    start = (LARGEST_INTEGER if newest_first else -LARGEST_INTEGER) if after is None else after
    # NOT INDEXED: else SQLite may take all images of a source by their paths, and sort them.
    where = where or EVERY
    query = (
        f"SELECT {IMAGE_COLUMNS} FROM images NOT INDEXED "
        f"WHERE image_id {beyond} :page_start AND ({where.sql}) "
        f"ORDER BY image_id {order} LIMIT :page_limit"
    )
    values: dict[str, Any] = {
        **where.values,
        "page_start": fitting_integer(start),
        "page_limit": fitting_integer(limit),
    }
    return [to_image(row) for row in connection.execute(query, values)]


def draw_images(
    connection: sqlite3.Connection, count: int, *, seed: int = 0, where: Compiled | None = None
) -> list[ImageRecord]:
    """Draw images, each as likely as any other, in the order in which they are drawn.

    Raises:
        UsageError: The count is below 1.
    """
    if count < 1:
        raise UsageError(f"{count} images were to be drawn: draw 1 or more.")
    dice = np.random.default_rng(seed)
    if where is None:
        found = drawn_blindly(connection, count, dice)
        if found is not None:
            return found
    known = np.sort(matching(connection, where or EVERY)[0])
    chosen = dice.choice(known, min(count, len(known)), replace=False)
    return list(read_images(connection, chosen.tolist()).values())


def drawn_blindly(
    connection: sqlite3.Connection, count: int, dice: np.random.Generator
) -> list[ImageRecord] | None:
    """Draw image_ids that may be in use; None where too few of them are."""
    # One question each: SQLite answers both at once by reading the whole table.
    (first,) = connection.execute("SELECT min(image_id) FROM images").fetchone()
    (last,) = connection.execute("SELECT max(image_id) FROM images").fetchone()
    if first is None or last - first < SPARE * ROUNDS * count:
        return None
    found: dict[int, ImageRecord] = {}
    for _ in range(ROUNDS):
        asked = dice.integers(first, last, size=SPARE * count, endpoint=True).tolist()
        found |= read_images(connection, [each for each in asked if each not in found])
        if len(found) >= count:
            return list(found.values())[:count]
    return None


def read_images(connection: sqlite3.Connection, image_ids: Iterable[int]) -> dict[int, ImageRecord]:
    """Read images by image_id, in the order in which they are named; those not there are left out.

    Returns:
        Each image by its image_id.
    """
    query = (
        f"SELECT {IMAGE_COLUMNS} FROM images "
        "WHERE image_id IN (SELECT value FROM json_each(:image_ids))"
    )
    asked = [each for each in dict.fromkeys(image_ids) if abs(each) <= LARGEST_INTEGER]
    rows = connection.execute(query, {"image_ids": json.dumps(asked)})
    found = {row[0]: to_image(row) for row in rows}
    return {image_id: found[image_id] for image_id in asked if image_id in found}
