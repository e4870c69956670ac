"""Segments: immutable ``.npy`` files of embeddings, written once and mapped for reading."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import sqlite3
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.errors import GalleryUnreadable

__all__ = [
    "SEGMENTS",
    "BlockCache",
    "Rows",
    "Segment",
    "file_checksum",
    "flush_folder",
    "is_segment_name",
    "map_segment",
    "new_name",
    "read_segments",
    "remove_files",
    "sweep",
    "write_segment",
]

SEGMENTS = "segments"
CHUNK_BYTES = 1 << 23

Rows = NDArray[np.floating[Any]]

# Only names that write_segment makes are ever swept.
SEGMENT_NAME = re.compile(r"\d{8,}-[0-9a-f]{8}\.npy(\.tmp)?")
PROBE_NAME = re.compile(r"probe-[0-9a-f]{8}\.tmp")


@dataclass(frozen=True, slots=True)
class Segment:
    """What the catalog says about one file; ``segment_id`` is 0 until it is named there."""

    segment_id: int
    file: str
    rows: int
    dim: int
    dtype: str
    checksum: str
    size_bytes: int


def read_segments(connection: sqlite3.Connection) -> tuple[Segment, ...]:
    """Read what the catalog names, in the order of global rows.

    Raises:
        sqlite3.DatabaseError: A stranger wrote it, or it is damaged: it names other files.
    """
    found = connection.execute(
        "SELECT segment_id, file, rows, dim, dtype, checksum, size_bytes "
        "FROM segments ORDER BY segment_id"
    )
    segments = tuple(Segment(*row) for row in found)
    for segment in segments:
        numbers = (segment.rows, segment.dim, segment.size_bytes)
        if not is_segment_name(str(segment.file)) or not all(map(is_count, numbers)):
            raise sqlite3.DatabaseError(
                f"{segment.file!r} with {segment.rows!r} rows is no segment"
            )
    return segments


def is_count(value: object) -> bool:
    """Whether a value of the catalog is a number of things."""
    return isinstance(value, int) and value >= 0


def new_name(generation: int) -> str:
    """Make a file name that no file ever had; readers may still map a deleted one."""
    return f"{generation:08d}-{secrets.token_hex(4)}.npy"


def is_segment_name(name: str) -> bool:
    """Whether a file of this name is a segment, or the temporary form of one."""
    return SEGMENT_NAME.fullmatch(name) is not None


def write_segment(
    gallery: Path, name: str, *, blocks: Iterable[Rows], rows: int, dim: int, dtype: str
) -> Segment:
    """Write a segment so that it is whole on the disk when this returns.

    Args:
        gallery: The gallery's folder.
        name: From ``new_name``.
        blocks: Arrays ``(n, dim)``, ``rows`` lines in all, converted to ``dtype``.
        rows: How many lines.
        dim: Length of one.
        dtype: ``"float16"`` or ``"float32"``.

    Raises:
        OSError: It could not be written. A part of it may lie there: see ``remove_files``.
    """
    path = gallery / SEGMENTS / name
    temporary = path.with_name(f"{name}.tmp")
    little_endian = np.dtype(dtype).newbyteorder("<")
    digest = hashlib.sha256()
    size_bytes = 0
    with open(temporary, "xb") as file:
        for data in _file_parts(blocks, (rows, dim), little_endian):
            file.write(data)
            digest.update(data)
            size_bytes += len(data)
        file.flush()
        os.fsync(file.fileno())
    os.rename(temporary, path)
    flush_folder(path.parent)
    return Segment(0, name, rows, dim, dtype, digest.hexdigest(), size_bytes)


def _file_parts(
    blocks: Iterable[Rows], shape: tuple[int, int], dtype: np.dtype[Any]
) -> Iterator[bytes]:
    # np.save is not used: its failure on a full disk carries no errno.
    yield npy_header(shape, dtype)
    for block in blocks:
        yield np.ascontiguousarray(block, dtype=dtype).tobytes()


def npy_header(shape: tuple[int, int], dtype: np.dtype[Any]) -> bytes:
    """Make the header of a ``.npy`` file, format 1.0."""
    text = f"{{'descr': {dtype.str!r}, 'fortran_order': False, 'shape': {shape}, }}"
    # Magic, version and length take 10 bytes; all of it is a multiple of 64 for alignment.
    padding = -(len(text) + 11) % 64
    body = f"{text}{' ' * padding}\n".encode("latin-1")
    return b"\x93NUMPY\x01\x00" + len(body).to_bytes(2, "little") + body


def flush_folder(folder: Path) -> None:
    """Make renames inside a folder durable, where the system can."""
    if os.name == "nt":  # Windows opens no folders; its renames are journalled
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def map_segment(gallery: Path, segment: Segment) -> np.memmap[Any, np.dtype[Any]]:
    """Map a segment for reading, ``(rows, dim)``.

    Raises:
        FileNotFoundError: It is not there (any more).
        GalleryUnreadable: It is not what the catalog says.
    """
    path = gallery / SEGMENTS / segment.file
    try:
        require_regular(path)
        block = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise
    except (OSError, ValueError, EOFError) as error:
        raise GalleryUnreadable(
            f"Segment {segment.file} of the gallery {gallery} cannot be read ({error}): "
            f"see what else is damaged with 'lookalike verify'."
        ) from error
    expected = (segment.rows, segment.dim)
    if not isinstance(block, np.memmap) or block.shape != expected or block.dtype != segment.dtype:
        raise GalleryUnreadable(
            f"Segment {segment.file} of the gallery {gallery} should hold {segment.dtype} "
            f"{expected} but holds {block.dtype} {block.shape}: see 'lookalike verify'."
        )
    return block


def require_regular(path: Path) -> None:
    """Refuse pipes and devices: opening one may wait for ever, or do something.

    Raises:
        OSError: It is one, or nothing is there.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError("it is no regular file")


