"""The files of a map, and the layout that is kept for the next one."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.evaluation.writing import text_bytes, write_whole

__all__ = [
    "FACTS",
    "PAGE",
    "PLOT",
    "TABLE",
    "KeptLayout",
    "keep_layout",
    "keep_thumbnails",
    "kept_layout",
    "kept_thumbnails",
    "layout_key",
    "prepare_folder",
    "thumbnails_key",
    "write_csv",
]

PAGE, PLOT, TABLE, FACTS = "map.html", "map.png", "map.csv", "map.json"
LAYOUT, THUMBNAILS = "layout.npz", "thumbnails.npz"
# Raised whenever a layout of equal parameters would come out otherwise.
LAYOUT_FORMAT = 1


@dataclass(frozen=True, slots=True, eq=False)
class KeptLayout:
    """What takes long to compute and does not depend on colours.

    Attributes:
        points: float32 ``(n, 2)``.
        outlier_scores: float32 ``(n,)``.
    """

    points: NDArray[np.float32]
    outlier_scores: NDArray[np.float32]


def layout_key(rows: NDArray[np.float32], parameters: Mapping[str, Any]) -> str:
    """Name a layout by everything that it depends on."""
    digest = hashlib.sha256(np.ascontiguousarray(rows).tobytes())
    digest.update(json.dumps([LAYOUT_FORMAT, dict(parameters)], sort_keys=True).encode())
    return digest.hexdigest()


def kept_layout(folder: Path, key: str) -> KeptLayout | None:
    """Read the layout that a folder keeps; None where there is none of these parameters."""
    kept = read_arrays(folder / LAYOUT, key, "points", "outlier_scores")
    return None if kept is None else KeptLayout(*kept)


def keep_layout(folder: Path, key: str, layout: KeptLayout) -> None:
    """Keep a layout for the next map of the same images."""
    data = io.BytesIO()
    np.savez(data, key=key, points=layout.points, outlier_scores=layout.outlier_scores)
    write_whole(folder / LAYOUT, data.getvalue())


def thumbnails_key(contents: Sequence[str], order: Sequence[int], budget_bytes: int) -> str:
    """Name small pictures by everything that they depend on."""
    digest = hashlib.sha256("\n".join(contents).encode("utf-8", "surrogatepass"))
    digest.update(json.dumps([list(order), budget_bytes]).encode())
    return digest.hexdigest()


def kept_thumbnails(folder: Path, key: str) -> list[bytes | None] | None:
    """Read the small pictures that a folder keeps; None where there are none of this key."""
    kept = read_arrays(folder / THUMBNAILS, key, "data", "ends")
    if kept is None:
        return None
    data, ends = kept[0].tobytes(), kept[1].tolist()
    starts = [0, *ends[:-1]]
    return [data[start:end] or None for start, end in zip(starts, ends, strict=True)]


def keep_thumbnails(folder: Path, key: str, pictures: Sequence[bytes | None]) -> None:
    """Keep small pictures for the next map of the same images."""
    whole = [picture or b"" for picture in pictures]
    data = io.BytesIO()
    letters = np.frombuffer(b"".join(whole), dtype=np.uint8)
    np.savez(data, key=key, data=letters, ends=np.cumsum([len(each) for each in whole]))
    write_whole(folder / THUMBNAILS, data.getvalue())


def read_arrays(file: Path, key: str, *names: str) -> list[NDArray[Any]] | None:
    """Read arrays of a file; None where it is missing, damaged, or of another key."""
    try:
        # NumPy leaves a file open that turns out to be damaged.
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as kept:
            return [kept[name] for name in names] if str(kept["key"]) == key else None
    except Exception:
        # A flipped byte may end as any error of zipfile, zlib, struct or NumPy.
        return None


def prepare_folder(folder: Path) -> None:
    """Make the folder of a map, and find out whether it can be written before the work begins.

    Raises:
        UsageError: It cannot.
        StorageFull: The disk is full.
    """
    probe = folder / ".probe"
    try:
        write_whole(probe, b"")
    except UsageError as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise UsageError(
            f"The folder {folder} cannot take the map ({reason}): name another with --out."
        ) from error
    probe.unlink(missing_ok=True)


def write_csv(file: Path, titles: Sequence[str], lines: Iterable[Sequence[Any]]) -> None:
    """Write a table; a file name's bytes go out as they are on disk."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(titles)
    table.writerows(lines)
    write_whole(file, text_bytes(text.getvalue()))
