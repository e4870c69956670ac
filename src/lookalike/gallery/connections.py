"""SQLite connections: one writer, and a pool of readers that also works on read-only media."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lookalike.errors import GalleryError, GalleryNotFound, GalleryUnreadable
from lookalike.gallery import failures
from lookalike.gallery.finding import CATALOG
from lookalike.gallery.strangers import has_linked_log, refuse_journal

__all__ = [
    "CatalogFile",
    "GalleryReplaced",
    "ReadPool",
    "catalog_file",
    "checkpoint",
    "connect_writer",
    "require_in_place",
]

# Another connection holds the catalog's lock for a commit, a checkpoint or a
# recovery, all far shorter.
BUSY_TIMEOUT_S = 30.0

Signature = tuple[tuple[int, int, int] | None, ...]
Identity = tuple[tuple[str, str], ...]
CatalogFile = tuple[int, int]

# What no two galleries have in common, and what never changes in one.
IDENTITY = "SELECT key, value FROM settings WHERE key IN ('created', 'fingerprint') ORDER BY key"


class GalleryReplaced(GalleryUnreadable):
    """Another gallery is where one was opened."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"Another gallery has taken the place of {folder} since it was opened: open it again, "
            "and start programs that watch it again."
        )
        self.folder = folder

    def __reduce__(self) -> tuple[type[GalleryReplaced], tuple[Path]]:
        return type(self), (self.folder,)


def connect_writer(folder: Path) -> sqlite3.Connection:
    """Open the catalog for writing; what a killed writer committed is recovered by SQLite."""
    refuse_journal(folder)
    connection = _connect(_uri(folder / CATALOG, "mode=rw"))
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")  # a catalog that cannot be written says so here
        connection.execute("ROLLBACK")
    except BaseException:
        connection.close()
        raise
    return connection