def file_checksum(path: Path) -> str:
    """Hash a file as ``sha256sum`` does.

    Raises:
        OSError: It cannot be read.
    """
    require_regular(path)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
    return digest.hexdigest()


def remove_files(gallery: Path, names: Iterable[str]) -> None:
    """Delete segments and their temporary forms; what resists is swept by a later writer."""
    for name in names:
        for path in (gallery / SEGMENTS / name, gallery / SEGMENTS / f"{name}.tmp"):
            with suppress(OSError):
                path.unlink()


def sweep(gallery: Path, named: set[str]) -> list[str]:
    """Delete what killed writers left: segments no catalog row names, and probes.

    Returns:
        The names of the deleted files.
    """
    folder = gallery / SEGMENTS
    remains = [
        folder / name for name in os.listdir(folder) if is_segment_name(name) and name not in named
    ]
    for place in (gallery, folder):
        remains += [place / name for name in os.listdir(place) if PROBE_NAME.fullmatch(name)]
    for path in remains:
        with suppress(OSError):
            path.unlink()
    return [path.name for path in remains]


class BlockCache:
    """Mapped segments by file name: they never change, so each is mapped once."""

    def __init__(self, gallery: Path) -> None:
        self._gallery = gallery
        self._lock = threading.Lock()
        self._blocks: dict[str, np.memmap[Any, np.dtype[Any]]] = {}

    def blocks(self, segments: Iterable[Segment]) -> tuple[np.memmap[Any, np.dtype[Any]], ...]:
        """Map these segments, and forget those of an older catalog.

        Raises:
            FileNotFoundError: One is not there (any more).
            GalleryUnreadable: One is not what the catalog says.
        """
        with self._lock:
            mapped = {}
            for segment in segments:
                block = self._blocks.get(segment.file)
                mapped[segment.file] = (
                    map_segment(self._gallery, segment) if block is None else block
                )
            self._blocks = mapped
            return tuple(mapped.values())

    def clear(self) -> None:
        """Let go of all files."""
        with self._lock:
            self._blocks = {}
