"""Pictures as lines of plain columns, and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from lookalike.errors import UsageError
from lookalike.gallery import ImageRecord, NewImage
from lookalike.ingest.metadata import plain

__all__ = ["COLUMNS", "foreign_image", "line_of", "own_image", "path_in"]

# Every line that Lookalike writes has these, in this order.
COLUMNS: dict[str, type] = {
    "path": str,
    "image_id": int,
    "content_hash": str,
    "size_bytes": int,
    "mtime_ns": int,
    "width": int,
    "height": int,
    "format": str,
    "indexed_at": str,
    "taken": str,
    "camera": str,
    "latitude": float,
    "longitude": float,
    "metadata": str,  # JSON
    "path_hex": str,  # the bytes of a path that is not UTF-8, which is no text
}
# What programs call the column that names the picture.
NAME_COLUMNS = (
    *("path", "image_path", "filepath", "file_path", "file_name", "filename"),
    *("file", "image", "name", "url"),
)


def line_of(image: ImageRecord, path: str) -> dict[str, Any]:
    """Turn an image into a line.

    Args:
        image: From the gallery.
        path: Where its file is, absolute.
    """
    line = {name: getattr(image, name) for name in COLUMNS if name not in {"path_hex", "path"}}
    line["metadata"] = json.dumps(image.metadata) if image.metadata else ""
    try:
        path.encode()
    except UnicodeEncodeError:
        data = path.encode("utf-8", "surrogateescape")
        return {"path": data.decode("utf-8", "backslashreplace"), **line, "path_hex": data.hex()}
    return {"path": path, **line, "path_hex": ""}


def path_in(line: Mapping[str, Any], number: int, *, place: str) -> str:
    """Find out which picture a line names; by its number where it names none.

    Raises:
        UsageError: It has a column for names, which is empty.
    """
    if line.get("path_hex"):
        return bytes.fromhex(line["path_hex"]).decode("utf-8", "surrogateescape")
    column = next((name for name in NAME_COLUMNS if name in line), None)
    if column is None:
        return str(number)
    if line[column] in {None, ""}:
        raise UsageError(f"Row {number} of {place} names no picture: fill its column {column!r}.")
    return str(line[column])


def own_image(line: Mapping[str, Any], path: str, source_id: int) -> NewImage:
    """Restore an image from a line that Lookalike wrote.

    Raises:
        KeyError, TypeError, ValueError: The line was changed since.
    """
    return NewImage(
        source_id=source_id,
        path=path,
        content_hash=str(line["content_hash"]),
        size_bytes=int(line["size_bytes"]),
        mtime_ns=int(line["mtime_ns"]),
        width=int(line["width"]),
        height=int(line["height"]),
        format=str(line["format"] or ""),
        taken=line["taken"] or None,
        camera=line["camera"] or None,
        latitude=fraction(line["latitude"]),
        longitude=fraction(line["longitude"]),
        metadata=json.loads(line["metadata"] or "{}"),
        indexed_at=line["indexed_at"] or None,
    )


def fraction(value: Any) -> float | None:
    """Read a number that may be missing."""
    return None if value is None or value == "" else float(value)


def foreign_image(
    line: Mapping[str, Any], path: str, source_id: int, row: NDArray[Any]
) -> NewImage:
    """Make an image of a line that another program wrote: all its columns are metadata.

    Nothing is known of the file: its size, date and measures are 0. Its content
    is named after path and embedding, so that no two pictures pass for copies.
    """
    name = next((name for name in NAME_COLUMNS if name in line), None)
    digest = hashlib.sha256(path.encode("utf-8", "surrogatepass") + b"\0" + row.tobytes())
    return NewImage(
        source_id=source_id,
        path=path,
        content_hash=f"import:{digest.hexdigest()}",
        size_bytes=0,
        mtime_ns=0,
        width=0,
        height=0,
        format="",
        metadata={key: plain(value) for key, value in line.items() if key and key != name},
    )
