"""Data sets as files: unpacked once, whole or not at all, and found again."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from lookalike.caching import read_object, replace_text
from lookalike.errors import DatasetError, DatasetUnreadable, StorageFull
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.places import datasets_folder, slug
from lookalike.evaluation.writing import FULL

__all__ = [
    "FileWriter",
    "Prepared",
    "Progress",
    "find_prepared",
    "prepared",
    "prepared_before",
    "vouched",
]

# Told how much of how much is done.
Progress = Callable[[int, int], None]

FORMAT = 1
# Raised whenever the same files would become other files.
VERSION = 1
FACTS = "set.json"
PICTURES = "pictures"
NO_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A data set that lies on this machine as files.

    Attributes:
        root: The folder that the paths of the listing are relative to.
        listing: What it holds.
        checksums: Of the published files that it was made of, by their names, where
            these were compared with what was published.
    """

    root: Path
    listing: Listing
    checksums: dict[str, str]


class FileWriter:
    """Writes the files of a set into a new folder.

    Attributes:
        base: The folder within, that the paths of the listing are relative to.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._made: set[str] = set()
        self.base = "."

    @property
    def root(self) -> Path:
        """The folder."""
        return self._root

    def write(self, path: str, chunks: Iterator[bytes]) -> int:
        """Write one file.

        Returns:
            Its size in bytes.

        Raises:
            DatasetUnreadable: There is a file of that name already, or the name is of a
                kind that this system does not take.
        """
        folder = path.rpartition("/")[0]
        size = 0
        try:
            if folder not in self._made:
                (self._root / folder).mkdir(parents=True, exist_ok=True)
                self._made.add(folder)
            with open(self._root / path, "xb") as file:
                for chunk in chunks:
                    size += file.write(chunk)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise DatasetUnreadable(
                f"The data set holds the name {path!r} twice, or one that this system takes for "
                "the same: rename one of the two."
            ) from error
        except (OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno not in NO_NAME:
                raise
            raise DatasetUnreadable(
                f"The data set holds the name {path!r}, which this system does not take: rename it."
            ) from error
        return size


def prepared(
    name: str,
    key: str,
    write: Callable[[FileWriter], Listing],
    *,
    checksums: dict[str, str] | None = None,
) -> Prepared:
    """Find a set that was prepared before, or prepare it.

    The set appears under its name only when all of it is there. What a killed process
    left is swept away.

    Args:
        name: Of the set.
        key: A hash over what it is made of.
        write: Writes the files and says what they are.
        checksums: Of the published files, where they were compared.

    Raises:
        StorageFull: The disk is full; nothing is left.
        DatasetError: The folder of data sets cannot be written.
    """
    folder = folder_of(name, key)
    if found := opened(folder):
        return found
    from filelock import FileLock

    part = folder.with_name(f".{folder.name}.part")
    with told(name, folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if found := opened(folder):
                return found
            for leftover in (part, folder):
                shutil.rmtree(leftover, ignore_errors=True)
            try:
                (part / PICTURES).mkdir(parents=True)
                writer = FileWriter(part / PICTURES)
                listing = write(writer)
                facts = {
                    "format": FORMAT,
                    "version": VERSION,
                    "name": name,
                    "base": writer.base,
                    "checksums": checksums or {},
                }
                text = json.dumps(facts | listing.to_dict(), ensure_ascii=True)
                (part / FACTS).write_text(text, encoding="utf-8")
                os.replace(part, folder)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
    return Prepared(folder / PICTURES / writer.base, listing, checksums or {})


def vouched(found: Prepared, checksums: Mapping[str, str]) -> Prepared:
    """Write down that a set's files were compared with what was published.

    Raises:
        DatasetError: The folder of data sets cannot be written.
    """
    if found.checksums == checksums:
        return found
    facts_file = next(parent for parent in found.root.parents if (parent / FACTS).is_file()) / FACTS
    with told(facts_file.parent.name, facts_file.parent):
        facts = read_object(facts_file) | {"checksums": dict(checksums)}
        replace_text(facts_file, json.dumps(facts))
    return replace(found, checksums=dict(checksums))


def prepared_before(name: str, key: str) -> Prepared | None:
    """Find a set that was prepared before."""
    return opened(folder_of(name, key))


def folder_of(name: str, key: str) -> Path:
    """Name the folder of a prepared set."""
    return datasets_folder() / "prepared" / f"{slug(name)}-{key[:12]}"


def find_prepared(name: str) -> Iterator[Prepared]:
    """Find all that was prepared under a name."""
    folder = datasets_folder() / "prepared"
    for candidate in sorted(folder.glob(f"{slug(name)}-????????????")):
        if found := opened(candidate):
            yield found


def opened(folder: Path) -> Prepared | None:
    """Read what a prepared set holds; None where there is none, a damaged or an outdated one."""
    facts = read_object(folder / FACTS)
    # The first version was not written down.
    if facts.get("format") != FORMAT or facts.get("version", 1) != VERSION:
        return None
    try:
        checksums = {str(file): str(value) for file, value in facts["checksums"].items()}
        root = folder / PICTURES / str(facts["base"])
        return Prepared(root, Listing.from_dict(facts), checksums)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


@contextmanager
def told(name: str, folder: Path) -> Iterator[None]:
    """Turn failures of the disk into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(
                f"The disk became full while the data set {name} was unpacked below "
                f"{folder.parent}: make room, or set LOOKALIKE_DATASETS to another folder."
            ) from error
        raise DatasetError(
            f"The data set {name} cannot be unpacked below {folder.parent} "
            f"({error.strerror or error}): set LOOKALIKE_DATASETS to a folder that can be written."
        ) from error
