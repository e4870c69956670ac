"""Where an evaluation keeps what: one folder a set, one an encoder, one file an index.

::

    out/
        results.json, results.md, report.html
        galleries/FOLDER-HASH/ENCODER-FINGERPRINT/images/        a gallery
                                                  queries/       another, where they are others
                                                  extraction.json
        SET-FINGERPRINT/
            set.json                                             paths and labels
            ENCODER-FINGERPRINT/INDEX.json, INDEX.npz            one result
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.matrix.names import slug
from lookalike.evaluation.writing import write_whole

__all__ = ["Places", "places_of", "short_encoder_name", "write_changed", "write_set"]

SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one set and one encoder.

    Attributes:
        lists: Of the pictures of all sets from the same place.
        galleries: The folder of the encoder's galleries.
        results: The folder of the encoder's results.
        seed: By which queries were drawn.
    """

    lists: Path
    galleries: Path
    results: Path
    seed: int

    @property
    def extraction(self) -> Path:
        """What embedding took."""
        return self.galleries / "extraction.json"

    def listed(self, part: str) -> Path:
        """The list of one part's pictures."""
        return self.lists / f"{part}.txt"

    def gallery(self, part: str) -> Path:
        """The gallery of one part."""
        return self.galleries / part

    def queries_part(self, count: int, *, of: int) -> str:
        """Name the part that holds queries: each choice of them has its own."""
        return "queries" if count == of else f"queries-{count}-of-{of}-seed-{self.seed}"

    def result(self, index: str) -> Path:
        """The result of one index; its ranking lies beside it, ending in ``.npz``."""
        return self.results / f"{slug(index)}.json"


def places_of(
    folder: Path, image_set: ImageSet, encoder: str, fingerprint: str, *, seed: int
) -> Places:
    """Say where the files of a set and an encoder are."""
    of_root, of_set = root_folder(image_set), set_folder(image_set)
    of_encoder = f"{slug(short_encoder_name(encoder))}-{fingerprint[:SHOWN_DIGITS]}"
    galleries = folder / "galleries" / of_root
    return Places(galleries, galleries / of_encoder, folder / of_set / of_encoder, seed)


def root_folder(image_set: ImageSet) -> str:
    """Name the folder of the galleries of all sets whose pictures lie in one place."""
    place = hashlib.sha256(os.fsencode(image_set.root)).hexdigest()[:SHOWN_DIGITS]
    return f"{slug(image_set.root.name)}-{place}" if image_set.root.name else place


def set_folder(image_set: ImageSet) -> str:
    """Name the folder of a set's results."""
    return f"{slug(image_set.name)}-{image_set.fingerprint[:SHOWN_DIGITS]}"


def short_encoder_name(name: str) -> str:
    """Leave out a file's folder, and options."""
    place = name.partition("?")[0].removeprefix("onnx:").rstrip("/\\")
    return os.path.basename(place).removesuffix(".onnx") or name


def write_set(folder: Path, image_set: ImageSet) -> None:
    """Write down what a set's image_ids mean, for those who read its results alone."""
    file = folder / set_folder(image_set) / "set.json"
    facts = {
        "name": image_set.name,
        "fingerprint": image_set.fingerprint,
        "root": os.fspath(image_set.root),
        "images": image_set.images,
        "queries": image_set.queries,
        "labels": image_set.labels,
        "licence": image_set.licence,
        "remarks": image_set.remarks,
    }
    write_changed(file, (json.dumps(facts) + "\n").encode("ascii"))


def write_changed(file: Path, data: bytes) -> None:
    """Write a file unless it holds just that."""
    try:
        is_there = file.read_bytes() == data
    except OSError:
        is_there = False
    if not is_there:
        write_whole(file, data)
