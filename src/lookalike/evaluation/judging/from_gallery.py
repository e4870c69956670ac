"""Judgements by a column of a gallery."""

from __future__ import annotations

import os
from collections import Counter

from lookalike.errors import UsageError
from lookalike.evaluation.judging.labels import label_of
from lookalike.evaluation.judging.qrels import LabelQrels
from lookalike.gallery import Gallery, ImageRecord
from lookalike.gallery.locations import base_folder
from lookalike.search.grouping import Grouping, grouping_by

__all__ = ["label_in", "qrels_from_gallery"]


def qrels_from_gallery(gallery: Gallery, column: str) -> LabelQrels:
    """Judge a gallery's images by one of its columns: every image is a query once.

    Image ids are the gallery's, and labels are written as ``label_of`` does. An image
    without one is neither a query with an answer nor counts against one.

    Args:
        gallery: Whose.
        column: Named as a filter names it: ``folder``, the whole path from the source
            down to the picture, or a column that came with a metadata file.

    Returns:
        Its queries are absolute paths; where two sources name one file, the image_id
        is added.

    Raises:
        UsageError: There is no such column, it holds no labels, all images have the
            same, or no two images share one.
    """
    try:
        labelled = grouping_by(column, gallery)
    except UsageError as error:
        raise UsageError(
            f"There is no column {column!r} in the gallery {gallery.path} to take labels from: "
            f"choose one of {', '.join(gallery.columns())}."
        ) from error
    bases = {source.source_id: base_folder(source) for source in gallery.sources()}
    ids: list[int] = []
    labels: list[str | None] = []
    paths: list[str] = []
    for record in gallery.images():
        ids.append(record.image_id)
        labels.append(label_in(labelled, record))
        paths.append(os.path.join(bases[record.source_id], record.path.replace("/", os.sep)))
    return LabelQrels(told_apart(paths, ids), labels, labels, image_ids=ids, self_ids=ids)


def label_in(grouping: Grouping, record: ImageRecord) -> str | None:
    """Read an image's label; names of files and folders stay as they are."""
    value = grouping.value(record)
    is_name = isinstance(value, str) and not grouping.is_metadata
    return value or None if is_name else label_of(value)


def told_apart(paths: list[str], ids: list[int]) -> list[str]:
    """Add the image_id to paths that are there twice."""
    counts = Counter(paths)
    return [
        path if counts[path] == 1 else f"{path} (image {image_id})"
        for path, image_id in zip(paths, ids, strict=True)
    ]