def checkpoint(connection: sqlite3.Connection) -> None:
    """Fold the write-ahead log into the catalog as far as readers allow, without waiting."""
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where readers find the catalog.

    Attributes:
        file: Which file the catalog is: another one SQLite would not notice.
        seen: What the files looked like, for a place whose changes SQLite
            cannot notice; None for the live catalog.
        copy: The temporary folder of a copied catalog.
    """

    uri: str
    file: CatalogFile
    seen: Signature | None = None
    copy: tempfile.TemporaryDirectory[str] | None = None

    def is_current(self, folder: Path) -> bool:
        if self.seen is None:
            return self.file == catalog_file(folder)
        return self.seen == _signature(folder)


class ReadPool:
    """Read transactions for any number of threads, each on a connection of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._place: _Place | None = None
        self._identity: Identity | None = None
        self._file: CatalogFile | None = None
        self._is_closed = False
        self._is_replaced = False

    @property
    def is_replaced(self) -> bool:
        """Whether another file was found in the catalog's place, be it of the same gallery."""
        return self._is_replaced

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection that sees one state of the catalog until the block ends.

        Raises:
            GalleryUnreadable: The catalog, or what the block does, cannot be read.
            GalleryReplaced: Another gallery has taken its place.
            GalleryNotFound: It was removed.
            GalleryError: The pool is closed.
        """
        with failures.reading(self._folder):
            connection, place = self._borrow()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._give_back(connection, place)

    def require_same(self) -> None:
        """Refuse another gallery in this one's place.

        Raises:
            GalleryReplaced, GalleryNotFound, GalleryUnreadable: As ``transaction``.
        """
        with self.transaction():
            pass

    def close(self) -> None:
        """Close what is idle now, and what is borrowed as it comes back."""
        with self._lock:
            self._is_closed = True
            self._leave_place()

    def _borrow(self) -> tuple[sqlite3.Connection, _Place]:
        with self._lock:
            if self._is_closed and self._is_replaced:  # a server closes it for that
                raise GalleryReplaced(self._folder)
            if self._is_closed:
                raise GalleryError(f"The gallery {self._folder} is closed: open it again.")
            if self._place is None or not self._place.is_current(self._folder):
                file = catalog_file(self._folder)
                self._is_replaced |= file != (self._file or file)
                self._file = self._file or file
                self._leave_place()
                place = _find_place(self._folder)
                self._refuse_another(place)
                self._place = place
            if self._idle:
                return self._idle.pop(), self._place
            return _connect_reader(self._place.uri), self._place

    def _refuse_another(self, place: _Place) -> None:
        """Refuse another gallery: what callers remember of this one is not true of it."""
        connection = _connect_reader(place.uri)
        try:
            found = tuple(connection.execute(IDENTITY).fetchall())
        except sqlite3.Error:  # whoever reads more tells what is wrong with it
            found = ()
        finally:
            connection.close()
        if self._identity is not None and found != self._identity:
            raise GalleryReplaced(self._folder)
        self._identity = found

    def _give_back(self, connection: sqlite3.Connection, place: _Place) -> None:
        with suppress(sqlite3.Error):
            connection.rollback()
        with self._lock:
            if self._is_closed or place is not self._place:
                connection.close()
            else:
                self._idle.append(connection)

    def _leave_place(self) -> None:
        while self._idle:
            connection = self._idle.pop()
            if self._place is not None and self._place.seen is None:
                checkpoint(connection)
            connection.close()
        if self._place is not None and self._place.copy is not None:
            self._place.copy.cleanup()
        self._place = None


def _find_place(folder: Path) -> _Place:
    """Prefer the live catalog; where SQLite cannot make its side files, read without them.

    A write-ahead log beside an unwritable catalog holds committed changes:
    catalog and log are copied to a folder where SQLite can replay it.
    """
    refuse_journal(folder)
    live, file = _uri(folder / CATALOG, "mode=rw"), catalog_file(folder)
    if not has_linked_log(folder):
        try:
            _connect_reader(live).close()
            return _Place(live, file)
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise
    seen = _signature(folder)
    log = seen[1]
    if log is None or log[1] == 0:
        return _Place(_uri(folder / CATALOG, "mode=ro&immutable=1"), file, seen)
    copy = tempfile.TemporaryDirectory(prefix="lookalike-catalog-")
    try:
        for name in (CATALOG, f"{CATALOG}-wal"):
            shutil.copyfile(folder / name, Path(copy.name) / name)
    except BaseException:
        copy.cleanup()
        raise
    return _Place(_uri(Path(copy.name) / CATALOG, "mode=rw"), file, seen, copy)


def require_in_place(folder: Path, file: CatalogFile) -> None:
    """Refuse to write to a catalog that is no longer where its gallery is.

    Raises:
        GalleryReplaced: Another one is there.
        GalleryNotFound: None is there.
    """
    if catalog_file(folder) != file:
        raise GalleryReplaced(folder)


def catalog_file(folder: Path) -> CatalogFile:
    """Tell one catalog from another that was put in its place.

    Raises:
        GalleryNotFound: There is none.
    """
    try:
        facts = os.stat(folder / CATALOG)
    except FileNotFoundError as error:
        raise GalleryNotFound(
            f"The gallery {folder} is not there any more: it was moved or removed."
        ) from error
    return facts.st_dev, facts.st_ino


def _signature(folder: Path) -> Signature:
    """Describe catalog and log by date, size and inode."""
    found: list[tuple[int, int, int] | None] = []
    for name in (CATALOG, f"{CATALOG}-wal"):
        try:
            status = os.stat(folder / name)
        except FileNotFoundError:
            found.append(None)
        else:
            found.append((status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def _connect_reader(uri: str) -> sqlite3.Connection:
    connection = _connect(uri)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(uri: str) -> sqlite3.Connection:
    # Transactions are spelled out; one thread at a time uses a connection, but
    # not always the one that made it.
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    # Views and triggers of a stranger's catalog get no function that reaches beyond it.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _uri(path: Path, parameters: str) -> str:
    return f"{path.as_uri()}?{parameters}"
