"""Pictures on their way to a server, in portions that it takes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from lookalike.client.connections import Body
from lookalike.client.multipart import FormField, form_body
from lookalike.errors import UsageError

__all__ = ["PictureToAdd", "portions"]

# A path, or a picture's bytes.
PictureToAdd: TypeAlias = "str | os.PathLike[str] | bytes"

# Half of what a server takes at once, unless it was told otherwise.
PORTION_FILES = 32
PORTION_BYTES = 2**25


def portions(
    pictures: PictureToAdd | Sequence[PictureToAdd],
    metadata: Sequence[Mapping[str, Any] | None] | None,
) -> Iterator[Body]:
    """Write pictures as forms, a few at a time; files are read while they are sent.

    Raises:
        SourceNotFound: A file is not there.
        UsageError: There is none, or there are not as many metadata.
    """
    files = [field_of(picture) for picture in listed(pictures)]
    rows = list(metadata) if metadata is not None else None
    if not files:
        raise UsageError("There is no picture to add: give paths, or pictures' bytes.")
    if rows is not None and len(rows) != len(files):
        raise UsageError(
            f"{len(files)} pictures have {len(rows)} metadata: give one, or None, for each."
        )
    start = 0
    while start < len(files):
        end = start + fitting(files[start:])
        fields = files[start:end]
        if rows is not None:
            told = json.dumps([row and dict(row) for row in rows[start:end]], allow_nan=False)
            fields = [FormField("metadata", told.encode("ascii")), *fields]
        yield form_body(fields)
        start = end


def fitting(files: Sequence[FormField]) -> int:
    """Count the files that go together: one at least."""
    size, count = 0, 0
    for file in files[:PORTION_FILES]:
        size += file.size_bytes
        if count and size > PORTION_BYTES:
            break
        count += 1
    return count


def listed(pictures: PictureToAdd | Sequence[PictureToAdd]) -> list[PictureToAdd]:
    """List one picture, or several."""
    if isinstance(pictures, str | bytes | os.PathLike):
        return [pictures]
    return list(pictures)


def field_of(picture: PictureToAdd) -> FormField:
    """Make a field of a picture.

    Raises:
        UsageError: It is neither a path nor bytes.
    """
    if isinstance(picture, bytes):
        return FormField("picture", picture, file_name="picture")
    if not isinstance(picture, str | os.PathLike):
        raise UsageError(
            f"A picture to add is a path or a picture's bytes, not {type(picture).__name__}."
        )
    path = os.path.expanduser(os.fsdecode(picture))
    return FormField("picture", path=path, file_name=os.path.basename(path))
