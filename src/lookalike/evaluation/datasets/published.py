"""The data sets that are known by name: found, compared with what was published, opened."""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lookalike.caching import keep_facts, kept_facts
from lookalike.encoders.weights.digests import TOO_YOUNG_NS, file_digest
from lookalike.errors import DatasetNotFound, DatasetUnreadable
from lookalike.evaluation.datasets.captions import CaptionedSet
from lookalike.evaluation.datasets.forms import CAPTIONS, prepare_files
from lookalike.evaluation.datasets.known import KnownFile, KnownSet
from lookalike.evaluation.datasets.listing import Listing
from lookalike.evaluation.datasets.places import datasets_folder, find_file
from lookalike.evaluation.datasets.preparing import Prepared, Progress, find_prepared, vouched

__all__ = [
    "find_files",
    "known_listing",
    "prepare_known",
    "prepared_known",
    "require_counts",
    "require_published",
]

Folders = Iterable[str | os.PathLike[str]]
MEMORY = "datasets.json"
CHUNK_BYTES = 2**20


def known_listing(
    known: KnownSet, folders: Folders = (), on_progress: Progress | None = None
) -> tuple[Path, Listing]:
    """Open a set by its name.

    Raises:
        DatasetNotFound: Its files are not on this machine.
        DatasetUnreadable: They are not those that were published.
    """
    found = prepare_known(known, folders, on_progress)
    if known.form == CAPTIONS:
        captioned = CaptionedSet(found.root)
        listing = captioned.listing()
        require_counts(known, {"": len(captioned)}, {})
        return found.root, listing
    parts = Counter(found.listing.splits or ("",) * len(found.listing.paths))
    classes = {name: len(set(labels)) for name, labels in found.listing.columns.items()}
    require_counts(known, parts, classes)
    return found.root, found.listing


def prepare_known(
    known: KnownSet, folders: Folders = (), on_progress: Progress | None = None
) -> Prepared:
    """Find a known set prepared, or prepare it of its files after comparing them.

    Raises:
        DatasetNotFound: Its files are not on this machine.
        DatasetUnreadable: They are not those that were published.
    """
    if before := prepared_known(known):
        return before
    files = find_files(known, folders)
    if files is None:
        raise not_here(known, folders)
    variant = next(one for one in known.variants if {file.name for file in one} == {*files})
    checksums = {file.name: require_published(file, files[file.name]) for file in variant}
    found = prepare_files(
        known.form,
        known.name,
        [files[file.name] for file in variant],
        class_names=known.class_names,
        checksums=checksums,
        on_progress=on_progress,
    )
    # It may have been unpacked by its path before, where nothing is compared.
    return vouched(found, checksums)


def prepared_known(known: KnownSet) -> Prepared | None:
    """Find a known set prepared, of files that were compared with what was published."""
    # Without checksums it was prepared of an archive of that name, whatever it held.
    return next((found for found in find_prepared(known.name) if found.checksums), None)


def find_files(known: KnownSet, folders: Folders = ()) -> dict[str, Path] | None:
    """Find all files of one of the ways in which a set was published."""
    folders = tuple(folders)
    for variant in known.variants:
        files = {file.name: find_file(file.name, folders) for file in variant}
        here = {name: path for name, path in files.items() if path}
        if len(here) == len(files):
            return here
    return None


def not_here(known: KnownSet, folders: Folders) -> DatasetNotFound:
    """Make the error for a set that is not here, with all that helps to bring it."""
    folders = tuple(folders)
    missing = [file for file in known.variants[0] if find_file(file.name, folders) is None]
    wanted = " and ".join(
        f"{file.name} ({file.addresses[0]})" if file.addresses else file.name for file in missing
    )
    return DatasetNotFound(
        f"The data set {known.name} is not on this machine: run lookalike datasets pull "
        f"{known.name}, or fetch {wanted} by other means and put it into {datasets_folder()}."
    )


def require_published(file: KnownFile, path: Path) -> str:
    """Compare a file with what was published.

    A file is read once: what was found holds for its path, size and time of change.

    Returns:
        Its checksum, as ``sha256:...`` or ``md5:...``.

    Raises:
        DatasetUnreadable: It is another file.
    """
    size = path.stat().st_size
    if file.size and size != file.size:
        raise DatasetUnreadable(
            f"{path} has {size:,} bytes, and {file.name} was published with {file.size:,}: it was "
            "not copied to its end, or is another file; delete it and fetch it again."
        )
    kind = "md5" if file.md5 and not file.sha256 else "sha256"
    wanted = file.md5 if kind == "md5" else file.sha256
    found = md5_of(path) if kind == "md5" else file_digest(path)
    if wanted and found != wanted:
        raise DatasetUnreadable(
            f"{path} is not the file that was published: its {kind} is {found}, and that of "
            f"{file.name} is {wanted}; delete it and fetch it again."
        )
    return f"{kind}:{found}"


def md5_of(path: Path) -> str:
    """Compute a checksum, or remember it."""
    facts = path.stat()
    stamp = [facts.st_size, facts.st_mtime_ns]
    entry = kept_facts(MEMORY).get(str(path.resolve()))
    if isinstance(entry, list) and entry[:2] == stamp and len(entry) == 3:
        return str(entry[2])
    # What was published is compared, nobody is kept out by it.
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    if time.time_ns() - facts.st_mtime_ns > TOO_YOUNG_NS:
        keep_facts(MEMORY, str(path.resolve()), [*stamp, digest.hexdigest()])
    return digest.hexdigest()


def require_counts(known: KnownSet, parts: dict[str, int], classes: dict[str, int]) -> None:
    """Compare what was counted with what was published.

    Raises:
        DatasetUnreadable: It differs.
    """
    wrong = [
        f"{count:,} pictures{f' in {part}' if part else ''} where {parts.get(part, 0):,} are"
        for part, count in known.parts.items()
        if parts.get(part, 0) != count
    ]
    wrong += [
        f"{count} labels of {column} where {classes.get(column, 0)} are"
        for column, count in known.classes.items()
        if classes.get(column, 0) != count
    ]
    if wrong:
        raise DatasetUnreadable(
            f"The data set {known.name} is not what was published: it should have {wrong[0]}; "
            "delete what was unpacked and fetch its files again, or open it by its path, where "
            "nothing is compared."
        )
