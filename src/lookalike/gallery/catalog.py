"""The catalog: SQLite tables that say what the gallery holds, and their rows as records."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lookalike.errors import GalleryError, GalleryTooNew, GalleryUnreadable, UsageError
from lookalike.gallery.records import ImageRecord
from lookalike.vectors import EmbeddingSpace

__all__ = [
    "DTYPES",
    "FORMAT_VERSION",
    "IMAGE_COLUMNS",
    "SCHEMA",
    "Settings",
    "fitting_integer",
    "from_stored_path",
    "json_text",
    "now_utc",
    "read_generation",
    "read_settings",
    "read_shard",
    "to_image",
    "to_stored_path",
    "write_settings",
]

FORMAT_VERSION = 1
DTYPES = ("float16", "float32")

# The comments stay inside the statements: `sqlite3 catalog.sqlite .schema` shows them.
SCHEMA = """
CREATE TABLE settings (
    -- What holds for the whole gallery: format_version, dtype of the embeddings,
    -- their space (fingerprint, dim, metric, encoder), created and updated (UTC),
    -- generation (+1 with each committed change).
    key TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;

CREATE TABLE sources (
    -- Places that pictures come from.
    source_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,      -- folder, list, glob, ...
    absolute,                -- NULL: the gallery lies inside the source and moves with it
    relative                 -- seen from the gallery's folder; used where absolute is NULL or gone
);

CREATE TABLE segments (
    -- Files in segments/: plain NumPy arrays (rows, dim) of unit rows, never changed once named.
    segment_id INTEGER PRIMARY KEY AUTOINCREMENT,
    file TEXT NOT NULL UNIQUE,
    rows INTEGER NOT NULL,
    dim INTEGER NOT NULL,
    dtype TEXT NOT NULL,
    checksum TEXT NOT NULL,  -- SHA-256 of the whole file, as sha256sum prints it
    size_bytes INTEGER NOT NULL
);

CREATE TABLE images (
    -- One line per picture. Copies of one picture share one embedding (segment_id, row).
    image_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never given to another picture
    source_id INTEGER NOT NULL REFERENCES sources (source_id),
    path NOT NULL,           -- relative to the source; TEXT, or a BLOB where it is not UTF-8
    content_hash TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    format TEXT NOT NULL,
    indexed_at TEXT NOT NULL,
    taken TEXT,              -- this and the next three: what EXIF tells
    camera TEXT,
    latitude REAL,
    longitude REAL,
    metadata TEXT NOT NULL,  -- JSON object
    segment_id INTEGER NOT NULL REFERENCES segments (segment_id),
    row INTEGER NOT NULL,
    UNIQUE (source_id, path)
);
CREATE INDEX images_by_content ON images (content_hash);
CREATE INDEX images_by_row ON images (segment_id, row);

CREATE TABLE tombstones (
    -- Rows of segments that no image names any more.
    segment_id INTEGER NOT NULL REFERENCES segments (segment_id),
    row INTEGER NOT NULL,
    PRIMARY KEY (segment_id, row)
) WITHOUT ROWID;

CREATE TABLE skipped (
    -- Files that are left out; tried again when size or date change.
    source_id INTEGER NOT NULL REFERENCES sources (source_id),
    path NOT NULL,
    size_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    reason TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    content_hash TEXT,       -- of what was removed by hand: it stays out, touched or renamed
    PRIMARY KEY (source_id, path)
) WITHOUT ROWID;
"""

IMAGE_COLUMNS = (
    "image_id, source_id, path, content_hash, size_bytes, mtime_ns, width, height, format, "
    "indexed_at, taken, camera, latitude, longitude, metadata"
)

LARGEST_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Settings:
    """What never changes in a gallery's life."""

    format_version: int
    space: EmbeddingSpace
    dtype: str
    created: str


def write_settings(connection: sqlite3.Connection, space: EmbeddingSpace, dtype: str) -> None:
    """Fill the settings of a new catalog."""
    now = now_utc()
    values = {
        "format_version": FORMAT_VERSION,
        "fingerprint": space.fingerprint,
        "dim": space.dim,
        "metric": space.metric,
        "encoder": space.encoder,
        "dtype": dtype,
        "generation": 0,
        "created": now,
        "updated": now,
    }
    connection.executemany("INSERT INTO settings (key, value) VALUES (?, ?)", values.items())


def read_settings(connection: sqlite3.Connection, gallery: Path) -> Settings:
    """Read what never changes.

    Raises:
        GalleryTooNew: A newer Lookalike wrote the gallery.
        GalleryUnreadable: A setting is missing or makes no sense.
    """
    stored = dict(connection.execute("SELECT key, value FROM settings"))
    try:
        version = int(stored["format_version"])
        if version > FORMAT_VERSION:
            raise GalleryTooNew(
                f"The gallery {gallery} has format {version}, but this Lookalike reads formats "
                f"up to {FORMAT_VERSION}: install the newer Lookalike that wrote it."
            )
        space = EmbeddingSpace(
            stored["fingerprint"], int(stored["dim"]), stored["metric"], stored["encoder"]
        )
        if stored["dtype"] not in DTYPES:
            raise ValueError(f"dtype {stored['dtype']!r}")
        return Settings(version, space, stored["dtype"], stored["created"])
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise GalleryUnreadable(
            f"The settings of the gallery {gallery} are damaged ({error!r}): "
            f"index the pictures into a new gallery."
        ) from error


def read_generation(connection: sqlite3.Connection) -> int:
    """Read how many changes were committed."""
    found = connection.execute("SELECT value FROM settings WHERE key = 'generation'").fetchone()
    if found is None or not isinstance(found[0], int):
        raise sqlite3.DatabaseError("the setting 'generation' is missing")
    return found[0]


def read_shard(connection: sqlite3.Connection) -> str | None:
    """Read which shard of a larger job the gallery is, None for a whole one."""
    found = connection.execute("SELECT value FROM settings WHERE key = 'shard'").fetchone()
    return None if found is None else str(found[0])


def to_image(row: tuple[Any, ...]) -> ImageRecord:
    """Turn a line of ``IMAGE_COLUMNS`` into a record.

    Raises:
        GalleryUnreadable: Its metadata is no JSON.
    """
    values = list(row)
    values[2] = from_stored_path(values[2])
    values[14] = _metadata_of(values[0], values[14])
    return ImageRecord(*values)


def _metadata_of(image_id: int, text: str) -> dict[str, Any]:
    if text == "{}":
        return {}
    try:
        metadata = json.loads(text)
    except (TypeError, ValueError):
        metadata = None
    if not isinstance(metadata, dict):
        raise GalleryUnreadable(
            f"The metadata of image {image_id} is no JSON object: "
            f"see what else is damaged with 'lookalike verify'."
        )
    return metadata


def json_text(metadata: Mapping[str, Any]) -> str:
    """Write metadata as JSON that SQLite's functions accept.

    Raises:
        GalleryError: A value is not JSON: NaN, a date, bytes and so on.
    """
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair: only its escape can be stored
        return json.dumps(dict(metadata), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise GalleryError(
            f"Metadata {metadata!r} cannot be stored as JSON ({error}): "
            f"give text, finite numbers, true, false, null, lists and objects."
        ) from error
    return text


def to_stored_path(path: str) -> str | bytes:
    """Write a path as text, or as its bytes where they are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def from_stored_path(stored: str | bytes) -> str:
    """Undo ``to_stored_path``."""
    return stored if isinstance(stored, str) else os.fsdecode(stored)


def fitting_integer(value: int) -> int:
    """Bring a file date into SQLite's 64 bits.

    A date past the year 2262 reads back as 2262; its file is hashed again on
    each update instead of being trusted by date.
    """
    return max(-LARGEST_INTEGER, min(value, LARGEST_INTEGER))


def now_utc() -> str:
    """Write the time as ISO 8601 with ``Z``."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
