"""Pictures on their way from a server to files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lookalike.gallery import ImageRecord
from lookalike.images import PICTURE_EXTENSIONS

__all__ = ["file_in", "numbered_name", "whole_file"]


def file_in(target: str | os.PathLike[str], name: Callable[[], str]) -> Path:
    """Say which file is meant: the target itself, or one of that name in the folder that it is."""
    path = Path(os.path.expanduser(os.fsdecode(target)))
    return path / name() if path.is_dir() else path


def numbered_name(record: ImageRecord) -> str:
    """Name a file by its image's number: two of a gallery may be called alike, by any letters.

    Of the name that a server tells only a picture's ending is taken: others make a file a
    program, or a link.
    """
    ending = os.path.splitext(record.path)[1]
    return f"{record.image_id}{ending if ending.lower() in PICTURE_EXTENSIONS else ''}"


@contextmanager
def whole_file(file: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that is there in the end, or is left as it was."""
    partial = file.with_name(f".{file.name}.{os.urandom(4).hex()}.part")
    try:
        with open(partial, "xb") as stream:
            yield stream
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)
