"""A gallery as a set: its pictures, the labels of one column, its own embeddings."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.judging.from_gallery import label_in
from lookalike.evaluation.judging.makers import qrels_from_labels
from lookalike.evaluation.matrix.embedded import Embedded, rows_of, with_queries
from lookalike.evaluation.writing import text_bytes
from lookalike.gallery import Gallery
from lookalike.gallery.locations import base_folder
from lookalike.search.grouping import grouping_by

__all__ = ["embedded_of_gallery", "set_of_gallery"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture of a gallery: its file, absolute, its label and its content."""

    path: str
    label: str
    content: str


def set_of_gallery(gallery: Gallery, column: str) -> ImageSet:
    """Make a set of a gallery's pictures: each is a query once, by the labels of a column.

    Args:
        gallery: Whose.
        column: As a filter names it: ``folder``, or one of the metadata.

    Raises:
        UsageError: There is no such column, it holds no labels, all pictures have the
            same, or no two share one.
    """
    pictures, unlabelled = labelled_pictures(gallery, column)
    if not pictures:
        raise UsageError(
            f"No picture of the gallery {gallery.path} has a label in the column {column!r}: name "
            f"another with --labels, one of {', '.join(gallery.columns())}."
        )
    root = common_folder([picture.path for picture in pictures])
    images = tuple(os.path.relpath(each.path, root).replace(os.sep, "/") for each in pictures)
    labels = tuple(picture.label for picture in pictures)
    digest = hashlib.sha256()
    for picture in pictures:
        facts = "\0".join((picture.path, picture.label, picture.content, ""))
        digest.update(text_bytes(facts))
    remarks = [f"The labels are the gallery's column {column}."]
    if unlabelled:
        remarks.append(f"{unlabelled:,} pictures have no {column}: they are left out.")
    return ImageSet(
        name=named_after(gallery),
        root=root,
        images=images,
        queries=images,
        judgements={"labels": qrels_from_labels(images, labels)},
        labels=labels,
        fingerprint=digest.hexdigest()[:16],
        remarks=tuple(remarks),
    )


def labelled_pictures(gallery: Gallery, column: str) -> tuple[list[Labelled], int]:
    """List the pictures that have a label, sorted by path, and count the others.

    Raises:
        UsageError: There is no such column.
    """
    try:
        grouping = grouping_by(column, gallery)
    except UsageError as error:
        raise UsageError(
            f"There is no column {column!r} in the gallery {gallery.path} to take labels from: "
            f"choose one of {', '.join(gallery.columns())}."
        ) from error
    bases = {source.source_id: base_folder(source) for source in gallery.sources()}
    found: dict[str, Labelled] = {}
    unlabelled = 0
    for record in gallery.images():
        label = label_in(grouping, record)
        path = os.path.join(bases[record.source_id], record.path.replace("/", os.sep))
        if label is None:
            unlabelled += 1
        else:
            found[path] = Labelled(path, label, record.content_hash)
    return [found[path] for path in sorted(found)], unlabelled


def embedded_of_gallery(gallery: Gallery, image_set: ImageSet, asked: Sequence[str]) -> Embedded:
    """Read a gallery's own embeddings in the order of a set made of it."""
    rows, is_read = rows_of(
        gallery, [os.path.join(image_set.root, path) for path in image_set.images]
    )
    positions = {path: place for place, path in enumerate(image_set.images)}
    own = np.array([positions[query] for query in asked], dtype=np.int64)
    facts: dict[str, Any] = {
        "name": gallery.space.encoder,
        "fingerprint": gallery.space.fingerprint,
        "dim": gallery.space.dim,
        **dict.fromkeys(("parameters", "runs_on", "load_s", "pictures", "extraction_s")),
        "pictures_per_s": None,
    }
    return with_queries(rows, is_read, image_set, asked, rows[own], is_read[own], facts)


def common_folder(paths: Sequence[str]) -> Path:
    """Find the folder that all files lie in."""
    return Path(os.path.commonpath([os.path.dirname(path) for path in paths]))


def named_after(gallery: Gallery) -> str:
    """Name a set after a gallery's folder, or the folder that has it inside."""
    folder = gallery.path
    name = folder.parent.name if folder.name.startswith(".") else folder.name
    return name or "gallery"
